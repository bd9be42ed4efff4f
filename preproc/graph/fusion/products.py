"""One-hot columns times weights, added in order: a table of weights, and a sum over features.

Why it is exact: of the columns of one feature at most one is 1, all others add a zero, and a sum
keeps its bits when a zero is added. Only the sign of a sum that is zero itself could change, so
the rewrite wants a summand behind it that is not -0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.fusion.words import Hot, hot_of
from preproc.graph.view import View, attributes_of

Weights = NDArray[np.float64]

_ROWS_AND_COLUMNS: Final = 2


@dataclass(frozen=True, slots=True)
class _Sum:
    """``Gather(CumSum(Mul(joined, weights), axis=1), last, axis=1)``.

    Attributes
    ----------
    last
        The node that takes the last column.
    joined
        The value (n, columns) that is weighed.
    weights
        float64 (columns, answers).
    is_deep
        Whether rows are (columns, answers), not (columns).
    """

    last: onnx.NodeProto
    joined: str
    weights: Weights
    is_deep: bool


def weights_by_word(view: View) -> None:
    """Look the weight of a word up instead of multiplying all of its one-hot columns."""
    for node in list(view.nodes.values()):
        found = _sum_of(view, node)
        join = None if found is None else view.maker(found.joined, "Concat")
        if found is None or not _is_shifted(view, node):
            continue
        parts = [found.joined] if join is None else list(join.input)
        hots = [hot_of(view, part) for part in parts]
        widths = [view.widths.get(part, 0) for part in parts]
        if any(hots) and sum(widths) == len(found.weights) and all(widths):
            _rewrite(view, found, list(zip(parts, widths, hots, strict=True)))


def _rewrite(view: View, found: _Sum, parts: Sequence[tuple[str, int, Hot | None]]) -> None:
    terms: list[str] = []
    plain: list[str] = []
    start = done = count = 0

    def weigh() -> None:
        if plain:
            value = plain[0] if len(plain) == 1 else view.add("Concat", *plain, axis=1)
            terms.append(_weighed(view, value, found.weights[done:start], found.is_deep))
            plain.clear()

    for part, width, hot in parts:
        if hot is None:
            plain.append(part)
            count += width
        else:
            weigh()
            rows = found.weights[start : start + width]
            table = hot.table(rows if found.is_deep else rows[:, 0])
            terms.append(view.add("Gather", table, hot.position))
            features = view.widths[hot.position]
            count += features
            done = start + width
        start += width
    weigh()
    total = terms[0] if len(terms) == 1 else view.add("Concat", *terms, axis=1)
    index = np.array(count - 1) if found.is_deep else np.array([count - 1])
    running = view.add("CumSum", total, np.array(1))
    view.rename(found.last, view.add("Gather", running, index, axis=1))


def _weighed(view: View, value: str, weights: Weights, is_deep: bool) -> str:  # noqa: FBT001
    if is_deep:
        value = view.add("Unsqueeze", value, np.array([2]))
        return view.add("Mul", value, weights[np.newaxis])
    return view.add("Mul", value, weights.reshape(1, -1))


def _sum_of(view: View, last: onnx.NodeProto) -> _Sum | None:
    running = view.maker(last.input[0], "CumSum") if last.op_type == "Gather" else None
    product = None if running is None else view.maker(running.input[0], "Mul")
    if running is None or product is None or attributes_of(last).get("axis") != 1:
        return None
    value, name = product.input
    weights = view.constants.get(name)
    index = view.constants.get(last.input[1])
    axis = view.constants.get(running.input[1])
    if weights is None or index is None or axis is None or attributes_of(running):
        return None
    deep = view.maker(value, "Unsqueeze")
    is_deep = deep is not None and weights.ndim == _ROWS_AND_COLUMNS + 1
    if deep is not None and is_deep:
        value, rows = deep.input[0], weights[0].astype(np.float64)
        is_row = weights.shape[0] == 1
    else:
        rows, is_row = weights.reshape(-1, 1).astype(np.float64), weights.shape[0] == 1
    is_last = index.size == 1 and int(index.reshape(())) == len(rows) - 1
    is_whole = is_row and is_last and np.isfinite(rows).all() and int(axis.reshape(())) == 1
    is_shaped = index.ndim == (0 if is_deep else 1) and weights.dtype == np.float64
    return _Sum(last, value, rows, is_deep) if is_whole and is_shaped else None


def _is_shifted(view: View, node: onnx.NodeProto) -> bool:
    """Whether all that takes a sum adds a constant to it that is not -0."""
    (value,) = node.output
    takers = [other for other in view.nodes.values() if value in other.input]
    outputs = {output.name for output in view.public.graph.output}
    return bool(takers) and value not in outputs and all(_adds(view, other) for other in takers)


def _adds(view: View, node: onnx.NodeProto) -> bool:
    added = [view.constants[name] for name in node.input if name in view.constants]
    if node.op_type != "Add" or len(added) != 1:
        return False
    return not ((added[0] == 0) & np.signbit(added[0].astype(np.float64))).any()
