"""Calls taken from gRPC's queue: what a caller sees is what gRPC's own server would show."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from preproc_server import app, intake, reading

from tests.server.calling import METHOD, infer, one_row, request_of
from tests.server.conftest import Start

WAYS = pytest.mark.parametrize("direct", [True, False])


def ended(channel: grpc.Channel, path: str, *requests: bytes) -> Any:
    """Call a method of any number of requests, and give the error."""
    call: Any = channel.stream_unary(path)
    with pytest.raises(grpc.RpcError) as caught:
        call(iter(requests), timeout=10)
    return caught.value


@WAYS
def test_calls_end_alike_whoever_takes_them(models: Path, start: Start, *, direct: bool) -> None:
    server = start(models, direct=direct, mode="explicit", load_models=("tiny",))
    assert (server._intake is not None) is direct
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        assert infer(channel, request_of(one_row(), name="a")).id == "a"
        error = ended(channel, METHOD)
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert METHOD in error.details()
        assert error.details().endswith(" requires exactly one request message.")
        server.repository.unload("tiny")
        error = ended(channel, "/tiny.v1.Tiny/Predict", b"")
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert error.details() == "Method not found!"
        error = ended(channel, METHOD, b"no request")
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert dict(error.trailing_metadata())["grpc-status-details-bin"]


def test_a_server_without_compiled_code_answers_the_same_and_says_so(
    models: Path, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = []
    for missing in (reading.MISSING, "no such module"):
        monkeypatch.setattr(app, "MISSING", missing)
        monkeypatch.setattr(reading, "MISSING", missing)
        server = start(models)
        assert (server.repository.model("tiny", "").reader._cells is None) == bool(missing)
        with grpc.insecure_channel(f"localhost:{server.port}") as channel:
            answers.append(infer(channel, request_of(one_row())))
    assert answers[0] == answers[1]
    assert (
        caplog.messages.count(
            "reading: expected compiled code, got none: no such module; protobuf reads, "
            "which takes longer"
        )
        == 1
    )


def test_a_grpcio_with_other_parts_serves_the_usual_way(
    models: Path, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "_PARTS", ("no_such_part",))
    server = start(models)
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        assert infer(channel, request_of(one_row(), name="a")).id == "a"
    assert (
        caplog.messages.count(
            f"direct: expected a grpcio whose queue is known, got {grpc.__version__}; "
            "calls go through its server, which takes longer"
        )
        == 1
    )
