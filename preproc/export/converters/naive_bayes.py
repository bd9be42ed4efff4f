"""Naive Bayes: joint log-likelihoods of the classes, the largest of them, their shares."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import Answer, label_answer, probabilities_answer
from preproc.export.converters.likelihood import first_largest, normalized
from preproc.export.converters.products import product
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, finite_numbers, least_certain, numbers
from preproc.graph import pairwise_sum

_LANES: Final = 8
"""From so many columns on, numpy's sum of a row depends on its layout in memory."""
_CATEGORY: Final = "CategoricalNB refuses what is no whole number below the number of categories"


def gaussian_nb(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Add the squared distances over the variances, one class after the other.

    IEEE arithmetic decides it below eight columns; beyond, numpy adds the columns of a frame and
    the cells of an array in different orders.
    """
    block = finite_numbers(scope, fitted, table)
    means, variances = np.asarray(fitted.theta_), np.asarray(fitted.var_)
    if not (variances > 0).all():
        raise scope.error(
            "GaussianNB divides by variances, and some are zero; leave columns out that never "
            "change, or train with var_smoothing above zero"
        )
    columns, sizes = [], []
    for at, prior in enumerate(np.asarray(fitted.class_prior_)):
        with np.errstate(divide="ignore"):
            start = np.log(prior)
            size = -0.5 * np.sum(np.log(2.0 * np.pi * variances[at, :]))
        apart = scope.op("Sub", block.value, scope.row(means[at]))
        terms = scope.op("Div", scope.op("Mul", apart, apart), scope.row(variances[at]))
        total = pairwise_sum(scope.graph, terms, block.width, scope=scope.path)
        inner = scope.op("Sub", np.array(size), scope.op("Mul", np.array(0.5), total))
        columns.append(scope.op("Add", np.array(start), inner))
        sizes.append(abs(size) + (abs(start) if prior else 0.0))
    scores = columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)
    order: Decided = "ieee" if block.width < _LANES else "blas"
    decided = least_certain(block.decided, order)
    # Rows within four deviations; beyond, hardly any class has a share between 0 and 1.
    scale = float(max(sizes)) + 8.0 * block.width
    return _answers(scope, fitted, scores, decided, scale, is_contiguous=False)


def multinomial_nb(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Multiply counts by log-probabilities and add the priors."""
    scores, decided = _product(scope, fitted, table, fitted.feature_log_prob_)
    scores = scope.op("Add", scores, scope.row(fitted.class_log_prior_))
    return _answers(scope, fitted, scores, decided, _scale_of(fitted.feature_log_prob_))


def complement_nb(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Multiply counts by the weights of the other classes; priors matter to one class alone."""
    scores, decided = _product(scope, fitted, table, fitted.feature_log_prob_)
    if len(fitted.classes_) == 1:
        scores = scope.op("Add", scores, scope.row(fitted.class_log_prior_))
    return _answers(scope, fitted, scores, decided, _scale_of(fitted.feature_log_prob_))


def bernoulli_nb(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Multiply marks by the log-odds of their presence and add what absence gives to all."""
    present = np.asarray(fitted.feature_log_prob_)
    with np.errstate(divide="ignore", invalid="ignore"):
        absent = np.log(1 - np.exp(present))
        weights = present - absent
        start = fitted.class_log_prior_ + absent.sum(axis=1)
    if not np.isfinite(weights).all():
        raise scope.error(
            "BernoulliNB: the log-odds of a feature are not finite, as with alpha=0 or counts that "
            "are not binarized; use alpha above 0 and binarize=0.0"
        )
    threshold = fitted.binarize
    scores, decided = _product(scope, fitted, table, weights, threshold)
    scores = scope.op("Add", scores, scope.row(start))
    scale = _scale_of(weights) + float(np.abs(absent).sum(axis=1).max())
    return _answers(scope, fitted, scores, decided, scale)


def categorical_nb(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Add the log-probabilities of the categories, feature by feature.

    Numbers are cut to whole ones as scikit-learn cuts them; what is then no category of training
    is refused, as indexing refuses it.
    """
    block = numbers(scope, table)
    counts = scope.row(fitted.n_categories_)
    is_low = scope.op("Greater", block.value, np.array(-1.0))
    known = scope.op("And", is_low, scope.op("Less", block.value, counts))
    broken = scope.op("Not", known)
    scope.refuse(broken, [feature.column for feature in block.features], _CATEGORY)
    safe = scope.op("Where", broken, np.array(0.0), block.value)
    # Rows of one table for all features, each behind those of the features before.
    starts = np.cumsum([0, *fitted.n_categories_[:-1]], dtype=np.int64)
    places = scope.op("Add", scope.cast(safe, "int64"), starts[np.newaxis])
    terms = scope.op("Gather", np.hstack(fitted.feature_log_prob_).T, places)
    sums = scope.op("CumSum", terms, np.array(1))
    scores = scope.op("Gather", sums, np.array(block.width - 1), axis=1)
    scores = scope.op("Add", scores, scope.row(fitted.class_log_prior_))
    parts = [np.abs(table_of[np.isfinite(table_of)]) for table_of in fitted.feature_log_prob_]
    scale = sum(float(part.max(initial=0.0)) for part in parts)
    return _answers(scope, fitted, scores, block.decided, scale)


def categorical_nb_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Give the whole numbers at which the category changes, for each feature."""
    return {
        at: np.concatenate([[-1.0], np.arange(1.0, count + 1.0)])
        for at, count in enumerate(np.asarray(fitted.n_categories_).tolist())
    }


def bernoulli_nb_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Give the threshold of presence, for each feature."""
    if fitted.binarize is None:
        return {}
    return {at: np.array([float(fitted.binarize)]) for at in range(fitted.n_features_in_)}


def _product(
    scope: Scope, fitted: Any, table: Table, weights: Any, threshold: float | None = None
) -> tuple[str, Decided]:
    """Multiply by weights (classes, features)."""
    block = finite_numbers(scope, fitted, table)
    value = block.value
    if threshold is not None:
        value = scope.cast(scope.op("Greater", value, np.array(float(threshold))), "float64")
    scores = product(scope, value, np.asarray(weights).T, is_sparse=table.is_sparse)
    order: Decided = "ieee" if table.is_sparse else "blas"
    return scores, least_certain(block.decided, order)


def _scale_of(weights: Any) -> float:
    """Bound the magnitudes of a row of ones."""
    size = np.abs(np.asarray(weights, np.float64))
    return float(np.where(np.isfinite(size), size, 0.0).sum(axis=1).max())


def _answers(
    scope: Scope,
    fitted: Any,
    scores: str,
    decided: Decided,
    scale: float,
    *,
    is_contiguous: bool = True,
) -> tuple[Answer, ...]:
    """Give label and probabilities.

    The logarithm of the sum of likelihoods is rounded at its own magnitude, of which `scale` is
    the usual bound, and the exponential turns that rounding into a share of the probability.
    """
    classes = fitted.classes_
    index = first_largest(scope, scores)
    value = normalized(scope, scores, len(classes), is_contiguous=is_contiguous)
    return (
        label_answer(scope, index, classes, decided=decided),
        replace(probabilities_answer(value, classes, least_certain("libm", decided)), scale=scale),
    )
