"""Texts that clients of the protocol compare, word for word as Triton has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.pb import open_inference_pb2 as pb

Columns = dict[str, NDArray[Any]]
Change = Callable[[pb.ModelInferRequest], object]
SERVICE = "/inference.GRPCInferenceService"
INVALID = "INVALID_ARGUMENT"


def refusal_of(server: Server, method: str, request: Any) -> tuple[str, str]:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call: Any = channel.unary_unary(f"{SERVICE}/{method}", type(request).SerializeToString)
        with pytest.raises(grpc.RpcError) as caught:
            call(request)
    return caught.value.code().name, caught.value.details() or ""


def raw_request(batch: Columns) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny")
    for name, array in batch.items():
        datatype = wire.datatype_of(array).wire
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(wire.raw_of(array))
    return request


def rename(request: pb.ModelInferRequest) -> None:
    request.model_name = "tinny"


def set_version(request: pb.ModelInferRequest) -> None:
    request.model_version = "wrong_specification"


def mix(request: pb.ModelInferRequest) -> None:
    request.inputs[0].contents.fp64_contents.append(1.0)


def lengthen(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] += bytes(8)


def drop_inputs(request: pb.ModelInferRequest) -> None:
    del request.inputs[1:], request.raw_input_contents[1:]


def drop_text(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[1] = wire.raw_of(np.array(["a", "b"], object))


def add_text(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[1] = wire.raw_of(np.array(["a"] * 4, object))


def cut_length(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[1] = b"\1\0\0\0a\1\0"


def cut_text(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[1] = b"\4\0\0\0a"


def ask_dummy(request: pb.ModelInferRequest) -> None:
    request.outputs.add(name="DUMMY")


def ask_twice(request: pb.ModelInferRequest) -> None:
    request.outputs.add(name="label")
    request.outputs.add(name="label")


def repeat_input(request: pb.ModelInferRequest) -> None:
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def place_nowhere(request: pb.ModelInferRequest) -> None:
    del request.raw_input_contents[0]
    request.inputs[0].parameters["shared_memory_region"].string_param = "lost"
    request.inputs[0].parameters["shared_memory_byte_size"].int64_param = 24


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (rename, "NOT_FOUND", "Request for unknown model: 'tinny' is not found"),
        (set_version, INVALID,
         ("failed to get model version from specified version string 'wrong_specification' "
         "(details: stol), version should be an integral value > 0")),
        (mix, INVALID,
         ("contents field must not be specified when using raw_input_contents for 'age' for model "
         "'tiny'")),
        (lengthen, INVALID,
         "input byte size mismatch for input 'age' for model 'tiny'. Expected 24, got 32"),
        (drop_inputs, INVALID,
         ("batch: expected 5 inputs but got 1 inputs for model 'tiny'. Got input(s) ['age'], but "
         "missing required input(s) ['city', 'visits', 'is_member', 'debt']. Please provide all "
         "required input(s).")),
        (drop_text, INVALID,
         "expected 3 string elements for inference input 'city' for model 'tiny', got 2"),
        (add_text, INVALID,
         ("unexpected number of string elements 4 for inference input 'city' for model 'tiny', "
         "expecting 3")),
        (cut_length, INVALID,
         ("incomplete string length indicator for inference input 'city' for model 'tiny', "
         "expecting 4 bytes but only 2 bytes available")),
        (cut_text, INVALID,
         ("incomplete string data for inference input 'city' for model 'tiny', expecting string "
         "of length 4 but only 1 bytes available")),
        (ask_dummy, INVALID, "unexpected inference output 'DUMMY' for model 'tiny'"),
        (ask_twice, INVALID, "output 'label' already exists in request"),
        (repeat_input, INVALID, "input 'age' already exists in request"),
        (place_nowhere, "NOT_FOUND", "Unable to find shared memory region: 'lost'"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_a_request_is_refused_in_the_words_of_triton(
    server: Server, batch: Columns, change: Change, code: str, text: str
) -> None:
    request = raw_request(batch)
    change(request)
    assert refusal_of(server, "ModelInfer", request) == (code, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "Model name cannot be empty. Please enter a valid name to deploy."),
        ("../tiny", "model name must not contain path traversal characters"),
        ("tiny/../tiny", "model name must not contain path traversal characters"),
    ],
    ids=["empty", "up", "within"],
)
def test_a_name_that_is_none_is_not_loaded(
    models: Path, start: Callable[..., Server], name: str, text: str
) -> None:
    server = start(models, mode="explicit")
    for method, request in (
        ("RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name=name)),
        ("RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name=name)),
    ):
        assert refusal_of(server, method, request) == (INVALID, text)


def test_a_model_that_is_not_there_fails_to_load(
    models: Path, start: Callable[..., Server]
) -> None:
    server = start(models, mode="explicit")
    request = pb.RepositoryModelLoadRequest(model_name="tinny")
    _, text = refusal_of(server, "RepositoryModelLoad", request)
    assert text.startswith("failed to load 'tinny'")


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelConfig", "ModelStatistics"])
def test_every_question_names_an_unknown_model_alike(server: Server, method: str) -> None:
    request = getattr(pb, f"{method}Request")(name="tinny")
    want = ("NOT_FOUND", "Request for unknown model: 'tinny' is not found")
    assert refusal_of(server, method, request) == want
