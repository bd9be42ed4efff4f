"""Decision trees, extra trees, and forests of them: sums in the order of the trees, then a mean."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    labels_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.converters.tree import checked_input, magnitude, takes_nan, tree_of
from preproc.export.scope import Scope
from preproc.export.table import Block, Table
from preproc.graph import Tree, forest_sum, tree_sum


def forest_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities, of one target or several, of a tree or of a forest.

    A tree's leaf holds the shares of the classes; a forest adds them up tree by tree and divides
    by the number of trees. The class with the largest share wins, the first of equal ones.
    """
    estimators = _estimators(fitted)
    is_single = fitted.n_outputs_ == 1
    classes = [fitted.classes_] if is_single else list(fitted.classes_)
    counts = [len(known) for known in classes]
    trees = [tree_of(scope, estimator) for estimator in estimators]
    rows = [_shares(estimator, counts) for estimator in estimators]
    block = checked_input(scope, fitted, table, accepts_nan=takes_nan(estimators[0], table))
    means = _mean(scope, block, trees, rows)
    if is_single:
        index = scope.op("ArgMax", means, axis=1, keepdims=0)
        return (
            label_answer(scope, index, classes[0], decided=block.decided),
            probabilities_answer(means, classes[0], block.decided),
        )
    starts = np.cumsum([0, *counts])
    shares = [
        scope.op("Gather", means, np.arange(start, start + count), axis=1)
        for start, count in zip(starts, counts, strict=False)
    ]
    indices = [scope.op("ArgMax", share, axis=1, keepdims=0) for share in shares]
    return (
        labels_answer(scope, indices, classes, decided=block.decided),
        *(
            probabilities_answer(share, known, block.decided, target=at)
            for at, (share, known) in enumerate(zip(shares, classes, strict=True))
        ),
    )


def forest_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction, of one target or several, of a tree or of a forest."""
    estimators = _estimators(fitted)
    trees = [tree_of(scope, estimator) for estimator in estimators]
    rows = [estimator.tree_.value[:, :, 0] for estimator in estimators]
    block = checked_input(scope, fitted, table, accepts_nan=takes_nan(estimators[0], table))
    means = _mean(scope, block, trees, rows)
    scale = magnitude(trees, rows) / len(trees)
    if fitted.n_outputs_ > 1:
        return (prediction_answer(means, block.decided, width=fitted.n_outputs_, scale=scale),)
    vector = scope.op("Squeeze", means, np.array([1]))
    return (prediction_answer(vector, block.decided, scale=scale),)


def _estimators(fitted: Any) -> list[Any]:
    return list(getattr(fitted, "estimators_", [fitted]))


def _shares(estimator: Any, counts: Sequence[int]) -> NDArray[np.float64]:
    """Put the shares of the classes of all targets side by side, (nodes, classes)."""
    value = estimator.tree_.value
    shares: NDArray[np.float64] = np.concatenate(
        [value[:, at, :count] for at, count in enumerate(counts)], axis=1
    )
    return shares


def _mean(
    scope: Scope, block: Block, trees: Sequence[Tree], rows: Sequence[NDArray[np.float64]]
) -> str:
    """Add the rows of numbers of the leaves that are reached and divide, (n, width)."""
    x = scope.cast(block.value, "float64")
    if rows[0].shape[1] == 1:
        pairs = [
            (0, replace(tree, value=values[:, 0])) for tree, values in zip(trees, rows, strict=True)
        ]
        sums = tree_sum(scope.graph, x, pairs, np.zeros(1), scope=scope.path)
    else:
        sums = forest_sum(scope.graph, x, trees, rows, scope=scope.path)
    return sums if len(trees) == 1 else scope.op("Div", sums, np.array(float(len(trees))))
