"""The exponential by a power of a constant, so that a row's bits never depend on its batch.

Why: ONNX Runtime's ``Exp`` computes one value with the C library and many with vector code that
differs in the last bit for one value in ten. Its ``Pow`` asks the C library for every number, in
any batch, and so e^x is the power of a constant base: of the float64 next to e^-256, which lies
0.02 of a rounding from it, to x / -256, an exact quotient. What the C library's power and its
exponential share is then all but one value in ten thousand.
"""

from decimal import Decimal, localcontext
from functools import cache
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder

FALLING: Final = "falling exponential"
"""Mark of e to the power of minus the argument."""
_BASE: Final = -256
"""Of the logarithms 2^k and -2^k, the one whose power of e is nearest to a float64."""


@cache
def _base() -> float:
    with localcontext() as context:
        context.prec = 60
        return float(Decimal(_BASE).exp())


def exponential(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute e to the power of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape; NaN stays, infinities give 0 and infinity.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value, and equal to the C
        library's exponential for more than 999 values in 1000.
    """
    return graph.mark(_power(graph, x, 1 / _BASE, scope), "exponential", x)


def logistic(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute 1 / (1 + e^-x), in the order in which scipy's ``expit`` does; NaN stays.

    Never the ``Sigmoid`` operator: it loses all relative accuracy below one half.
    """
    falling = graph.mark(_power(graph, x, -1 / _BASE, scope), FALLING, x)
    grown = graph.op("Add", falling, np.array(1.0), scope=scope)
    return graph.op("Reciprocal", grown, scope=scope)


def _power(graph: GraphBuilder, x: str, share: float, scope: str) -> str:
    exponent = graph.op("Mul", x, np.array(share), scope=scope)
    return graph.op("Pow", np.array(_base()), exponent, scope=scope)
