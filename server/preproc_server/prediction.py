"""What a call of a typed service is answered: read, check, compute, write; knows no server."""

import time
from typing import Any, Protocol, cast

import numpy as np
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from preproc.signature import ROW_ERROR
from preproc_server import rows
from preproc_server.agreement import check_digest
from preproc_server.calls import Call
from preproc_server.core import Admitted, Desk
from preproc_server.counters import Times
from preproc_server.door import check_batch
from preproc_server.errors import ContractError, RequestError, WireError
from preproc_server.loading import Model
from preproc_server.steps import Job, Steps
from preproc_server.typed import Typed, write_predictions


class Models(Protocol):
    """What is asked of the repository."""

    def model(self, name: str, version: str, *, key: str = "") -> Model:
        """Look a model up that is served."""

    def default(self, name: str) -> int | None:
        """Version that answers a call that names none."""


def predict(service: Typed, models: Models, content: bytes, desk: Desk, call: Call) -> Steps:
    """Answer a ``PredictRequest``, given as bytes.

    Raises
    ------
    WireError, RequestError
        When it does not follow the protocol or breaks the contract.
    ContractError
        When the caller was built for another contract, or the version has another one.
    UnknownModelError, NotReadyError
        When the version is not served.
    RefusedRows
        When a row breaks a rule and no report was asked for.
    ExpiredError
        When the deadline is over.
    """
    request = cast("Any", _parsed(service, content))
    model = models.model(service.schema.model, request.model_version, key=call.key)
    _check_contract(service, model, request.contract_digest, desk)
    try:
        _check_unknown(request, model.name, desk)
        return (yield from _answer(service, model, request, desk, call))
    except Exception:
        took_ns = time.perf_counter_ns() - call.arrived_ns
        desk.statistics.count_failure(model.name, model.version, took_ns)
        raise


def _parsed(service: Typed, content: bytes) -> Message:
    try:
        return service.request.FromString(content)
    except DecodeError as error:
        raise WireError(
            f"service {service.schema.full_name!r}: expected its PredictRequest, got other bytes"
        ) from error


def _check_contract(service: Typed, model: Model, given: str, desk: Desk) -> None:
    if not check_digest(model.door, desk.policy, given, lambda: desk.contracts(model.name)):
        desk.metrics.count_untold_digest(model.name)
    if model.door.digest != service.digest:
        raise ContractError(
            f"model {model.name!r}: expected a version with the contract {service.digest} that the "
            f"typed service was made from, got version {model.version} with "
            f"{model.door.digest}; ask for it by ModelInfer"
        )


def _check_unknown(request: Any, name: str, desk: Desk) -> None:
    """Refuse or count fields that the contract does not know, as extra columns are."""
    extra = [
        (f"rows[{at}]", f"expected no such field, got number {unknown.field_number}")
        for at, row in enumerate(request.rows)
        for unknown in cast("Any", UnknownFieldSet(row))  # its stub lacks __iter__
    ]
    if extra and desk.policy.extra_columns == "refuse":
        raise RequestError(extra)
    if extra:
        desk.metrics.count_extra_columns(name, len({rule for _, rule in extra}))


def _answer(service: Typed, model: Model, request: Any, desk: Desk, call: Call) -> Steps:
    admitted = _admit(service, model, request, desk)
    prepared, found, _ = admitted
    if found.violations:
        desk.note(model, admitted, None, call)
        found.refuse()
    call.check_time(0)
    decoded = time.perf_counter_ns()
    answers = yield Job(model, prepared)
    computed = time.perf_counter_ns()
    desk.note(model, admitted, answers, call)
    signature = model.session.signature
    if np.count_nonzero(answers[ROW_ERROR]):
        desk.metrics.count_refused(model.name, signature.rules, answers[ROW_ERROR])
        if not request.report_refused:
            model.session.raise_refused(answers[ROW_ERROR])
    response = service.response()
    told: Any = response
    told.model_version, told.contract_digest = str(model.version), model.door.digest
    told.model_digest, told.flagged = model.digest, found.flagged
    write_predictions(service, response, answers, signature)
    times = Times(call.arrived_ns, call.read_ns, decoded, computed, time.perf_counter_ns())
    desk.statistics.count(model.name, model.version, prepared.rows, times)
    return response


def _admit(service: Typed, model: Model, request: Any, desk: Desk) -> Admitted:
    """Lay rows out and hold them against the contract."""
    cells = rows.read_rows(service, request.rows)
    prepared = rows.lay_out(service, model.plan, cells)
    companions = rows.companions_of(service, cells) if model.door.fresh else {}
    found = check_batch(model.door, desk.policy, prepared.feeds, companions, desk.clock_s())
    desk.metrics.count_marks(model.name, found.marks)
    return Admitted(prepared, found, companions)
