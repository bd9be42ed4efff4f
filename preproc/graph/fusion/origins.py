"""Numbers behind steps that never turn their order round: scaling, filling, casting.

Why: a comparison with such a number is one with the number that it is made of, at another bound.
Sum, product and cast round to the nearest, which keeps the order, so the bound exists; it is
found by bisecting all float64 with the same arithmetic, so no bit of it is guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.view import View, attributes_of

Floats = NDArray[np.floating[Any]]
_FLOATS: Final[Mapping[int, type[np.floating[Any]]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
_ARITHMETIC: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_MATRIX: Final = 2
_LARGEST: Final = np.array(np.inf).view(np.int64).item()
"""Of the whole numbers that stand for float64 in their order; the smallest is its negative."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation, with a constant of shape (columns,) each.

    Attributes
    ----------
    op_type
        ``Add``, ``Sub``, ``Mul``, ``Div``; ``Cast`` to the dtype of the constant; ``Where`` for NaN
        that is filled.
    constant
        What it adds, scales by or fills in.
    """

    op_type: str
    constant: Floats


@dataclass(frozen=True, slots=True)
class Origin:
    """What the columns of a value are made of.

    Attributes
    ----------
    value
        Float64 (n, any number of columns).
    columns
        For each column of the value in question, int64 (columns,), which of these it is made of.
    steps
        How, in order.
    """

    value: str
    columns: NDArray[np.int64]
    steps: tuple[Step, ...]

    def computed(self, numbers: Floats, at: NDArray[np.int64]) -> Floats:
        """Take the steps of the columns `at` with numbers of the same shape (m,)."""
        with np.errstate(all="ignore"):
            for step in self.steps:
                constant = step.constant[at]
                if step.op_type == "Cast":
                    numbers = numbers.astype(constant.dtype)
                elif step.op_type == "Where":
                    numbers = np.where(np.isnan(numbers), constant, numbers)
                else:
                    numbers = _ARITHMETIC[step.op_type](numbers, constant)
        return numbers

    def bounds(self, limits: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Find the largest numbers that are made into at most `limits`, (m,), in columns `at`.

        There always is one: minus infinity stays what it is.
        """
        if not self.steps:
            return limits
        low = np.full(len(limits), -_LARGEST)
        high = np.full(len(limits), _LARGEST)
        while (low < high).any():
            middle = (low >> 1) + (high >> 1) + (((low & 1) + (high & 1) + 1) >> 1)
            is_within = self.computed(_number(middle), at) <= limits
            low, high = np.where(is_within, middle, low), np.where(is_within, high, middle - 1)
        return _number(low)

    def filled(self, at: NDArray[np.int64]) -> Floats:
        """Give what a missing number is made into, (m,); NaN where it stays missing."""
        return self.computed(np.full(len(at), np.nan), at)


def origin_of(view: View, value: str) -> Origin:
    """Follow a value of shape (n, columns) back as far as its order is kept."""
    columns = np.arange(view.widths.get(value, 0))
    found = Origin(value, columns, ())
    steps: tuple[Step, ...] = ()
    while (before := _before(view, value, columns)) is not None:
        value, columns, step = before
        steps = steps if step is None else (step, *steps)
        if view.kinds.get(value) == onnx.TensorProto.DOUBLE:
            found = Origin(value, columns, steps)
    return found


def _before(
    view: View, value: str, columns: NDArray[np.int64]
) -> tuple[str, NDArray[np.int64], Step | None] | None:
    """Go back by one operation."""
    node, width = view.nodes.get(value), view.widths.get(value, 0)
    if node is None or not width:
        return None
    source = node.input[2] if node.op_type == "Where" else node.input[0]
    dtype = _FLOATS.get(view.kinds.get(source, 0))
    if dtype is None or not view.widths.get(source):
        return None
    if node.op_type == "Gather":
        taken = view.constants.get(node.input[1])
        is_taken = taken is not None and taken.ndim == 1 and attributes_of(node).get("axis") == 1
        return (
            (source, taken.astype(np.int64)[columns], None)
            if taken is not None and is_taken
            else None
        )
    constant = _constant(view, node, source, dtype)
    return None if constant is None else (source, columns, Step(node.op_type, constant[columns]))


def _constant(
    view: View, node: onnx.NodeProto, source: str, dtype: type[np.floating[Any]]
) -> Floats | None:
    """Read what a node does to each column as a `Step` does; None where it turns the order."""
    width = view.widths[node.output[0]]
    if node.op_type == "Cast":
        kind = _FLOATS.get(attributes_of(node)["to"])
        return None if kind is None else np.zeros(width, kind)
    test = view.maker(node.input[0], "IsNaN") if node.op_type == "Where" else None
    is_filling = test is not None and test.input[0] == source
    if not is_filling and node.op_type not in _ARITHMETIC:
        return None
    array = view.constants.get(node.input[1])
    is_row = array is not None and array.ndim <= _MATRIX and array.size in (1, width)
    if array is None or not is_row or array.dtype != dtype or view.widths[source] != width:
        return None
    numbers: Floats = np.broadcast_to(np.ravel(array).astype(dtype), (width,))
    is_kept = np.isfinite(numbers).all()
    if node.op_type in ("Mul", "Div"):
        is_kept &= (numbers > 0).all()
    return numbers if is_kept else None


def _number(key: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.copysign(np.abs(key).view(np.float64), key)
