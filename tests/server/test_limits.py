"""Messages beyond a limit are refused whole, with the limit, whose it is, and how to change it."""

import re
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from preproc_server.app import Server
from preproc_server.client import Client, Connection, MessageTooLargeError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.settings import Settings

from preproc.signature import Column

from .echo import (
    MEBIBYTE,
    numbers,
    raw_request,
    refused,
    write_echo,
)


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
    small: Server, limits: dict[str, int], message: str
) -> None:
    connection = Connection(**limits)  # type: ignore[arg-type]  # integers, all of them
    with (
        Client(f"localhost:{small.port}", connection=connection) as client,
        pytest.raises(MessageTooLargeError) as caught,
    ):
        client.predict("long", numbers(1, 2000))
    assert re.fullmatch(message, caught.value.message)
