"""One-hot columns, found in a graph: where they are, and which number sets which."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.view import View, attributes_of


@dataclass(frozen=True, slots=True)
class Hot:
    """Columns that are 1 where a number has one value, else 0.

    Attributes
    ----------
    position
        Value of shape (n, k), int64.
    owner
        For each column, int64 (columns,), which of the k it looks at; ascending.
    number
        The value that sets it, (columns,); never the same twice.
    lowest
        Smallest value that `position` can have.
    """

    position: str
    owner: NDArray[np.int64]
    number: NDArray[np.int64]
    lowest: int

    def table(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lay rows of numbers, (columns, ...), out by position; all else holds zeros.

        Negative positions are counted from the end, as ``Gather`` does.
        """
        length = int(self.number.max()) + 1 + max(0, -self.lowest)
        table = np.zeros((length, *numbers.shape[1:]))
        table[self.number] = numbers
        return table


def hot_of(view: View, value: str) -> Hot | None:
    """Read a value of shape (n, columns) as one-hot columns; None where it is something else."""
    cast = view.maker(value, "Cast")
    equal = view.maker(cast.input[0] if cast is not None else value, "Equal")
    spread = None if equal is None else view.maker(equal.input[0], "Gather")
    if equal is None or spread is None or attributes_of(spread).get("axis") != 1:
        return None
    owner = view.constants.get(spread.input[1])
    numbers = view.constants.get(equal.input[1])
    if owner is None or numbers is None or numbers.dtype != np.int64 or owner.ndim != 1:
        return None
    number: NDArray[np.int64] = numbers.ravel().astype(np.int64)
    known = values_of(view, spread.input[0])
    if known is None or number.shape != owner.shape or len(np.unique(number)) < len(number):
        return None
    is_own = all(
        not (set(values.tolist()) & set(number[owner != at].tolist()))
        for at, values in enumerate(known)
    )
    if (np.diff(owner) < 0).any() or number.min() < 0 or not is_own or owner.max() >= len(known):
        return None
    lowest, highest = (int(f([f(values) for values in known])) for f in (np.min, np.max))
    if highest > number.max():
        return None
    return Hot(spread.input[0], owner.astype(np.int64), number, lowest)


def in_vocabulary(view: View, hot: Hot) -> Hot:
    """Ask for the word in the vocabulary of all columns, where one word alone has each number.

    Why: its place there need not be looked up once more.
    """
    node = view.maker(hot.position, "Gather")
    table = None if node is None else view.constants.get(node.input[0])
    if node is None or table is None or table.ndim != 1 or attributes_of(node).get("axis", 0) != 0:
        return hot
    shift = view.maker(node.input[1], "Add")
    ids = node.input[1] if shift is None else shift.input[0]
    starts = np.zeros(1, np.int64) if shift is None else view.constants.get(shift.input[1])
    if starts is None or starts.size != view.widths.get(ids):
        return hot
    begins = starts.ravel().astype(np.int64)
    ends = np.append(begins[1:], len(table))
    found = [
        np.flatnonzero(table[begins[owner] : ends[owner]] == number)
        for owner, number in zip(hot.owner, hot.number, strict=True)
    ]
    if any(len(one) != 1 for one in found):
        return hot
    return Hot(ids, hot.owner, np.concatenate(found), 0)


def values_of(view: View, value: str) -> list[NDArray[np.int64]] | None:
    """List, column by column, the values that an int64 value (n, k) can have; None if unknown."""
    node = view.nodes.get(value)
    found: list[NDArray[np.int64]] | None = None
    if node is None:
        return None
    if node.op_type == "Gather" and node.input[0] in view.constants:
        found = _of_table(view, node)
    elif node.op_type == "LabelEncoder" and view.widths.get(value) == 1:
        found = [codes_of(node)]
    elif node.op_type == "Concat":
        parts = [values_of(view, part) for part in node.input]
        found = [one for part in parts if part for one in part] if all(parts) else None
    elif node.op_type == "Where" and node.input[1] in view.constants:
        filled, rest = view.constants[node.input[1]], values_of(view, node.input[2])
        if rest is not None and filled.size in (1, len(rest)):
            cells = np.broadcast_to(filled.ravel().astype(np.int64), (len(rest),))
            found = [np.append(one, cell) for one, cell in zip(rest, cells, strict=True)]
    return found


def _of_table(view: View, node: onnx.NodeProto) -> list[NDArray[np.int64]] | None:
    table = view.constants[node.input[0]]
    shift = view.maker(node.input[1], "Add")
    starts = None if shift is None else view.constants.get(shift.input[1])
    if table.ndim != 1 or table.dtype != np.int64:
        return None
    if starts is None:
        width = view.widths.get(node.input[1], 0)
        return [table.astype(np.int64)] * width if width else None
    ends = np.append(starts.ravel()[1:], len(table))
    return [table[a:b].astype(np.int64) for a, b in zip(starts.ravel(), ends, strict=True)]


def codes_of(node: onnx.NodeProto) -> NDArray[np.int64]:
    """List the numbers that a ``LabelEncoder`` gives, the one for all else last."""
    told = attributes_of(node)
    arrays = [numpy_helper.to_array(told[key]) for key in ("values_tensor", "default_tensor")]
    return np.concatenate([array.ravel() for array in arrays]).astype(np.int64)
