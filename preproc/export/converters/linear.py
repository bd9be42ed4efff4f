"""Linear models that choose: logistic regressions, machines, perceptrons, ridges, one class.

Each repeats scikit-learn's decision function, a product with the coefficients and then the
intercept, and what the class makes of it. On sparse features the product is scipy's ordered sum
and equal bit for bit; on dense ones BLAS decides its last bits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.choices import (
    above,
    chosen_answer,
    flat,
    logistic_of,
    marks_answer,
    normalized,
    softmax_of,
)
from preproc.export.converters.products import product
from preproc.export.converters.vector_product import vector_product
from preproc.export.scope import Scope
from preproc.export.table import (
    Block,
    Decided,
    Table,
    finite_numbers,
    least_certain,
)
from preproc.export.versions import SKLEARN
from preproc.graph import ordered_sum


@dataclass(frozen=True, slots=True)
class Scores:
    """A decision function.

    Attributes
    ----------
    value
        Graph value of shape (n, width): one column for two classes, else one a class.
    width
        Number of columns.
    decided
        What decides its bits.
    """

    value: str
    width: int
    decided: Decided


def logistic_regression(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and scores of a logistic regression.

    Two classes take the logistic function and its complement, more the softmax. The versions of
    scikit-learn that still had a ``multi_class`` could be asked for the other way of each.
    """
    scores = _scores(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    kind = getattr(fitted, "multi_class", "deprecated")
    is_one_by_one = kind in ("ovr", "warn") or (
        kind in ("auto", "deprecated") and (len(classes) == 2 or fitted.solver == "liblinear")  # noqa: PLR2004  # binary
    )
    if is_one_by_one:
        value = _one_by_one(scope, scores)
    elif scores.width == 1:
        negative = scope.op("Neg", scores.value)
        both = scope.op("Concat", negative, scores.value, axis=1)
        value = softmax_of(scope, both, 2)
    else:
        value = softmax_of(scope, scores.value, scores.width)
    decided = least_certain("libm", scores.decided)
    chance = probabilities_answer(value, classes, decided)
    return _label(scope, scores, classes), chance, _shown(scope, scores, classes, is_default=False)


def stochastic_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and scores of a linear model trained by gradient descent.

    Two of its losses have probabilities: the logistic one as logistic regressions one by one, the
    modified Huber loss by cutting the scores at -1 and 1 and moving them to 0 and 1.
    """
    if fitted.loss not in ("log_loss", "modified_huber"):
        return linear_classifier(scope, fitted, table)
    scores = _scores(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    if fitted.loss == "log_loss":
        decided = least_certain("libm", scores.decided)
        value = _one_by_one(scope, scores)
    else:
        decided = scores.decided
        value = _cut(scope, scores)
    chance = probabilities_answer(value, classes, decided)
    return _label(scope, scores, classes), chance, _shown(scope, scores, classes, is_default=False)


def linear_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and scores of a linear classifier without probabilities."""
    scores = _scores(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    return _label(scope, scores, classes), _shown(scope, scores, classes, is_default=True)


def ridge_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and scores of a ridge classifier; with several labels a row, a mark for each."""
    kind = fitted._label_binarizer.y_type_  # noqa: SLF001  # no public way
    if not kind.startswith("multilabel"):
        return linear_classifier(scope, fitted, table)
    block = finite_numbers(scope, fitted, table)
    value, decided = weighted_sum(scope, block, fitted.coef_, is_sparse=table.is_sparse)
    value = scope.op("Add", value, scope.row(fitted.intercept_))
    classes = np.asarray(fitted.classes_)
    label = marks_answer(scope, above(scope, value, 0.0), classes, decided)
    return label, scores_answer(value, decided, names=class_names(classes), is_default=True)


def outlier_detector(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label (1 inside, -1 outside) and score of a linear one-class model."""
    block = finite_numbers(scope, fitted, table)
    sums, decided = weighted_sum(scope, block, fitted.coef_, is_sparse=table.is_sparse)
    value = flat(scope, scope.op("Sub", sums, scope.row(fitted.offset_)))
    inside = scope.cast(scope.op("GreaterOrEqual", value, np.array(0.0)), "int64")
    label = label_answer(scope, inside, np.array([-1, 1], np.int32), decided=decided)
    return label, scores_answer(value, decided, is_default=True)


def with_complement(scope: Scope, probability: str) -> str:
    """Join 1 - p and p, (n, 1) each."""
    complement = scope.op("Sub", np.array(1.0), probability)
    return scope.op("Concat", complement, probability, axis=1)


def weighted_sum(
    scope: Scope, block: Block, coefficients: Any, *, is_sparse: bool, is_finite: bool = True
) -> tuple[str, Decided]:
    """Multiply rows by coefficients, (k,) or (columns, k); `finite_numbers` are finite.

    Coefficients that were made sparse are summed by scipy too, even if the rows are dense.

    Returns
    -------
    tuple
        Graph value of shape (n, columns), and what decides its bits.
    """
    is_ordered = is_sparse or hasattr(coefficients, "toarray")
    dense = coefficients.toarray() if hasattr(coefficients, "toarray") else coefficients
    weights = np.atleast_2d(np.asarray(dense, np.float64))
    if is_ordered and len(weights) == 1:
        products = scope.op("Mul", block.value, weights)
        value = ordered_sum(scope.graph, products, block.width, scope=scope.path)
    elif len(weights) == 1:
        value = vector_product(scope, block.value, weights[0], is_finite=is_finite)
    else:
        value = product(scope, block.value, weights.T, is_sparse=is_ordered)
    return value, least_certain(block.decided, "ieee" if is_ordered else "blas")


def _scores(scope: Scope, fitted: Any, table: Table) -> Scores:
    """Compute the decision function: product, then intercept."""
    name, count = type(fitted).__name__, len(fitted.classes_)
    block = finite_numbers(scope, fitted, table)
    value, decided = weighted_sum(scope, block, fitted.coef_, is_sparse=table.is_sparse)
    width = 1 if fitted.coef_.ndim == 1 else fitted.coef_.shape[0]
    if count < 2 or width != (1 if count == 2 else count):  # noqa: PLR2004  # binary
        raise scope.error(
            f"{name} with {count} classes and {width} rows of coefficients: no label follows "
            "from its scores; train it on two classes or more"
        )
    value = scope.op("Add", value, scope.row(fitted.intercept_))
    return Scores(value, width, decided)


def _one_by_one(scope: Scope, scores: Scores) -> str:
    """Take the logistic function of each score; of several, divide by their sum.

    A sum of zero gives equal shares since scikit-learn 1.9, before it gave NaN.
    """
    value = logistic_of(scope, scores.value)
    if scores.width == 1:
        return with_complement(scope, value)
    return normalized(scope, value, scores.width, is_uniform=SKLEARN >= (1, 9))


def _cut(scope: Scope, scores: Scores) -> str:
    """Cut scores at -1 and 1, add 1 and halve; of several, divide by their sum. NaN stays."""
    value, one = scores.value, np.array(1.0)
    value = scope.op("Where", scope.op("Greater", value, one), one, value)
    value = scope.op("Where", scope.op("Less", value, -one), -one, value)
    value = scope.op("Div", scope.op("Add", value, one), np.array(2.0))
    if scores.width == 1:
        return with_complement(scope, value)
    return normalized(scope, value, scores.width)


def _label(scope: Scope, scores: Scores, classes: NDArray[Any]) -> Answer:
    return chosen_answer(scope, scores.value, classes, scores.decided)


def _shown(scope: Scope, scores: Scores, classes: NDArray[Any], *, is_default: bool) -> Answer:
    if scores.width == 1:
        value = flat(scope, scores.value)
        return scores_answer(value, scores.decided, is_default=is_default)
    names = class_names(classes)
    return scores_answer(scores.value, scores.decided, names=names, is_default=is_default)
