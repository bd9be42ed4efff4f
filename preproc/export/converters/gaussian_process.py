"""Gaussian processes: the mean of a regressor, labels and probabilities of a classifier."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.gaussian_process._gpc import COEFS, LAMBDAS
from sklearn.gaussian_process.kernels import DotProduct

from preproc.export.answers import (
    Answer,
    label_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.converters.choices import last_known_largest
from preproc.export.converters.gaussian_kernels import as_matrix, covariance, kernels_in
from preproc.export.converters.linear import with_complement
from preproc.export.converters.products import product
from preproc.export.converters.svm import rest_scores
from preproc.export.converters.training_rows import (
    ROUNDINGS,
    check_size,
    checked_rows,
    rounding_of,
)
from preproc.export.converters.vector_product import dense_product, vector_product
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, finite_numbers, least_certain, not_finite
from preproc.graph import erf, ordered_sum

_BINARY: Final = 2
_PARTS: Final = float(np.abs(COEFS).sum())
"""The five error functions that stand for a logistic function cancel to less than 1 of this."""


@dataclass(frozen=True, slots=True)
class _Latent:
    """A binary classifier.

    Attributes
    ----------
    mean
        Of the latent function, (n, 1): above zero for the second class.
    probability
        Of the second class, (n, 1).
    rounding
        What the roundings of the mean's summands can add up to, (n, 1) or a number.
    is_finite
        Whether the kernel stays finite where a distance overflows.
    decided
        What decides the bits.
    """

    mean: str
    probability: str
    rounding: Any
    kernel: str
    is_finite: bool
    decided: Decided


def gaussian_process_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the mean of the posterior."""
    block = _checked_input(scope, fitted, table, fitted.X_train_)
    rows = checked_rows(
        scope, fitted, np.asarray(fitted.X_train_), kernels=kernels_in(fitted.kernel_)
    )
    found = covariance(scope, fitted.kernel_, block, rows)
    alphas = np.asarray(fitted.alpha_, np.float64)
    weights = alphas.reshape(len(rows), -1)
    deviation = np.ravel(fitted._y_train_std).astype(np.float64)  # noqa: SLF001  # no public way
    mean = np.ravel(fitted._y_train_mean).astype(np.float64)  # noqa: SLF001  # no public way
    value = dense_product(scope, as_matrix(scope, found, block, rows), weights)
    value = scope.op("Add", scope.op("Mul", value, scope.row(deviation)), scope.row(mean))
    bound = found.bound * np.abs(weights).sum(axis=0) * np.abs(deviation) + np.abs(mean)
    scale = float(bound.max()) if np.isfinite(bound).all() else 0.0
    decided = least_certain(found.decided, block.decided, "blas")
    if weights.shape[1] > 1:
        return (prediction_answer(value, decided, width=weights.shape[1], scale=scale),)
    value = scope.op("Squeeze", value, np.array([1]))
    return (prediction_answer(value, decided, scale=scale),)


def gaussian_process_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities; against each other, classes have no probabilities."""
    base, classes = fitted.base_estimator_, np.asarray(fitted.classes_)
    parts = [base] if len(classes) == _BINARY else base.estimators_
    block = _checked_input(scope, fitted, table, parts[0].X_train_)
    latents = [_latent(scope, part, block) for part in parts]
    decided = least_certain(*(latent.decided for latent in latents))
    values = [latent.probability for latent in latents]
    is_paired = len(classes) > _BINARY and fitted.multi_class == "one_vs_one"
    if not is_paired:
        _refuse_overflow(scope, latents)
    value = values[0] if len(values) == 1 else scope.op("Concat", *values, axis=1)
    if len(classes) == _BINARY:
        _doubt_next_to_zero(scope, latents[0])
        above = scope.op("Greater", latents[0].mean, np.array(0.0))
        index = scope.op("Squeeze", scope.cast(above, "int64"), np.array([1]))
        chances = with_complement(scope, value)
    elif is_paired:
        return (_label_of_pairs(scope, latents, value, classes, decided),)
    else:
        _doubt_next_to_each_other(scope, value, ROUNDINGS * _PARTS)
        index = last_known_largest(scope, value)
        total = ordered_sum(scope.graph, value, len(classes), scope=scope.path)
        is_zero = scope.op("Equal", total, np.array(0.0))
        chances = scope.op("Div", value, scope.op("Where", is_zero, np.array(1.0), total))
    answer = probabilities_answer(chances, classes, decided)
    return label_answer(scope, index, classes, decided=decided), replace(answer, scale=_PARTS)


def _label_of_pairs(
    scope: Scope, latents: list[_Latent], value: str, classes: Any, decided: Decided
) -> Answer:
    """Choose the class with the most votes, then the most confidence."""
    for latent in latents:
        _doubt_next_to_zero(scope, latent)
    means = scope.op("Concat", *(latent.mean for latent in latents), axis=1)
    is_last = scope.op("Greater", means, np.array(0.0))
    scores = rest_scores(scope, value, is_last, len(classes))
    _doubt_next_to_each_other(scope, scores, ROUNDINGS * _PARTS * len(classes))
    known = scope.op("Where", scope.op("IsNaN", scores), np.array(np.inf), scores)
    index = scope.op("ArgMax", known, axis=1, keepdims=0)
    return label_answer(scope, index, classes, decided=decided)


def _checked_input(scope: Scope, fitted: Any, table: Table, rows: Any) -> Block:
    """Refuse what is not finite; whole numbers stay whole in numpy's inner product, and wrap."""
    name = type(fitted).__name__
    has_product = any(
        isinstance(value, DotProduct)
        for value in [
            fitted.kernel,
            *(fitted.kernel.get_params() if fitted.kernel else {}).values(),
        ]
    )
    if has_product and np.asarray(rows).dtype.kind in "iub":
        raise scope.error(
            f"{name}(kernel=DotProduct()) on whole numbers: numpy multiplies them as integers, "
            "which wrap around; train on float64 columns"
        )
    return finite_numbers(scope, fitted, table)


def _latent(scope: Scope, fitted: Any, block: Block) -> _Latent:
    """Compute mean, variance and probability of one binary classifier."""
    # The variance of a class needs a number for each pair of training rows.
    square = (len(fitted.X_train_), len(fitted.X_train_))
    check_size(scope, "GaussianProcessClassifier, squared", square, "train on a sample")
    rows = checked_rows(
        scope, fitted, np.asarray(fitted.X_train_), kernels=kernels_in(fitted.kernel_)
    )
    found = covariance(scope, fitted.kernel_, block, rows)
    kernel = as_matrix(scope, found, block, rows)
    weights = np.asarray(fitted.y_train_ - fitted.pi_, np.float64)
    mean = vector_product(scope, kernel, weights)
    diagonal = covariance(scope, fitted.kernel_, block, None)
    variance = scope.op("Sub", diagonal.value, _explained(scope, fitted, kernel))
    decided = least_certain(found.decided, diagonal.decided, "blas")
    chance = _probability(scope, mean, variance)
    rounding = rounding_of(scope, kernel, found.bound, weights.reshape(-1, 1))
    return _Latent(mean, chance, rounding, kernel, found.is_finite, decided)


def _explained(scope: Scope, fitted: Any, kernel: str) -> str:
    """Compute the variance that the training rows explain, (n, 1).

    scikit-learn solves a triangular system for each row. Its matrix has no eigenvalue below 1, so
    that a product with the inverse is as exact as the solution.
    """
    lower = np.asarray(fitted.L_, np.float64)
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True)
    scaled = scope.op("Mul", kernel, scope.row(fitted.W_sr_))
    solved = product(scope, scaled, inverse.T)
    squares = scope.op("Mul", solved, solved)
    return ordered_sum(scope.graph, squares, len(lower), scope=scope.path)


def _probability(scope: Scope, mean: str, variance: str) -> str:
    """Integrate the logistic function over the latent normal distribution, (n, 1).

    By five error functions, with the operations of scikit-learn one by one: the terms are
    thousands that cancel to less than 1.
    """
    one = np.array(1.0)
    alpha = scope.op("Div", one, scope.op("Mul", variance, np.array(2.0)))
    steps = LAMBDAS.reshape(1, -1)
    gamma = scope.op("Mul", mean, steps)
    share = scope.op("Div", alpha, scope.op("Add", alpha, steps**2))
    waves = erf(scope.graph, scope.op("Mul", gamma, scope.op("Sqrt", share)), scope=scope.path)
    height = scope.op("Sqrt", scope.op("Div", np.array(np.pi), alpha))
    doubled = scope.op("Mul", scope.op("Mul", variance, np.array(2.0)), np.array(np.pi))
    width = scope.op("Mul", scope.op("Sqrt", doubled), np.array(2.0))
    integrals = scope.op("Div", scope.op("Mul", waves, height), width)
    terms = scope.op("Mul", integrals, COEFS.reshape(1, -1))
    total = ordered_sum(scope.graph, terms, COEFS.size, scope=scope.path)
    return scope.op("Add", total, np.array(0.5 * COEFS.sum()))


def _refuse_overflow(scope: Scope, latents: list[_Latent]) -> None:
    """Refuse rows whose kernel is not finite: probabilities are, though labels are not."""
    for latent in latents:
        if latent.is_finite:
            continue
        broken = not_finite(scope, latent.kernel)
        text = "GaussianProcessClassifier gives no probabilities where the kernel overflows"
        scope.refuse(broken, ["kernel"], text, origin="contract")


def _doubt_next_to_zero(scope: Scope, latent: _Latent) -> None:
    """Mark rows whose label hangs on roundings of a sum, or on its order where it overflows."""
    clear = scope.op("Greater", scope.op("Abs", latent.mean), latent.rounding)
    scope.doubt(
        scope.op("Not", clear), "a latent mean is zero within the roundings of its summands"
    )


def _doubt_next_to_each_other(scope: Scope, value: str, distance: float) -> None:
    """Mark rows whose two largest columns lie within roundings of each other."""
    places = scope.op("TopK", value, np.array([2]), axis=1, largest=1, sorted=1, place=1)
    top = scope.op("GatherElements", value, places, axis=1)
    second = scope.op("Gather", top, np.array([1]), axis=1)
    apart = scope.op("Sub", scope.op("Gather", top, np.array([0]), axis=1), second)
    near = scope.op("LessOrEqual", apart, np.array(distance))
    scope.doubt(near, "two classes are as likely as each other within the roundings of their sums")
