"""Triton's extensions through Triton's own client, unmodified: blocking, asyncio, streaming."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from tritonclient.grpc import model_config_pb2, service_pb2

from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
Start = Callable[..., Server]


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"localhost:{server.port}") as opened:
        yield opened


def inputs_of(batch: Columns) -> list[Any]:
    inputs = []
    for name, array in batch.items():
        tensor = triton.InferInput(name, array.shape, wire.datatype_of(array).wire)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs


def refusal_of(act: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(triton.InferenceServerException) as caught:
        act()
    return caught.value.status().removeprefix("StatusCode."), caught.value.message()


def test_the_configuration_is_that_of_the_contract(client: Any) -> None:
    config = client.get_model_config("tiny").config
    assert (config.name, config.platform, config.backend) == (
        "tiny",
        "onnxruntime_onnx",
        "onnxruntime",
    )
    assert (config.max_batch_size, config.model_transaction_policy.decoupled) == (0, False)
    name_of = model_config_pb2.DataType.Name
    assert [(item.name, name_of(item.data_type), list(item.dims)) for item in config.input] == [
        ("age", "TYPE_FP64", [-1, 1]),
        ("city", "TYPE_STRING", [-1, 1]),
        ("visits", "TYPE_INT64", [-1, 1]),
        ("is_member", "TYPE_BOOL", [-1, 1]),
        ("debt", "TYPE_FP64", [-1, 1]),
    ]
    assert [(item.name, name_of(item.data_type), list(item.dims)) for item in config.output] == [
        ("label", "TYPE_STRING", [-1]),
        ("probabilities", "TYPE_FP64", [-1, 2]),
        ("prediction", "TYPE_INT64", [-1]),
        ("row_error", "TYPE_INT32", [-1]),
    ]
    assert config.parameters["preproc.proved"].string_value == "true"


def test_every_stage_of_a_request_is_counted_and_timed(
    models: Path, start: Start, batch: Columns
) -> None:
    server = start(models)
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        (before,) = client.get_inference_statistics("tiny").model_stats
        assert (before.inference_count, before.last_inference) == (0, 0)
        for _ in range(2):
            client.infer("tiny", inputs_of(batch))
        refused = {**batch, "age": np.array([1.0, np.nan, 2.0])}
        refusal_of(lambda: client.infer("tiny", inputs_of(refused)))
        (found,) = client.get_inference_statistics("tiny", "1").model_stats
        assert list(client.get_inference_statistics().model_stats) == [found]
    assert (found.name, found.version) == ("tiny", "1")
    assert (found.inference_count, found.execution_count) == (6, 2)
    stats = found.inference_stats
    stages = [stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output]
    assert [stage.count for stage in (stats.success, *stages)] == [2] * 5
    assert all(stage.ns > 0 for stage in stages)
    assert stats.success.ns == sum(stage.ns for stage in stages)
    assert (stats.fail.count, stats.cache_hit.count) == (1, 0)
    assert stats.fail.ns > 0
    assert found.last_inference > 1_700_000_000_000


def test_the_index_lists_models(client: Any) -> None:
    index = client.get_model_repository_index()
    assert [(item.name, item.version, item.state) for item in index.models] == [
        ("tiny", "1", "READY")
    ]


def test_models_are_loaded_and_unloaded_by_name(models: Path, start: Start, batch: Columns) -> None:
    server = start(models, mode="explicit")
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        (item,) = client.get_model_repository_index().models
        assert (item.name, item.state) == ("tiny", "UNAVAILABLE")
        client.load_model("tiny")
        assert client.is_model_ready("tiny")
        assert client.infer("tiny", inputs_of(batch)).as_numpy("label").shape == (3,)
        client.unload_model("tiny", unload_dependents=True)
        assert not client.is_model_ready("tiny")


def test_loading_is_refused_where_the_repository_decides(client: Any) -> None:
    text = "explicit model load / unload is not allowed if polling is enabled"
    assert refusal_of(lambda: client.load_model("tiny")) == ("UNAVAILABLE", text)
    assert refusal_of(lambda: client.unload_model("tiny")) == ("UNAVAILABLE", text)


def test_a_model_is_not_loaded_with_a_configuration_of_the_client(client: Any) -> None:
    assert refusal_of(lambda: client.load_model("tiny", config="{}")) == (
        "INVALID_ARGUMENT",
        (
            "failed to load 'tiny': expected no parameters, since a model is served as it was "
            "proved, got ['config']"
        ),
    )


def test_a_stream_answers_in_order_and_outlives_errors(
    client: Any, session: Session, batch: Columns
) -> None:
    answers: SimpleQueue[Any] = SimpleQueue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    client.async_stream_infer("tiny", inputs_of(batch), request_id="1")
    client.async_stream_infer("tinny", inputs_of(batch), request_id="2")
    client.async_stream_infer(
        "tiny", inputs_of(batch), request_id="3", enable_empty_final_response=True
    )
    found = [answers.get(timeout=30) for _ in range(3)]
    client.stop_stream()
    assert [error and error.message() for _, error in found] == [
        None,
        "Request for unknown model: 'tinny' is not found",
        None,
    ]
    want = session.run(batch)["probabilities"]
    for number, (result, _) in zip("13", (found[0], found[2]), strict=True):
        assert result.get_response().id == number
        assert result.get_response().parameters["triton_final_response"].bool_param
        np.testing.assert_array_equal(result.as_numpy("probabilities"), want)


def test_a_stream_ends_with_the_status_of_an_error_on_request(client: Any, batch: Columns) -> None:
    answers: SimpleQueue[Any] = SimpleQueue()
    client.start_stream(
        callback=lambda result, error: answers.put((result, error)),
        headers={"triton_grpc_error": "true"},
    )
    client.async_stream_infer("tinny", inputs_of(batch))
    _, error = answers.get(timeout=30)
    client.stop_stream()
    assert error.status() == "StatusCode.NOT_FOUND"
    assert error.message() == "Request for unknown model: 'tinny' is not found"


def test_the_asyncio_client_infers_and_streams(server: Server, batch: Columns) -> None:
    async def ask() -> list[int]:
        async with triton_aio.InferenceServerClient(f"localhost:{server.port}") as client:
            assert await client.is_server_ready()
            result = await client.infer("tiny", inputs_of(batch))

            async def requests() -> Any:
                for _ in range(2):
                    yield {"model_name": "tiny", "inputs": inputs_of(batch)}

            shapes = [len(result.as_numpy("label"))]
            async for streamed, error in client.stream_infer(requests()):
                assert error is None
                shapes.append(len(streamed.as_numpy("label")))
            return shapes

    assert asyncio.run(ask()) == [3, 3, 3]


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_requests_are_answered(
    client: Any, session: Session, batch: Columns, compression: str
) -> None:
    result = client.infer("tiny", inputs_of(batch), compression_algorithm=compression)
    want = session.run(batch)["probabilities"]
    np.testing.assert_array_equal(result.as_numpy("probabilities"), want)


def test_classes_come_largest_first_with_all_digits(
    client: Any, session: Session, batch: Columns
) -> None:
    wanted = [
        triton.InferRequestedOutput("probabilities", class_count=3),
        triton.InferRequestedOutput("prediction", class_count=1),
    ]
    result = client.infer("tiny", inputs_of(batch), outputs=wanted)
    rows = session.run(batch)["probabilities"].tolist()
    want = [
        [f"{row[at]!r}:{at}".encode() for at in sorted((0, 1), key=lambda at: -row[at])]
        for row in rows
    ]
    assert result.as_numpy("probabilities").tolist() == want
    assert result.as_numpy("prediction").tolist()[1] == [b"-3:0"]


def test_sequence_and_priority_are_accepted(client: Any, batch: Columns) -> None:
    result = client.infer(
        "tiny",
        inputs_of(batch),
        sequence_id=42,
        sequence_start=True,
        sequence_end=True,
        priority=1,
        timeout=60_000_000,
        parameters={"team": "fraud"},
        headers={"test": "1"},
    )
    assert result.get_response().parameters["sequence_id"].int64_param == 42


def test_a_timeout_is_a_deadline(client: Any, batch: Columns) -> None:
    assert refusal_of(lambda: client.infer("tiny", inputs_of(batch), timeout=1)) == (
        "DEADLINE_EXCEEDED",
        "Request timeout expired",
    )


@pytest.mark.parametrize(
    ("name", "kind", "value", "text"),
    [
        ("timeout", "int64_param", -1,
         "parameter 'timeout': expected microseconds from 0 on, got -1"),
        ("timeout", "string_param", "1",
         "parameter 'timeout': expected int64_param or uint64_param, got string_param"),
        ("priority", "bool_param", True,
         "parameter 'priority': expected int64_param or uint64_param, got bool_param"),
        ("binary_data_output", "string_param", "no",
         "parameter 'binary_data_output': expected bool_param, got string_param"),
        ("sequence_start", "bool_param", True,
         "parameter 'sequence_id': expected one with a start or end, got none"),
        ("triton_magic", "bool_param", True,
         "parameter 'triton_magic': expected no reserved name, got one"),
    ],
    ids=["negative", "kind", "priority", "binary", "sequence", "reserved"],
)  # fmt: skip
def test_wrong_parameters_are_refused(
    server: Server, name: str, kind: str, value: Any, text: str
) -> None:
    request = triton.service_pb2.ModelInferRequest(model_name="tiny")
    setattr(request.parameters[name], kind, value)
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == text


def test_a_short_status_tells_nothing_of_the_contract(
    models: Path, start: Start, batch: Columns
) -> None:
    server = start(models, error_texts="short", server_name="triton")
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        assert client.get_server_metadata().name == "triton"
        batch["age"] = np.array([np.nan, 1, 2])
        assert refusal_of(lambda: client.infer("tiny", inputs_of(batch))) == (
            "INVALID_ARGUMENT",
            "refused; the log of the server tells why",
        )


def test_our_messages_have_the_numbers_of_triton() -> None:
    from preproc_server.pb import open_inference_pb2 as pb  # noqa: PLC0415

    ours_alone = {
        "inference.ModelMetadataResponse.properties",
        "inference.RepositoryModelLoadResponse.model_name",
        "inference.RepositoryModelLoadResponse.isLoaded",
        "inference.RepositoryModelUnloadResponse.model_name",
        "inference.RepositoryModelUnloadResponse.isUnloaded",
    }
    pool = service_pb2.DESCRIPTOR.pool
    compared = 0
    for message in pb.DESCRIPTOR.message_types_by_name.values():
        theirs = pool.FindMessageTypeByName(message.full_name).fields_by_name
        for field in message.fields:
            if field.full_name not in ours_alone:
                other = theirs[field.name]
                assert (field.number, field.type) == (other.number, other.type), field.full_name
                compared += 1
    assert compared > 100
