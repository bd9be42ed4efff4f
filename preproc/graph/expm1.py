"""e^x - 1 from the exponential, and what its rounding took off.

Next to zero e^x - 1 is all that is left of digits that the exponential has rounded. The rounding
is known: the logarithm of the exponential tells which x it belongs to, and the distance of that x
from the true one, times the exponential, is what is missing. Further out nothing is.
"""

import math
from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder
from preproc.graph.exponential import exponential
from preproc.graph.logarithm import logarithm

_ENDS: Final = (0.5, 2.0)
"""Powers of e between which the difference from 1 has fewer digits than they have."""


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
        Name of the result, same shape; within 2 ULP of the true value.
    """
    op = partial(graph.op, scope=scope)
    power = exponential(graph, x, scope=scope)
    rounded = op("Clip", power, *(np.array(end) for end in _ENDS))
    belongs = logarithm(graph, rounded, scope=scope)
    near = op("Clip", x, *(np.array(math.log(end)) for end in _ENDS))
    missing = op("Mul", rounded, op("Sub", near, belongs))
    value = op("Add", op("Sub", power, np.array(1.0)), missing)
    return graph.mark(value, "expm1", x)
