"""Bodies of every size and dtype: answered exactly or refused clearly, in bounded time."""

import re
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from preproc_server import plan, wire
from preproc_server.app import Server
from preproc_server.client import Client, Connection, MessageTooLargeError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.settings import Settings

from preproc.artifact import Artifact, write_artifact
from preproc.contract import Contract
from preproc.errors import SignatureError
from preproc.graph import GraphBuilder
from preproc.runtime.feeding import Layout
from preproc.runtime.session import session_of
from preproc.signature import Column, Output, Signature
from preproc.vectors import VectorSet

Columns = dict[str, NDArray[Any]]

MEBIBYTE = 2**20
MAX_SECONDS = 30.0
"""Far beyond what a call takes, so that a busy machine fails nothing; far below a hang."""

SOME: Mapping[str, Sequence[Any]] = {
    "bool": [True, False, True],
    "int8": [-128, 127, 0],
    "int16": [-(2**15), 2**15 - 1, 0],
    "int32": [-(2**31), 2**31 - 1, 0],
    "int64": [-(2**63), 2**63 - 1, 2**53 + 1],
    "uint8": [0, 255, 1],
    "uint16": [0, 2**16 - 1, 1],
    "uint32": [0, 2**32 - 1, 1],
    "uint64": [0, 2**64 - 1, 2**53 + 1],
    "float32": [np.nan, -0.0, 1e-45],
    "float64": [np.inf, -0.0, 5e-324],
    "string": ["", "Zürich\0x", "日本"],
}
AS = {"bool": "int64", "uint64": "int64"}
"""ONNX Runtime's Where, which puts the poison in, knows neither; as int64 they keep their bits."""
ARRAYS: Columns = {
    dtype: np.array(cells, object if dtype == "string" else dtype) for dtype, cells in SOME.items()
}


def write_echo(repository: Path, name: str, columns: Sequence[Column], *, is_joined: bool) -> None:
    """Write a model that answers its columns: joined in one matrix, or one output a column."""
    graph = GraphBuilder()
    values = [graph.input(column) for column in columns]
    if is_joined:
        joined = (
            graph.op("Concat", *values, axis=1)
            if len(values) > 1
            else graph.op("Identity", *values)
        )
        outputs = [
            (
                joined,
                Output("echo", "features", columns[0].dtype, len(columns), poison_of(columns[0])),
            )
        ]
    else:
        outputs = [
            (
                echo(graph, value, column),
                Output(
                    f"echo_{column.name}",
                    "features",
                    AS.get(column.dtype, column.dtype),
                    None,
                    poison_of(column),
                ),
            )
            for value, column in zip(values, columns, strict=True)
        ]
    model = graph.finish(outputs)
    signature = Signature("frame", tuple(columns), tuple(output for _, output in outputs), ())
    numbers = {column.name: at for at, column in enumerate(columns, start=1)}
    contract = Contract(name, signature, "exact", "echo", {}, numbers, {"": 21})
    rows = {column.name: ARRAYS[column.dtype].reshape(-1, 1) for column in columns}
    with session_of(contract, model) as session:
        answers = session.run_prepared(session.pack(rows))
    vectors = (VectorSet("real", rows, answers),)
    write_artifact(
        Artifact(contract, model.SerializeToString(), vectors, {"outputs": {}}, {}), repository
    )


def echo(graph: GraphBuilder, value: str, column: Column) -> str:
    flat = graph.op("Squeeze", value, np.array([1]))
    return graph.op("Cast", flat, to=onnx.TensorProto.INT64) if column.dtype in AS else flat


def poison_of(column: Column) -> int | str | None:
    if "float" in column.dtype:
        return None
    return "" if column.is_text else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository = tmp_path_factory.mktemp("bodies")
    write_echo(
        repository, "narrow", [Column(f"c{at}", "float64") for at in range(28)], is_joined=True
    )
    write_echo(
        repository, "wide", [Column(f"c{at}", "float64") for at in range(10_000)], is_joined=True
    )
    write_echo(repository, "long", [Column("c0", "float64")], is_joined=True)
    write_echo(repository, "words", [Column("c0", "string", null="none")], is_joined=True)
    kinds = [Column(dtype, dtype, null="none" if dtype == "string" else None) for dtype in SOME]
    write_echo(repository, "kinds", kinds, is_joined=False)
    running = Server(Settings(repository=repository, host="localhost", port=0))
    running.start()
    assert running.wait_proved(120)
    yield running
    running.stop(0)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(f"localhost:{server.port}", timeout_s=MAX_SECONDS) as opened:
        yield opened


def numbers(columns: int, rows: int) -> Columns:
    draw = np.random.default_rng(0)
    return {f"c{at}": draw.normal(size=rows) for at in range(columns)}


def raw_request(name: str, batch: Columns, *, is_raw: bool = True) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=name)
    for column, array in batch.items():
        datatype = wire.datatype_of(array).wire
        tensor = request.inputs.add(name=column, datatype=datatype, shape=array.shape)
        if is_raw:
            request.raw_input_contents.append(wire.raw_of(array))
        else:
            tensor.contents.CopyFrom(wire.contents_of(array))
    return request


def sent(
    server: Server, request: pb.ModelInferRequest, compression: grpc.Compression | None = None
) -> pb.ModelInferResponse:
    """Send a message by gRPC alone, as a client of another make does."""
    limits = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"localhost:{server.port}", options=limits) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        response: pb.ModelInferResponse = infer(
            request, timeout=MAX_SECONDS, compression=compression
        )
        return response


def refused(
    server: Server, request: pb.ModelInferRequest, compression: grpc.Compression | None = None
) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        sent(server, request, compression)
    call = cast("grpc.Call", caught.value)
    return call.code().name, call.details() or ""


SHAPES = pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [("narrow", 28, 64), ("wide", 10_000, 1), ("long", 1, 10**6)],
    ids=["28 x 64", "10000 x 1", "1 x 1000000"],
)


@SHAPES
def test_numbers_of_every_shape_come_back_bit_for_bit(
    client: Client, name: str, columns: int, rows: int
) -> None:
    batch = numbers(columns, rows)
    began = time.monotonic()
    got = client.predict(name, batch)["echo"]
    assert time.monotonic() - began < MAX_SECONDS
    assert got.tobytes() == np.column_stack(list(batch.values())).tobytes()


@SHAPES
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_the_same_holds_for_other_clients(
    server: Server, name: str, columns: int, rows: int, *, is_raw: bool
) -> None:
    batch = numbers(columns, rows)
    backwards = {column: batch[column] for column in reversed(batch)}
    got = sent(server, raw_request(name, backwards, is_raw=is_raw))
    want = np.column_stack(list(batch.values()))
    assert list(got.outputs[0].shape) == [rows, columns]
    assert got.raw_output_contents[0] == want.tobytes()


@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_each_dtype_comes_back_bit_for_bit(server: Server, client: Client, *, is_raw: bool) -> None:
    answers = client.predict("kinds", ARRAYS)
    response = sent(server, raw_request("kinds", ARRAYS, is_raw=is_raw))
    for at, (dtype, array) in enumerate(ARRAYS.items()):
        want = array.astype(AS.get(dtype, array.dtype))
        np.testing.assert_array_equal(answers[f"echo_{dtype}"], want, strict=True)
        assert response.raw_output_contents[at] == wire.raw_of(want)


@pytest.mark.parametrize("dtype", SOME)
def test_another_dtype_is_refused_by_name(server: Server, client: Client, dtype: str) -> None:
    other = np.array([1, 0, 1], "float64" if dtype == "float32" else "float32")
    batch = {**ARRAYS, dtype: other}
    message = f"field {dtype!r}: expected dtype {dtype}, got {other.dtype.name}"
    with pytest.raises(SignatureError) as caught:
        client.predict("kinds", batch)
    assert str(caught.value) == message
    assert refused(server, raw_request("kinds", batch)) == ("INVALID_ARGUMENT", message)


def test_nulls_of_text_come_back_as_nulls(client: Client) -> None:
    words = np.array([None, "", np.nan, "nan"], object)
    got = client.predict("words", {"c0": words})["echo"][:, 0].tolist()
    assert got[0] is None
    assert got[1::2] == ["", "nan"]
    assert got[2] != got[2]


@pytest.mark.parametrize("name", ["narrow", "words", "kinds"])
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_no_rows_are_refused(server: Server, client: Client, name: str, *, is_raw: bool) -> None:
    columns = client.signature(name).columns
    batch = {column.name: ARRAYS[column.dtype][:0] for column in columns}
    message = "batch: expected at least one row, got none"
    with pytest.raises(SignatureError) as caught:
        client.predict(name, batch)
    assert str(caught.value) == message
    assert refused(server, raw_request(name, batch, is_raw=is_raw)) == (
        "INVALID_ARGUMENT",
        message,
    )


def test_fifty_mebibytes_of_text_come_back(client: Client) -> None:
    words = np.array([f"{at:06} Zürich " * 16 for at in range(200_000)], object)
    assert 45 * MEBIBYTE < sum(len(word.encode()) for word in words) < 55 * MEBIBYTE
    began = time.monotonic()
    got = client.predict("words", {"c0": words})["echo"][:, 0]
    assert time.monotonic() - began < MAX_SECONDS
    assert got.tolist() == words.tolist()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes 1 MiB at most, and sends no more than 64 KiB."""
    repository = tmp_path_factory.mktemp("small")
    write_echo(repository, "long", [Column("c0", "float64")], is_joined=True)
    settings = Settings(
        repository=repository,
        host="localhost",
        port=0,
        max_receive_bytes=MEBIBYTE,
        max_send_bytes=65536,
    )
    running = Server(settings)
    running.start()
    assert running.wait_proved(60)
    yield running
    running.stop(0)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip], ids=["plain", "gzip"])
def test_a_request_beyond_the_limit_is_refused_whole(
    small: Server, compression: grpc.Compression | None
) -> None:
    request = raw_request("long", {"c0": np.zeros(MEBIBYTE)})
    sizes = f"{request.ByteSize()} vs. {MEBIBYTE}"
    assert refused(small, request, compression) == (
        "RESOURCE_EXHAUSTED",
        "Decompressed message larger than max"
        if compression
        else f"SERVER: Received message larger than max ({sizes})",
    )


@pytest.mark.parametrize(
    ("compression", "message"),
    [
        (
            "",
            (
                r"the request has \d+ bytes and the server takes 1048576; send fewer rows at "
                r"once, or raise max_receive_bytes of the server \(PREPROC_MAX_RECEIVE_BYTES\)"
            ),
        ),
        (
            "gzip",
            (
                r"the message is larger than its receiver takes once it is decompressed; send "
                r"fewer rows at once, or raise max_receive_bytes of the server "
                r"\(PREPROC_MAX_RECEIVE_BYTES\) or, for an answer, of the client's Connection"
            ),
        ),
    ],
    ids=["plain", "gzip"],
)
def test_our_client_says_which_limit_of_the_server_and_how_to_change_it(
    small: Server, compression: str, message: str
) -> None:
    connection = Connection(compression=compression)
    with (
        Client(f"localhost:{small.port}", connection=connection) as client,
        pytest.raises(MessageTooLargeError) as caught,
    ):
        client.predict("long", {"c0": np.zeros(MEBIBYTE)})
    assert re.fullmatch(message, caught.value.message)


def test_an_answer_beyond_the_limit_of_the_server_is_told_as_such(small: Server) -> None:
    labels = {"model": "long", "method": "ModelInfer", "code": "RESOURCE_EXHAUSTED"}
    value = small.metrics.registry.get_sample_value
    before = value("preproc_calls_total", labels) or 0
    with Client(f"localhost:{small.port}") as client, pytest.raises(MessageTooLargeError) as caught:
        client.predict("long", numbers(1, 10_000))
    text = (
        r"answer: expected at most 65536 bytes, got \d{5,}; send fewer rows or ask for fewer "
        r"outputs, or raise max_send_bytes of the server \(PREPROC_MAX_SEND_BYTES\)"
    )
    assert re.fullmatch(text, caught.value.message)
    assert caught.value.retry_after_s is None
    assert value("preproc_calls_total", labels) == before + 1
    code, other = refused(small, raw_request("long", numbers(1, 10_000)))
    assert code == "RESOURCE_EXHAUSTED"
    assert re.fullmatch(text, other)
    large, fit = (raw_request("long", numbers(1, rows)) for rows in (10_000, 10))
    with grpc.insecure_channel(f"localhost:{small.port}") as channel:
        stream = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelStreamInferResponse.FromString,
        )
        answers = list(stream(iter([large, fit]), timeout=30))
    assert re.fullmatch(text, answers[0].error_message)
    assert [one.error_message for one in answers[1:]] == [""]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"max_send_bytes": 4096},
            (
                r"the request has \d+ bytes and this client sends 4096; send fewer rows at "
                r"once, or raise max_send_bytes of the client's Connection"
            ),
        ),
        (
            {"max_receive_bytes": 4096},
            (
                r"the answer has \d+ bytes and this client takes 4096; send fewer rows or ask for "
                r"fewer outputs, or raise max_receive_bytes of the client's Connection"
            ),
        ),
    ],
    ids=["send", "receive"],
)
def test_the_limits_of_a_client_are_told_as_such(
    server: Server, limits: dict[str, int], message: str
) -> None:
    connection = Connection(**limits)  # type: ignore[arg-type]  # integers, all of them
    with (
        Client(f"localhost:{server.port}", connection=connection) as client,
        pytest.raises(MessageTooLargeError) as caught,
    ):
        client.predict("long", numbers(1, 2000))
    assert re.fullmatch(message, caught.value.message)


@SHAPES
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_decoding_takes_little_more_than_the_body(
    name: str, columns: int, rows: int, *, is_raw: bool
) -> None:
    signature = Signature("frame", tuple(Column(f"c{at}", "float64") for at in range(columns)))
    places = {column.name: ("m", at) for at, column in enumerate(signature.columns)}
    made = plan.plan_of(name, signature, Layout(places, {"m": ("float64", columns)}))
    request = raw_request(name, numbers(columns, rows), is_raw=is_raw)
    size = request.ByteSize()
    tracemalloc.start()
    plan.decode(made, request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * size + columns * 1000


def test_a_body_of_text_that_lies_about_its_lengths_costs_nothing(server: Server) -> None:
    request = raw_request("words", {"c0": ARRAYS["string"]})
    request.raw_input_contents[0] = b"\xff" * 64
    request.inputs[0].shape[0] = 2**62
    assert refused(server, request) == (
        "INVALID_ARGUMENT",
        (
            "incomplete string data for inference input 'c0' for model 'words', "
            "expecting string of length 4294967295 but only 60 bytes available"
        ),
    )
