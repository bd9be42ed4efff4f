"""The exponential from exact operations, so that a row's bits never depend on its batch.

Why: ONNX Runtime's ``Exp`` computes one value with the C library and many with vector code that
differs in the last bit for one value in ten. The same algorithm as glibc's (argument reduced by
ln 2 / 128, a table of 2^(i/128) in two parts, a polynomial of degree five) written as additions,
multiplications and table look-ups gives the same bits at any batch size and on any device, and
the bits of glibc but for the few values that its fused multiply-add decides.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.builder import GraphBuilder

_PARTS: Final = 128
_LN2_HIGH: Final = float.fromhex("0x1.62e42fefa0000p-8")
"""ln 2 / 128 with trailing zeros, so that its product with a whole number below 2^18 is exact."""
_COEFFICIENTS: Final = tuple(
    float.fromhex(digits)
    for digits in (
        "0x1.ffffffffffdbdp-2",
        "0x1.555555555543cp-3",
        "0x1.55555cf172b91p-5",
        "0x1.1111167a4d017p-7",
    )
)
"""Minimax coefficients of (e^r - 1 - r) / r^2 on |r| <= ln 2 / 256, as glibc publishes them."""
LOWEST: Final = -746.0
HIGHEST: Final = 710.0
"""Beyond these the true value rounds to 0 and to infinity."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What an argument is taken apart with.

    Attributes
    ----------
    heads, tails
        2^(i/128) and what is left of it, relative, (128,).
    high, low
        ln 2 / 128 in two parts, the first with trailing zeros.
    inverse
        128 / ln 2.
    coefficients
        Of the second to the fifth power of what is left.
    """

    heads: NDArray[np.float64]
    tails: NDArray[np.float64]
    high: float
    low: float
    inverse: float
    coefficients: tuple[float, ...]


@cache
def reduction() -> Reduction:
    """Compute the tables with 60 digits."""
    with localcontext() as context:
        context.prec = 60
        exact = [Decimal(2) ** (Decimal(i) / _PARTS) for i in range(_PARTS)]
        heads = [float(value) for value in exact]
        tails = [
            float((value - Decimal(head)) / Decimal(head))
            for value, head in zip(exact, heads, strict=True)
        ]
        step = Decimal(2).ln() / _PARTS
        low, inverse = float(step - Decimal(_LN2_HIGH)), float(1 / step)
    return Reduction(np.array(heads), np.array(tails), _LN2_HIGH, low, inverse, _COEFFICIENTS)


def _powers_of_two() -> tuple[NDArray[np.float64], int]:
    """2^k for every k that half of an exponent can be, and the offset of k = 0."""
    low, high = -545, 520
    return np.array([float(Fraction(2) ** k) for k in range(low, high)]), -low


def exponential(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute e to the power of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape, no NaN; infinities give 0 and infinity.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value, subnormal results within 2.
    """

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    bounded = op("Max", op("Min", x, np.array(HIGHEST)), np.array(LOWEST))
    exponent, head, series = exponential_parts(graph, bounded, scope=scope)
    mantissa = op("Add", head, op("Mul", head, series))
    result = times_power_of_two(graph, mantissa, exponent, scope=scope)
    return graph.mark(result, "exponential", x)


def exponential_parts(graph: GraphBuilder, bounded: str, *, scope: str) -> tuple[str, str, str]:
    """Split e^x, for |x| below 746, into (head + head * series) * 2^exponent."""
    told = reduction()
    c2, c3, c4, c5 = (np.array(c) for c in told.coefficients)

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    whole = op("Round", op("Mul", bounded, np.array(told.inverse)))
    rest = op("Sub", bounded, op("Mul", whole, np.array(told.high)))
    rest = op("Sub", rest, op("Mul", whole, np.array(told.low)))
    exponent = op("Floor", op("Mul", whole, np.array(1.0 / _PARTS)))
    place = op("Sub", whole, op("Mul", exponent, np.array(float(_PARTS))))
    index = graph.op("Cast", place, scope=scope, to=7)
    head = op("Gather", told.heads, index)
    square = op("Mul", rest, rest)
    low = op("Mul", square, op("Add", c2, op("Mul", rest, c3)))
    high = op("Mul", op("Mul", square, square), op("Add", c4, op("Mul", rest, c5)))
    series = op("Add", op("Add", op("Add", op("Gather", told.tails, index), rest), low), high)
    return exponent, head, series


def times_power_of_two(graph: GraphBuilder, x: str, exponent: str, *, scope: str) -> str:
    """Multiply x by 2^exponent, a whole number of magnitude below 1077.

    In two factors: one alone would overflow or lose bits at the ends of the range.
    """
    powers, zero = _powers_of_two()

    def power(value: str) -> str:
        index = graph.op("Cast", value, scope=scope, to=7)
        index = graph.op("Add", index, np.array(zero), scope=scope)
        return graph.op("Gather", powers, index, scope=scope)

    half = graph.op("Floor", graph.op("Mul", exponent, np.array(0.5), scope=scope), scope=scope)
    first, second = power(half), power(graph.op("Sub", exponent, half, scope=scope))
    return graph.op("Mul", graph.op("Mul", x, first, scope=scope), second, scope=scope)


def logistic(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute 1 / (1 + e^-x), in the order in which scipy's ``expit`` does.

    Never the ``Sigmoid`` operator: it loses all relative accuracy below one half.
    """
    negative = graph.op("Neg", x, scope=scope)
    grown = graph.op("Add", exponential(graph, negative, scope=scope), np.array(1.0), scope=scope)
    return graph.op("Reciprocal", grown, scope=scope)
