"""The natural logarithm of a sum of one, so that a row's bits never depend on its batch.

Why: ONNX Runtime's ``Log`` computes one value with the C library and many with vector code that
differs in the last bit for one value in four. Its ``ReduceLogSum`` asks the C library for every
sum, and the sum of one number is the number: so the bits are the C library's in any batch.
"""

import math
from decimal import Decimal, localcontext
from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder

_ONE_IS_NOTHING: Final = 2.0**53
"""From here on 1 + x has lost nothing that counts."""
_LEAST: Final = float(np.finfo(np.float64).tiny)


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
        Name of the result, same shape: the C library's bits.
    """
    last = np.array([-1])
    alone = graph.op("Unsqueeze", x, last, scope=scope)
    return graph.mark(
        graph.op("ReduceLogSum", alone, last, scope=scope, keepdims=0), "logarithm", x
    )


def log1p(graph: GraphBuilder, x: str, *, scope: str, is_distance: bool = False) -> str:
    """Compute log(1 + x), keeping all bits where x is small.

    What the sum loses, over the sum, is what the logarithm lacks. Result as for `logarithm`, but
    within 1 ULP of the true value.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape. -1 gives -infinity, less gives NaN.
    scope
        Path of the step.
    is_distance
        Whether x is at least 0 and not infinite, or the answer does not count.
    """
    op = partial(graph.op, scope=scope)
    one = np.array(1.0)
    grown = op("Add", x, one)
    small, sum_of_small, divisor = x, grown, grown
    if not is_distance:  # infinity less itself and zero over itself would be NaN
        small, sum_of_small = (
            op("Min", one_of, np.array(_ONE_IS_NOTHING)) for one_of in (x, grown)
        )
        divisor = op("Max", grown, np.array(_LEAST))
    lacks = op("Div", op("Sub", small, op("Sub", sum_of_small, one)), divisor)
    return graph.mark(op("Add", logarithm(graph, grown, scope=scope), lacks), "log1p", x)


def binary_logarithm(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the logarithm to base 2; powers of 2 give whole numbers. As for `logarithm`."""
    return _to_base(graph, x, 2, scope)


def decimal_logarithm(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the logarithm to base 10; powers of 10 give whole numbers. As for `logarithm`."""
    return _to_base(graph, x, 10, scope)


def _to_base(graph: GraphBuilder, x: str, base: int, scope: str) -> str:
    """Scale the natural logarithm; take the whole number next to it where that is the answer."""
    with localcontext() as context:
        context.prec = 60
        exact = 1 / Decimal(base).ln()
    factor = float(exact)
    least = math.ceil(math.log(_LEAST, base))
    op = partial(graph.op, scope=scope)
    natural = logarithm(graph, x, scope=scope)
    rest = op("Mul", natural, np.array(float(exact - Decimal(factor))))
    value = op("Add", op("Mul", natural, np.array(factor)), rest)
    whole = op("Max", op("Round", value), np.array(float(least)))
    is_whole = op("Equal", op("Pow", np.array(float(base)), whole), x)
    return op("Where", is_whole, whole, value)
