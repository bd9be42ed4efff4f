"""Exponentials in fewer nodes: the same additions and multiplications, fewer steps around them.

Why it is exact: what is left out only moves numbers about. Clamping is one node; exponent and
place in the table come from whole numbers by division and remainder, and where these round
towards zero instead of down, head and power of two differ by the same factor of two; tables are
turned, so that negative places count from the end. Negating the argument is left out by negating
constants. A logistic function needs one power of two instead of two factors: below -40 the
exponential no longer changes the sum with 1, and above, doubled heads leave room for 2^1024.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.builder import MARK
from preproc.graph.exponential import HIGHEST, LOWEST, Reduction, reduction
from preproc.graph.view import View

_LEAST_THAT_COUNTS: Final = -40.0
"""Below it 1 + e^x is 1: half of the last bit of 1 is 2^-53, and e^-40 is 2^-57.7."""
_POWERS: Final = 2048
"""Length of the table that any whole number finds a place in by its last bits."""
_MASK: Final = np.array(_POWERS - 1)


def short_exponentials(view: View) -> None:
    """Rewrite logistic functions, and what exponentials there are beside them."""
    for node in list(view.nodes.values()):
        if node.op_type == "Reciprocal":
            _logistic(view, node)
    for node in list(view.nodes.values()):
        function, _, argument = node.doc_string.partition(MARK)
        if function == "exponential" and node.output[-1] in view.nodes:
            parts = _parts(view, argument, sign=1.0, lowest=LOWEST)
            first, second = (view.add("Gather", table, parts.exponent) for table in _halves())
            result = view.add("Mul", view.add("Mul", parts.mantissa, first), second)
            view.rename(node, result)


@dataclass(frozen=True, slots=True)
class _Parts:
    """An exponential as ``mantissa * 2^exponent``; the exponent is int64."""

    mantissa: str
    exponent: str


def _logistic(view: View, last: onnx.NodeProto) -> None:
    """Match ``1 / (1 + e^x)``, the reciprocal of an exponential that is used once."""
    total = view.maker(last.input[0], "Add")
    grown = None if total is None else view.nodes.get(total.input[0])
    if total is None or grown is None or not _is_one(view, total.input[1]):
        return
    function, _, argument = grown.doc_string.partition(MARK)
    if function != "exponential" or view.uses[grown.output[-1]] > 1:
        return
    sign = 1.0
    negated = view.maker(argument, "Neg")
    if negated is not None:
        argument, sign = negated.input[0], -1.0
    guard = _guard(view, argument, last)
    if guard is not None:
        (argument, last) = guard
    parts = _parts(view, argument, sign=sign, lowest=_LEAST_THAT_COUNTS, scale=2.0)
    exponent = parts.exponent
    if guard is not None:
        # NaN becomes some whole number, which has to find a place.
        exponent = view.add("BitwiseAnd", exponent, _MASK)
    power = view.add("Gather", _powers(), exponent)
    grown_again = view.add("Mul", parts.mantissa, power)
    result = view.add("Reciprocal", view.add("Add", grown_again, np.array(1.0)))
    view.rename(last, result)


def _guard(view: View, argument: str, last: onnx.NodeProto) -> tuple[str, onnx.NodeProto] | None:
    """Match ``Where(IsNaN(x), NaN, f(Where(IsNaN(x), 0, x)))``: x, and the node that ends it."""
    safe = view.maker(argument, "Where")
    is_nan = None if safe is None else view.maker(safe.input[0], "IsNaN")
    if safe is None or is_nan is None or is_nan.input[0] != safe.input[2]:
        return None
    takers = [node for node in view.nodes.values() if last.output[0] in node.input]
    if len(takers) != 1 or view.uses[last.output[0]] > 1:
        return None
    (taker,) = takers
    given = view.constants.get(taker.input[1]) if taker.op_type == "Where" else None
    is_same = given is not None and taker.input[0] == safe.input[0] and bool(np.isnan(given).all())
    return (is_nan.input[0], taker) if is_same and given is not None and given.size == 1 else None


def _parts(view: View, x: str, *, sign: float, lowest: float, scale: float = 1.0) -> _Parts:
    """Compute e^(sign * x) as a mantissa, times `scale`, and an exponent, as `exponential` does."""
    told: Reduction = reduction()
    ends = sorted((sign * lowest, sign * HIGHEST))
    bounded = view.add("Clip", x, *(np.array(end) for end in ends))
    whole = view.add("Round", view.add("Mul", bounded, np.array(sign * told.inverse)))
    shift = "Sub" if sign > 0 else "Add"  # where sign is -1, what is left is negative too
    rest = view.add(shift, bounded, view.add("Mul", whole, np.array(told.high)))
    rest = view.add(shift, rest, view.add("Mul", whole, np.array(told.low)))
    count = view.add("Cast", whole, to=onnx.TensorProto.INT64)
    parts = np.array(len(told.heads))
    place = view.add("Mod", count, parts, fmod=1)
    exponent = view.add("Div", count, parts)
    heads, tails = _turned(told.heads * scale, 0.5), _turned(told.tails, 1.0)
    c2, c3, c4, c5 = told.coefficients
    square = view.add("Mul", rest, rest)
    slope = view.add("Add", view.add("Mul", rest, np.array(sign * c3)), np.array(c2))
    bend = view.add("Add", view.add("Mul", rest, np.array(sign * c5)), np.array(c4))
    low = view.add("Mul", square, slope)
    high = view.add("Mul", view.add("Mul", square, square), bend)
    join = "Add" if sign > 0 else "Sub"
    first = view.add(join, view.add("Gather", tails, place), rest)
    series = view.add("Add", view.add("Add", first, low), high)
    head = view.add("Gather", heads, place)
    return _Parts(view.add("Add", head, view.add("Mul", head, series)), exponent)


def _turned(table: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Lay a table out for places from 1 - n to n - 1, where a negative one means the power below.

    A place p - n with the exponent one higher stands for place p.
    """
    return np.concatenate([table, table[1:] * factor])


def _powers() -> NDArray[np.float64]:
    """2^(e - 1) for each e from -1023 to 1024, by the last bits of e."""
    exponents = np.arange(_POWERS)
    exponents[exponents > _POWERS // 2] -= _POWERS
    return np.ldexp(1.0, exponents - 1)


def _halves() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """2^(e // 2) and what is left of 2^e, for e from -1077 to 1025; negative ones at the end."""
    exponents = np.concatenate([np.arange(1026), np.arange(-1077, 0)])
    half = exponents // 2
    return np.ldexp(1.0, half), np.ldexp(1.0, exponents - half)


def _is_one(view: View, name: str) -> bool:
    value = view.constants.get(name)
    return value is not None and value.size == 1 and float(value.reshape(())) == 1.0
