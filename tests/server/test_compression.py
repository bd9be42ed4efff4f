"""Answers are compressed by setting, as each client takes it: bytes counted between the two."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.client import Client, Connection
from preproc_server.pb import open_inference_pb2 as pb

from preproc.runtime import Session

from .conftest import Start
from .door import request_of

Columns = dict[str, NDArray[Any]]
ROWS = 2000
PLAIN_BYTES = ROWS * 16  # probabilities alone
SMALL_BYTES = PLAIN_BYTES // 10
ACCEPTED = "grpc.compression_enabled_algorithms_bitset"


@dataclass
class Relay:
    """Passes bytes on between client and server, and counts them."""

    port: int
    sent_bytes: int = 0
    answered_bytes: int = 0


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    """Stand before a server, for one connection."""
    with socket.create_server(("localhost", 0)) as listener:
        relay = Relay(listener.getsockname()[1])

        def serve() -> None:
            client, _ = listener.accept()
            server = socket.create_connection(("localhost", port))
            with client, server:
                back = Thread(target=pump, args=(server, client, "answered_bytes"))
                back.start()
                pump(client, server, "sent_bytes")
                back.join()

        def pump(source: socket.socket, sink: socket.socket, count: str) -> None:
            with suppress(OSError):
                while content := source.recv(65536):
                    setattr(relay, count, getattr(relay, count) + len(content))
                    sink.sendall(content)
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield relay
        thread.join(10)


@pytest.fixture
def many(batch: Columns) -> Columns:
    """Equal rows, which compress well."""
    return {name: np.repeat(array[:1], ROWS) for name, array in batch.items()}


@pytest.mark.parametrize(
    ("setting", "accepted", "is_small"),
    [
        ("none", 0b111, False),
        ("gzip", 0b111, True),
        ("gzip", 0b101, True),
        ("gzip", 0b001, False),
        ("deflate", 0b111, True),
        ("deflate", 0b101, True),
        ("deflate", 0b001, False),
    ],
    ids=[
        "off",
        "gzip",
        "gzip for a client of gzip alone",
        "gzip for a client of none",
        "deflate",
        "deflate for a client of gzip alone",
        "deflate for a client of none",
    ],
)
def test_an_answer_is_compressed_where_the_client_takes_it(
    models: Path,
    start: Start,
    session: Session,
    many: Columns,
    setting: str,
    accepted: int,
    *,
    is_small: bool,
) -> None:
    server = start(models, response_compression=setting)
    with (
        relay_to(server.port) as relay,
        grpc.insecure_channel(f"localhost:{relay.port}", [(ACCEPTED, accepted)]) as channel,
    ):
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        got: pb.ModelInferResponse = call(request_of(many), timeout=30)
    at = [output.name for output in got.outputs].index("probabilities")
    assert got.raw_output_contents[at] == session.run(many)["probabilities"].tobytes()
    if is_small:
        assert 0 < relay.answered_bytes < SMALL_BYTES
    else:
        assert relay.answered_bytes > PLAIN_BYTES


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_our_client_compresses_requests_and_reads_compressed_answers(
    models: Path, start: Start, session: Session, many: Columns, compression: str
) -> None:
    server = start(models, response_compression="gzip")
    connection = Connection(compression=compression)
    with (
        relay_to(server.port) as relay,
        Client(f"localhost:{relay.port}", connection=connection) as client,
    ):
        got = client.predict("tiny", many)
    assert got["probabilities"].tobytes() == session.run(many)["probabilities"].tobytes()
    assert 0 < relay.answered_bytes < SMALL_BYTES
    assert (relay.sent_bytes < SMALL_BYTES) == bool(compression)
