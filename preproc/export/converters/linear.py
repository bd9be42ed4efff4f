"""Linear models on sparse features: one ordered sum.

scipy multiplies a sparse row by the coefficients one stored element after the other, in the order
of the features. ``CumSum`` is the one operator that promises this order; its last column is the
sum. Zeros, which scipy skips, change no bit of a sum.
"""

from typing import Any

import numpy as np

from preproc.export.answers import Answer, label_answer, probabilities_answer
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain, numbers, refuse_not_finite
from preproc.graph import logistic
from preproc.signature import Output


def logistic_regression(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and score of a binary logistic regression."""
    scores = _binary_scores(scope, fitted, table)
    probability = logistic(scope.graph, scores.value, scope=scope.path)
    return (
        _label_of(scope, scores.value, fitted.classes_),
        probabilities_answer(
            with_complement(scope, probability),
            fitted.classes_,
            least_certain("libm", scores.decided),
        ),
        _vector(scope, scores, is_default=False),
    )


def linear_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and score of a binary linear classifier without probabilities."""
    if getattr(fitted, "loss", "") in ("log_loss", "modified_huber"):
        raise scope.error(
            f"{type(fitted).__name__}(loss={fitted.loss!r}) is not exported yet; "
            "use LogisticRegression"
        )
    scores = _binary_scores(scope, fitted, table)
    return _label_of(scope, scores.value, fitted.classes_), _vector(scope, scores, is_default=True)


def outlier_detector(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label (1 inside, -1 outside) and score of a linear one-class model."""
    sums, decided = _ordered_sum(scope, fitted, table)
    value = scope.op("Sub", sums, np.array(float(np.ravel(fitted.offset_)[0])))
    scores = Answer(value, Output("scores", "scores", "float64", None, None), decided)
    inside = scope.op("GreaterOrEqual", value, np.array(0.0))
    index = scope.cast(scope.op("Squeeze", inside, np.array([1])), "int64")
    label = label_answer(scope, index, np.array([-1, 1], np.int32))
    return label, _vector(scope, scores, is_default=True)


def with_complement(scope: Scope, probability: str) -> str:
    """Join 1 - p and p, (n, 1) each."""
    complement = scope.op("Sub", np.array(1.0), probability)
    return scope.op("Concat", complement, probability, axis=1)


def _binary_scores(scope: Scope, fitted: Any, table: Table) -> Answer:
    """Compute the score, (n, 1): ordered sum of products, then the intercept."""
    if len(fitted.classes_) != 2:  # noqa: PLR2004  # binary
        raise scope.error(
            f"{type(fitted).__name__} with {len(fitted.classes_)} classes is not exported yet; "
            "use 2"
        )
    sums, decided = _ordered_sum(scope, fitted, table)
    value = scope.op("Add", sums, np.array(float(np.ravel(fitted.intercept_)[0])))
    return Answer(value, Output("scores", "scores", "float64", None, None), decided)


def _ordered_sum(scope: Scope, fitted: Any, table: Table) -> tuple[str, Decided]:
    """Multiply by the coefficients and add up in the order of the features, (n, 1)."""
    name = type(fitted).__name__
    if not table.is_sparse:
        raise scope.error(
            f"{name} on dense features is not exported yet: BLAS decides the order of its sum; "
            "train with ColumnTransformer(sparse_threshold=1.0) and a sparse encoder"
        )
    block = refuse_not_finite(scope, numbers(scope, table), f"{name} refuses NaN and infinity")
    products = scope.op("Mul", block.value, scope.row(np.ravel(fitted.coef_)))
    sums = scope.op("CumSum", products, np.array(1))
    return scope.op("Gather", sums, np.array([block.width - 1]), axis=1), block.decided


def _label_of(scope: Scope, scores: str, classes: Any) -> Answer:
    """Choose the second class where the score, (n, 1), is above 0."""
    above = scope.op("Squeeze", scope.op("Greater", scores, np.array(0.0)), np.array([1]))
    return label_answer(scope, scope.cast(above, "int64"), classes)


def _vector(scope: Scope, scores: Answer, *, is_default: bool) -> Answer:
    value = scope.op("Squeeze", scores.value, np.array([1]))
    return Answer(value, scores.output, scores.decided, scores.scale, is_default)
