"""What a float32 device may be off by, row by row: running error analysis of the device half.

Each value is computed in float64 together with a bound of its distance from what any device makes
of it, operation by operation (Wilkinson's running error analysis). How far one operation rounds is
taken from the WebGPU Shading Language's table of accuracies, the weakest promise of all that are
made: sums and products round either way, quotients to 2.5 ULP, the exponential to 3 + 2 |x|; what
is below the normal numbers may become zero. A comparison whose sides are nearer than their bounds
is open: whatever follows from it may be either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.halves import Halves
from preproc.graph.view import attributes_of

Array = NDArray[Any]

ULP: Final = 2.0**-23
"""One unit in the last place of a float32, relative to its magnitude at most."""
FLUSHED: Final = 2.0**-126
"""Below it a device may put zero."""
_DIVISION: Final = 2.5
_SQUARE_ROOT: Final = 4.5
"""ULP: inherited from the reciprocal, 2.5, of the inverse root, 2."""
_LOGARITHM: Final = 2.0**-21
_TANH: Final = 1e-5
_ERF: Final = 5e-7
"""ONNX Runtime's own, of Abramowitz and Stegun's formula 7.1.26, off by 1.5e-7, and roundings."""


@dataclass(frozen=True, slots=True)
class Approximate:
    """A value and how far a device may be from it, arrays of one shape, float64.

    For truths and whole numbers the bound is 0, or at least 1 where they are open.
    """

    value: Array
    error: Array


def bounds(halves: Halves, crossed: Mapping[str, Array]) -> Mapping[str, Approximate]:
    """Bound what a device may make of a batch.

    Parameters
    ----------
    halves
        A lowered model.
    crossed
        What the host half gave, input of the device half → array.

    Returns
    -------
    Mapping
        Every value of the device half. Two devices differ by twice the bound at most; for
        float64 devices all bounds hold with room, since they are those of float32.
    """
    graph = halves.device.graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    arrays |= {item.name: crossed[item.name] for item in graph.input}
    known = {
        name: _given(array, is_rounded=name in halves.rounded and name not in halves.parts)
        for name, array in arrays.items()
    }
    best = {node.output[0]: node.input[0] for node in graph.node if node.op_type in _BEST}
    by_parts = {user for users in halves.parts.values() for user in users}
    for node in graph.node:
        (made,) = node.output
        taken = [known[name] for name in node.input]
        for at, name in enumerate(node.input):
            if made in by_parts and name in arrays:  # its low part is added as well
                taken[at] = _given(arrays[name], is_rounded=False)
            elif made not in halves.parts.get(name, {made}):
                taken[at] = _whole(known[name])
        with np.errstate(all="ignore"):
            if node.op_type in _ITSELF and node.input[0] == node.input[1]:
                known[made] = _ITSELF[node.op_type](taken[0])
            else:
                known[made] = _STEPS[node.op_type](taken, attributes_of(node))
        if node.op_type == "Equal" and best.get(node.input[1]) == node.input[0]:
            known[made] = _unrivalled(known[made])
    return known


def _given(array: Array, *, is_rounded: bool) -> Approximate:
    value = np.asarray(array, np.float64)
    size = np.abs(np.nan_to_num(value)) if is_rounded else np.zeros_like(value)
    return Approximate(value, size * (ULP / 2))


def _whole(high: Approximate) -> Approximate:
    """Take the high part of a number for the whole."""
    return Approximate(high.value, high.error + np.abs(np.nan_to_num(high.value)) * (ULP / 2))


def _unrivalled(is_best: Approximate) -> Approximate:
    """Close the question which column is the best where no other comes near."""
    alone = is_best.error.sum(axis=1, keepdims=True) <= 1
    return Approximate(is_best.value, np.where(alone, 0.0, is_best.error))


_BEST: Final = frozenset(["ReduceMax", "ReduceMin"])
_ITSELF: Final[Mapping[str, Callable[[Approximate], Approximate]]] = {
    "Equal": lambda x: Approximate(
        (x.value == x.value).astype(np.float64), np.zeros(x.value.shape)
    ),
    "Sub": lambda x: Approximate(np.zeros(x.value.shape), np.zeros(x.value.shape)),
}
"""Operations on a value and itself, whose rounding is the same on both sides."""

_Step = Callable[[Sequence[Approximate], Mapping[str, Any]], Approximate]


def _rounded(value: Array, error: Array) -> Approximate:
    """Round a sum or product: exact numbers that float32 holds stay exact, codes among them."""
    is_exact = (error == 0) & (value.astype(np.float32) == value)
    return Approximate(value, np.where(is_exact, 0.0, error + ULP * np.abs(value) + FLUSHED))


def _inexact(value: Array, error: Array, ulps: float) -> Approximate:
    return Approximate(value, error + ulps * ULP * np.abs(value) + FLUSHED)


def _add(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    a, b = taken
    return _rounded(a.value + b.value, a.error + b.error)


def _subtract(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    a, b = taken
    return _rounded(a.value - b.value, a.error + b.error)


def _multiply(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    a, b = taken
    error = np.abs(a.value) * b.error + (np.abs(b.value) + b.error) * a.error
    return _rounded(a.value * b.value, error)


def _divide(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    a, b = taken
    value = a.value / b.value
    error = (a.error + np.abs(value) * b.error) / np.maximum(np.abs(b.value) - b.error, 0.0)
    return _inexact(value, error, _DIVISION)


def _reciprocal(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
    one = Approximate(np.ones(1), np.zeros(1))
    return _divide([one, taken[0]], given)


def _product(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    """Sum in any order: each summand takes part in as many roundings as there are summands."""
    a, b = taken
    size = np.abs(a.value) @ np.abs(b.value)
    error = a.error @ (np.abs(b.value) + b.error) + np.abs(a.value) @ b.error
    return Approximate(a.value @ b.value, error + _gamma(a.value.shape[-1]) * size + FLUSHED)


def _gamma(count: int) -> float:
    return count * ULP / (1 - count * ULP)


def _sum(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
    axis, keepdims = int(taken[1].value[0]), bool(given.get("keepdims", 1))
    value, error, size = (
        part.sum(axis=axis, keepdims=keepdims)
        for part in (taken[0].value, taken[0].error, np.abs(taken[0].value))
    )
    return Approximate(value, error + _gamma(taken[0].value.shape[axis]) * size + FLUSHED)


def _extreme(best: Callable[..., Array]) -> _Step:
    def step(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
        axis, keepdims = int(taken[1].value[0]), bool(given.get("keepdims", 1))
        value, error = (
            one(part, axis=axis, keepdims=keepdims)
            for one, part in ((best, taken[0].value), (np.max, taken[0].error))
        )
        return Approximate(value, error)

    return step


def _either(best: Callable[[Array, Array], Array]) -> _Step:
    """Largest or smallest of two: off by no more than the worse of both."""
    return lambda taken, _: Approximate(
        best(taken[0].value, taken[1].value), np.maximum(taken[0].error, taken[1].error)
    )


def _clip(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    value = np.clip(taken[0].value, taken[1].value, taken[2].value)
    return Approximate(value, taken[0].error)


def _exponential(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    (x,) = taken
    value = np.exp(x.value)
    return Approximate(
        value,
        value * (np.expm1(x.error) + (3 + 2 * np.abs(x.value)) * ULP * np.exp(x.error)) + FLUSHED,
    )


def _logarithm(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    (x,) = taken
    value = np.log(x.value)
    error = x.error / np.maximum(x.value - x.error, 0.0)
    return Approximate(value, error + np.maximum(_LOGARITHM, 3 * ULP * np.abs(value)))


def _root(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    (x,) = taken
    value = np.sqrt(x.value)
    error = np.fmin(np.sqrt(x.error), x.error / value)
    return _inexact(value, error, _SQUARE_ROOT)


def _tanh(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    return Approximate(np.tanh(taken[0].value), taken[0].error + _TANH)


def _erf(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    from math import erf  # noqa: PLC0415

    slope = 2 / np.sqrt(np.pi)
    return Approximate(np.vectorize(erf)(taken[0].value), slope * taken[0].error + _ERF)


def _floor(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    (x,) = taken
    low, high = np.floor(x.value - x.error), np.floor(x.value + x.error)
    return Approximate(np.floor(x.value), high - low)


def _compared(test: Callable[[Array, Array], Array]) -> _Step:
    """Compare; where the sides are nearer than their bounds the answer is open."""

    def step(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
        a, b = taken
        reach = a.error + b.error
        is_open = (reach > 0) & (np.abs(a.value - b.value) <= reach)
        truth = test(a.value, b.value)
        return Approximate(truth.astype(np.float64), is_open.astype(np.float64))

    return step


def _chosen(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    test, a, b = taken
    truth = test.value != 0
    value, error = np.where(truth, a.value, b.value), np.where(truth, a.error, b.error)
    other = np.where(truth, b.value, a.value)
    apart = np.nan_to_num(np.abs(value - other)) + np.maximum(a.error, b.error)
    return Approximate(value, np.where(test.error > 0, apart, error))


def _gathered(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
    data, index = taken
    at, axis = index.value.astype(np.int64), int(given.get("axis", 0))
    value, error = (np.take(part, at, axis=axis) for part in (data.value, data.error))
    if (index.error > 0).any():
        spread = float(np.ptp(data.value)) + float(data.error.max())
        is_open = index.error.reshape(index.error.shape + (1,) * (value.ndim - at.ndim)) > 0
        error = np.where(is_open, spread, error)
    return Approximate(value, error)


def _gathered_elements(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
    data, index = taken
    at, axis = index.value.astype(np.int64), int(given["axis"])
    return Approximate(
        np.take_along_axis(data.value, at, axis), np.take_along_axis(data.error, at, axis)
    )


def _joined(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
    axis = int(given["axis"])
    return Approximate(
        np.concatenate([one.value for one in taken], axis),
        np.concatenate([one.error for one in taken], axis),
    )


def _moved(move: Callable[[Array, Sequence[int], Mapping[str, Any]], Array]) -> _Step:
    """Move elements without computing."""

    def step(taken: Sequence[Approximate], given: Mapping[str, Any]) -> Approximate:
        where = taken[1].value.astype(np.int64).ravel().tolist() if len(taken) > 1 else []
        return Approximate(move(taken[0].value, where, given), move(taken[0].error, where, given))

    return step


def _reshaped(x: Array, shape: Sequence[int], _: Mapping[str, Any]) -> Array:
    return x.reshape([size or x.shape[at] for at, size in enumerate(shape)])


def _both(taken: Sequence[Approximate], _: Mapping[str, Any]) -> Approximate:
    """Join truths; open where either is, unless the other is firmly false."""
    a, b = taken
    value = a.value * b.value
    firm = ((a.value == 0) & (a.error == 0)) | ((b.value == 0) & (b.error == 0))
    return Approximate(value, np.where(firm, 0.0, np.maximum(a.error, b.error)))


_STEPS: Final[Mapping[str, _Step]] = {
    "Abs": lambda taken, _: Approximate(np.abs(taken[0].value), taken[0].error),
    "Add": _add,
    "And": _both,
    "Cast": lambda taken, _: taken[0],
    "Clip": _clip,
    "Concat": _joined,
    "Div": _divide,
    "Equal": _compared(np.equal),
    "Erf": _erf,
    "Exp": _exponential,
    "Floor": _floor,
    "Gather": _gathered,
    "GatherElements": _gathered_elements,
    "Greater": _compared(np.greater),
    "GreaterOrEqual": _compared(np.greater_equal),
    "Less": _compared(np.less),
    "LessOrEqual": _compared(np.less_equal),
    "Log": _logarithm,
    "MatMul": _product,
    "Max": _either(np.maximum),
    "Min": _either(np.minimum),
    "Mul": _multiply,
    "Neg": lambda taken, _: Approximate(-taken[0].value, taken[0].error),
    "Not": lambda taken, _: Approximate(1 - taken[0].value, taken[0].error),
    "Reciprocal": _reciprocal,
    "ReduceMax": _extreme(np.max),
    "ReduceMin": _extreme(np.min),
    "ReduceSum": _sum,
    "Reshape": _moved(_reshaped),
    "Sqrt": _root,
    "Squeeze": _moved(lambda x, axes, _: np.squeeze(x, tuple(axes))),
    "Sub": _subtract,
    "Tanh": _tanh,
    "Transpose": _moved(lambda x, _, given: np.transpose(x, given["perm"])),
    "Unsqueeze": _moved(lambda x, axes, _: np.expand_dims(x, tuple(axes))),
    "Where": _chosen,
}
"""Every operation that a device half may hold."""
