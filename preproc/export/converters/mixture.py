"""Gaussian mixtures as predictors: log-likelihoods of the components and their shares."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from preproc.export.answers import Answer, label_answer, probabilities_answer
from preproc.export.converters.likelihood import first_largest, normalized
from preproc.export.converters.products import product, squared_norms
from preproc.export.scope import Scope
from preproc.export.table import Table, finite_numbers, least_certain
from preproc.graph import pairwise_sum


def gaussian_mixture(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give component and shares.

    What does not depend on the row (determinants, weights, the terms of a variational mixture) is
    taken from scikit-learn's own expressions at export.
    """
    block = finite_numbers(scope, fitted, table)
    kind, name = fitted.covariance_type, type(fitted).__name__
    if kind in ("full", "tied") and all("float" not in part.dtype for part in table.blocks):
        raise scope.error(
            f"{name}(covariance_type={kind!r}) on whole numbers: scikit-learn cuts off the "
            "fractions of distances there; train on X.astype('float64')"
        )
    means, width = np.asarray(fitted.means_), block.width
    distances = _distances(scope, fitted, block.value, width)
    inner = scope.op("Add", np.array(width * math.log(2 * math.pi)), distances)
    scores = scope.op("Mul", np.array(-0.5), inner)
    constants = _constants(fitted, width)
    for constant in constants:
        scores = scope.op("Add", scores, constant)
    classes = np.arange(len(means))
    decided = least_certain(block.decided, "blas")
    index = first_largest(scope, scores)
    value = normalized(scope, scores, len(means))
    # The log-sum-exp is rounded at its own magnitude; rows within four deviations.
    scale = 8.0 * width + sum(float(np.abs(constant).max()) for constant in constants)
    return (
        label_answer(scope, index, classes, decided=decided),
        replace(probabilities_answer(value, classes, decided), scale=scale),
    )


def _distances(scope: Scope, fitted: Any, value: str, width: int) -> str:
    """Square distances to the means in the units of each component, (n, components)."""
    means, roots = np.asarray(fitted.means_), np.asarray(fitted.precisions_cholesky_)
    kind = fitted.covariance_type
    if kind in ("full", "tied"):
        columns = []
        for at, mean in enumerate(means):
            root = roots[at] if kind == "full" else roots
            made = scope.op("Sub", product(scope, value, root), scope.row(mean @ root))
            squares = scope.op("Mul", made, made)
            columns.append(pairwise_sum(scope.graph, squares, width, scope=scope.path))
        return columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)
    precisions = roots**2
    if kind == "diag":
        cross = product(scope, value, (means * precisions).T)
        start = np.sum((means**2 * precisions), axis=1)
        squares = product(scope, scope.op("Mul", value, value), precisions.T)
    else:
        cross = scope.op("Mul", product(scope, value, means.T), scope.row(precisions))
        start = np.sum(means**2, axis=1) * precisions
        norms = squared_norms(scope, value, width)
        squares = scope.op("Mul", norms, scope.row(precisions))
    found = scope.op("Sub", scope.row(start), scope.op("Mul", np.array(2.0), cross))
    return scope.op("Add", found, squares)


def _constants(fitted: Any, width: int) -> list[NDArray[np.float64]]:
    """Compute what is added to the scores, in this order, (1, components) each."""
    roots, kind = np.asarray(fitted.precisions_cholesky_), fitted.covariance_type
    if kind == "full":
        size = np.sum(np.log(np.reshape(roots, (len(roots), -1))[:, :: width + 1]), axis=1)
    elif kind == "tied":
        size = np.sum(np.log(np.diagonal(roots)))
    else:
        size = np.sum(np.log(roots), axis=1) if kind == "diag" else width * np.log(roots)
    parts = [size]
    if hasattr(fitted, "degrees_of_freedom_"):
        parts += _variational(fitted, width)
    weights = fitted._estimate_log_weights()  # noqa: SLF001  # no public way
    return [np.broadcast_to(part, (1, len(fitted.means_))) for part in (*parts, weights)]


def _variational(fitted: Any, width: int) -> list[NDArray[np.float64]]:
    """Compute the variational terms of the likelihood, by scikit-learn's expressions."""
    freedom = fitted.degrees_of_freedom_
    less = -(0.5 * width * np.log(freedom))
    halves = 0.5 * (freedom - np.arange(0, width)[:, np.newaxis])
    spread = width * np.log(2.0) + np.sum(digamma(halves), 0)
    return [less, 0.5 * (spread - width / fitted.mean_precision_)]
