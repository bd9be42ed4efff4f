"""Discriminant analysis and nearest centroids as classifiers."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.extmath import row_norms

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.choices import logistic_of, softmax_of
from preproc.export.converters.cluster_labels import doubt_ties
from preproc.export.converters.likelihood import difference, first_largest, shifted
from preproc.export.converters.linear import with_complement
from preproc.export.converters.products import at_least_zero, product, squared_norms
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, finite_numbers, least_certain
from preproc.graph import ordered_sum, pairwise_sum

if TYPE_CHECKING:
    from preproc.signature import Origin

_PAIR = 2


def linear_discriminant(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Multiply by the coefficients; two classes by the logistic function, more by softmax."""
    block, classes = finite_numbers(scope, fitted, table), fitted.classes_
    scores = product(scope, block.value, np.asarray(fitted.coef_, np.float64).T)
    scores = scope.op("Add", scores, scope.row(fitted.intercept_))
    decided = least_certain(block.decided, "blas")
    if len(classes) == _PAIR:
        vector = scope.op("Squeeze", scores, np.array([1]))
        index = scope.cast(scope.op("Greater", vector, np.array(0.0)), "int64")
        value = with_complement(scope, logistic_of(scope, scores))
        answer = scores_answer(vector, decided)
    else:
        index = first_largest(scope, scores)
        value = softmax_of(scope, scores, len(classes))
        answer = scores_answer(scores, decided, names=class_names(classes))
    return (
        label_answer(scope, index, classes, decided=decided),
        probabilities_answer(value, classes, decided),
        answer,
    )


def quadratic_discriminant(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Turn and scale by each class's covariance, add squares, weigh by the prior."""
    block = finite_numbers(scope, fitted, table)
    columns = []
    for mean, turn, scale in zip(fitted.means_, fitted.rotations_, fitted.scalings_, strict=True):
        apart = scope.op("Sub", block.value, scope.row(mean))
        made = product(scope, apart, turn * (scale ** (-0.5)))
        squares = scope.op("Mul", made, made)
        width = len(scale)
        columns.append(pairwise_sum(scope.graph, squares, width, scope=scope.path))
    sizes = np.asarray([np.sum(np.log(scale)) for scale in fitted.scalings_])
    with np.errstate(divide="ignore"):
        priors = np.log(fitted.priors_)
    scores = scope.op("Add", scope.op("Concat", *columns, axis=1), scope.row(sizes))
    scores = scope.op("Mul", np.array(-0.5), scores)
    scores = scope.op("Add", scores, scope.row(priors))
    decided = least_certain(block.decided, "blas")
    constant = float(np.abs(sizes).max())
    return _discriminated(scope, fitted, scores, decided, constant, is_contiguous=False)


def nearest_centroid(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Take the nearest centroid, or the best one by distance and prior.

    With equal priors scikit-learn compares plain distances; its probabilities are always of
    distances over the deviations within classes, so the two may disagree.
    """
    if table.is_sparse:
        raise scope.error(
            "NearestCentroid on sparse features is not exported; "
            "make them dense, as by ColumnTransformer(sparse_threshold=0)"
        )
    if not np.isfinite(fitted.centroids_).all():
        raise scope.error(
            "NearestCentroid: expected finite centroids, got NaN, for which scikit-learn refuses "
            "every row; leave out columns that are constant within each class"
        )
    block, classes = finite_numbers(scope, fitted, table), fitted.classes_
    is_euclidean = fitted.metric == "euclidean"
    is_plain = bool(np.isclose(fitted.class_prior_, 1 / len(classes)).all())
    scores = ""
    if is_euclidean or not is_plain:
        scores = _centroid_scores(scope, fitted, block, is_plain=is_plain)
    order: Decided = "blas" if is_euclidean else "ieee"
    decided = least_certain(block.decided, order)
    answers: tuple[Answer, ...] = ()
    if is_euclidean:
        answers = _discriminated(scope, fitted, scores, decided, 0.0, is_contiguous=True)
    if not is_plain:
        index = first_largest(scope, scores)
    else:
        centres = np.asarray(fitted.centroids_, np.float64)
        distance = _squares(scope, block.value, centres) if is_euclidean else None
        if distance:
            doubt_ties(scope, block.value, distance, centres)
        distance = distance or _manhattan(scope, block.value, centres)
        index = scope.op("ArgMin", distance, axis=1, keepdims=0)
    return (label_answer(scope, index, classes, decided=decided), *answers[1:])


def _centroid_scores(scope: Scope, fitted: Any, block: Block, *, is_plain: bool) -> str:
    """Compute the discriminant scores, (n, classes).

    Rows that overflow when divided by the deviations are refused by scikit-learn, by its plain
    label apart: that needs no division, but nobody can have the one without the other here.
    """
    deviations = np.asarray(fitted.within_class_std_dev_, np.float64)
    divisors = np.where(deviations != 0, deviations, 1.0)
    value = scope.op("Div", block.value, scope.row(divisors))
    text = "NearestCentroid refuses what overflows when divided by the deviation within classes"
    origin: Origin = "contract" if is_plain else "oracle"
    names = [feature.column for feature in block.features]
    scope.refuse(scope.op("IsInf", value), names, text, origin=origin)
    columns = []
    for centre, prior in zip(fitted.centroids_ / divisors, fitted.class_prior_, strict=True):
        if fitted.metric == "manhattan":
            distance = _manhattan(scope, value, centre.reshape(1, -1))
        else:
            distance = scope.op("Sqrt", _squares(scope, value, centre.reshape(1, -1)))
        squared = scope.op("Mul", distance, distance)
        with np.errstate(divide="ignore"):
            bonus = np.array(2.0 * np.log(prior))
        columns.append(scope.op("Add", scope.op("Neg", squared), bonus))
    return scope.op("Concat", *columns, axis=1)


def _squares(scope: Scope, value: str, centres: Any) -> str:
    """Square distances (n, k) by BLAS's expansion; below zero they are zero."""
    norms = squared_norms(scope, value, centres.shape[1])
    cross = scope.op("Mul", product(scope, value, centres.T), np.array(-2.0))
    found = scope.op("Add", cross, norms)
    return at_least_zero(scope, scope.op("Add", found, scope.row(row_norms(centres, squared=True))))


def _manhattan(scope: Scope, value: str, centres: Any) -> str:
    """Add absolute differences (n, k), feature by feature."""
    columns = []
    for centre in centres:
        terms = scope.op("Abs", scope.op("Sub", value, scope.row(centre)))
        columns.append(ordered_sum(scope.graph, terms, len(centre), scope=scope.path))
    return columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)


def _discriminated(
    scope: Scope,
    fitted: Any,
    scores: str,
    decided: Decided,
    constant: float,
    *,
    is_contiguous: bool,
) -> tuple[Answer, ...]:
    """Give label, probabilities and scores; of two classes the difference is the score."""
    classes = fitted.classes_
    value = shifted(scope, scores, len(classes), is_contiguous=is_contiguous)
    # A score is rounded at its own magnitude, and the exponential turns that into a share of the
    # probability; rows within four deviations.
    scale = 8.0 * int(fitted.n_features_in_) + constant
    label = label_answer(scope, first_largest(scope, scores), classes, decided=decided)
    if len(classes) == _PAIR:
        answer = scores_answer(difference(scope, scores), decided)
    else:
        answer = scores_answer(scores, decided, names=class_names(classes))
    return label, replace(probabilities_answer(value, classes, decided), scale=scale), answer
