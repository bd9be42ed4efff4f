"""Calls that come together: each is answered as it would be alone, and none holds up others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server import batches
from preproc_server.app import Server
from preproc_server.calls import Ended
from preproc_server.loading import Model
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.rounds import MAX_NS, Rounds

from preproc.artifact import Artifact
from preproc.runtime import Prepared, Session
from tests.server.calling import METHOD, infer, one_row, request_of
from tests.server.conftest import Columns, Start

Answer = bytes | Ended


class Asked:
    """A call as the intake would give it; keeps its answer."""

    left_s = inf

    def __init__(self, content: bytes, path: str = METHOD) -> None:
        self.content, self.path = content, path
        self.arrived_ns = time.perf_counter_ns()
        self.given: Answer | None = None

    def time_remaining(self) -> float:
        return self.left_s

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        return ()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def answer(self, content: bytes) -> None:
        self.given = content

    def end(self, ended: Ended) -> None:
        self.given = ended


def asked_of(server: Server, contents: Sequence[bytes]) -> list[Answer | None]:
    """Answer calls as one round."""
    rounds = Rounds(server.services.find, server.services.guard, server._threads)
    calls: list[Any] = [Asked(content) for content in contents]
    rounds.answer(calls)
    return [call.given for call in calls]


def contents_of(batch: Columns) -> list[bytes]:
    """Of calls of one row and of several, a refused row among them, and of calls at fault."""
    rows = [one_row(at) for at in range(6)] + [batch]
    rows[2]["age"] = np.array([np.nan])
    rows[4]["debt"] = np.array([np.inf])
    requests = [request_of(row, name=f"call {at}") for at, row in enumerate(rows)]
    other = request_of(one_row(), name="other")
    other.outputs.add(name="row_error")
    short = request_of(one_row(), name="short")
    del short.inputs[3]
    written = [request.SerializeToString() for request in (*requests, other, short)]
    return [*written, b"no request"]


@pytest.fixture
def quick(models: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that takes every row for one that takes no time."""
    monkeypatch.setattr(Model, "expected_ns", lambda *_: 0.0)
    return start(models)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes how many batches were computed at once."""
    seen: list[int] = []
    run = Model.run_joined

    def noted(model: Model, parts: Sequence[Prepared]) -> Any:
        seen.append(len(parts))
        return run(model, parts)

    monkeypatch.setattr(Model, "run_joined", noted)
    return seen


def test_each_call_of_a_round_is_answered_as_alone(
    quick: Server, batch: Columns, joined: list[int]
) -> None:
    contents = contents_of(batch)
    alone = [asked_of(quick, [content])[0] for content in contents]
    assert joined == []
    assert asked_of(quick, contents) == alone
    assert joined == [8]
    assert sum(isinstance(answer, bytes) for answer in alone) == 7
    refused, short, broken = [answer for answer in alone if isinstance(answer, Ended)]
    assert refused.text.startswith("row 0, column 'age': expected a number, got NaN")
    assert "expected 5 inputs but got 4 inputs" in short.text
    assert broken.text == "ModelInfer: expected a ModelInferRequest, got other bytes"


def test_a_call_whose_deadline_is_over_is_not_computed(
    quick: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = request_of(one_row()).SerializeToString()
    assert isinstance(asked_of(quick, [content])[0], bytes)
    monkeypatch.setattr(Asked, "left_s", 0.0)
    (late,) = asked_of(quick, [content])
    assert isinstance(late, Ended)
    assert late.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_answers_that_went_astray_would_be_seen(
    quick: Server, batch: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = contents_of(batch)
    alone = [asked_of(quick, [content])[0] for content in contents]
    split = batches.split
    monkeypatch.setattr("preproc_server.loading.split", lambda *of: split(*of)[::-1])
    assert asked_of(quick, contents) != alone


def test_a_round_over_the_wire_has_the_bits_of_a_session(
    quick: Server, session: Session, joined: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, are_sent = Model.run, Event()

    def late(model: Model, prepared: Prepared) -> Any:
        assert are_sent.wait(60)  # so that the others wait together
        return run(model, prepared)

    monkeypatch.setattr(Model, "run", late)
    rows = [one_row(at) for at in range(400)]
    with grpc.insecure_channel(f"localhost:{quick.port}") as channel:
        call = channel.unary_unary(
            METHOD, pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
        )
        futures = [call.future(request_of(row, name=str(at))) for at, row in enumerate(rows)]
        are_sent.set()
        answers = [future.result() for future in futures]
    assert [answer.id for answer in answers] == [str(at) for at in range(400)]
    for row, answer in zip(rows, answers, strict=True):
        assert answer.raw_output_contents[1] == session.run(row)["probabilities"].tobytes()
    assert sum(joined) > 1


def test_rows_whose_bits_depend_on_others_are_not_joined(
    models: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start(models).repository.model("tiny", "").is_joinable
    run = Session.run_prepared

    def unsteady(session: Session, prepared: Prepared) -> dict[str, NDArray[Any]]:
        answers = run(session, prepared)
        if prepared.rows == 1:  # as where a library takes another loop for many rows
            answers["probabilities"] = np.nextafter(answers["probabilities"], 2)
        return answers

    monkeypatch.setattr(Session, "run_prepared", unsteady)
    assert not start(models).repository.model("tiny", "").is_joinable


def test_rows_of_which_nothing_was_compared_are_not_joined(quick: Server) -> None:
    model = quick.repository.model("tiny", "")
    assert batches.is_each_row_alone(model.session, model.artifact)
    nothing = replace(model.artifact, vectors=())
    assert not batches.is_each_row_alone(model.session, nothing)


def test_a_fault_meets_the_call_that_has_it_alone(
    quick: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = quick.repository.model("tiny", "").session
    run = session.run_prepared

    def faulty(prepared: Prepared) -> dict[str, NDArray[Any]]:
        if any((values == 23.0).any() for values in prepared.feeds.values()):
            raise MemoryError("a fault made on purpose")
        return run(prepared)

    contents = [request_of(one_row(at)).SerializeToString() for at in range(6)]
    alone = [asked_of(quick, [content])[0] for content in contents]
    monkeypatch.setattr(session, "run_prepared", faulty)
    together = asked_of(quick, contents)
    ended = together[3]
    assert isinstance(ended, Ended)
    assert (ended.code, ended.text) == (grpc.StatusCode.INTERNAL, "internal error")
    assert [*together[:3], *together[4:]] == [*alone[:3], *alone[4:]]
    assert caplog.messages == [
        "model 'tiny': the rows of 6 calls cannot be computed at once, so each is alone",
        "ModelInfer: internal error",
    ]


@pytest.fixture
def held(
    tmp_path: Path,
    write: Callable[..., Artifact],
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Callable[..., Server], Event, Event]:
    """Starts a server whose model ``slow`` computes until it is let go; tells when it begins."""
    write(tmp_path, "tiny")
    write(tmp_path, "slow")
    begun, let_go = Event(), Event()

    def started(**options: Any) -> Server:
        server = start(tmp_path, **options)
        session = server.repository.model("slow", "").session
        run = session.run_prepared

        def waits(prepared: Prepared) -> dict[str, NDArray[Any]]:
            begun.set()
            assert let_go.wait(60)
            return run(prepared)

        monkeypatch.setattr(session, "run_prepared", waits)
        return server

    return started, begun, let_go


def slow_request() -> pb.ModelInferRequest:
    request = request_of(one_row())
    request.model_name = "slow"
    return request


def called(channel: grpc.Channel) -> Any:
    """Begin a call of the slow model."""
    call = channel.unary_unary(
        METHOD, pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
    )
    return call.future(slow_request(), timeout=30)


def test_a_call_that_takes_long_holds_up_no_other(
    held: tuple[Callable[..., Server], Event, Event],
) -> None:
    begin, begun, let_go = held
    server = begin()
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        slow = called(channel)
        assert begun.wait(60)
        for at in range(3):
            assert infer(channel, request_of(one_row(at), name=str(at))).id == str(at)
        assert not slow.done()
        let_go.set()
        assert slow.result().model_name == "slow"


def test_calls_beyond_the_limit_are_refused(
    held: tuple[Callable[..., Server], Event, Event],
) -> None:
    begin, begun, let_go = held
    server = begin(max_concurrent_calls=1)
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        slow = called(channel)
        assert begun.wait(60)
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel, request_of(one_row()))
        let_go.set()
        assert slow.result().model_name == "slow"
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "Concurrent RPC limit exceeded!"


def test_a_server_stops_while_a_call_computes(
    held: tuple[Callable[..., Server], Event, Event],
) -> None:
    begin, begun, let_go = held
    server = begin()
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        slow = called(channel)
        assert begun.wait(60)
        server.stop(0)
        let_go.set()  # its answer finds the queue closed
        error = slow.exception()
    assert error.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_what_is_not_known_or_slow_is_not_for_a_round(models: Path, start: Start) -> None:
    model = start(models).repository.model("tiny", "")
    assert model.expected_ns(1) > MAX_NS
    model.pace.note(10, MAX_NS)
    assert model.expected_ns(10) == MAX_NS
    assert model.expected_ns(11) > MAX_NS


def test_quick_runs_are_timed_by_the_wall_and_others_by_the_thread() -> None:
    pace = batches.Pace()
    assert pace.clock(1) is time.thread_time_ns  # nothing is known
    pace.note(10, batches.QUICK_NS)
    assert pace.clock(10) is time.perf_counter_ns
    assert pace.clock(11) is time.thread_time_ns
