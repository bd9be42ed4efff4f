"""The inverse of the normal distribution function, in the order of operations of scipy's."""

from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder
from preproc.graph.logarithm import logarithm
from preproc.graph.rational import Rational, rational

_TAIL: Final = 0.13533528323661269189
"""e^-2: nearer to 0 or 1 the function is computed from a logarithm."""
_ROOT: Final = 2.50662827463100050242
"""Root of 2π, as the algorithm spells it."""
_FAR: Final = 8.0

_CENTRE: Final[Rational] = (
    (
        -5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
        1.39312609387279679503e1, -1.23916583867381258016e0,
    ),
    (
        1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1,
        -2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
        1.59056225126211695515e1, -1.18331621121330003142e0,
    ),
)  # fmt: skip
_MIDDLE: Final[Rational] = (
    (
        4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
        4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
        -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4,
    ),
    (
        1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
        1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
        -3.80806407691578277194e-2, -9.33259480895457427372e-4,
    ),
)  # fmt: skip
_OUTER: Final[Rational] = (
    (
        3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
        1.33303460815807542389e0, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
        3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9,
    ),
    (
        6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0,
        2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
        2.89247864745380683936e-6, 6.79019408009981274425e-9,
    ),
)  # fmt: skip
"""Numerator and denominator, highest degree first, the denominator's leading 1 left out: the
rational approximations of the Cephes library by S. L. Moshier."""


def normal_quantile(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Find where the normal distribution function reaches each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape: probabilities. 0 and 1 give infinities, NaN and what
        lies outside give NaN.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape: equal to ``scipy.special.ndtri`` bit for bit between e^-2
        and 1 - e^-2, within 2 ULP in the tails, where the C library's logarithm decides.
    """
    op = partial(graph.op, scope=scope)
    is_inside = op("And", op("Greater", x, np.array(0.0)), op("Less", x, np.array(1.0)))
    safe = op("Where", is_inside, x, np.array(0.5))
    is_upper = op("Greater", safe, np.array(1.0 - _TAIL))
    folded = op("Where", is_upper, op("Sub", np.array(1.0), safe), safe)
    is_centre = op("Greater", folded, np.array(_TAIL))
    shifted = op("Sub", folded, np.array(0.5))
    square = op("Mul", shifted, shifted)
    ratio = _divided(graph, square, square, _CENTRE, scope)
    centre = op("Add", shifted, op("Mul", shifted, ratio))
    centre = op("Mul", centre, np.array(_ROOT))
    tail = _tail(graph, op("Where", is_centre, np.array(_TAIL), folded), scope)
    tail = op("Where", is_upper, tail, op("Neg", tail))
    value = op("Where", is_centre, centre, tail)
    ends = op("Where", op("Equal", x, np.array(1.0)), np.array(np.inf), np.array(np.nan))
    ends = op("Where", op("Equal", x, np.array(0.0)), np.array(-np.inf), ends)
    return graph.mark(op("Where", is_inside, value, ends), "normal quantile", x)


def _tail(graph: GraphBuilder, x: str, scope: str) -> str:
    """Compute the quantile of 1 - x for 0 < x <= e^-2."""
    op = partial(graph.op, scope=scope)
    doubled = op("Mul", np.array(-2.0), logarithm(graph, x, scope=scope))
    root = op("Sqrt", doubled)
    first = op("Sub", root, op("Div", logarithm(graph, root, scope=scope), root))
    inverse = op("Div", np.array(1.0), root)
    middle = _divided(graph, inverse, inverse, _MIDDLE, scope)
    outer = _divided(graph, inverse, inverse, _OUTER, scope)
    is_middle = op("Less", root, np.array(_FAR))
    return op("Sub", first, op("Where", is_middle, middle, outer))


def _divided(graph: GraphBuilder, factor: str, x: str, parts: Rational, scope: str) -> str:
    """Compute factor · numerator(x) / denominator(x)."""
    numerator, denominator = rational(graph, x, parts, scope=scope)
    product = graph.op("Mul", factor, numerator, scope=scope)
    return graph.op("Div", product, denominator, scope=scope)
