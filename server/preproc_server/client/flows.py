"""What the clients do, step by step, without doing it: generators that ask for calls and pauses.

A flow yields a `Call` and is sent the response, or has a `ServerError` thrown in; it yields a
`Pause` and goes on after it. So the blocking and the asynchronous client share every decision, and
tests drive a flow by hand, without clock or network.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from grpc import StatusCode

from preproc.errors import SignatureError
from preproc_server.client import messages
from preproc_server.client.contracts import Contracts, Known, is_other_contract, known_of
from preproc_server.client.errors import (
    ContractChangedError,
    DeadlineError,
    InvalidRequestError,
    ServerError,
    UnavailableError,
)
from preproc_server.client.messages import Batch, Frame
from preproc_server.client.retry import Retry, pause_s
from preproc_server.pb import open_inference_pb2 as pb

SERVICE: Final = "inference.GRPCInferenceService"
PARSERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "ServerReady": pb.ServerReadyResponse.FromString,
    "ModelReady": pb.ModelReadyResponse.FromString,
    "ModelMetadata": pb.ModelMetadataResponse.FromString,
    "ModelInfer": pb.ModelInferResponse.FromString,
}
"""Method → reader of its answer."""
KEY_HEADER: Final = "x-preproc-key"
POLL_S: Final = 0.2
"""Pause between two questions whether a model is ready."""
STALE_REASONS: Final = frozenset({"", "CONTRACT", "SIGNATURE"})
"""Reasons of a refusal that may lie in a contract which changed; servers need not give any."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to send.

    Attributes
    ----------
    method
        Name in the service.
    request
        Its message.
    timeout_s
        Time that is left for it.
    headers
        Beside those of the connection.
    """

    method: str
    request: Message
    timeout_s: float
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Time to wait before the next step."""

    seconds: float


Flow = Generator[Call | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """What every flow of one client goes by.

    Attributes
    ----------
    timeout_s
        Deadline of a call that does not bring its own, attempts and pauses included.
    retry
        When a call is sent again.
    max_send_bytes
        Largest request.
    clock
        Seconds that only rise.
    draw
        Number from [0, 1).
    """

    timeout_s: float
    retry: Retry
    max_send_bytes: int
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random

    def deadline(self, timeout_s: float | None) -> float:
        """Give the time at which a call that begins now must be over."""
        return self.clock() + (self.timeout_s if timeout_s is None else timeout_s)


def sent(
    policy: Policy, call: Callable[[float], Call], deadline: float, *, is_repeatable: bool = True
) -> Flow[Any]:
    """Send a call until it is answered, refused or out of time; gives the response.

    Raises
    ------
    ServerError
        How the last attempt failed.
    """
    attempt = 1
    while True:
        try:
            return (yield call(_left_s(policy, deadline)))
        except ServerError as error:
            left_s, share = deadline - policy.clock(), policy.draw()
            pause = pause_s(policy.retry, error, attempt=attempt, left_s=left_s, share=share)
            if pause is None or not is_repeatable:
                raise
        attempt += 1
        yield Pause(pause)


def described(policy: Policy, model: str, version: str, deadline: float) -> Flow[Any]:
    """Ask for the metadata of a model."""
    request = pb.ModelMetadataRequest(name=model, version=version)
    return (
        yield from sent(policy, lambda left_s: Call("ModelMetadata", request, left_s), deadline)
    )


def known(
    policy: Policy,
    contracts: Contracts,
    model: str,
    version: str,
    deadline: float,
    *,
    is_fresh: bool = False,
) -> Flow[Known]:
    """Give the contract of a model, asked for once, or again when it has to be fresh.

    Raises
    ------
    ServerError
        When the server does not give its contract along.
    """
    found = None if is_fresh else contracts.find(model, version)
    if found is None:
        asked_s = policy.clock()
        response = yield from described(policy, model, version, deadline)
        found = contracts.keep(model, version, known_of(response), asked_s)
    return found


def predicted(
    policy: Policy,
    contracts: Contracts,
    batch: Batch,
    *,
    timeout_s: float | None = None,
    frame: Frame | None = None,
    key: str = "",
) -> Flow[Any]:
    """Answer a batch; one that fails since the contract changed is made anew, once.

    Raises
    ------
    SignatureError, ServerError, ValueError
        As `Client.predict` does.
    """
    messages.check_wanted(batch, frame)
    deadline = policy.deadline(timeout_s)
    at = (batch.model, batch.version)
    contract = yield from known(policy, contracts, *at, deadline)
    try:
        response = yield from _inferred(policy, contract, batch, deadline, key)
    except (SignatureError, ContractChangedError, InvalidRequestError) as error:
        if isinstance(error, ServerError) and error.reason not in STALE_REASONS:
            raise
        if isinstance(error, SignatureError) and contracts.is_fresh(*at, policy.clock()):
            raise
        fresh = yield from _renewed(policy, contracts, *at, deadline)
        if fresh is None or fresh == contract:
            raise
        contract = fresh
        response = yield from _inferred(policy, contract, batch, deadline, key)
    if is_other_contract(response, contract):
        contracts.forget(*at)
    answers = messages.answers_of(response, contract.signature)
    if frame is None:
        return answers
    return messages.frame_of(answers, contract.signature, frame, batch.data)


def readiness(policy: Policy, model: str, version: str, timeout_s: float | None) -> Flow[bool]:
    """Ask whether a model is ready; without a name, whether the server is."""
    deadline = policy.deadline(timeout_s)
    response = yield from sent(policy, lambda left_s: _ready_call(model, version, left_s), deadline)
    return bool(response.ready)


def waited(policy: Policy, model: str, version: str, timeout_s: float | None) -> Flow[None]:
    """Wait until a model is ready, or the server where no name is given.

    Raises
    ------
    DeadlineError
        When the time is over first.
    ServerError
        When the server refuses to say.
    """
    deadline = policy.deadline(timeout_s)
    got = "no answer"
    while (left_s := deadline - policy.clock()) > 0:
        try:
            response = yield _ready_call(model, version, left_s)
        except UnavailableError as error:
            got = str(error)
        except DeadlineError:
            pass  # what was heard before tells more than that the time is over
        else:
            if response.ready:
                return
            got = "not ready"
        yield Pause(min(POLL_S, max(deadline - policy.clock(), 0.0)))
    title = f"model {model!r}" if model else "server"
    raise DeadlineError(
        StatusCode.DEADLINE_EXCEEDED, f"{title}: expected to become ready in time, got {got}"
    )


def serialize(message: Message) -> bytes:
    """Write a message as it travels."""
    return message.SerializeToString()


def _renewed(
    policy: Policy, contracts: Contracts, model: str, version: str, deadline: float
) -> Flow[Known | None]:
    """Ask for a contract again; None where that fails, since another error is to be told."""
    try:
        return (yield from known(policy, contracts, model, version, deadline, is_fresh=True))
    except ServerError:
        return None


def _inferred(
    policy: Policy, contract: Known, batch: Batch, deadline: float, key: str
) -> Flow[Any]:
    request = messages.request_of(batch, contract)
    messages.check_size(request, policy.max_send_bytes)
    headers = ((KEY_HEADER, key),) if key else ()
    return (
        yield from sent(
            policy,
            lambda left_s: Call("ModelInfer", request, left_s, headers),
            deadline,
            is_repeatable=batch.is_repeatable,
        )
    )


def _ready_call(model: str, version: str, left_s: float) -> Call:
    if not model:
        return Call("ServerReady", pb.ServerReadyRequest(), left_s)
    return Call("ModelReady", pb.ModelReadyRequest(name=model, version=version), left_s)


def _left_s(policy: Policy, deadline: float) -> float:
    left_s = deadline - policy.clock()
    if left_s <= 0:
        raise DeadlineError(StatusCode.DEADLINE_EXCEEDED, "no time is left to send the call")
    return left_s
