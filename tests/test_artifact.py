"""The folder: whole or not at all, told apart from every altered copy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from preproc import Artifact, ArtifactError, compare, read_artifact
from preproc.artifact import CONTRACT_KEY, DIGEST_KEY, write_artifact
from preproc.contract import contract_from_json
from preproc.runtime import open_session, prove


@pytest.fixture
def copy(logistic_artifact: Artifact, tmp_path: Path) -> Path:
    assert logistic_artifact.path is not None
    return Path(shutil.copytree(logistic_artifact.path, tmp_path / "logistic" / "1"))


def test_what_was_written_is_read_back(logistic_artifact: Artifact, copy: Path) -> None:
    read = read_artifact(copy)
    assert read.contract == logistic_artifact.contract
    assert read.digest == logistic_artifact.digest
    assert [v.name for v in read.vectors] == ["real", "boundary", "refused", "missing"]
    for got, want in zip(read.vectors, logistic_artifact.vectors, strict=True):
        for name, array in want.inputs.items():
            assert got.inputs[name].dtype == array.dtype
            assert compare(array, got.inputs[name]).is_pass


def test_an_artifact_is_shown_as_its_place_and_digest(copy: Path) -> None:
    read = read_artifact(copy)
    assert repr(read) == f"Artifact(path={copy!r}, digest={read.digest!r})"


def test_the_graph_carries_contract_and_digest(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    metadata = {item.key: item.value for item in model.metadata_props}
    assert metadata[DIGEST_KEY] == read_artifact(copy).digest
    assert metadata[CONTRACT_KEY] == (copy / "contract.json").read_text()
    assert {item.domain for item in model.opset_import} == {"", "ai.onnx.ml"}


def flip_a_byte(folder: Path) -> None:
    file = folder / "golden" / "test_data_set_0" / "output_0.pb"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def cut_the_model(folder: Path) -> None:
    file = folder / "model.onnx"
    file.write_bytes(file.read_bytes()[:1000])


def raise_the_format(folder: Path) -> None:
    data = json.loads((folder / "contract.json").read_text())
    (folder / "contract.json").write_text(json.dumps(data | {"format": 99}))


def point_outside(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    (folder / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (flip_a_byte, "expected digest"),
        (cut_the_model, "expected an ONNX model, got"),
        (raise_the_format, "expected format 3, got 99; use a newer preproc"),
        (point_outside, "expected data inside, got external '/constant_0'"),
        (lambda folder: (folder / "contract.json").unlink(), "expected a file, got No such file"),
        (lambda folder: (folder / "contract.json").write_text("{"), "expected JSON, got"),
        (lambda folder: (folder / "spare").write_text(""), "expected digest"),
        (shutil.rmtree, "expected a file, got No such file"),
    ],
    ids=["byte", "cut", "format", "external", "missing", "json", "extra", "gone"],
)
def test_an_altered_folder_is_refused(
    copy: Path, fault: Callable[[Path], None], message: str
) -> None:
    fault(copy)
    with pytest.raises(ArtifactError, match="artifact '") as caught:
        read_artifact(copy)
    assert message in str(caught.value)


def test_an_unknown_key_is_refused(copy: Path) -> None:
    data = json.loads((copy / "contract.json").read_text())
    with pytest.raises(ArtifactError, match="expected the keys of format 3"):
        contract_from_json(data | {"surprise": 1}, "here")


def test_versions_count_up_and_a_taken_one_is_refused(
    logistic_artifact: Artifact, tmp_path: Path
) -> None:
    paths = [write_artifact(logistic_artifact, tmp_path).path for _ in range(2)]
    assert [path.name for path in paths if path] == ["1", "2"]
    with pytest.raises(ArtifactError, match="expected a free version, got one in use"):
        write_artifact(logistic_artifact, tmp_path, version=2)
    assert sorted(entry.name for entry in (tmp_path / "logistic").iterdir()) == [
        "1",
        "2",
        "config.pbtxt",
    ]


def test_a_failed_write_leaves_nothing(
    logistic_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("preproc.artifact._stamp", fail)
    with pytest.raises(OSError, match="disk full"):
        write_artifact(logistic_artifact, tmp_path)
    assert [entry.name for entry in (tmp_path / "logistic").iterdir()] == ["config.pbtxt"]


def test_a_repository_that_is_no_folder_is_named(
    logistic_artifact: Artifact, tmp_path: Path
) -> None:
    file = tmp_path / "models"
    file.write_text("no folder")
    with pytest.raises(ArtifactError) as caught:
        write_artifact(logistic_artifact, file)
    name = logistic_artifact.contract.name
    problem = "expected a folder to write to, got Not a directory"
    assert str(caught.value) == f"artifact '{file / name}': {problem}"


def test_triton_is_told_every_tensor(logistic_artifact: Artifact) -> None:
    assert logistic_artifact.path is not None
    config = (logistic_artifact.path.parent / "config.pbtxt").read_text()
    assert "max_batch_size: 0" in config
    assert 'input { name: "city" data_type: TYPE_STRING dims: [ -1, 1 ] }' in config
    assert 'output { name: "probabilities" data_type: TYPE_FP64 dims: [ -1, 2 ] }' in config
    assert 'output { name: "row_error" data_type: TYPE_INT32 dims: [ -1 ] }' in config


def test_the_graph_runs_on_a_server_that_knows_nothing_of_refusals(
    logistic_artifact: Artifact,
) -> None:
    (refused,) = [v for v in logistic_artifact.vectors if v.name == "refused"]
    plain = onnxruntime.InferenceSession(
        logistic_artifact.model, providers=["CPUExecutionProvider"]
    )
    label, probabilities, *_ = plain.run(None, dict(refused.inputs))
    assert (label == -1).all()
    assert np.isnan(probabilities).all()


def test_a_folder_of_the_first_format_is_read_and_proved() -> None:
    path = Path(__file__).parent / "golden" / "format_1" / "model" / "1"
    old = read_artifact(path)
    assert json.loads((path / "contract.json").read_bytes())["format"] == 1
    assert old.contract.float32 == ()
    with open_session(path, mode="fast") as session:
        prove(session, old)
