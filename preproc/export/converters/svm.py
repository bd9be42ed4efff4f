"""Support vector machines of libsvm: classifiers, regressors, one class.

A decision value is a sum over support vectors, one after the other, each product rounded. Several
classes are decided pair by pair; the class with the most votes wins, the first of several.
"""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    prediction_answer,
    scores_answer,
)
from preproc.export.converters.choices import largest
from preproc.export.converters.svm_kernel import SupportKernel, pair_columns, support_kernel
from preproc.export.converters.svm_probability import support_vector_probabilities
from preproc.export.converters.training_rows import rounding_of
from preproc.export.scope import Scope
from preproc.export.table import Table
from preproc.graph import ordered_sum

_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class _Decisions:
    """libsvm's decision values, (n, pairs).

    Attributes
    ----------
    value
        The values.
    scale
        Bound of the sum of the magnitudes of all summands, 0 where there is none.
    summed
        Where there is none: those sums themselves, (n, pairs).
    """

    value: str
    scale: float
    summed: str = ""


def support_vector_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, scores, and probabilities where the model has them, of SVC or NuSVC."""
    if fitted.break_ties and fitted.decision_function_shape == "ovo":
        raise scope.error(
            f"{type(fitted).__name__}(break_ties=True, decision_function_shape='ovo'): "
            "scikit-learn refuses to predict; use decision_function_shape='ovr'"
        )
    kernel = support_kernel(scope, fitted, table)
    found = _decisions(scope, fitted, kernel)
    decisions = found.value
    _doubt_next_to_zero(scope, fitted, kernel, decisions)
    classes = np.asarray(fitted.classes_)
    has_chances = fitted.probability not in (False, "deprecated")
    value, names = _scores(scope, fitted, decisions)
    if len(classes) == _BINARY:
        first = scope.op("Greater", decisions, np.array(0.0))
        index = scope.op("Squeeze", scope.cast(scope.op("Not", first), "int64"), np.array([1]))
    elif fitted.break_ties:
        index = largest(scope, value)
    else:
        index = _most_votes(scope, decisions, len(classes))
    label = label_answer(scope, index, classes, decided=kernel.decided)
    scores = scores_answer(
        value, kernel.decided, names=names, scale=found.scale, is_default=not has_chances
    )
    scores = replace(scores, summed=found.summed)
    if not has_chances:
        return label, scores
    chances = support_vector_probabilities(scope, fitted, decisions, kernel.decided)
    # A logistic curve is at most a quarter as steep as its argument.
    steepness = float(np.abs(fitted._probA).max()) / 4  # noqa: SLF001  # no public way
    summed = scope.op("Mul", found.summed, np.array(steepness)) if found.summed else ""
    return label, replace(chances, scale=steepness * found.scale, summed=summed), scores


def support_vector_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of SVR or NuSVR."""
    kernel = support_kernel(scope, fitted, table)
    found = _decisions(scope, fitted, kernel)
    value = scope.op("Squeeze", found.value, np.array([1]))
    answer = prediction_answer(value, kernel.decided, scale=found.scale)
    return (replace(answer, summed=found.summed),)


def support_vector_outliers(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label (1 inside, -1 outside) and score of OneClassSVM."""
    kernel = support_kernel(scope, fitted, table)
    found = _decisions(scope, fitted, kernel)
    _doubt_next_to_zero(scope, fitted, kernel, found.value)
    value = scope.op("Squeeze", found.value, np.array([1]))
    inside = scope.cast(scope.op("Greater", value, np.array(0.0)), "int64")
    scores = scores_answer(value, kernel.decided, scale=found.scale, is_default=True)
    return (
        label_answer(scope, inside, np.array([-1, 1], np.int64), decided=kernel.decided),
        replace(scores, summed=found.summed),
    )


def rest_scores(scope: Scope, confidences: str, is_last: str, classes: int) -> str:
    """Turn decisions between pairs into one score a class, as one-against-one models do.

    Parameters
    ----------
    scope
        Of the step.
    confidences
        float64 (n, pairs), large for the second class of a pair.
    is_last
        Boolean (n, pairs), true for a vote for the second class.
    classes
        Their number.

    Returns
    -------
    str
        float64 (n, classes): votes, and a third at most for the sum of the confidences.
    """
    pairs = pair_columns(classes)
    sums = []
    for one in range(classes):
        at = np.flatnonzero((pairs == one).any(axis=1))
        signs = np.where(pairs[at, 1] == one, 1.0, -1.0)
        own = scope.op("Mul", scope.op("Gather", confidences, at, axis=1), scope.row(signs))
        sums.append(ordered_sum(scope.graph, own, len(at), scope=scope.path))
    total = scope.op("Concat", *sums, axis=1)
    size = scope.op("Add", scope.op("Abs", total), np.array(1.0))
    share = scope.op("Div", total, scope.op("Mul", np.array(3.0), size))
    return scope.op("Add", _votes(scope, is_last, classes), share)


def _scores(scope: Scope, fitted: Any, decisions: str) -> tuple[str, list[str] | None]:
    """Turn libsvm's decision values into the decision function, and name its columns."""
    classes = class_names(np.asarray(fitted.classes_))
    if len(classes) == _BINARY:
        return scope.op("Squeeze", scope.op("Neg", decisions), np.array([1])), None
    if fitted.decision_function_shape == "ovo":
        return decisions, [f"{one} against {other}" for one, other in combinations(classes, 2)]
    is_last = scope.op("Less", decisions, np.array(0.0))
    value = rest_scores(scope, scope.op("Neg", decisions), is_last, len(classes))
    return value, list(classes)


def _decisions(scope: Scope, fitted: Any, kernel: SupportKernel) -> _Decisions:
    """Compute libsvm's decision values, and how large their summands are together."""
    intercepts = np.asarray(fitted._intercept_, np.float64)  # libsvm's own signs
    values, scale = [], 0.0
    for (at, weights), intercept in zip(_sums(fitted), intercepts.tolist(), strict=True):
        values.append(scope.op("Add", _weighted_sum(scope, kernel, at, weights), [intercept]))
        bound = kernel.bound * float(np.abs(weights).sum()) + abs(intercept)
        scale = max(scale, bound if np.isfinite(bound) else 0.0)
    value = values[0] if len(values) == 1 else scope.op("Concat", *values, axis=1)
    if not kernel.magnitude:
        return _Decisions(value, scale)
    sums = scope.op("MatMul", kernel.magnitude, np.abs(_weights(fitted)))
    return _Decisions(value, scale, scope.op("Add", sums, scope.row(np.abs(intercepts))))


def _weights(fitted: Any) -> NDArray[np.float64]:
    """Lay the coefficients of all sums out as (support vectors, sums)."""
    sums = _sums(fitted)
    weights = np.zeros((len(fitted.support_), len(sums)))
    for column, (at, own) in enumerate(sums):
        weights[at, column] = own
    return weights


def _doubt_next_to_zero(scope: Scope, fitted: Any, kernel: SupportKernel, decisions: str) -> None:
    """Mark rows whose label hangs on roundings of kernel values and of their sum.

    Another processor's C library, or dot product, gives such a row another label.
    """
    if kernel.decided == "ieee" or not len(fitted.support_):
        return
    largest = kernel.magnitude or kernel.value
    rounding = rounding_of(scope, largest, kernel.bound, _weights(fitted))
    clear = scope.op("Greater", scope.op("Abs", decisions), rounding)
    scope.doubt(
        scope.op("Not", clear), "a decision value is zero within the roundings of its summands"
    )


def _sums(fitted: Any) -> list[tuple[NDArray[np.int64], Any]]:
    """List the sums of a model: positions of support vectors, and their coefficients.

    A classifier has one a pair of classes, over the support vectors of both.
    """
    coefficients = fitted._dual_coef_  # libsvm's own signs
    if hasattr(coefficients, "toarray"):
        coefficients = coefficients.toarray()
    coefficients = np.asarray(coefficients, np.float64)
    if not hasattr(fitted, "classes_"):
        count = len(fitted.support_)
        return [(np.arange(count), coefficients[0] if count else np.zeros(0))]
    ends = np.concatenate([[0], np.cumsum(fitted.n_support_)])
    parts = []
    for one, other in pair_columns(len(fitted.classes_)).tolist():
        mine = np.arange(ends[one], ends[one + 1])
        others = np.arange(ends[other], ends[other + 1])
        weights = np.concatenate([coefficients[other - 1, mine], coefficients[one, others]])
        parts.append((np.concatenate([mine, others]), weights))
    return parts


def _weighted_sum(scope: Scope, kernel: SupportKernel, at: NDArray[np.int64], weights: Any) -> str:
    """Add weighted kernel values of some support vectors in their order, (n, 1)."""
    if not len(at):
        first = scope.op("Gather", kernel.value, np.array([0]), axis=1)
        return scope.op("Where", scope.op("Equal", first, first), np.zeros(1), np.zeros(1))
    own = scope.op("Gather", kernel.value, at, axis=1)
    products = scope.op("Mul", own, scope.row(weights))
    return ordered_sum(scope.graph, products, len(at), scope=scope.path)


def _votes(scope: Scope, is_last: str, classes: int) -> str:
    """Count the votes of all pairs, (n, classes); whole numbers are exact in any order."""
    pairs = pair_columns(classes)
    table = np.zeros((len(pairs), classes))
    table[np.arange(len(pairs)), pairs[:, 0]] = -1.0
    table[np.arange(len(pairs)), pairs[:, 1]] = 1.0
    moved = scope.op("MatMul", scope.cast(is_last, "float64"), table)
    return scope.op("Add", moved, scope.row(np.bincount(pairs[:, 0], minlength=classes)))


def _most_votes(scope: Scope, decisions: str, classes: int) -> str:
    is_last = scope.op("Not", scope.op("Greater", decisions, np.array(0.0)))
    return scope.op("ArgMax", _votes(scope, is_last, classes), axis=1, keepdims=0)
