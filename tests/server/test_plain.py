"""Plain ONNX models are served by permission only, and told apart from proved ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto, helper
from preproc_server.app import Server
from preproc_server.descriptions import PROVED_KEY, describe

from preproc.artifact import Artifact

Start = Callable[..., Server]
Write = Callable[..., Artifact]


def write_plain(root: Path, *, dims: list[Any], dtype: int = TensorProto.INT32) -> None:
    """Write Triton's own example: sum and difference."""
    values = {
        name: helper.make_tensor_value_info(name, dtype, dims)
        for name in ("INPUT0", "INPUT1", "OUTPUT0", "OUTPUT1")
    }
    nodes = [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ]
    ends = list(values.values())
    graph = helper.make_graph(nodes, "simple", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (root / "simple" / "1").mkdir(parents=True)
    onnx.save(model, root / "simple" / "1" / "model.onnx")


@pytest.mark.parametrize(
    ("dims", "shape"), [(["n", 16], (2, 16)), (["n"], (5,))], ids=["matrix", "vector"]
)
def test_a_plain_model_is_answered_when_it_is_allowed(
    tmp_path: Path, start: Start, dims: list[Any], shape: tuple[int, ...]
) -> None:
    write_plain(tmp_path, dims=dims)
    server = start(tmp_path, allow_unproved=True)
    first = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    inputs = []
    for name, array in (("INPUT0", first), ("INPUT1", first * 3)):
        inputs.append(triton.InferInput(name, list(shape), "INT32"))
        inputs[-1].set_data_from_numpy(array)
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        result = client.infer("simple", inputs)
        properties = client.get_model_metadata("simple")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first * 4, strict=True)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first * -2, strict=True)
    assert properties.name == "simple"
    described = describe(server.repository.model("simple", ""), [1])
    assert described.properties[PROVED_KEY] == "false"
    (entry,) = server.repository.index()
    assert entry.state == "unproved"
    labels = {"model": "simple", "version": "1"}
    assert server.metrics.registry.get_sample_value("preproc_model_proved", labels) == 0
    (check,) = server.repository.self_check()
    assert not check.is_pass
    assert check.reason == ("a plain ONNX model: there are no golden vectors to compare with")
    assert server.repository.versions("simple") == [1]


def test_a_plain_model_is_not_served_unasked(tmp_path: Path, start: Start) -> None:
    write_plain(tmp_path, dims=["n", 16])
    server = start(tmp_path)
    (entry,) = server.repository.index()
    assert entry.state == "failed"
    assert "contract.json': expected a file, got No such file" in entry.reason


@pytest.mark.parametrize(
    ("dims", "dtype", "text"),
    [
        (["n", "k"], TensorProto.FLOAT, "input 'INPUT0': expected a fixed width, got a free one"),
        (["n", 2, 2], TensorProto.FLOAT, "expected a tensor [n] or [n, k], got tensor_type of"),
        (["n", 2], TensorProto.FLOAT16, "expected a datatype that travels, got FLOAT16"),
    ],
    ids=["free width", "rank", "half"],
)
def test_a_plain_model_that_has_no_rows_is_refused(
    tmp_path: Path, start: Start, dims: list[Any], dtype: int, text: str
) -> None:
    write_plain(tmp_path, dims=dims, dtype=dtype)
    (entry,) = start(tmp_path, allow_unproved=True).repository.index()
    assert text in entry.reason


def test_an_artifact_that_lost_its_contract_is_no_plain_model(
    tmp_path: Path, start: Start, write: Write
) -> None:
    write(tmp_path, "tiny")
    (tmp_path / "tiny" / "1" / "contract.json").unlink()
    (entry,) = start(tmp_path, allow_unproved=True).repository.index()
    assert entry.reason.endswith("expected the contract.json of an artifact, got none")
