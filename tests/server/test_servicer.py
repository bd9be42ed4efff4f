"""The six calls against a real server, through a foreign client of the protocol."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.servicer import EXTENSIONS, SHARED_MEMORY

from preproc.errors import RefusedRows
from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
INFER = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"localhost:{server.port}") as opened:
        yield opened


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"localhost:{server.port}") as opened:
        yield opened


def inputs_of(batch: Columns) -> list[Any]:
    inputs = []
    for name, array in batch.items():
        tensor = triton.InferInput(name, array.shape, wire.datatype_of(array).wire)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


def typed_request(batch: Columns) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny", id="7")
    for name, array in batch.items():
        request.inputs.add(
            name=name,
            datatype=wire.datatype_of(array).wire,
            shape=array.shape,
            contents=wire.contents_of(array),
        )
    return request


def infer(channel: grpc.Channel, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    call = channel.unary_unary(
        INFER, pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
    )
    response: pb.ModelInferResponse = call(request)
    return response


def same_bits(want: NDArray[Any], got: NDArray[Any]) -> bool:
    if want.dtype.kind == "O":
        return bool([text.encode() for text in want.tolist()] == got.tolist())
    return want.dtype == got.dtype and want.tobytes() == got.tobytes()


@pytest.mark.parametrize("width", [(), (1,)], ids=["vectors", "columns"])
@pytest.mark.parametrize("step", [1, -1], ids=["contract order", "reversed"])
def test_a_foreign_client_gets_the_bits_of_a_local_session(
    client: Any, session: Session, batch: Columns, width: tuple[int, ...], step: int
) -> None:
    names = list(batch)[::step]
    shaped = {name: batch[name].reshape(-1, *width) for name in names}
    result = client.infer("tiny", inputs_of(shaped), request_id="42")
    want = session.run(batch)
    assert [output.name for output in result.get_response().outputs] == list(want)
    assert all(same_bits(array, result.as_numpy(name)) for name, array in want.items())
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("42", "tiny", "1")


def test_typed_contents_get_a_raw_answer(
    channel: grpc.Channel, session: Session, batch: Columns
) -> None:
    response = infer(channel, typed_request(batch))
    want = [wire.raw_of(array) for array in session.run(batch).values()]
    assert list(response.raw_output_contents) == want
    assert response.id == "7"


def test_a_typed_answer_is_given_on_request(
    channel: grpc.Channel, session: Session, batch: Columns
) -> None:
    request = typed_request(batch)
    request.parameters["binary_data_output"].bool_param = False
    response = infer(channel, request)
    assert not response.raw_output_contents
    want = session.run(batch)
    assert [output.contents for output in response.outputs] == [
        wire.contents_of(array) for array in want.values()
    ]


def test_outputs_are_given_in_the_order_asked_for(client: Any, batch: Columns) -> None:
    wanted = [triton.InferRequestedOutput(name) for name in ("prediction", "label")]
    result = client.infer("tiny", inputs_of(batch), outputs=wanted)
    outputs = [output.name for output in result.get_response().outputs]
    assert outputs == ["prediction", "label"]


def test_a_refused_row_is_named(client: Any, session: Session, batch: Columns) -> None:
    batch["age"] = np.array([1.0, 2.0, np.nan])
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("tiny", inputs_of(batch))
    text = "row 2, column 'age': expected a number, got NaN (rule 1, step scale)"
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert caught.value.message() == text
    with pytest.raises(RefusedRows) as local:
        session.run(batch)
    assert str(local.value) == text


def test_refused_rows_are_reported_when_row_error_is_asked_for(
    client: Any, session: Session, batch: Columns
) -> None:
    batch["age"] = np.array([1.0, np.nan, 3.0])
    wanted = [triton.InferRequestedOutput(name) for name in ("label", "row_error")]
    result = client.infer("tiny", inputs_of(batch), outputs=wanted)
    want = session.run(batch, refused="report")
    assert result.as_numpy("row_error").tolist() == [0, 1, 0]
    assert same_bits(want["label"], result.as_numpy("label"))


def test_null_tokens_travel_as_text(client: Any, session: Session, batch: Columns) -> None:
    sent = {**batch, "city": np.array(["\0none", "Oslo", ""], object)}
    batch["city"] = np.array([None, "Oslo", ""], object)
    want = session.run(batch)["probabilities"]
    assert same_bits(want, client.infer("tiny", inputs_of(sent)).as_numpy("probabilities"))


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("age", None, ("batch: expected 5 inputs but got 4 inputs for model 'tiny'. Got input(s) "
         "['city', 'visits', 'is_member', 'debt'], but missing required input(s) ['age']. "
         "Please provide all required input(s).")),
        ("zip", np.zeros(3), "field 'zip': expected no such column, got one; leave it out"),
        ("age", np.zeros(3, np.float32), "field 'age': expected dtype float64, got float32"),
        ("age", np.zeros((3, 2)), "field 'age': expected shape (n, 1), got (3, 2)"),
        ("age", np.zeros(2), "field 'age': expected 3 rows, as in most columns, got 2"),
    ],
    ids=["missing", "extra", "dtype", "shape", "rows"],
)  # fmt: skip
def test_a_bad_batch_is_an_invalid_argument(
    client: Any, batch: Columns, name: str, array: NDArray[Any] | None, text: str
) -> None:
    if array is None:
        del batch[name]
    else:
        batch[name] = array
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("tiny", inputs_of(batch))
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert caught.value.message() == text


def test_no_rows_are_refused(client: Any, batch: Columns) -> None:
    empty = {name: array[:0] for name, array in batch.items()}
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("tiny", inputs_of(empty))
    assert caught.value.message() == "batch: expected at least one row, got none"


def test_raw_and_typed_contents_do_not_mix(channel: grpc.Channel, batch: Columns) -> None:
    request = typed_request(batch)
    request.raw_input_contents.append(bytes(24))
    with pytest.raises(grpc.RpcError) as caught:
        infer(channel, request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        "contents field must not be specified when using raw_input_contents for 'age' "
        "for model 'tiny'"
    )


@pytest.mark.parametrize(
    ("name", "version", "code", "text"),
    [
        ("tinny", "", "NOT_FOUND", "Request for unknown model: 'tinny' is not found"),
        ("tiny", "2", "NOT_FOUND", "Request for unknown model: 'tiny' version 2 is not found"),
        (
            "tiny",
            "wrong_specification",
            "INVALID_ARGUMENT",
            (
                "failed to get model version from specified version string 'wrong_specification' "
                "(details: stol), version should be an integral value > 0"
            ),
        ),
    ],
    ids=["name", "version", "no number"],
)
def test_a_model_is_found_by_name_and_version(
    client: Any, batch: Columns, name: str, version: str, code: str, text: str
) -> None:
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer(name, inputs_of(batch), model_version=version)
    assert caught.value.status() == f"StatusCode.{code}"
    assert caught.value.message() == text


@pytest.mark.parametrize("version", ["", "1"], ids=["latest", "named"])
def test_a_proved_model_is_ready(client: Any, version: str) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny", version)


def test_an_unknown_model_is_not_ready(client: Any) -> None:
    assert not client.is_model_ready("tinny")


def test_metadata_names_server_columns_and_outputs(client: Any) -> None:
    server = client.get_server_metadata()
    assert (server.name, list(server.extensions)) == (
        "preproc",
        [*EXTENSIONS, SHARED_MEMORY],
    )
    model = client.get_model_metadata("tiny")
    assert list(model.versions) == ["1"]
    assert [(item.name, item.datatype, list(item.shape)) for item in model.inputs] == [
        ("age", "FP64", [-1, 1]),
        ("city", "BYTES", [-1, 1]),
        ("visits", "INT64", [-1, 1]),
        ("is_member", "BOOL", [-1, 1]),
        ("debt", "FP64", [-1, 1]),
    ]
    assert [(item.name, item.datatype, list(item.shape)) for item in model.outputs] == [
        ("label", "BYTES", [-1]),
        ("probabilities", "FP64", [-1, 2]),
        ("prediction", "INT64", [-1]),
        ("row_error", "INT32", [-1]),
    ]


def test_bytes_that_are_no_request_are_refused_in_words(channel: grpc.Channel) -> None:
    call = channel.unary_unary(INFER, lambda sent: sent, pb.ModelInferResponse.FromString)
    for content in (b"\x0a\xff", b"\x0a\x01m\x2a\xff", b"\x0a\x01\xff\x2a\x00"):
        with pytest.raises(grpc.RpcError) as caught:
            call(content, timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == "ModelInfer: expected a ModelInferRequest, got other bytes"
