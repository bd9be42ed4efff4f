"""A ufunc on operands of which some are symbolic: dtypes, broadcasting, bounds."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from preproc.export.table import Feature, least_certain
from preproc.export.tracing.finite import derived, looked_up
from preproc.export.tracing.operators import LOOPS
from preproc.export.tracing.rounded import ROUNDED
from preproc.export.tracing.tracer import (
    BOOL,
    FLOAT64,
    MAX_INTEGER,
    NAT,
    OBJECT,
    ROWS,
    Tracer,
    Value,
    merged,
)

Operand = Value | Any
"""A value of the trace, or a constant: a scalar, or an array (k,) or (1, k)."""

_BOUNDED: Final[Mapping[str, float]] = {"sin": 1.0, "cos": 1.0, "tanh": 1.0, "arctan": 2.0}
_KEEPS: Final = frozenset(["negative", "absolute", "fabs", "positive", "sign", "copysign"])


def applied(tracer: Tracer, ufunc: np.ufunc, operands: Sequence[Operand]) -> Value:
    """Apply a ufunc element by element."""
    given = [o if isinstance(o, Value) else plain(_fixed(o)) for o in operands]
    for operand in given:
        if is_offset(operand):
            tracer.refuse(
                f"expected a fixed length of time, got {operand!r}, whose length depends on the "
                "date; use pd.Timedelta(days=...), or reckon with .dt.year and .dt.month"
            )
        if isinstance(operand, int | np.integer) and operand == ROWS:
            tracer.refuse(
                "expected an answer that depends on its row alone, got the number of rows; "
                "compute it from the training data in fit()"
            )
    if any(_is_text(operand) for operand in given):
        return _on_text(tracer, ufunc.__name__, given)
    loop = LOOPS.get(ufunc.__name__)
    if loop is None:
        tracer.refuse(f"np.{ufunc.__name__} is not traced; {_hint(ufunc)}")
    dtypes = _resolved(ufunc, given)
    width = _width(tracer, given)
    ready = [
        _carried(tracer, operand, dtype) for operand, dtype in zip(given, dtypes, strict=False)
    ]
    finite = derived(tracer, ufunc, given, dtypes[-1]) if ufunc.nout == 1 else None
    if finite and ufunc.__name__ in ROUNDED and dtypes[-1] == FLOAT64:
        name = looked_up(tracer, finite)
    else:
        name = loop(tracer, dtypes, *ready)
    if finite:
        tracer.finite[name] = finite
    values = [operand for operand in given if isinstance(operand, Value)]
    features, decided = merged(values, width)
    if dtypes[-1].kind in "mM" and ufunc.__name__ in ("add", "subtract", "multiply"):
        _refuse_overflow(tracer, ufunc.__name__, ready, Value(name, dtypes[-1], tuple(features)))
    if ufunc.__name__ in ROUNDED and dtypes[-1].kind == "f":
        decided = least_certain(decided, "libm")
    bounds = [_bounds(ufunc.__name__, given, at, dtypes[-1]) for at in range(width)]
    described = tuple(
        replace(feature, limit=limit, has_nan=has_nan)
        for feature, (limit, has_nan) in zip(features, bounds, strict=True)
    )
    return Value(name, dtypes[-1], described, decided)


def plain(operand: Any) -> Any:
    """Turn dates and differences of Python and pandas into numpy's."""
    if hasattr(operand, "to_datetime64"):
        if operand.tz is not None:
            operand = operand.tz_convert("UTC").tz_localize(None)
        return operand.to_datetime64()
    if hasattr(operand, "to_timedelta64"):
        return operand.to_timedelta64()
    if isinstance(operand, dt.datetime | dt.date):
        return np.datetime64(operand)
    if isinstance(operand, dt.timedelta):
        return np.timedelta64(operand)
    if isinstance(operand, list | tuple):
        return np.asarray(operand)
    return operand


def is_offset(operand: Any) -> bool:
    """Whether something is an offset of pandas, such as a month."""
    return hasattr(type(operand), "rule_code")


def _fixed(offset: Any) -> Any:
    """Turn an offset of pandas that has the same length on every date into a difference."""
    if not is_offset(offset):
        return offset
    import pandas as pd  # noqa: PLC0415  # there whenever its offsets are

    parts = dict(getattr(offset, "kwds", {}))
    if type(offset) is not pd.DateOffset or not parts or parts.pop("normalize", False):
        return offset
    if not set(parts) <= {"weeks", "days", "hours", "minutes", "seconds", "milliseconds"}:
        return offset
    return (pd.Timedelta(**parts) * offset.n).to_timedelta64()


def _is_text(operand: Operand) -> bool:
    if isinstance(operand, Value | np.ndarray):
        return operand.dtype.kind in "OUT"
    return isinstance(operand, str)


def _resolved(ufunc: np.ufunc, operands: Sequence[Operand]) -> tuple[np.dtype[Any], ...]:
    """Ask numpy which inner loop it would take; raises what numpy raises."""
    kinds: list[Any] = []
    for operand in operands:
        if isinstance(operand, bool):
            kinds.append(BOOL)
        elif type(operand) in (int, float):
            kinds.append(type(operand))
        else:
            kinds.append(operand.dtype if isinstance(operand, Value) else np.asarray(operand).dtype)
    # The call itself as well: it refuses integers that do not fit, for instance.
    with np.errstate(all="ignore"):
        ufunc(*[np.zeros(0, o.dtype) if isinstance(o, Value) else _one(o) for o in operands])
    return tuple(ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout)))


def _one(operand: Any) -> Any:
    """Give a constant a shape that broadcasts with anything."""
    return operand if np.ndim(operand) == 0 else np.asarray(operand).reshape(-1)[:1]


def _carried(tracer: Tracer, operand: Operand, dtype: np.dtype[Any]) -> Any:
    if isinstance(operand, Value):
        return tracer.cast(operand, dtype).name
    return tracer.constant(operand, dtype)


def _width(tracer: Tracer, operands: Sequence[Operand]) -> int:
    widths = {o.width if isinstance(o, Value) else max(np.size(o), 1) for o in operands} - {1}
    if len(widths) > 1:
        tracer.refuse(f"expected columns of one number, got {sorted(widths)}")
    return widths.pop() if widths else 1


def _refuse_overflow(tracer: Tracer, name: str, ready: Sequence[Any], total: Value) -> None:
    """Refuse rows whose times int64 does not hold: pandas refuses them, numpy lets them wrap.

    A sum is below its left side exactly if the right side is negative, unless it wrapped.
    """
    left, right = ready
    is_lost = tracer.op("Equal", total.name, np.array(NAT))
    if name == "multiply":
        # Dividing tells what wrapped; the smallest int64 by -1 would end the process.
        is_zero = tracer.op("Equal", right, np.array(0))
        divisor = tracer.op("Where", is_zero, np.array(1), right)
        back = tracer.op("Div", tracer.op("Where", is_lost, np.array(0), total.name), divisor)
        same = tracer.op("Or", is_zero, tracer.op("Equal", back, left))
        wrapped = tracer.op("Not", same)
    else:
        goes_down = tracer.op("Less" if name == "add" else "Greater", right, np.array(0))
        wrapped = tracer.op("Xor", goes_down, tracer.op("Less", total.name, left))
    broken = tracer.op("Or", wrapped, is_lost)
    for side in ready:
        is_null = tracer.op("Equal", side, np.array(NAT))
        broken = tracer.op("And", broken, tracer.op("Not", is_null))
    text = f"expected a result that {total.dtype} holds"
    tracer.refuse_rows(broken, total, text, origin="contract")


def _bounds(  # noqa: PLR0911  # a table of rules
    name: str, operands: Sequence[Operand], at: int, dtype: np.dtype[Any]
) -> tuple[float, bool]:
    """Bound the magnitude of a column of the result, and tell whether it can hold NaN."""
    if dtype == BOOL:
        return 1.0, False
    if dtype.kind != "f":
        return MAX_INTEGER, False
    parts = [_described(operand, at) for operand in operands]
    limits = [part.limit for part in parts]
    has_nan = any(part.has_nan for part in parts)
    has_inf = np.inf in limits
    with np.errstate(all="ignore"):
        if name in ("add", "subtract"):
            return limits[0] + limits[1], has_nan or has_inf
        if name == "multiply":
            product = limits[0] * limits[1]
            return (np.inf, True) if has_inf or np.isnan(product) else (product, has_nan)
    if name in ("maximum", "minimum", "fmax", "fmin"):
        return max(limits), has_nan
    if name in _BOUNDED:
        return _BOUNDED[name], has_nan or has_inf
    if name in _KEEPS:
        return limits[0], has_nan
    if name in ("floor", "ceil", "rint", "trunc"):
        return limits[0] + 1.0, has_nan
    return np.inf, True


def _described(operand: Operand, at: int) -> Feature:
    if isinstance(operand, Value):
        return operand.features[at if operand.width > 1 else 0]
    cells = np.asarray(operand, np.float64).reshape(-1)
    cell = float(cells[at if len(cells) > 1 else 0])
    has_nan = bool(np.isnan(cell))
    return Feature("constant", (), has_nan=has_nan, limit=0.0 if has_nan else abs(cell))


def _on_text(tracer: Tracer, name: str, operands: Sequence[Operand]) -> Value:
    """Compare or join text: nulls equal nothing and differ from all."""
    if name not in ("equal", "not_equal", "add"):
        tracer.refuse(
            f"expected text under ==, != and +, got np.{name}; map the words to numbers with "
            "Series.map({...}) first"
        )
    values = [operand for operand in operands if isinstance(operand, Value)]
    if not all(_is_text(operand) for operand in operands):
        tracer.refuse("expected text on both sides, got numbers on one")
    width = _width(tracer, operands)
    features, decided = merged(values, width)
    ready = [o.name if isinstance(o, Value) else tracer.constant(o, OBJECT) for o in operands]
    nulls = [tracer.null_text(v.name) for v in values if v.has_nan]
    if name == "add":
        joined = tracer.op("StringConcat", *ready)
        for value, is_null in zip([v for v in values if v.has_nan], nulls, strict=True):
            joined = tracer.op("Where", is_null, value.name, joined)
        has_nan = any(value.has_nan for value in values)
        described = tuple(replace(f, has_nan=has_nan, limit=1.0) for f in features)
        return Value(joined, OBJECT, described, decided)
    equal = tracer.op("Equal", *ready)
    for is_null in nulls:
        equal = tracer.op("And", equal, tracer.op("Not", is_null))
    result = equal if name == "equal" else tracer.op("Not", equal)
    described = tuple(replace(f, has_nan=False, limit=1.0) for f in features)
    return Value(result, BOOL, described, decided)


def _hint(ufunc: np.ufunc) -> str:
    return f"traced are {', '.join(sorted(LOOPS))}" if isinstance(ufunc, np.ufunc) else ""
