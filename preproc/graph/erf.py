"""The error function, in the order of operations of scipy's."""

from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder
from preproc.graph.exponential import exponential
from preproc.graph.rational import Rational, rational

_NEAR: Final = 1.0
"""Up to here one rational function of the square; beyond, one less the complement."""
_FAR: Final = 6.0
"""Beyond this the complement changes no bit of 1."""

_SMALL: Final[Rational] = (
    (
        9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
        7.00332514112805075473e3, 5.55923013010394962768e4,
    ),
    (
        3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
        2.26290000613890934246e4, 4.92673942608635921086e4,
    ),
)  # fmt: skip
_COMPLEMENT: Final[Rational] = (
    (
        2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
        4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
        9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
    ),
    (
        1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
        9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
        1.65666309194161350182e3, 5.57535340817727675546e2,
    ),
)  # fmt: skip
"""Numerator and denominator, highest degree first, the denominator's leading 1 left out: the
rational approximations of the Cephes library by S. L. Moshier."""


def erf(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the error function of each element.

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
        Name of the result, same shape: ``scipy.special.erf`` bit for bit where |x| <= 1, and
        beyond but for the few values that the C library's exponential decides, by 1 ULP.
    """
    op = partial(graph.op, scope=scope)
    is_nan = op("IsNaN", x)
    safe = op("Where", is_nan, np.array(0.0), x)
    size = op("Abs", safe)
    small = op("Min", size, np.array(_NEAR))
    square = op("Mul", small, small)
    above, below = rational(graph, square, _SMALL, scope=scope)
    near = op("Div", op("Mul", small, above), below)
    large = op("Min", op("Max", size, np.array(_NEAR)), np.array(_FAR))
    power = exponential(graph, op("Mul", op("Neg", large), large), scope=scope)
    above, below = rational(graph, large, _COMPLEMENT, scope=scope)
    complement = op("Div", op("Mul", power, above), below)
    far = op("Sub", np.array(1.0), complement)
    value = op("Where", op("LessOrEqual", size, np.array(_NEAR)), near, far)
    value = op("Where", op("Less", safe, np.array(0.0)), op("Neg", value), value)
    return graph.mark(op("Where", is_nan, x, value), "erf", x)
