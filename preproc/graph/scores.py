"""The fast form's way from the scores of two classes to probabilities and label.

The exact graph follows scikit-learn: a logistic function of its own making, what is left of one, a
comparison. The runtime's ``Sigmoid`` of minus the score and the score gives both probabilities at
once, to 1.2e-16 absolute, and the larger of the two is the label.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto

from preproc.graph.builder import MARK
from preproc.graph.exponential import FALLING
from preproc.graph.view import View, attributes_of

_COMPARISONS: Final = {"Greater": 0, "GreaterOrEqual": 1}
"""Operator → whether a score of zero is of the second class."""


def by_one_sigmoid(view: View) -> None:
    """Compute the probabilities of two classes by one operation, and the label by another."""
    for node in list(view.nodes.values()):
        score = _score_of(view, node)
        if score is not None:
            both = view.add("Mul", score, np.array([[-1.0, 1.0]]))
            view.replace(node, "Sigmoid", [both])
            for decision, takes_zero in list(_decisions(view, score)):
                place = view.add("ArgMax", both, axis=1, keepdims=0, select_last_index=takes_zero)
                kind = attributes_of(_cast_of(view, decision))["to"]
                value = place if kind == TensorProto.INT64 else view.add("Cast", place, to=kind)
                view.rename(decision, value)


def _score_of(view: View, join: onnx.NodeProto) -> str | None:
    """Read ``[1 - p, p]`` of a logistic function p: its argument, of shape (n, 1)."""
    if join.op_type != "Concat" or len(join.input) != 2:  # noqa: PLR2004  # of two classes
        return None
    rest, chosen = view.maker(join.input[0], "Sub"), view.maker(join.input[1], "Reciprocal")
    grown = None if chosen is None else view.maker(chosen.input[0], "Add")
    falling = None if grown is None else view.nodes.get(grown.input[0])
    if rest is None or grown is None or falling is None or rest.input[1] != join.input[1]:
        return None
    function, _, score = falling.doc_string.partition(MARK)
    ones = [view.constants.get(name) for name in (rest.input[0], grown.input[1])]
    is_whole = all(one is not None and one.size == 1 and bool((one == 1).all()) for one in ones)
    is_score = function == FALLING and view.widths.get(score) == 1
    return score if is_whole and is_score else None


def _decisions(view: View, score: str) -> Iterator[tuple[onnx.NodeProto, int]]:
    """List what asks whether a score is above zero and makes a number (n,) of the answer."""
    for node in list(view.nodes.values()):
        if node.op_type not in ("Cast", "Squeeze"):
            continue
        cast = node if node.op_type == "Cast" else view.maker(node.input[0], "Cast")
        asked = None if cast is None else view.nodes.get(cast.input[0])
        if cast is None or asked is None or asked.op_type not in _COMPARISONS:
            continue
        squeezed = view.maker(asked.input[0], "Squeeze")
        zero = view.constants.get(asked.input[1])
        is_flat = squeezed is not None and squeezed.input[0] == score
        if node.op_type not in (("Cast",) if is_flat else ("Squeeze",)):
            continue
        if (is_flat or asked.input[0] == score) and zero is not None and not zero.any():
            yield node, _COMPARISONS[asked.op_type]


def _cast_of(view: View, decision: onnx.NodeProto) -> onnx.NodeProto:
    return decision if decision.op_type == "Cast" else view.nodes[decision.input[0]]
