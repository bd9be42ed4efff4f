"""What the clients decide, driven by hand: no clock, no chance, no network."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.client import errors, flows
from preproc_server.client.contracts import DIGEST_PARAMETER, FRESH_S, Contracts
from preproc_server.client.faults import DETAILS_HEADER, details_of, error_of
from preproc_server.client.flows import Call, Pause, Policy
from preproc_server.client.messages import Batch
from preproc_server.client.retry import Retry, pause_s
from preproc_server.pb import open_inference_pb2 as pb

from preproc.artifact import CONTRACT_KEY
from preproc.contract import Contract, contract_to_json
from preproc.errors import SignatureError
from preproc.interface import contract_digest
from preproc.signature import Column, Output, Signature

LABEL = Output("label", "label", "int64", None, -1)
OLD = Contract(
    "m", Signature("frame", (Column("a", "float64"),), (LABEL,)), "exact", "", {}, {}, {}
)
NEW = replace(OLD, signature=replace(OLD.signature, columns=(Column("a", "int64"),)))
DOWN = errors.UnavailableError(StatusCode.UNAVAILABLE, "not now")
LATE = errors.DeadlineError(StatusCode.DEADLINE_EXCEEDED, "too late")


class Clock:
    """Time that passes only by pauses."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def metadata_of(contract: Contract) -> pb.ModelMetadataResponse:
    response = pb.ModelMetadataResponse(name="m")
    response.properties[CONTRACT_KEY] = json.dumps(contract_to_json(contract))
    return response


def answer(digest: str = "") -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(model_name="m")
    response.outputs.add(name="label", datatype="INT64", shape=[1])
    response.raw_output_contents.append(wire.raw_of(np.array([7])))
    if digest:
        response.parameters[DIGEST_PARAMETER].string_param = digest
    return response


def drive(flow: flows.Flow[Any], script: list[Any], clock: Clock) -> tuple[Any, list[Call | Pause]]:
    """Answer each call from the script, errors by raising them; give the result and all steps."""
    steps = []
    got: Any = None
    try:
        while True:
            step = flow.throw(got) if isinstance(got, Exception) else flow.send(got)
            steps.append(step)
            if isinstance(step, Pause):
                clock.now += step.seconds
            got = None if isinstance(step, Pause) else script.pop(0)
    except StopIteration as done:
        return done.value, steps


def policy_of(clock: Clock, share: float = 0.5) -> Policy:
    retry = Retry(attempts=4, first_s=1.0, longest_s=3.0)
    return Policy(30.0, retry, 2**31 - 1, clock, lambda: share)


def methods_of(steps: list[Call | Pause]) -> list[str]:
    return [step.method for step in steps if isinstance(step, Call)]


def batch_of(values: NDArray[Any]) -> Batch:
    return Batch("m", "", {"a": values})


def test_pauses_double_up_to_the_longest_and_calls_get_what_time_is_left() -> None:
    clock = Clock()
    flow = flows.readiness(policy_of(clock, share=1.0), "m", "", 20.0)
    ready, steps = drive(flow, [DOWN, DOWN, DOWN, pb.ModelReadyResponse(ready=True)], clock)
    assert ready
    assert [step.seconds for step in steps if isinstance(step, Pause)] == [1.0, 2.0, 3.0]
    assert [step.timeout_s for step in steps if isinstance(step, Call)] == [20, 19, 17, 14]


def test_the_last_failure_is_the_one_that_is_told() -> None:
    clock = Clock()
    flow = flows.readiness(policy_of(clock), "", "", None)
    with pytest.raises(errors.UnavailableError):
        drive(flow, [DOWN] * 4, clock)


@given(
    attempt=st.integers(1, 200),
    share=st.floats(0, 1, exclude_max=True),
    left_s=st.floats(0, 100),
    after_s=st.none() | st.floats(0, 50),
)
def test_a_pause_is_within_its_bounds(
    attempt: int, share: float, left_s: float, after_s: float | None
) -> None:
    retry = Retry(attempts=100, first_s=0.1, longest_s=5.0)
    error = errors.UnavailableError(
        StatusCode.UNAVAILABLE, "no", errors.Details(retry_after_s=after_s)
    )
    pause = pause_s(retry, error, attempt=attempt, left_s=left_s, share=share)
    if pause is not None:
        assert attempt < 100
        assert (after_s or 0.0) <= pause <= (after_s or 0.0) + 5.0
        assert pause < left_s


@pytest.mark.parametrize("kind", [*dict.fromkeys(errors.BY_CODE.values()), errors.ServerError])
def test_only_what_may_pass_is_repeated(kind: type[errors.ServerError]) -> None:
    pause = pause_s(Retry(), kind(StatusCode.UNKNOWN, ""), attempt=1, left_s=9, share=0.5)
    assert (pause is not None) == (kind is errors.UnavailableError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts: expected at least 1, got 0"),
        ({"first_s": 9.0}, "first_s: expected above 0 and at most longest_s 5.0, got 9.0"),
    ],
    ids=["attempts", "first"],
)
def test_a_policy_is_checked_when_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Retry(**options)
    assert str(caught.value) == message


def test_a_contract_is_asked_for_once() -> None:
    clock, contracts = Clock(), Contracts()
    batch = batch_of(np.array([1.0]))
    for script in ([metadata_of(OLD), answer()], [answer()]):
        got, steps = drive(flows.predicted(policy_of(clock), contracts, batch), script, clock)
        assert got["label"].tolist() == [7]
        assert methods_of(steps)[-1] == "ModelInfer"
        assert not script
        assert len(steps) == (2 if steps[0] is not steps[-1] else 1)


def stale(reason: str) -> errors.ServerError:
    return errors.ContractChangedError(
        StatusCode.FAILED_PRECONDITION, "another", errors.Details(reason=reason)
    )


def test_a_batch_is_made_anew_for_a_contract_that_changed() -> None:
    clock, contracts = Clock(), Contracts()
    wider = replace(NEW.signature, columns=(Column("a", "float64"), Column("a2", "float64")))
    data = {"a": np.array([1.0]), "a2": np.array([2.0])}
    first = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1.0])))
    drive(first, [metadata_of(OLD), answer()], clock)
    clock.now += FRESH_S
    flow = flows.predicted(policy_of(clock), contracts, Batch("m", "", data))
    got, steps = drive(flow, [metadata_of(replace(OLD, signature=wider)), answer()], clock)
    assert got["label"].tolist() == [7]
    assert methods_of(steps) == ["ModelMetadata", "ModelInfer"]


def test_a_refusal_for_another_contract_is_tried_once_more_with_the_new_one() -> None:
    clock, contracts = Clock(), Contracts()
    flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1.0])))
    renewed = replace(OLD, label="another meaning")
    script = [
        metadata_of(OLD),
        stale("CONTRACT"),
        metadata_of(renewed),
        answer(contract_digest(renewed)),
    ]
    got, steps = drive(flow, script, clock)
    assert got["label"].tolist() == [7]
    sent = [step.request for step in steps if isinstance(step, Call) and "Infer" in step.method]
    digests = [
        request.parameters[DIGEST_PARAMETER].string_param
        for request in sent
        if isinstance(request, pb.ModelInferRequest)
    ]
    assert digests == [contract_digest(OLD), contract_digest(renewed)]


def test_a_refusal_under_the_same_contract_stays_a_refusal() -> None:
    clock, contracts = Clock(), Contracts()
    flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1.0])))
    with pytest.raises(errors.ContractChangedError):
        drive(flow, [metadata_of(OLD), stale("CONTRACT"), metadata_of(OLD)], clock)


def test_a_bad_batch_is_told_even_when_the_contract_cannot_be_asked_for_again() -> None:
    clock, contracts = Clock(), Contracts()
    drive(flows.known(policy_of(clock), contracts, "m", "", 200.0), [metadata_of(OLD)], clock)
    clock.now += FRESH_S
    script = [DOWN] * 4
    flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1])))
    with pytest.raises(SignatureError, match="expected dtype float64, got int64"):
        drive(flow, script, clock)
    assert not script


def test_a_bad_batch_is_refused_without_a_call_while_the_contract_is_fresh() -> None:
    clock, contracts = Clock(), Contracts()
    for script in ([metadata_of(OLD)], [], [metadata_of(OLD)], []):
        flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1])))
        with pytest.raises(SignatureError) as caught:
            drive(flow, script, clock)
        assert str(caught.value) == "field 'a': expected dtype float64, got int64"
        assert not script
        clock.now += 0.6 * FRESH_S


def test_refused_rows_do_not_ask_for_the_contract_again() -> None:
    clock, contracts = Clock(), Contracts()
    flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1.0])))
    refused = errors.InvalidRequestError(
        StatusCode.INVALID_ARGUMENT, "row 0", errors.Details(reason="REFUSED_ROWS")
    )
    with pytest.raises(errors.InvalidRequestError):
        drive(flow, [metadata_of(OLD), refused], clock)


def test_an_answer_under_another_contract_makes_the_client_ask_next_time() -> None:
    clock, contracts = Clock(), Contracts()
    other = answer("of another contract")
    for script in ([metadata_of(OLD), other], [metadata_of(OLD), answer()]):
        flow = flows.predicted(policy_of(clock), contracts, batch_of(np.array([1.0])))
        _, steps = drive(flow, script, clock)
        assert methods_of(steps) == ["ModelMetadata", "ModelInfer"]


def test_a_wait_goes_on_while_the_server_is_down_and_ends_in_time() -> None:
    clock = Clock()
    flow = flows.waited(policy_of(clock), "", "", 10.0)
    no, yes = pb.ServerReadyResponse(), pb.ServerReadyResponse(ready=True)
    drive(flow, [DOWN, no, DOWN, yes], clock)
    assert clock.now == pytest.approx(100.6)
    with pytest.raises(errors.DeadlineError, match="got server: UNAVAILABLE: not now"):
        drive(flows.waited(policy_of(clock), "m", "", 1.0), [DOWN] * 9, clock)


@pytest.mark.parametrize(
    ("heard", "got"),
    [([], "no answer"), ([pb.ModelReadyResponse()], "not ready")],
    ids=["nothing", "no"],
)
def test_a_wait_that_is_over_tells_what_was_heard_last(heard: list[Any], got: str) -> None:
    clock = Clock()
    script = [*heard, *[LATE] * 9]
    with pytest.raises(errors.DeadlineError) as caught:
        drive(flows.waited(policy_of(clock), "m", "", 1.0), script, clock)
    text = f"model 'm': expected to become ready in time, got {got}"
    assert caught.value.message == text


def test_a_server_without_contracts_is_named() -> None:
    clock, contracts = Clock(), Contracts()
    flow = flows.known(policy_of(clock), contracts, "m", "", 200.0)
    with pytest.raises(errors.ServerError) as caught:
        drive(flow, [pb.ModelMetadataResponse(name="m")], clock)
    assert str(caught.value) == (
        "server: UNIMPLEMENTED: model 'm': expected property 'preproc.contract' in its metadata, "
        "got none; is it served by preproc?"
    )


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        (
            "SERVER: Received message larger than max (53 vs. 10)",
            errors.MessageTooLargeError,
            (
                "the request has 53 bytes and the server takes 10; send fewer rows at once, or "
                "raise max_receive_bytes of the server (PREPROC_MAX_RECEIVE_BYTES)"
            ),
        ),
        (
            "CLIENT: Received message larger than max (53 vs. 10)",
            errors.MessageTooLargeError,
            (
                "the answer has 53 bytes and this client takes 10; send fewer rows or ask for "
                "fewer outputs, or raise max_receive_bytes of the client's Connection"
            ),
        ),
        (
            "Concurrent RPC limit exceeded!",
            errors.OverloadedError,
            "Concurrent RPC limit exceeded!",
        ),
    ],
    ids=["request", "answer", "calls"],
)
def test_a_limit_of_size_is_told_from_a_limit_of_calls(
    text: str, kind: type[errors.ServerError], advice: str
) -> None:
    error = error_of(StatusCode.RESOURCE_EXHAUSTED, text, ())
    assert type(error) is kind
    assert error.message == advice


def broken_detail() -> bytes:
    good = Packed()
    good.Pack(ErrorInfo(reason="GOOD"))
    bad = Packed(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    other = Packed(type_url="type.googleapis.com/some.Thing", value=b"\xff")
    content: bytes = Status(details=[bad, other, good]).SerializeToString()
    return content


def test_a_broken_detail_spoils_no_other() -> None:
    got = details_of([("x", "y"), (DETAILS_HEADER, broken_detail())])
    assert (got.reason, got.retry_after_s) == ("GOOD", None)


@given(content=st.binary(max_size=80) | st.text(max_size=9))
def test_any_trailer_is_read_without_a_fault(content: bytes | str) -> None:
    assert error_of(StatusCode.UNKNOWN, None, [(DETAILS_HEADER, content)]).message == "no text"
    assert details_of(None) == errors.NO_DETAILS
