"""The natural logarithm from exact operations, so that a row's bits never depend on its batch.

Why: ONNX Runtime's ``Log`` computes one value with the C library and many with vector code that
differs in the last bit for one value in four. Here the argument is split into m · 2^k, the
mantissa is compared with the nearest c of 129 fractions j / 128, and what remains is
log(1 + r) for a tiny r, whose own rounding error is carried along. So the result is nearly
always the true value rounded, as the C library's is.
"""

from decimal import Decimal, localcontext
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.binary import halves, mantissa_exponent, two_sum
from preproc.graph.builder import GraphBuilder

_PARTS: Final = 128
_HALVED: Final = 181
"""Above 181 / 128, near the root of 2, the exponent counts one more: results next to 0 keep all
their bits on both sides of 1."""
_TAIL: Final = 42
"""High parts are multiples of 2^-42, so that their sum with any exponent times ln 2 is exact."""
_DEGREE: Final = 8
"""The series of log(1 + r) up to r^8: what follows is below 2^-64 of r for |r| <= 2^-8."""


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give, by j - 128: what to add to the exponent, log(c) high and low; ln 2 comes last."""
    grid = Decimal(2) ** _TAIL
    carry = np.array([float(j > _HALVED) for j in range(_PARTS, 2 * _PARTS + 1)] + [0.0])
    with localcontext() as context:
        context.prec = 60
        exact = [
            (Decimal(j) / _PARTS / (2 if j > _HALVED else 1)).ln()
            for j in range(_PARTS, 2 * _PARTS + 1)
        ]
        exact.append(Decimal(2).ln())
        rounded = [(value * grid).to_integral_value() / grid for value in exact]
        low = [float(value - high) for value, high in zip(exact, rounded, strict=True)]
    return carry, np.array([float(high) for high in rounded]), np.array(low)


def logarithm(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the natural logarithm of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape. Zero gives -infinity, infinity itself, NaN and
        negative numbers give NaN.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value and of the C library.
    """

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    is_plain = op("And", op("Greater", x, np.array(0.0)), op("Less", x, np.array(np.inf)))
    safe = op("Where", is_plain, x, np.array(1.0))
    mantissa, exponent = mantissa_exponent(graph, safe, scope=scope)
    value = _log_of(graph, mantissa, exponent, None, scope)
    value = op("Where", is_plain, value, _beyond(graph, x, scope))
    return graph.mark(value, "logarithm", x)


def log1p(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute log(1 + x), keeping all bits where x is small.

    Parameters and result as for `logarithm`; -1 gives -infinity, less gives NaN.
    """

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    is_plain = op("And", op("Greater", x, np.array(-1.0)), op("Less", x, np.array(np.inf)))
    safe = op("Where", is_plain, x, np.array(0.0))
    one = graph.constant(np.array(1.0))
    grown, lost = two_sum(graph, one, safe, scope=scope)
    mantissa, exponent = mantissa_exponent(graph, grown, scope=scope)
    # The same scaling as of the sum itself: the mantissa over the sum is a power of two.
    scaled = op("Mul", lost, op("Div", mantissa, grown))
    value = _log_of(graph, mantissa, exponent, scaled, scope)
    kept = op("Where", op("Equal", safe, np.array(0.0)), safe, value)
    value = op("Where", is_plain, kept, _beyond(graph, op("Add", x, one), scope))
    return graph.mark(value, "log1p", x)


def binary_logarithm(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the logarithm to base 2; powers of 2 give whole numbers. As for `logarithm`."""
    return _to_base(graph, x, 2, scope)


def decimal_logarithm(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the logarithm to base 10; powers of 10 give whole numbers. As for `logarithm`."""
    return _to_base(graph, x, 10, scope)


def _to_base(graph: GraphBuilder, x: str, base: int, scope: str) -> str:
    """Multiply the logarithm, in two parts, by 1 / log(base), in two parts."""

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    with localcontext() as context:
        context.prec = 60
        exact = 1 / Decimal(base).ln()
        coarse = float((exact * 2**24).to_integral_value() / 2**24)
        fine = float(exact - Decimal(coarse))
    is_plain = op("And", op("Greater", x, np.array(0.0)), op("Less", x, np.array(np.inf)))
    safe = op("Where", is_plain, x, np.array(1.0))
    mantissa, exponent = mantissa_exponent(graph, safe, scope=scope)
    total, small = two_sum(graph, *_parts_of(graph, mantissa, exponent, None, scope), scope=scope)
    first, second = halves(graph, total, scope=scope)
    head = op("Mul", first, np.array(coarse))
    rest = op("Add", op("Mul", second, np.array(coarse)), op("Mul", small, np.array(coarse)))
    rest = op("Add", rest, op("Mul", op("Add", total, small), np.array(fine)))
    return op("Where", is_plain, op("Add", head, rest), _beyond(graph, x, scope))


def _beyond(graph: GraphBuilder, x: str, scope: str) -> str:
    """Give the logarithm of 0, infinity, NaN and what is below 0."""

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    positive = op("Where", op("Greater", x, np.array(0.0)), x, np.array(np.nan))
    return op("Where", op("Equal", x, np.array(0.0)), np.array(-np.inf), positive)


def _log_of(graph: GraphBuilder, mantissa: str, exponent: str, rest: str | None, scope: str) -> str:
    """Compute log((m + rest) · 2^k) for 1 <= m < 2 and a rest below the last bit of m."""
    total, small = _parts_of(graph, mantissa, exponent, rest, scope)
    return graph.op("Add", total, small, scope=scope)


def _parts_of(
    graph: GraphBuilder, mantissa: str, exponent: str, rest: str | None, scope: str
) -> tuple[str, str]:
    """Compute the same as a number and what it lacks."""
    carry, high, low = _tables()

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    whole = op("Round", op("Mul", mantissa, np.array(float(_PARTS))))
    index = graph.op("Cast", op("Sub", whole, np.array(float(_PARTS))), scope=scope, to=7)
    center = op("Mul", whole, np.array(1 / _PARTS))
    over = op("Sub", mantissa, center)
    part = over if rest is None else op("Add", over, rest)
    ratio = op("Div", part, center)
    ratio_high, ratio_low = halves(graph, ratio, scope=scope)
    missed = op("Sub", op("Sub", part, op("Mul", ratio_high, center)), op("Mul", ratio_low, center))
    if rest is not None:
        missed = op("Add", missed, op("Sub", rest, op("Sub", part, over)))
    ratio_rest = op("Div", missed, center)
    power = op("Add", exponent, op("Gather", carry[:-1], index))
    base = op("Add", op("Mul", power, high[-1]), op("Gather", high[:-1], index))
    base_low = op("Add", op("Mul", power, low[-1]), op("Gather", low[:-1], index))
    total = op("Add", base, ratio)
    lost = op("Add", op("Sub", base, total), ratio)
    series = graph.constant(np.array((-1.0) ** (_DEGREE + 1) / _DEGREE))
    for degree in range(_DEGREE - 1, 1, -1):
        series = op("Add", op("Mul", series, ratio), np.array((-1.0) ** (degree + 1) / degree))
    small = op("Mul", op("Mul", ratio, ratio), series)
    return total, op("Add", op("Add", lost, op("Add", base_low, ratio_rest)), small)
