"""Along a row: sums, means, extremes, in the order in which numpy takes them.

Down the rows there is nothing to trace: an answer depends on its row alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from preproc.export.table import Feature, least_certain
from preproc.export.tracing.apply import applied
from preproc.export.tracing.array import SymbolicArray, is_symbolic
from preproc.export.tracing.columns import side_by_side, taken
from preproc.export.tracing.guard import guard_of
from preproc.export.tracing.tracer import BOOL, FLOAT64, INT64, Tracer, Value
from preproc.graph import ordered_sum

MAX_PLAIN: Final = 7
"""Columns up to which numpy adds from left to right in any memory layout."""


def _checked(array: Any, axis: Any, name: str, kwargs: Mapping[str, Any]) -> Value:
    if not is_symbolic(array):
        raise TypeError(type(array))
    tracer = array.tracer
    for option in ("where", "initial"):
        if kwargs.get(option) is not None:
            tracer.refuse(f"np.{name} with {option}= is not traced")
    if axis in (1, -1, (1,)) and array.ndim == 2:  # noqa: PLR2004  # rows and columns
        value: Value = array.value
        return value
    return tracer.refuse(  # type: ignore[no-any-return]  # it does not return
        f"expected axis=1, got {name} over rows, which depends on the batch; compute it from the "
        "training data in fit() and keep it as an attribute"
    )


def _given(array: SymbolicArray, value: Value, *, keepdims: bool) -> SymbolicArray:
    return array.like(value, 2 if keepdims else 1)


def _joined(value: Value, name: str, dtype: np.dtype[Any], *, limit: float, has_nan: bool) -> Value:
    """Describe what is made of all columns."""
    sources = tuple(dict.fromkeys(s for f in value.features for s in f.sources))
    feature = Feature(value.features[0].name, sources, has_nan=has_nan, limit=limit)
    return Value(name, dtype, (feature,), value.decided)


def total(tracer: Tracer, value: Value) -> Value:
    """Add the columns up."""
    kind = np.add.reduce(np.zeros((0, 1), value.dtype), axis=1).dtype
    value = tracer.cast(value, kind)
    if kind.kind != "f":
        name = tracer.op("ReduceSum", value.name, np.array([1]), keepdims=1)
        return _joined(value, tracer.wrapped(name, kind), kind, limit=2.0**63, has_nan=False)
    limits = [feature.limit for feature in value.features]
    with np.errstate(all="ignore"):
        limit = float(np.sum(limits))
    name = ordered_sum(tracer.scope.graph, value.name, value.width, scope=tracer.scope.path)
    result = _joined(value, name, kind, limit=limit, has_nan=value.has_nan or limit == np.inf)
    if value.width > MAX_PLAIN:
        result = replace(result, decided=least_certain(result.decided, "blas"))
        if tracer.nudge:
            sizes = tracer.op("ReduceSum", tracer.op("Abs", value.name), np.array([1]), keepdims=1)
            moved = tracer.op("Mul", sizes, np.array(tracer.nudge, kind))
            result = replace(result, name=tracer.op("Add", result.name, moved))
    return result


def _sum(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
    value = _checked(array, axis, "sum", kwargs)
    return _given(array, total(array.tracer, value), keepdims=keepdims)


def mean(tracer: Tracer, value: Value) -> Value:
    """Divide the sum by the number of columns."""
    summed = tracer.cast(total(tracer, _float(tracer, value)), FLOAT64)
    return applied(tracer, np.true_divide, [summed, float(value.width)])


def _float(tracer: Tracer, value: Value) -> Value:
    return value if value.dtype.kind == "f" else tracer.cast(value, FLOAT64)


def _mean(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
    value = _checked(array, axis, "mean", kwargs)
    return _given(array, mean(array.tracer, value), keepdims=keepdims)


def variance(tracer: Tracer, value: Value, ddof: int) -> Value:
    """Add up the squares of what columns differ from their mean by."""
    value = _float(tracer, value)
    away = applied(tracer, np.subtract, [value, mean(tracer, value)])
    squares = total(tracer, applied(tracer, np.multiply, [away, away]))
    return applied(tracer, np.true_divide, [squares, float(value.width - ddof)])


def _var(
    array: Any, axis: Any = None, *, keepdims: bool = False, ddof: int = 0, **kwargs: Any
) -> Any:
    value = _checked(array, axis, "var", kwargs)
    return _given(array, variance(array.tracer, value, ddof), keepdims=keepdims)


def _std(
    array: Any, axis: Any = None, *, keepdims: bool = False, ddof: int = 0, **kwargs: Any
) -> Any:
    value = _checked(array, axis, "std", kwargs)
    root = applied(array.tracer, np.sqrt, [variance(array.tracer, value, ddof)])
    return _given(array, root, keepdims=keepdims)


def folded(tracer: Tracer, value: Value, ufunc: np.ufunc) -> Value:
    """Apply a ufunc to the first two columns, then to the result and the next."""
    result = taken(tracer, value, [0])
    for at in range(1, value.width):
        result = applied(tracer, ufunc, [result, taken(tracer, value, [at])])
    return result


def _fold(ufunc: np.ufunc, name: str) -> Callable[..., Any]:
    def reduced(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
        if name in ("any", "all") and axis in (None, 0) and is_symbolic(array):
            return guard_of(array.tracer, [array.value], is_any=name == "any")
        value = _checked(array, axis, name, kwargs)
        tracer = array.tracer
        if name in ("any", "all"):
            value = tracer.cast(value, BOOL)
        elif name == "prod" and value.dtype.kind in "bi":
            value = tracer.cast(value, INT64)
        return _given(array, folded(tracer, value, ufunc), keepdims=keepdims)

    return reduced


def _running(ufunc: np.ufunc, name: str) -> Callable[..., Any]:
    def accumulated(array: Any, axis: Any = None, **kwargs: Any) -> Any:
        value = _checked(array, axis, name, kwargs)
        tracer = array.tracer
        if value.dtype.kind in "bi":
            value = tracer.cast(value, INT64)
        parts = [taken(tracer, value, [0])]
        for at in range(1, value.width):
            parts.append(applied(tracer, ufunc, [parts[-1], taken(tracer, value, [at])]))
        return array.like(side_by_side(tracer, parts), 2)

    return accumulated


def _extreme_place(op_type: str) -> Callable[..., Any]:
    def place(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
        value = _checked(array, axis, op_type.lower(), kwargs)
        tracer = array.tracer
        if value.dtype == BOOL:
            value = tracer.cast(value, INT64)
        name = value.name
        if value.dtype.kind == "f":
            # The first NaN wins: it counts as beyond all infinities.
            is_nan = tracer.op("Cast", tracer.op("IsNaN", name), to=7)
            first_nan = tracer.op("ArgMax", is_nan, axis=1, keepdims=1)
            has_nan = tracer.op("ReduceMax", is_nan, np.array([1]), keepdims=1)
            safe = tracer.op("Where", tracer.op("IsNaN", name), np.array(0, value.dtype), name)
            found = tracer.op(op_type, safe, axis=1, keepdims=1)
            has_nan = tracer.op("Greater", has_nan, np.array(0))
            found = tracer.op("Where", has_nan, first_nan, found)
        else:
            found = tracer.op(op_type, name, axis=1, keepdims=1)
        limit = float(value.width)
        result = _joined(value, found, INT64, limit=limit, has_nan=False)
        return _given(array, result, keepdims=keepdims)

    return place


def without_nan(tracer: Tracer, value: Value, cell: float) -> Value:
    """Put a number in the place of NaN."""
    if value.dtype.kind != "f":
        return value
    is_nan = tracer.op("IsNaN", value.name)
    name = tracer.op("Where", is_nan, np.array(cell, value.dtype), value.name)
    features = tuple(
        replace(f, has_nan=False, limit=max(f.limit, abs(cell))) for f in value.features
    )
    return replace(value, name=name, features=features)


def count(tracer: Tracer, value: Value) -> Value:
    """Count the cells of a row that are not null, as float64."""
    null = tracer.is_null(value)
    if null is None:
        return tracer.filled(float(value.width), FLOAT64, 1)
    present = tracer.to(tracer.op("Not", null), FLOAT64)
    name = tracer.op("ReduceSum", present, np.array([1]), keepdims=1)
    return _joined(value, name, FLOAT64, limit=float(value.width), has_nan=False)


def _nansum(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
    value = without_nan(array.tracer, _checked(array, axis, "nansum", kwargs), 0.0)
    return _given(array, total(array.tracer, value), keepdims=keepdims)


def _nanmean(array: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
    value = _checked(array, axis, "nanmean", kwargs)
    tracer = array.tracer
    summed = total(tracer, without_nan(tracer, _float(tracer, value), 0.0))
    result = applied(tracer, np.true_divide, [summed, count(tracer, value)])
    return _given(array, result, keepdims=keepdims)


def _l2(array: Any, order: Any = None, axis: Any = None, *, keepdims: bool = False) -> Any:
    value = _checked(array, axis, "linalg.norm", {})
    tracer = array.tracer
    value = _float(tracer, value)
    if order in (None, 2):
        squares = applied(tracer, np.multiply, [value, value])
        result = applied(tracer, np.sqrt, [total(tracer, squares)])
    elif order == 1:
        result = total(tracer, applied(tracer, np.absolute, [value]))
    else:
        tracer.refuse(f"expected order 1 or 2, got {order!r}")
    return _given(array, result, keepdims=keepdims)


def _diff(array: Any, n: int = 1, axis: int = -1, **kwargs: Any) -> Any:
    value = _checked(array, axis, "diff", kwargs)
    tracer = array.tracer
    for _ in range(n):
        last, first = list(range(1, value.width)), list(range(value.width - 1))
        ufunc = np.not_equal if value.dtype == BOOL else np.subtract
        value = applied(tracer, ufunc, [taken(tracer, value, last), taken(tracer, value, first)])
    return array.like(value, 2)


REDUCTIONS: Final[Mapping[Callable[..., Any], Callable[..., Any]]] = {
    np.all: _fold(np.logical_and, "all"),
    np.amax: _fold(np.maximum, "max"),
    np.amin: _fold(np.minimum, "min"),
    np.any: _fold(np.logical_or, "any"),
    np.argmax: _extreme_place("ArgMax"),
    np.argmin: _extreme_place("ArgMin"),
    np.cumprod: _running(np.multiply, "cumprod"),
    np.cumsum: _running(np.add, "cumsum"),
    np.diff: _diff,
    np.linalg.norm: _l2,
    np.max: _fold(np.maximum, "max"),
    np.mean: _mean,
    np.min: _fold(np.minimum, "min"),
    np.nanmax: _fold(np.fmax, "nanmax"),
    np.nanmean: _nanmean,
    np.nanmin: _fold(np.fmin, "nanmin"),
    np.nansum: _nansum,
    np.prod: _fold(np.multiply, "prod"),
    np.std: _std,
    np.sum: _sum,
    np.var: _var,
}
"""Function of numpy → the same on a symbolic array."""
