"""Refusals in fewer nodes: one check for all values that must be finite, one number a row.

Why it is exact: the rules stay what they are. An infinity is found in all checked values at once;
where a value is never NaN, not finite means infinite. A broken rule leaves its number less one
more than there are rules, which is negative, so the smallest such number is the first rule, zero
means none, and the remainder gives the number back.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.view import View, attributes_of
from preproc.signature import ROW_ERROR

_NEVER_DEEPER: Final = 64
"""Steps that a value is followed back."""


def short_refusals(view: View) -> None:
    """Rewrite the nodes that join the rules."""
    end = view.maker(ROW_ERROR, "Identity")
    chosen = None if end is None else view.maker(end.input[0], "Where")
    first = None if chosen is None else view.maker(chosen.input[2], "ReduceMin")
    marked = None if first is None else view.maker(first.input[0], "Where")
    if chosen is None or first is None or marked is None or end is None:
        return
    numbers = view.constants[marked.input[1]].ravel().astype(np.int32)
    beyond = int(numbers.max()) + 1
    join = view.maker(marked.input[0], "Concat")
    parts = [marked.input[0]] if join is None else list(join.input)
    widths = [view.widths.get(part, 0) for part in parts]
    if sum(widths) != len(numbers) or not all(widths):
        return
    ends = np.cumsum(widths)[:-1]
    broken, order = _broken(view, list(zip(parts, np.split(numbers, ends), strict=True)))
    left = (order - beyond).astype(np.int32).reshape(1, -1)
    worst = view.add("Where", broken, left, np.array(0, np.int32))
    least = view.add("ReduceMin", worst, np.array([1]), keepdims=0)
    refused = view.add("Less", least, np.array(0, np.int32))
    for node in list(view.nodes.values()):
        if node.op_type == "Greater" and node.input[0] == chosen.output[0]:
            view.rename(node, refused)
    view.replace(end, "Mod", [least, view.constant(np.array(beyond, np.int32))])


def _broken(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]]
) -> tuple[str, NDArray[np.int32]]:
    """Join what the rules look at; give which are broken, bool (n, rules), and their numbers."""
    checked: list[str] = []
    numbers: list[NDArray[np.int32]] = []
    others: list[tuple[str, NDArray[np.int32]]] = []
    for part, mine in parts:
        source = _infinite(view, part)
        if source is None:
            others.append((part, mine))
        else:
            checked.append(source)
            numbers.append(mine)
    broken = []
    if checked:
        value = checked[0] if len(checked) == 1 else view.add("Concat", *checked, axis=1)
        broken.append(view.add("IsInf", value))
    broken += [part for part, _ in others]
    numbers += [mine for _, mine in others]
    together = broken[0] if len(broken) == 1 else view.add("Concat", *broken, axis=1)
    return together, np.concatenate(numbers)


def _infinite(view: View, part: str) -> str | None:
    """Give the float64 value whose infinities a rule refuses; None where it asks for else."""
    plain = view.maker(part, "IsInf")
    if plain is not None:
        is_both = not attributes_of(plain)
        is_double = view.kinds.get(plain.input[0]) == onnx.TensorProto.DOUBLE
        return plain.input[0] if is_both and is_double else None
    negated = view.maker(part, "Not")
    below = None if negated is None else view.maker(negated.input[0], "Less")
    size = None if below is None else view.maker(below.input[0], "Abs")
    if below is None or size is None:
        return None
    bound, value = view.constants.get(below.input[1]), size.input[0]
    if bound is None or not np.isposinf(bound).all() or not _never_nan(view, value):
        return None
    if view.kinds.get(value) == onnx.TensorProto.FLOAT:
        return view.add("Cast", value, to=onnx.TensorProto.DOUBLE)
    return value if view.kinds.get(value) == onnx.TensorProto.DOUBLE else None


def _never_nan(view: View, value: str) -> bool:
    """Whether a value is a number or an infinity, by the few steps that cannot make NaN of these."""
    for _ in range(_NEVER_DEEPER):
        node = view.nodes.get(value)
        if node is None:
            return False
        if node.op_type == "Where":
            test, given = view.maker(node.input[0], "IsNaN"), view.constants.get(node.input[1])
            is_filled = given is not None and not np.isnan(given.astype(np.float64)).any()
            return test is not None and test.input[0] == node.input[2] and is_filled
        if node.op_type in ("Add", "Sub", "Mul", "Div"):
            given = view.constants.get(node.input[1])
            if given is None or not np.isfinite(given.astype(np.float64)).all():
                return False
            if node.op_type in ("Mul", "Div") and (given == 0).any():
                return False
        elif node.op_type not in ("Cast", "Gather", "Clip", "Neg", "Abs"):
            return False
        if node.op_type in ("Cast", "Gather") and node.input[0] in view.constants:
            return False
        value = node.input[0]
    return False
