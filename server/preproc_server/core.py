"""What a call is answered: decode, compute, encode; knows no server."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from preproc.contract import Contract
from preproc.runtime import Prepared
from preproc.signature import ROW_ERROR
from preproc_server import companions, delivery, plan
from preproc_server.agreement import check_digest
from preproc_server.calls import Call
from preproc_server.counters import Statistics, Times
from preproc_server.door import Companion, Findings, Policy, check_batch
from preproc_server.errors import UnofferedError
from preproc_server.loading import Answers, Model
from preproc_server.metrics import Metrics
from preproc_server.parameters import USUAL, Options, options_of
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.reading import Read
from preproc_server.shared_memory import Regions
from preproc_server.steps import Job, Steps


class Admitted(NamedTuple):
    """A batch that was held against the contract, and what was found and came along."""

    prepared: Prepared
    found: Findings
    told: Mapping[str, Companion]


class Journal(Protocol):
    """Writes calls down; neither waits nor raises."""

    def note(
        self,
        model: Model,
        admitted: Admitted,
        answers: Answers | None,
        call: Call,
        request: pb.ModelInferRequest | None = None,
    ) -> None:
        """Take a call along; see `preproc_server.journal`."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all calls share.

    Attributes
    ----------
    metrics
        Told of refused rows.
    statistics
        Told of each request.
    regions
        Shared memory; None where it is turned off.
    policy
        What the server decides where a contract leaves a choice.
    contracts
        Gives the contracts of a model's versions: digest → contract.
    clock_s
        Seconds since 1970, UTC.
    journal
        Told of each call; None where no log is wanted.
    """

    metrics: Metrics
    statistics: Statistics = field(default_factory=Statistics)
    regions: Regions | None = None
    policy: Policy = field(default_factory=Policy)
    contracts: Callable[[str], Mapping[str, Contract]] = lambda _: {}
    clock_s: Callable[[], float] = time.time
    journal: Journal | None = None

    def note(
        self,
        model: Model,
        admitted: Admitted,
        answers: Answers | None,
        call: Call,
        request: pb.ModelInferRequest | None = None,
    ) -> None:
        """Write a call down where a log is wanted."""
        if self.journal is not None:
            self.journal.note(model, admitted, answers, call, request)


def infer(
    model: Model,
    request: pb.ModelInferRequest,
    desk: Desk,
    call: Call,
    read: Read | None = None,
) -> Steps:
    """Answer a batch of rows with a ``ModelInferResponse``, written.

    Parameters
    ----------
    model
        That answers.
    request
        Without its inputs where these are read already.
    desk, call
        What all calls share, and what is known of this one.
    read
        The inputs; None where they are still in the request.

    Raises
    ------
    SignatureError, RequestError, WireError
        When the request does not match the contract or the protocol.
    ContractError
        When the caller was built for another contract.
    RefusedRows
        When a row breaks a rule and ``row_error`` was not asked for.
    ExpiredError
        When the deadline or the timeout of the request is over.
    RegionError, UnknownRegionError, UnofferedError
        When shared memory is asked for and cannot be had.
    """
    try:
        return (yield from _answer(model, request, desk, call, read))
    except Exception:
        took_ns = time.perf_counter_ns() - call.arrived_ns
        desk.statistics.count_failure(model.name, model.version, took_ns)
        raise


def check_regions(desk: Desk, call: Call) -> Regions:
    """Give the shared memory.

    Raises
    ------
    UnofferedError
        When it is turned off, or the caller runs on another machine.
    """
    if desk.regions is None:
        raise UnofferedError(
            "shared memory: expected a server that offers it, got one that does not"
        )
    if not call.is_local:
        raise UnofferedError("shared memory: expected a caller on this machine, got one elsewhere")
    return desk.regions


def _answer(
    model: Model,
    request: pb.ModelInferRequest,
    desk: Desk,
    call: Call,
    read: Read | None,
) -> Steps:
    options = options_of(request)
    wanted = model.plan.outputs
    forms: tuple[delivery.Form, ...] = ()
    regions = None
    if read is None or request.outputs:
        wanted = plan.wanted_outputs(model.plan, request)
        forms = delivery.forms_of(request)
        regions = check_regions(desk, call) if delivery.is_placed(request) else None
    if regions is not None:
        delivery.collect(request, regions)
    admitted = _admit(model, request, desk, read)
    prepared = admitted.prepared
    if admitted.found.violations:
        desk.note(model, admitted, None, call, request)
        admitted.found.refuse()
    decoded = time.perf_counter_ns()
    call.check_time(options.timeout_us)  # nobody may wait any more, before the graph or after it
    answers = yield Job(model, prepared)
    call.check_time(options.timeout_us)
    if np.count_nonzero(answers[ROW_ERROR]):
        desk.metrics.count_refused(model.name, model.session.signature.rules, answers[ROW_ERROR])
    computed = time.perf_counter_ns()
    desk.note(model, admitted, answers, call, request)
    if ROW_ERROR not in wanted and np.count_nonzero(answers[ROW_ERROR]):
        model.session.raise_refused(answers[ROW_ERROR])
    flagged = admitted.found.flagged
    if options is USUAL and not request.outputs and not flagged:
        content = model.replies.write(
            prepared.rows, request.id, wanted, answers, partial(_usual, model, answers)
        )
    else:
        response = _response(model, request, options)
        if flagged:
            response.parameters[companions.FLAGGED].int64_param = flagged
        if forms:
            outputs = model.session.signature.outputs
            delivery.deliver(
                response, answers, forms, outputs, is_raw=options.is_raw, regions=regions
            )
        else:
            plan.encode(response, {name: answers[name] for name in wanted}, is_raw=options.is_raw)
        content = response.SerializeToString()
    times = Times(call.arrived_ns, call.read_ns, decoded, computed, time.perf_counter_ns())
    desk.statistics.count(model.name, model.version, prepared.rows, times)
    return content


def _admit(model: Model, request: pb.ModelInferRequest, desk: Desk, read: Read | None) -> Admitted:
    """Hold a request against the contract."""
    policy, metrics = desk.policy, desk.metrics
    digest = companions.digest_of(request)
    if not check_digest(model.door, policy, digest, lambda: desk.contracts(model.name)):
        metrics.count_untold_digest(model.name)
    told: Mapping[str, Companion] = {}
    if read is None:
        told, extras = companions.set_apart(model.plan, model.door, policy, request)
        if extras:
            metrics.count_extra_columns(model.name, extras)
    prepared, is_known = read or (plan.decode(model.plan, request), False)
    feeds = prepared.feeds
    found = check_batch(model.door, policy, feeds, told, desk.clock_s(), is_known=is_known)
    if found.marks:
        metrics.count_marks(model.name, found.marks)
    return Admitted(prepared, found, told)


def _usual(model: Model, answers: Answers) -> pb.ModelInferResponse:
    """Write a usual answer to a request without an id."""
    response = _response(model, pb.ModelInferRequest(), USUAL)
    usual = {name: answers[name] for name in model.plan.outputs}
    return plan.encode(response, usual, is_raw=True)


def _response(
    model: Model, request: pb.ModelInferRequest, options: Options
) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(
        model_name=model.name, model_version=str(model.version), id=request.id
    )
    response.parameters[companions.DIGEST].string_param = model.door.digest
    if options.sequence_id is not None:
        response.parameters["sequence_id"].CopyFrom(request.parameters["sequence_id"])
    return response
