"""Probabilities of libsvm: a logistic curve for each pair of classes, coupled to one a class.

A row's coupling stops in a round that its own numbers decide, and a rounding may decide at the
very edge between two rounds; libsvm itself then differs from machine to machine.
"""

from typing import Any, Final

import numpy as np

from preproc.export.answers import Answer, probabilities_answer
from preproc.export.converters.products import exponential_of
from preproc.export.converters.svm_kernel import pair_columns
from preproc.export.converters.training_rows import zeros
from preproc.export.scope import Scope
from preproc.export.table import Decided, least_certain
from preproc.graph import coupled, ordered_sum

_LEAST: Final = 1e-7
"""Probabilities of pairs are kept this far from 0 and 1."""


def support_vector_probabilities(
    scope: Scope, fitted: Any, decisions: str, decided: Decided
) -> Answer:
    """Give probabilities from libsvm's decision values, (n, pairs)."""
    slopes = np.asarray(fitted._probA, np.float64)  # noqa: SLF001  # no public way
    shifts = np.asarray(fitted._probB, np.float64)  # noqa: SLF001  # no public way
    first = _first_of_pair(scope, decisions, slopes, shifts)
    classes = len(fitted.classes_)
    form = _form(scope, first, classes)
    shares = np.full((1, classes), 1.0 / classes)
    start = scope.op("Add", zeros(scope, decisions), shares)
    value = coupled(scope.graph, form, start, classes, scope=scope.path)
    return probabilities_answer(value, np.asarray(fitted.classes_), least_certain("libm", decided))


def _first_of_pair(scope: Scope, decisions: str, slopes: Any, shifts: Any) -> str:
    """Compute the probability of the first class of each pair, (n, pairs).

    The exponential is of what is negative in either form, so that it never overflows.
    """
    turned = scope.op("Add", scope.op("Mul", decisions, scope.row(slopes)), scope.row(shifts))
    power = exponential_of(scope, scope.op("Neg", scope.op("Abs", turned)))
    below = scope.op("Add", power, np.array(1.0))
    is_above = scope.op("GreaterOrEqual", turned, np.array(0.0))
    value = scope.op("Div", scope.op("Where", is_above, power, np.array(1.0)), below)
    value = scope.op("Max", value, np.array(_LEAST))
    return scope.op("Min", value, np.array(1 - _LEAST))


def _form(scope: Scope, first: str, classes: int) -> str:
    """Build the quadratic form of the coupling, (n, classes, classes).

    With r[i, j] for the probability of i against j: on the diagonal the sum of r[j, i]² over the
    others, elsewhere -r[j, i] · r[i, j].
    """
    pairs = pair_columns(classes)
    place = {(one, other): at for at, (one, other) in enumerate(pairs.tolist())}
    last = scope.op("Sub", np.array(1.0), first)
    both = scope.op("Concat", first, last, axis=1)
    squares = scope.op("Mul", both, both)
    columns = []
    for one in range(classes):
        at = [
            place[other, one] if other < one else len(pairs) + place[one, other]
            for other in range(classes)
            if other != one
        ]
        own = scope.op("Gather", squares, np.array(at), axis=1)
        columns.append(ordered_sum(scope.graph, own, len(at), scope=scope.path))
    cross = scope.op("Neg", scope.op("Mul", last, first))
    cells = scope.op("Concat", *columns, cross, axis=1)
    order = [
        one if one == other else classes + place[min(one, other), max(one, other)]
        for one in range(classes)
        for other in range(classes)
    ]
    flat = scope.op("Gather", cells, np.array(order), axis=1)
    return scope.op("Reshape", flat, np.array([0, classes, classes]))
