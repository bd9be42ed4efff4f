"""Mantissa and exponent of a number, for functions that reduce their argument by powers of two.

ONNX has no operator that reads the bits of a float. The logarithm of the runtime tells the
exponent up to one, whatever its last bits are, and an exact comparison puts it right: so the
result is the same on every machine and in every batch.
"""

import math
from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder

_LOWEST: Final = -1022
_HIGHEST: Final = 1023
_SHIFT: Final = 54
"""Subnormal numbers are multiplied by 2^54 first."""


def mantissa_exponent(graph: GraphBuilder, x: str, *, scope: str) -> tuple[str, str]:
    """Split x into m · 2^k with 1 <= m < 2, exactly.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape: positive and finite, nothing else.
    scope
        Path of the step.

    Returns
    -------
    tuple
        Names of m and of k, float64, same shape as x.
    """
    op = partial(graph.op, scope=scope)
    powers = np.array([math.ldexp(1.0, -k) for k in range(_LOWEST, _HIGHEST + 1)])
    is_tiny = op("Less", x, np.array(math.ldexp(1.0, _LOWEST)))
    lift = op("Where", is_tiny, np.array(math.ldexp(1.0, _SHIFT)), np.array(1.0))
    drop = op("Where", is_tiny, np.array(float(_SHIFT)), np.array(0.0))
    lifted = op("Mul", x, lift)
    guess = op("Floor", op("Mul", op("Log", lifted), np.array(1 / math.log(2))))
    guess = op("Max", op("Min", guess, np.array(float(_HIGHEST))), np.array(float(_LOWEST)))
    index = op("Cast", op("Sub", guess, np.array(float(_LOWEST))), to=7)
    mantissa = op("Mul", lifted, op("Gather", powers, index))
    is_low = op("Less", mantissa, np.array(1.0))
    is_high = op("GreaterOrEqual", mantissa, np.array(2.0))
    upward = op("Where", is_low, np.array(2.0), np.array(1.0))
    factor = op("Where", is_high, np.array(0.5), upward)
    step = op("Where", is_low, np.array(-1.0), np.array(0.0))
    step = op("Where", is_high, np.array(1.0), step)
    exponent = op("Sub", op("Add", guess, step), drop)
    return op("Mul", mantissa, factor), exponent


def two_sum(graph: GraphBuilder, left: str, right: str, *, scope: str) -> tuple[str, str]:
    """Add two float64 values and give the rounded sum and its exact rounding error."""
    op = partial(graph.op, scope=scope)
    total = op("Add", left, right)
    shown = op("Sub", total, left)
    error = op("Add", op("Sub", left, op("Sub", total, shown)), op("Sub", right, shown))
    return total, error


def halves(graph: GraphBuilder, x: str, *, scope: str) -> tuple[str, str]:
    """Split float64 below 2^990 into two parts of at most 26 bits each, whose sum is x."""
    grown = graph.op("Mul", x, np.array(2.0**27 + 1), scope=scope)
    high = graph.op("Sub", grown, graph.op("Sub", grown, x, scope=scope), scope=scope)
    return high, graph.op("Sub", x, high, scope=scope)
