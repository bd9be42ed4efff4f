"""Isolation forests: the depth at which a row stands alone, over all trees."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from sklearn.ensemble._iforest import _average_path_length

from preproc.export.answers import Answer, label_answer, scores_answer
from preproc.export.converters.tree import single_precision, tree_of
from preproc.export.scope import Scope
from preproc.export.table import Table, least_certain
from preproc.graph import Tree, tree_sum

INLIER, OUTLIER = 1, -1
_HALVINGS: Final = 64


def isolation_forest(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label (1 inside, -1 outside) and score.

    Validation is off in scikit-learn: NaN and infinities are answered. The score is a power of 2
    whose exponent is the sum of depths over what it is on average; the power is numpy's there and
    the C library's here. The label is a comparison of the sum of depths, for scores that equal
    the offset are common: it is a percentile of the scores of training.
    """
    block = single_precision(scope, table)
    trees = _trees(scope, fitted, is_sparse=table.is_sparse)
    x = scope.cast(block.value, "float64")
    pairs = [(0, tree) for tree in trees]
    sums = tree_sum(scope.graph, x, pairs, np.zeros(1), scope=scope.path)
    depths = scope.op("Squeeze", sums, np.array([1]))
    average = _average_depth(fitted)
    if average:
        share = scope.op("Div", depths, np.array(average))
    else:
        # Trees of one row each: scikit-learn puts 1 in the place of 0 / 0.
        share = scope.op("Add", scope.op("Sub", depths, depths), np.array(1.0))
    power = scope.op("Pow", np.array(2.0), scope.op("Neg", share))
    scores = scope.op("Sub", scope.op("Neg", power), np.array(float(fitted.offset_)))
    inside = scope.op("GreaterOrEqual", depths, np.array(_border(fitted)))
    classes = np.array([OUTLIER, INLIER], np.int64)
    return (
        label_answer(scope, scope.cast(inside, "int64"), classes, decided=block.decided),
        scores_answer(
            scores,
            least_certain("libm", block.decided),
            scale=1.0 + abs(float(fitted.offset_)),
            is_default=True,
        ),
    )


def _trees(scope: Scope, fitted: Any, *, is_sparse: bool) -> list[Tree]:
    """Give each leaf the depth that it adds; of sparse rows, NaN goes right everywhere."""
    is_chosen = fitted._max_features != fitted.n_features_in_  # noqa: SLF001  # no public way
    trees = []
    for at, estimator in enumerate(fitted.estimators_):
        features = np.asarray(fitted.estimators_features_[at], np.int64) if is_chosen else None
        tree = tree_of(scope, estimator, features)
        paths = fitted._decision_path_lengths[at]  # noqa: SLF001  # no public way
        beyond = fitted._average_path_length_per_tree[at]  # noqa: SLF001  # no public way
        tree = replace(tree, value=np.asarray(paths + beyond - 1.0, np.float64))
        if is_sparse:
            tree = replace(tree, missing_left=np.zeros(len(tree.is_leaf), bool))
        trees.append(tree)
    return trees


def _average_depth(fitted: Any) -> float:
    """Compute the sum over the trees of the depth that is average for the rows they saw."""
    average = _average_path_length([fitted._max_samples])  # noqa: SLF001  # no public way
    return float((len(fitted.estimators_) * average)[0])


def _border(fitted: Any) -> float:
    """Find the smallest sum of depths that is no outlier, by bisection over all floats from 0."""
    average = np.array([_average_depth(fitted)])

    def is_outlier(depth: float) -> bool:
        depths = np.array([depth])
        shares = np.divide(depths, average, out=np.ones_like(depths), where=average != 0)
        return bool((-(2 ** (-shares)) - fitted.offset_)[0] < 0)

    low, high = (int(np.float64(depth).view(np.int64)) for depth in (0.0, np.inf))
    if not is_outlier(0.0):
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) // 2
        is_low = is_outlier(float(np.int64(middle).view(np.float64)))
        low, high = (middle, high) if is_low else (low, middle)
    return float(np.int64(high).view(np.float64))
