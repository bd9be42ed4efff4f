"""Yeo-Johnson's choice between λ and λ - 2, by the sign of a number: added instead of chosen.

Why it is exact: ``λ - 2`` as float64 is what is chosen below zero, and so is λ plus a number that
is 0 or -2. That number plus one is the sign, 1 or -1; a product with it changes no bit but the
sign. What is not a number stays so, which the constants that were chosen then did not, and so
all that takes the choice has to be scaled by something that is not a number either.

The sign less one is that number too, but for zero, whose sign is 0: the power is 0 then instead of
λ, and what divides λ - 1. The logarithm is 0 there, and so is e to its multiple less one, with a
plus: a quotient of it is 0 still where λ is not 1, and its sign is lost where a mean that is not 0
is taken from it.

Why: ``Where`` cannot foretell a sign. It takes ten times as long as one that adds, in batches.
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.builder import MARK
from preproc.graph.view import View

_KEEP_MISSING: Final = frozenset(
    ["Abs", "Add", "Div", "Mul", "Neg", "Pow", "ReduceLogSum", "Sub", "Unsqueeze"]
)
"""They give NaN where one of their inputs is, or the one that moves."""
_NEVER_DEEPER: Final = 64
"""Steps that a value is followed back."""


def powers_by_sign(view: View) -> None:
    """Add up the powers of Yeo-Johnson, and those that divide, from one sign."""
    for test in list(view.nodes.values()):
        zero = view.constants.get(test.input[1]) if test.op_type == "GreaterOrEqual" else None
        if zero is None or zero.dtype != np.float64 or zero.shape or zero != 0:
            continue
        x = test.input[0]
        chosen = [
            node
            for node in view.nodes.values()
            if node.op_type == "Where"
            and node.input[0] == test.output[0]
            and _is_scaling(view, node, x)
        ]
        for divisor in chosen:
            powers = [node for node in chosen if _is_pair(view, divisor, node)]
            if powers:
                _rewrite(view, x, divisor, powers)
                break


def _rewrite(view: View, x: str, divisor: onnx.NodeProto, powers: list[onnx.NodeProto]) -> None:
    sign, one = view.add("Sign", x), np.array(1.0)
    if _hides_zero(view, x, divisor, powers):
        shift = view.add("Sub", sign, one)
    else:
        shift = view.add("Mul", view.add("Min", sign, np.array(0.0)), np.array(2.0))
        sign = view.add("Add", shift, one)
    signed = view.add("Add", shift, divisor.input[1])
    power = view.add("Mul", signed, sign)
    view.rename(divisor, signed)
    for node in powers:
        view.rename(node, power)


def _is_pair(view: View, divisor: onnx.NodeProto, power: onnx.NodeProto) -> bool:
    """Whether one chooses λ or λ - 2, and the other λ or 2 - λ, to the bit."""
    rows = [_row(view, name) for node in (divisor, power) for name in node.input[1:]]
    upper, lower, same, turned = rows
    if upper is None or lower is None or same is None or turned is None:
        return False
    return _bits(upper + 0.0) == _bits(upper) == _bits(same) and _bits(upper - 2.0) == _bits(
        lower
    ) == _bits(-turned)


def _row(view: View, name: str) -> NDArray[np.float64] | None:
    array = view.constants.get(name)
    is_row = array is not None and array.dtype == np.float64 and np.isfinite(array).all()
    return array.astype(np.float64) if array is not None and is_row else None


def _bits(row: NDArray[np.float64]) -> bytes:
    return row.tobytes()


def _hides_zero(view: View, x: str, divisor: onnx.NodeProto, powers: list[onnx.NodeProto]) -> bool:
    """Whether no bit tells λ from 0 and from λ - 1 where x is zero."""
    row = _row(view, divisor.input[1])
    quotients = _takers(view, divisor.output[0])
    return (
        row is not None
        and not (row == 1).any()
        and all(_is_grown(view, x, node, powers) for node in quotients)
        and len(quotients) == len(powers) == sum(len(_takers(view, p.output[0])) for p in powers)
        and all(_is_unmoved(view, quotient.output[0]) for quotient in quotients)
    )


def _is_grown(view: View, x: str, quotient: onnx.NodeProto, powers: list[onnx.NodeProto]) -> bool:
    """Whether a node divides e^(power · log(1 + |x|)) - 1."""
    exponent = _argument(view, quotient.input[0], "expm1")
    product = view.maker(exponent, "Mul") if quotient.op_type == "Div" else None
    if product is None or product.input[0] not in {power.output[0] for power in powers}:
        return False
    size = view.maker(_argument(view, product.input[1], "log1p"), "Abs")
    return size is not None and size.input[0] == x


def _argument(view: View, value: str, function: str) -> str:
    node = view.nodes.get(value)
    name, _, argument = ("" if node is None else node.doc_string).partition(MARK)
    return argument if name == function else ""


def _is_unmoved(view: View, value: str) -> bool:
    """Whether all that takes a value does the same with either zero."""
    takers = _takers(view, value)
    is_output = value in {output.name for output in view.public.graph.output}
    return bool(takers) and not is_output and all(_is_blind(view, node) for node in takers)


def _is_blind(view: View, node: onnx.NodeProto) -> bool:
    if node.op_type == "Concat":
        return all(taker.op_type == "TreeEnsemble" for taker in _takers(view, node.output[0]))
    row = _row(view, node.input[1]) if node.op_type in ("Add", "Sub") else None
    return row is not None and bool((row != 0).all())


def _takers(view: View, value: str) -> list[onnx.NodeProto]:
    return [node for node in view.nodes.values() if value in node.input]


def _is_scaling(view: View, chosen: onnx.NodeProto, x: str) -> bool:
    """Whether all that takes a choice scales with it something that is NaN where x is."""
    (value,) = chosen.output
    takers = _takers(view, value)
    others = [
        other
        for node in takers
        if node.op_type in ("Div", "Mul")
        for other in node.input
        if other != value
    ]
    outputs = {output.name for output in view.public.graph.output}
    is_all = bool(takers) and len(others) == len(takers) and value not in outputs
    return is_all and all(_is_missing_with(view, other, x) for other in others)


def _is_missing_with(view: View, value: str, x: str, depth: int = 0) -> bool:
    """Whether a value is NaN where x is."""
    if value == x:
        return True
    node = view.nodes.get(value)
    if node is None or node.op_type not in _KEEP_MISSING or depth > _NEVER_DEEPER:
        return False
    moving = node.input[1:] if node.op_type == "Pow" else node.input
    return any(_is_missing_with(view, name, x, depth + 1) for name in moving)
