"""Rules that refuse infinities, told by what their nodes ask."""

from typing import Final

import numpy as np
import onnx

from preproc.graph.view import View, attributes_of

_KEEP_NUMBERS: Final = frozenset(["Abs", "Cast", "Clip", "Gather", "Neg"])
_STEPS: Final = frozenset(["Add", "Div", "Mul", "Sub"])
_FLOATS: Final = frozenset([onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE])
_NEVER_DEEPER: Final = 64
"""Steps that a value is followed back."""


def infinite_in(view: View, part: str) -> tuple[str | None, bool]:
    """Give the value whose infinities a rule refuses, and whether it refuses NaN there too.

    None where it asks for something else.
    """
    plain = view.maker(part, "IsInf")
    if plain is not None:
        is_both = not attributes_of(plain)
        return (plain.input[0] if is_both else None), False
    negated = view.maker(part, "Not")
    below = None if negated is None else view.maker(negated.input[0], "Less")
    size = None if below is None else view.maker(below.input[0], "Abs")
    if below is None or size is None:
        return None, False
    bound, value = view.constants.get(below.input[1]), size.input[0]
    is_float = view.kinds.get(value) in _FLOATS
    if bound is None or not (bound.astype(np.float64) == np.inf).all() or not is_float:
        return None, False
    return value, not _never_nan(view, value)


def _never_nan(view: View, value: str) -> bool:
    """Whether a value is a number or an infinity: filled, and no step since could make NaN."""
    for _ in range(_NEVER_DEEPER):
        node = view.nodes.get(value)
        if node is None or node.input[0] in view.constants:
            return False
        if node.op_type == "Where":
            break
        if node.op_type not in _KEEP_NUMBERS and not _is_plain_step(view, node):
            return False
        value = node.input[0]
    else:
        return False
    test, filled = view.maker(node.input[0], "IsNaN"), view.constants.get(node.input[1])
    is_filled = filled is not None and not np.isnan(filled.astype(np.float64)).any()
    return test is not None and test.input[0] == node.input[2] and is_filled


def _is_plain_step(view: View, node: onnx.NodeProto) -> bool:
    """Whether a node adds, or scales by, finite constants other than a factor of zero."""
    given = view.constants.get(node.input[1]) if node.op_type in _STEPS else None
    if given is None or not np.isfinite(given.astype(np.float64)).all():
        return False
    return node.op_type in ("Add", "Sub") or bool((given != 0).all())
