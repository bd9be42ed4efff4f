"""Arcus functions from exact operations, so that a row's bits never depend on its batch.

Why: ONNX Runtime has no float64 kernels for ``Atan``, ``Asin`` and ``Acos``. With c the 64th next
to the smaller of two sizes over the larger, arctan(y / x) is arctan(c), from a table in two parts,
and the arctangent of (y - c x) / (x + c y), which is small: a short series does.
"""

from decimal import Decimal, localcontext
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.binary import halves
from preproc.graph.builder import GraphBuilder

_PARTS: Final = 64
_SERIES: Final = (-1 / 3, 1 / 5, -1 / 7, 1 / 9)
"""Taylor coefficients from u³ on: for |u| <= 1/128 what follows is below 2^-72 of u."""
_LARGE: Final = 2.0**500
_SMALL: Final = 2.0**-500


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """arctan(i / 64) and then π/2 - arctan(i / 64), head and tail; last π, head and tail."""
    with localcontext() as context:
        context.prec = 60
        half_pi = 2 * (4 * _of_inverse(5) - _of_inverse(239))
        first = [_arctangent(Decimal(i) / _PARTS) for i in range(_PARTS + 1)]
        exact = [*first, *(half_pi - value for value in first)]
        heads = [float(value) for value in exact]
        tails = [float(v - Decimal(head)) for v, head in zip(exact, heads, strict=True)]
        pi = 2 * half_pi
        return (
            np.array(heads),
            np.array(tails),
            np.array([float(pi), float(pi - Decimal(float(pi)))]),
        )


def _of_inverse(n: int) -> Decimal:
    return _arctangent(Decimal(1) / n)


def _arctangent(x: Decimal) -> Decimal:
    """Sum the series of Euler, which converges for every x."""
    square = x * x
    term = x / (1 + square)
    total, k = Decimal(0), 0
    while abs(term) > Decimal(10) ** -58:
        total += term
        k += 1
        term = term * 2 * k / (2 * k + 1) * square / (1 + square)
    return total


def arctangent(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the arcus tangent of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape; NaN stays, infinities give ±π/2.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value.
    """
    size = graph.op("Abs", x, scope=scope)
    value = _first_quadrant(graph, size, graph.constant(np.array(1.0)), scope)
    return _signed(graph, x, value, scope)


def arctangent2(graph: GraphBuilder, y: str, x: str, *, scope: str) -> str:
    """Compute the angle of the point (x, y), from -π to π; zeros have signs, as in C.

    Parameters and result as for `arctangent`; within 2 ULP of the true value.
    """
    op = partial(graph.op, scope=scope)
    y = y if isinstance(y, str) else graph.constant(y)
    x = x if isinstance(x, str) else graph.constant(x)
    value = _first_quadrant(graph, op("Abs", y), op("Abs", x), scope)
    pi, rest = _tables()[2]
    turned = op("Sub", np.array(pi), op("Sub", value, np.array(rest)))
    value = op("Where", _is_negative(graph, x, scope), turned, value)
    value = _signed(graph, y, value, scope)
    is_nan = op("Or", op("IsNaN", x), op("IsNaN", y))
    return op("Where", is_nan, np.array(np.nan), value)


def arcsine(graph: GraphBuilder, x: str, *, scope: str, is_cosine: bool = False) -> str:
    """Compute the arcus sine, or cosine, of each element; NaN beyond -1 and 1.

    Parameters and result as for `arctangent`; within 2 ULP of the true value.
    """
    op = partial(graph.op, scope=scope)
    is_in = op("LessOrEqual", op("Abs", x), np.array(1.0))
    safe = op("Where", is_in, x, np.array(0.0))
    product = op("Mul", op("Sub", np.array(1.0), safe), op("Add", np.array(1.0), safe))
    other = op("Sqrt", product)
    value = arctangent2(graph, *((other, safe) if is_cosine else (safe, other)), scope=scope)
    return op("Where", is_in, value, np.array(np.nan))


def _is_negative(graph: GraphBuilder, x: str, scope: str) -> str:
    """Tell negative numbers, -0.0 among them, by the sign of the reciprocal of zero."""
    below = graph.op("Less", x, np.array(0.0), scope=scope)
    inverse = graph.op("Reciprocal", x, scope=scope)
    is_zero = graph.op("Equal", x, np.array(0.0), scope=scope)
    is_minus = graph.op("Less", inverse, np.array(0.0), scope=scope)
    minus_zero = graph.op("And", is_zero, is_minus, scope=scope)
    return graph.op("Or", below, minus_zero, scope=scope)


def _signed(graph: GraphBuilder, x: str, value: str, scope: str) -> str:
    negative = _is_negative(graph, x, scope)
    return graph.op("Where", negative, graph.op("Neg", value, scope=scope), value, scope=scope)


def _first_quadrant(graph: GraphBuilder, y: str, x: str, scope: str) -> str:
    """Compute the angle of a point with both sizes at least 0; NaN stays."""
    heads, tails, _ = _tables()
    op = partial(graph.op, scope=scope)
    is_swapped = op("Greater", y, x)
    large, small = op("Where", is_swapped, y, x), op("Where", is_swapped, x, y)
    is_nan = op("IsNaN", op("Add", large, small))
    # Infinity over infinity counts as 1 over 1, anything over infinity as 0 over 1, 0 over 0 as 0.
    is_inf = op("IsInf", large)
    one, zero = np.array(1.0), np.array(0.0)
    small = op("Where", is_inf, op("Where", op("IsInf", small), one, zero), small)
    is_odd = op("Or", op("Or", is_inf, is_nan), op("Equal", large, zero))
    large = op("Where", is_odd, one, large)
    small = op("Where", is_nan, zero, small)
    scale = op("Where", op("Greater", large, np.array(_LARGE)), np.array(_SMALL), one)
    scale = op("Where", op("Less", large, np.array(_SMALL)), np.array(_LARGE), scale)
    large, small = op("Mul", large, scale), op("Mul", small, scale)
    place = op("Round", op("Mul", op("Div", small, large), np.array(float(_PARTS))))
    center = op("Mul", place, np.array(1.0 / _PARTS))
    first, second = halves(graph, large, scope=scope)
    above = op("Sub", op("Sub", small, op("Mul", center, first)), op("Mul", center, second))
    rest = op("Div", above, op("Add", large, op("Mul", center, small)))
    square = op("Mul", rest, rest)
    tail = graph.constant(np.array(_SERIES[-1]))
    for coefficient in _SERIES[-2::-1]:
        tail = op("Add", op("Mul", tail, square), np.array(coefficient))
    step = op("Add", rest, op("Mul", rest, op("Mul", square, tail)))
    step = op("Where", is_swapped, op("Neg", step), step)
    index = op("Cast", place, to=7)
    index = op("Add", index, op("Where", is_swapped, np.array(_PARTS + 1), np.array(0)))
    value = op("Add", op("Gather", heads, index), op("Add", op("Gather", tails, index), step))
    return op("Where", is_nan, np.array(np.nan), value)
