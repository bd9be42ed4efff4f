"""Quotients of polynomials, by Horner's rule."""

import numpy as np

from preproc.graph.builder import GraphBuilder

Rational = tuple[tuple[float, ...], tuple[float, ...]]
"""Coefficients of numerator and denominator, highest degree first, the denominator's leading 1
left out."""


def rational(graph: GraphBuilder, x: str, parts: Rational, *, scope: str) -> tuple[str, str]:
    """Compute the numerator and the denominator at each element of x, float64 of any shape."""
    above, below = parts

    def step(value: str, coefficient: float) -> str:
        product = graph.op("Mul", value, x, scope=scope)
        return graph.op("Add", product, np.array(coefficient), scope=scope)

    numerator = graph.constant(np.array(above[0]))
    for coefficient in above[1:]:
        numerator = step(numerator, coefficient)
    denominator = graph.op("Add", x, np.array(below[0]), scope=scope)
    for coefficient in below[1:]:
        denominator = step(denominator, coefficient)
    return numerator, denominator
