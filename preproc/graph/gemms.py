"""The fast form's products with constants: one ``Gemm`` a part, each adding to the one before.

Why: in one row a ``Gemm`` costs no more than a ``MatMul`` and takes along what is added to it,
while ``Concat``, which would join the parts first, costs as much as five of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.view import View, attributes_of

Matrix = NDArray[np.float64]

_ROWS_AND_COLUMNS: Final = 2


@dataclass(frozen=True, slots=True)
class _Product:
    """``value @ weights + shift``.

    Attributes
    ----------
    last
        The node that makes it.
    value
        float64, of shape (n, columns).
    weights, shift
        Of shapes (columns, answers) and (1, answers).
    """

    last: onnx.NodeProto
    value: str
    weights: Matrix
    shift: Matrix


def closed_products(view: View) -> None:
    """Compute a product, and what constants do to it afterwards, part by part."""
    for node in list(view.nodes.values()):
        found = _product_of(view, node)
        if found is not None:
            parts = _parts(view, found)
            is_chain = node.op_type == "MatMul" and (found.last is not node or len(parts) > 1)
            if is_chain or _poisoned(view, found.last.output[0]) is not None:
                view.rename(found.last, _summed(view, found, parts))


def _product_of(view: View, node: onnx.NodeProto) -> _Product | None:
    """Read a product with a constant matrix, as far as constants go on with it.

    One column times a row of numbers is one too.
    """
    given = view.constants.get(node.input[1]) if node.op_type in ("MatMul", "Mul") else None
    if given is None or given.ndim != _ROWS_AND_COLUMNS or given.dtype != np.float64:
        return None
    if view.widths.get(node.input[0]) != len(given):
        return None
    weights: Matrix = given.astype(np.float64)
    shift: Matrix = np.zeros((1, weights.shape[1]))
    last = node
    for taker, constant in _chain(view, node.output[0]):
        if taker.op_type == "Add":
            shift = shift + constant
        else:
            weights, shift = weights * constant, shift * constant
        last = taker
    answers = max(weights.shape[1], shift.shape[1])
    weights = np.broadcast_to(weights, (len(weights), answers))
    return _Product(last, node.input[0], weights, np.broadcast_to(shift, (1, answers)))


def _chain(view: View, value: str) -> Iterator[tuple[onnx.NodeProto, Matrix]]:
    """Follow a value through sums and products with constants while nothing else takes it."""
    while view.uses.get(value, 0) == 1:
        takers = [node for node in view.nodes.values() if value in node.input]
        if not takers or takers[0].op_type not in ("Add", "Mul"):
            return
        names = [name for name in takers[0].input if name != value]
        constant = view.constants.get(names[0]) if names else None
        if constant is None or constant.dtype != np.float64 or constant.size == 0:
            return
        if constant.size != constant.shape[-1:][0] if constant.ndim else False:
            return  # another number in each row
        yield takers[0], constant.astype(np.float64).reshape(1, -1)
        value = takers[0].output[0]


def _parts(view: View, found: _Product) -> list[str]:
    """Give what a value is joined of, or itself."""
    join = view.maker(found.value, "Concat")
    parts = [found.value] if join is None else list(join.input)
    widths = [view.widths.get(part, 0) for part in parts]
    is_known = all(widths) and sum(widths) == len(found.weights)
    return parts if is_known and view.uses.get(found.value, 0) == 1 else [found.value]


def _summed(view: View, found: _Product, parts: list[str]) -> str:
    """Add part to part, first the shift, or the poison of refused rows where a table takes it."""
    total: str | Matrix = found.shift.copy()
    widths = (
        [view.widths.get(part, 0) for part in parts] if len(parts) > 1 else [len(found.weights)]
    )
    poisoned = _poisoned(view, found.last.output[0])
    table = None
    if poisoned is not None and found.shift.any():
        table = _shifted_table(view, found, parts[-1])
    if table is not None:
        parts = [*parts[:-1], table]
    if poisoned is not None and (table is not None or not found.shift.any()):
        total = poisoned.input[1]
        view.replace(poisoned, "Sigmoid", [found.last.output[0]])
    stop = len(found.weights)
    for part, width in zip(reversed(parts), reversed(widths), strict=True):
        start = stop - width
        total = view.add("Gemm", part, found.weights[start:stop].copy(), total)
        stop = start
    assert isinstance(total, str)  # of one part at least
    return total


def _poisoned(view: View, score: str) -> onnx.NodeProto | None:
    """Find ``Sigmoid(score) - poison``; the poison, of shape (n, 1), is zero or not a number."""
    for node in view.nodes.values():
        made = view.maker(node.input[0], "Sigmoid") if node.op_type == "Sub" else None
        if made is not None and made.input[0] == score and view.uses[made.output[0]] == 1:
            root = view.maker(node.input[1], "Sqrt")  # of a number that is negative or zero
            return node if root is not None and view.widths.get(node.input[1]) == 1 else None
    return None


def _shifted_table(view: View, found: _Product, part: str) -> str | None:
    """Let the table that the last part is looked up in hold the shift too; None where it cannot.

    It can where its first column is weighed as the shift is: by minus one and one, say.
    """
    node = view.maker(part, "GatherElements") or view.maker(part, "Gather")
    table = None if node is None else view.constants.get(node.input[0])
    if node is None or table is None or view.uses[part] > 1 or part not in view.widths:
        return None
    is_single = table.ndim == 1 and view.widths[part] == 1 and not attributes_of(node)
    if node.op_type == "Gather" and not is_single:
        return None
    weights = found.weights[len(found.weights) - view.widths[part]]
    if not weights.all() or len(set((found.shift[0] / weights).tolist())) > 1:
        return None
    shifted = table.astype(np.float64)
    shifted.reshape(len(shifted), -1)[:, 0] += found.shift[0, 0] / weights[0]
    return view.add(node.op_type, shifted, node.input[1], **attributes_of(node))
