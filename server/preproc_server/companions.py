"""What comes in a request beside the columns: statuses and event times of look-ups, and extras.

A looked-up column ``income`` may bring the inputs ``income.status`` (BYTES) and
``income.event_time`` (INT64, milliseconds since 1970, UTC; the smallest integer where a row does
not tell), or parameters of the same names for the whole batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from preproc.errors import SignatureError
from preproc.naming import EVENT_TIME, STATUS, companion
from preproc_server import wire
from preproc_server.door import Companion, Door, Policy
from preproc_server.errors import RequestError, WireError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import Plan
from preproc_server.schema import STATUSES
from preproc_server.wire import Tensor

DIGEST: Final = "contract_digest"
FLAGGED: Final = "flagged"
_UNTOLD_MS: Final = int(np.iinfo(np.int64).min)
_KINDS: Final = {STATUS: "BYTES", EVENT_TIME: "INT64"}
_FIELDS: Final = {STATUS: "string_param", EVENT_TIME: "int64_param"}


def digest_of(request: pb.ModelInferRequest) -> str:
    """Give the digest that a caller was built for, empty where it does not tell.

    Raises
    ------
    WireError
        When the parameter is no text.
    """
    if not request.parameters or DIGEST not in request.parameters:
        return ""
    return str(_parameter(request.parameters, DIGEST, "string_param"))


def set_apart(
    plan: Plan, door: Door, policy: Policy, request: pb.ModelInferRequest
) -> tuple[dict[str, Companion], int]:
    """Take out of a request what is no column, so that columns alone are left.

    Returns
    -------
    tuple
        Column → what came along with it, and how many columns the contract does not know.

    Raises
    ------
    RequestError
        For a status that is none, and companions of another datatype or length.
    SignatureError
        For a column that the contract does not know, unless the policy counts them.
    """
    if len(request.inputs) == len(plan.columns) and not (door.fresh and request.parameters):
        return {}, 0
    rows = _rows(plan, request)
    wanted = {
        companion(terms.column, kind): (terms.column, kind)
        for terms in door.fresh
        for kind in (STATUS, EVENT_TIME)
    }
    told: dict[tuple[str, str], Sequence[Any]] = {}
    for name, (column, kind) in wanted.items():
        if name in request.parameters:
            value = _parameter(request.parameters, name, _FIELDS[kind])
            told[column, kind] = [value] * rows
    extras = _take(plan, request, wanted, told, rows)
    if extras and policy.extra_columns == "refuse":
        raise SignatureError(extras[0], "expected no such column, got one; leave it out")
    return {
        terms.column: Companion(
            _statuses(terms.column, told.get((terms.column, STATUS), ())),
            [_moment(value) for value in told.get((terms.column, EVENT_TIME), ())],
        )
        for terms in door.fresh
    }, len(extras)


def _take(
    plan: Plan,
    request: pb.ModelInferRequest,
    wanted: Mapping[str, tuple[str, str]],
    told: dict[tuple[str, str], Sequence[Any]],
    rows: int,
) -> list[str]:
    """Move companions from a request to `told`, and drop what the contract does not know."""
    known, extras = set(plan.names), []
    raws = request.raw_input_contents
    if raws and len(raws) != len(request.inputs):
        return []  # it is refused as soon as the columns are read
    for at in range(len(request.inputs) - 1, -1, -1):
        tensor = request.inputs[at]
        if tensor.name in known:
            continue
        if tensor.name in wanted:
            kind = wanted[tensor.name][1]
            told[wanted[tensor.name]] = _values(
                plan, tensor, raws[at] if raws else None, _KINDS[kind], rows
            )
        else:
            extras.append(tensor.name)
        del request.inputs[at]
        if raws:
            del raws[at]
    return extras[::-1]


def _values(
    plan: Plan,
    tensor: pb.ModelInferRequest.InferInputTensor,
    raw: bytes | None,
    datatype: str,
    rows: int,
) -> Sequence[Any]:
    if tensor.datatype != datatype or list(tensor.shape) not in ([rows], [rows, 1]):
        shape = list(tensor.shape)
        rule = f"expected {datatype} of shape [{rows}], got {tensor.datatype} of shape {shape}"
        raise RequestError([(f"inputs[{tensor.name}]", rule)])
    expected = Tensor(tensor.name, plan.model, wire.BY_WIRE[datatype], 1)
    if raw is not None:
        return list(wire.array_of_raw(expected, raw, (rows,)).tolist())
    if expected.datatype.is_text:
        return list(wire.texts_of_contents(expected, tensor.contents, rows))
    numbers = wire.numbers_of_contents(expected, tensor.contents, rows)
    return numbers.tolist() if isinstance(numbers, np.ndarray) else list(numbers)


def _statuses(column: str, told: Sequence[Any]) -> Sequence[str | None]:
    strange = set(told) - {"", *STATUSES}
    if strange:
        rule = f"expected one of {', '.join(STATUSES)}, got {min(strange)!r}"
        raise RequestError([(f"inputs[{companion(column, STATUS)}]", rule)])
    return [status or None for status in told]


def _moment(value: int) -> int | None:
    return None if value == _UNTOLD_MS else value


def _rows(plan: Plan, request: pb.ModelInferRequest) -> int:
    """Rows of the first column; whether the others agree is checked when they are read."""
    known = set(plan.names)
    shapes = (tensor.shape for tensor in request.inputs if tensor.name in known)
    return next((shape[0] for shape in shapes if shape), 0)


def _parameter(parameters: Mapping[str, pb.InferParameter], name: str, field: str) -> Any:
    parameter = parameters[name]
    got = parameter.WhichOneof("parameter_choice")
    if got != field:
        raise WireError(f"parameter {name!r}: expected {field}, got {got}")
    return getattr(parameter, field)
