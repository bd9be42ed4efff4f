"""From scores to labels and probabilities, as scikit-learn's linear models and networks go.

A sum that overflowed may be NaN, in a row that scikit-learn answers as well as in one that it
refuses: nothing here breaks on it, and what numpy makes of it is repeated.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import Answer, class_names, label_answer
from preproc.export.converters.products import exponential_of
from preproc.export.scope import Scope
from preproc.export.table import Decided
from preproc.graph import logistic, pairwise_sum


def above(scope: Scope, value: str, threshold: float) -> str:
    """Tell by 1 and 0, int64 and of the same shape, where a value is above a threshold."""
    return scope.cast(scope.op("Greater", value, np.array(threshold)), "int64")


def flat(scope: Scope, value: str) -> str:
    """Turn one column, (n, 1), into (n,)."""
    return scope.op("Squeeze", value, np.array([1]))


def largest(scope: Scope, value: str) -> str:
    """Find the first largest column of each row, (n, k) to int64 (n,), as ``numpy.argmax`` does.

    To numpy NaN is larger than any number; to ``ArgMax`` it is whatever the processor says.
    """
    is_nan = scope.cast(scope.op("IsNaN", value), "float64")
    any_nan = scope.op("ReduceMax", is_nan, np.array([1]), keepdims=1)
    key = scope.op("Where", scope.op("Greater", any_nan, np.array(0.0)), is_nan, value)
    return scope.op("ArgMax", key, axis=1, keepdims=0)


def last_known_largest(scope: Scope, value: str) -> str:
    """Find the first largest column (n, k), int64 (n,), as a loop from the last column does.

    It stops to compare at a NaN, and says 0 where it found nothing before.
    """
    is_nan = scope.cast(scope.op("IsNaN", value), "float64")
    behind = scope.op("CumSum", is_nan, np.array(1), reverse=1)
    is_lost = scope.op("Greater", behind, np.array(0.0))
    known = scope.op("Where", is_lost, np.array(-np.inf), value)
    return scope.op("ArgMax", known, axis=1, keepdims=0)


def logistic_of(scope: Scope, value: str) -> str:
    """Compute scipy's ``expit`` of a value that may hold NaN."""
    return logistic(scope.graph, value, scope=scope.path)


def softmax_of(scope: Scope, value: str, width: int) -> str:
    """Compute the softmax of rows, (n, width): less the largest, exponential, over the sum.

    A row with an infinity or NaN is NaN as a whole, for infinity less itself is.
    """
    top = scope.op("ReduceMax", value, np.array([1]), keepdims=1)
    powers = exponential_of(scope, scope.op("Sub", value, top))
    total = pairwise_sum(scope.graph, powers, width, scope=scope.path)
    return scope.op("Div", powers, total)


def normalized(scope: Scope, value: str, width: int, *, is_uniform: bool = True) -> str:
    """Divide each row, (n, width), by its sum; a row of zeros becomes uniform, or else NaN."""
    total = pairwise_sum(scope.graph, value, width, scope=scope.path)
    if not is_uniform:
        return scope.op("Div", value, total)
    is_zero = scope.op("Equal", total, np.array(0.0))
    value = scope.op("Where", is_zero, np.array(1.0), value)
    return scope.op("Div", value, scope.op("Where", is_zero, np.array(float(width)), total))


def marks_answer(scope: Scope, marks: str, classes: NDArray[Any], decided: Decided) -> Answer:
    """Describe the labels of a multi-label model, int64 (n, classes): 1 where a label is given."""
    answer = label_answer(scope, marks, np.arange(2), decided=decided)
    output = replace(answer.output, width=len(classes), names=class_names(classes))
    return replace(answer, value=marks, output=output)


def chosen_answer(
    scope: Scope, value: str, classes: NDArray[Any], decided: Decided, threshold: float = 0.0
) -> Answer:
    """Choose the label: of one column (n, 1) by a threshold, of a column a class the largest."""
    if len(classes) == 2:  # noqa: PLR2004  # binary
        index = flat(scope, above(scope, value, threshold))
    else:
        index = largest(scope, value)
    return label_answer(scope, index, classes, decided=decided)
