"""The hyperbolic tangent from exact operations, so that a row's bits never depend on its batch.

Why: the vector code of ONNX Runtime's ``Tanh`` is off by several ULP and gives one value other
bits than many, and a quotient of exponentials rounds four times. Here a table holds the tangent T
of every 64th, in two parts, and 1 - T²: with c the nearest 64th and u = tanh(x - c),
tanh(x) = T + u (1 - T²) / (1 + T u), whose last addition alone rounds at full size. Next to zero
the series of the function does.
"""

from decimal import Decimal, localcontext
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.builder import GraphBuilder

_PARTS: Final = 64
_NEAR: Final = 2.0**-4
_HIGHEST: Final = 19.5
"""Beyond, the result is 1 rounded."""
_SERIES: Final = (
    -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075, -929569 / 638512875,
)  # fmt: skip
"""Taylor coefficients from x³ to x^15: what follows is below 2^-70 of x for |x| <= 1/16."""
_FINE: Final = 3
"""Coefficients for |x| <= 1/128: what follows is below 2^-60 of x."""


@cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute tanh(i / 64) as head and tail, and 1 - tanh(i / 64)²."""
    with localcontext() as context:
        context.prec = 50
        powers = [(2 * Decimal(i) / _PARTS).exp() for i in range(int(_HIGHEST * _PARTS) + 1)]
        exact = [(power - 1) / (power + 1) for power in powers]
        heads = [float(value) for value in exact]
        tails = [float(v - Decimal(head)) for v, head in zip(exact, heads, strict=True)]
        return np.array(heads), np.array(tails), np.array([float(1 - v * v) for v in exact])


def tanh(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the hyperbolic tangent of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape; NaN stays, infinities give -1 and 1.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value.
    """
    heads, tails, slopes = _tables()
    op = partial(graph.op, scope=scope)
    is_nan = op("IsNaN", x)
    size = op("Where", is_nan, np.array(0.0), op("Abs", x))
    bounded = op("Min", size, np.array(_HIGHEST))
    place = op("Round", op("Mul", bounded, np.array(float(_PARTS))))
    rest = op("Sub", bounded, op("Mul", place, np.array(1.0 / _PARTS)))
    rest = _series(graph, rest, _SERIES[:_FINE], scope)
    index = op("Cast", place, to=7)
    head = op("Gather", heads, index)
    divisor = op("Add", op("Mul", head, rest), np.array(1.0))
    step = op("Div", op("Mul", rest, op("Gather", slopes, index)), divisor)
    far = op("Add", head, op("Add", op("Gather", tails, index), step))
    near = _series(graph, op("Min", size, np.array(_NEAR)), _SERIES, scope)
    value = op("Where", op("Less", size, np.array(_NEAR)), near, far)
    value = op("Where", op("Less", x, np.array(0.0)), op("Neg", value), value)
    return graph.mark(op("Where", is_nan, x, value), "tanh", x)


def _series(graph: GraphBuilder, x: str, coefficients: tuple[float, ...], scope: str) -> str:
    """Compute x + x³ (c₀ + c₁ x² + …)."""
    op = partial(graph.op, scope=scope)
    square = op("Mul", x, x)
    tail = graph.constant(np.array(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        tail = op("Add", op("Mul", tail, square), np.array(coefficient))
    return op("Add", x, op("Mul", x, op("Mul", square, tail)))
