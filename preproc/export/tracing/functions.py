"""Functions of numpy that are no ufuncs: the coverage, as a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from preproc.export.table import least_certain
from preproc.export.tracing.apply import plain
from preproc.export.tracing.array import (
    SymbolicArray,
    elementwise,
    is_symbolic,
    joint_mask,
    joint_ndim,
)
from preproc.export.tracing.columns import broadcast, chosen, side_by_side
from preproc.export.tracing.membership import bin_numbers, interpolated, members
from preproc.export.tracing.reductions import REDUCTIONS
from preproc.export.tracing.tracer import BOOL, FLOAT64, OBJECT, ROWS, Tracer, Value, merged

Array = SymbolicArray


def first_tracer(items: Sequence[Any]) -> Tracer:
    """Find the trace of the first symbolic item."""
    tracer: Tracer = next(item for item in items if hasattr(item, "tracer")).tracer
    return tracer


def common_dtype(items: Sequence[Any]) -> np.dtype[Any]:
    """Find the dtype of symbolic arrays and constants together, as numpy does."""
    kinds = [item.dtype if is_symbolic(item) else item for item in map(plain, items)]
    if any(
        np.asarray(kind).dtype.kind in "OUT" for kind in kinds if not isinstance(kind, np.dtype)
    ):
        return OBJECT
    if OBJECT in [kind for kind in kinds if isinstance(kind, np.dtype)]:
        return OBJECT
    return np.result_type(*kinds)


def value_of(tracer: Tracer, item: Any, dtype: np.dtype[Any], width: int = 1) -> Value:
    """Bring a symbolic array or a constant to a dtype."""
    if is_symbolic(item):
        return tracer.cast(item.value, dtype)
    cells = plain(item)
    return tracer.filled(cells, dtype, max(int(np.size(cells)), width))


def where(condition: Any, *choices: Any) -> Array:
    """Choose by a condition."""
    tracer = first_tracer([condition, *choices])
    if not choices:
        tracer.refuse("expected np.where(condition, a, b), got the positions of rows")
    if not is_symbolic(condition):
        if np.ndim(condition) == 0:
            chosen_one = choices[0] if condition else choices[1]
            return as_symbolic(chosen_one if is_symbolic(chosen_one) else choices[0])
        condition = first_array([*choices]).like(tracer.filled(condition, BOOL, np.size(condition)))
    items = [condition, *choices]
    ndim, mask = joint_ndim(tracer, items), joint_mask(tracer, items)
    dtype = common_dtype(choices)
    new, old = (value_of(tracer, choice, dtype) for choice in choices)
    value = chosen(tracer, tracer.cast(condition.value, BOOL), new, old)
    return SymbolicArray(tracer, value, ndim, mask)


def as_symbolic(item: Any) -> Array:
    """Tell the type checker what an object is known to be."""
    array: Array = item
    return array


def first_array(items: Sequence[Any]) -> Array:
    """Find the first symbolic array."""
    found: Array = next(item for item in items if is_symbolic(item))
    return found


def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Array:
    if len(conditions) != len(choices):
        raise ValueError("list of cases must be same length as list of conditions")
    dtype = common_dtype([*choices, default])
    result: Any = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(condition, choice, result)
    return as_symbolic(result).astype(dtype)


def _clip(
    array: Any, a_min: Any = None, a_max: Any = None, *, out: Any = None, **kwargs: Any
) -> Any:
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    tracer = first_tracer([array, low, high])
    result = array
    if low is not None:
        result = elementwise(tracer, np.maximum, [result, low])
    if high is not None:
        result = elementwise(tracer, np.minimum, [result, high])
    if out is not None:
        out.assign(result)
        return out
    return result


def _nan_to_num(
    array: Array,
    copy: bool = True,
    nan: Any = 0.0,
    posinf: Any = None,
    neginf: Any = None,
) -> Array:
    tracer = array.tracer
    if array.dtype.kind != "f":
        return array.copy()
    info = np.finfo(array.dtype)
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    result = where(elementwise(tracer, np.isnan, [array]), float(nan), array)
    result = where(elementwise(tracer, np.equal, [array, np.inf]), float(high), result)
    result = where(elementwise(tracer, np.equal, [array, -np.inf]), float(low), result)
    value = result.value
    bounded = tuple(
        type(f)(
            f.name,
            f.sources,
            has_nan=False,
            limit=max(
                abs(float(nan)),
                abs(float(high)),
                abs(float(low)),
                f.limit if np.isfinite(f.limit) else 0.0,
            ),
        )
        for f in value.features
    )
    result = result.like(Value(value.name, value.dtype, bounded, value.decided)).astype(array.dtype)
    if not copy:
        array.assign(result)
        return array
    return result


def _round(array: Array, decimals: int = 0, out: Any = None) -> Array:
    tracer = array.tracer
    if out is not None:
        tracer.refuse("np.round with out= is not traced")
    if array.dtype.kind != "f":
        if decimals < 0:
            tracer.refuse("expected floats to be rounded to tens, got integers")
        return array.copy()
    if decimals == 0:
        return elementwise(tracer, np.rint, [array])
    power = float(10.0 ** abs(decimals))
    grow, shrink = (np.multiply, np.divide) if decimals > 0 else (np.divide, np.multiply)
    grown = elementwise(tracer, grow, [array, power])
    return elementwise(tracer, shrink, [elementwise(tracer, np.rint, [grown]), power])


def _beside(items: Sequence[Any], ndim: int = 2) -> Array:
    """Put arrays beside each other as columns."""
    items = list(items)
    tracer = first_tracer(items)
    dtype = common_dtype([item if is_symbolic(item) else np.asarray(item) for item in items])
    values = []
    for item in items:
        if not is_symbolic(item) and np.size(item) != 1:
            tracer.refuse(f"expected columns of the data, got an array {np.shape(item)} along rows")
        values.append(value_of(tracer, item, dtype))
    value = side_by_side(tracer, values)
    return SymbolicArray(tracer, value, ndim, joint_mask(tracer, items))


def _hstack(items: Sequence[Any], **_options: Any) -> Array:
    if any(is_symbolic(item) and item.ndim == 1 for item in items):
        first_tracer(items).refuse(
            "expected arrays (n, k), got np.hstack of arrays (n,), which puts them below each "
            "other; use np.column_stack"
        )
    return _beside(items)


def _concatenate(items: Sequence[Any], axis: int = 0, **_options: Any) -> Array:
    if axis not in (1, -1) or any(is_symbolic(item) and item.ndim == 1 for item in items):
        first_tracer(items).refuse(
            "expected columns beside each other, axis=1, got rows below each other"
        )
    return _beside(items)


def _stack(items: Sequence[Any], axis: int = 0, **_options: Any) -> Array:
    if axis not in (1, -1) or any(is_symbolic(item) and item.ndim != 1 for item in items):
        first_tracer(items).refuse("expected arrays (n,) beside each other, axis=1 or -1")
    return _beside(items)


def _filled_like(cell: Any) -> Callable[..., Array]:
    def filled(array: Array, *args: Any, dtype: Any = None, **_options: Any) -> Array:
        content = args[0] if cell is None else cell
        kind = array.dtype if dtype is None else np.dtype(dtype)
        if is_symbolic(content):
            return array.like(
                broadcast(array.tracer, array.tracer.cast(content.value, kind), array.value.width)
            )
        return array.like(array.tracer.filled(content, kind, array.value.width))

    return filled


def _reshape(array: Array, *shape: Any, **options: Any) -> Array:
    wanted = options.get("shape", shape[0] if shape else None)
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted,)
    width = array.value.width
    if list(wanted) in ([-1, 1], [ROWS, 1]) and width == 1:
        return array.like(array.value, 2)
    if list(wanted) in ([-1], [ROWS]) and width == 1:
        return array.like(array.value, 1)
    if list(wanted) in ([-1, width], [ROWS, width], [ROWS, -1]) and array.ndim == 2:  # noqa: PLR2004
        return array
    return array.tracer.refuse(f"expected rows to stay rows, got reshape to {tuple(wanted)}")


def _ravel(array: Array, **_options: Any) -> Array:
    if array.value.width != 1:
        array.tracer.refuse("expected rows to stay rows, got a matrix made flat")
    return array.like(array.value, 1)


def _squeeze(array: Array, axis: Any = None) -> Array:
    return array.like(array.value, 1) if array.value.width == 1 and axis in (None, 1, -1) else array


def _expand_dims(array: Array, axis: Any) -> Array:
    if array.ndim == 1 and axis in (1, -1):
        return array.like(array.value, 2)
    return array.tracer.refuse("expected a new axis behind the rows, axis=1")


def _isin(array: Any, words: Any, *, invert: bool = False, **_options: Any) -> Array:
    tracer = first_tracer([array, words])
    if not is_symbolic(array) or is_symbolic(words):
        tracer.refuse("expected values of the data among constants, got the other way round")
    if isinstance(words, set | frozenset | Mapping):
        tracer.refuse(
            f"expected a list, got a {type(words).__name__}, which np.isin takes for one cell that "
            "nothing equals; write np.isin(x, [...]) or Series.isin(...)"
        )
    cells = np.asarray(words).ravel().tolist()
    found = array.like(members(tracer, array.value, cells))
    return elementwise(tracer, np.logical_not, [found]) if invert else found


def _digitize(array: Array, bins: Any, right: bool = False) -> Array:
    edges = np.asarray(bins, np.float64)
    if len(edges) > 1 and edges[0] > edges[-1]:
        array.tracer.refuse("expected ascending edges, got descending ones")
    return array.like(bin_numbers(array.tracer, array.value, edges, is_right=not right))


def _searchsorted(edges: Any, array: Any, side: str = "left", sorter: Any = None) -> Array:
    tracer = first_tracer([edges, array])
    if is_symbolic(edges) or sorter is not None:
        tracer.refuse("expected constant edges, got those of the data")
    found = bin_numbers(tracer, array.value, np.asarray(edges), is_right=side == "right")
    return SymbolicArray(tracer, found, array.ndim, array.rows)


def _interp(
    array: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    tracer = first_tracer([array, xp, fp])
    if is_symbolic(xp) or is_symbolic(fp) or period is not None:
        tracer.refuse("expected constant points without a period, got others")
    points, heights = np.asarray(xp, np.float64), np.asarray(fp, np.float64)
    ends = (heights[0] if left is None else left, heights[-1] if right is None else right)
    found = interpolated(tracer, tracer.cast(array.value, FLOAT64), points, heights, ends)
    return SymbolicArray(tracer, found, array.ndim, array.rows)


def _dot(left: Any, right: Any) -> Array:
    tracer = first_tracer([left, right])
    if not is_symbolic(left) or is_symbolic(right) or left.ndim != 2:  # noqa: PLR2004
        tracer.refuse("expected the data times a constant matrix, got another product")
    matrix = np.asarray(right, np.float64)
    value = tracer.cast(left.value, FLOAT64)
    name = tracer.op("MatMul", value.name, matrix.reshape(value.width, -1))
    features, _ = merged([value], 1)
    sources = tuple(dict.fromkeys(s for f in value.features for s in f.sources))
    one = type(features[0])(features[0].name, sources, has_nan=True, limit=np.inf)
    width = 1 if matrix.ndim == 1 else matrix.shape[1]
    product = Value(name, FLOAT64, (one,) * width, least_certain(value.decided, "blas"))
    return SymbolicArray(tracer, product, matrix.ndim, left.rows)


def _take(array: Array, at: Any, axis: Any = None, **_options: Any) -> Array:
    if axis not in (1, -1):
        array.tracer.refuse("expected columns, axis=1, got rows")
    return as_symbolic(array[:, at])


def _isclose(left: Any, right: Any, rtol: float = 1e-5, atol: float = 1e-8, **_options: Any) -> Any:
    tracer = first_tracer([left, right])
    distance = elementwise(tracer, np.absolute, [left - right])
    size = np.abs(right) if not is_symbolic(right) else elementwise(tracer, np.absolute, [right])
    near = elementwise(tracer, np.less_equal, [distance, atol + rtol * size])
    finite = elementwise(tracer, np.isfinite, [distance])
    return (near & finite) | elementwise(tracer, np.equal, [left, right])


FUNCTIONS: Final[Mapping[Callable[..., Any], Callable[..., Any]]] = {
    **REDUCTIONS,
    np.around: _round,
    np.clip: _clip,
    np.column_stack: _beside,
    np.concatenate: _concatenate,
    np.copy: lambda array, **_options: array.copy(),
    np.digitize: _digitize,
    np.dot: _dot,
    np.empty_like: _filled_like(0),
    np.expand_dims: _expand_dims,
    np.full_like: _filled_like(None),
    np.hstack: _hstack,
    np.interp: _interp,
    np.isclose: _isclose,
    np.isin: _isin,
    np.matmul: _dot,
    np.nan_to_num: _nan_to_num,
    np.ndim: lambda array: array.ndim,
    np.ones_like: _filled_like(1),
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.round: _round,
    np.searchsorted: _searchsorted,
    np.select: _select,
    np.shape: lambda array: array.shape,
    np.squeeze: _squeeze,
    np.stack: _stack,
    np.take: _take,
    np.where: where,
    np.zeros_like: _filled_like(0),
}
"""Function of numpy → the same where an argument is symbolic."""
