"""e^x - 1 from exact operations, so that a row's bits never depend on its batch.

Small arguments take the series of the function itself. The others take the parts of the
exponential and subtract 1 at their scale, with the rounding error of the difference carried
along: so neither end of the range loses bits, and nothing overflows before its time.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.binary import two_sum
from preproc.graph.builder import GraphBuilder
from preproc.graph.exponential import exponential_parts, times_power_of_two

_NEAR: Final = 2.0**-4
_DEGREE: Final = 11
"""The series up to x^11: what follows is below 2^-72 of x for |x| <= 1/16."""
_LOWEST: Final = -64.0
"""Below, the result is -1 rounded."""
_HIGHEST: Final = 710.0
_NEGLIGIBLE: Final = 100.0
"""Above 2^100 the 1 changes no bit."""


def expm1(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute e to the power of each element, less one.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape; NaN stays, infinities give -1 and infinity.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value and of the C library.
    """

    def op(op_type: str, *inputs: str | NDArray[np.generic]) -> str:
        return graph.op(op_type, *inputs, scope=scope)

    is_nan = op("IsNaN", x)
    safe = op("Where", is_nan, np.array(0.0), x)
    bounded = op("Max", op("Min", safe, np.array(_HIGHEST)), np.array(_LOWEST))
    exponent, head, series = exponential_parts(graph, bounded, scope=scope)
    fewer = op("Min", exponent, np.array(_NEGLIGIBLE))
    one = graph.constant(np.array(-1.0))
    minus_one = times_power_of_two(graph, one, op("Neg", fewer), scope=scope)
    total, lost = two_sum(graph, head, minus_one, scope=scope)
    far = op("Add", total, op("Add", lost, op("Mul", head, series)))
    far = times_power_of_two(graph, far, exponent, scope=scope)
    small = op("Max", op("Min", safe, np.array(_NEAR)), np.array(-_NEAR))
    tail = graph.constant(np.array(1 / math.factorial(_DEGREE)))
    for degree in range(_DEGREE - 1, 1, -1):
        tail = op("Add", op("Mul", tail, small), np.array(1 / math.factorial(degree)))
    near = op("Add", small, op("Mul", op("Mul", small, small), tail))
    is_near = op("LessOrEqual", op("Abs", safe), np.array(_NEAR))
    value = op("Where", is_nan, x, op("Where", is_near, near, far))
    return graph.mark(value, "expm1", x)
