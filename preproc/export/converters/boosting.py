"""Histogram gradient boosting: trees summed in the order in which they were grown."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    prediction_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.linear import with_complement
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain, numbers
from preproc.graph import Tree, logistic, tree_sum


def boosting_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and score of a binary classifier."""
    if len(fitted.classes_) != 2:  # noqa: PLR2004  # binary
        raise scope.error(
            f"HistGradientBoostingClassifier with {len(fitted.classes_)} classes "
            "is not exported yet; use 2"
        )
    raw, scale, decided = _raw_sum(scope, fitted, table)
    vector = scope.op("Squeeze", raw, np.array([1]))
    above = scope.op("Greater", vector, np.array(0.0))
    probability = logistic(scope.graph, raw, scope=scope.path)
    return (
        label_answer(scope, scope.cast(above, "int64"), fitted.classes_, decided=decided),
        probabilities_answer(
            with_complement(scope, probability), fitted.classes_, least_certain("libm", decided)
        ),
        scores_answer(vector, decided, scale=scale),
    )


def boosting_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of a regressor whose loss has the identity as its link."""
    if fitted.loss in ("gamma", "poisson"):
        raise scope.error(
            f"HistGradientBoostingRegressor(loss={fitted.loss!r}) is not exported yet: "
            "its link is an exponential; use loss='squared_error'"
        )
    raw, scale, decided = _raw_sum(scope, fitted, table)
    vector = scope.op("Squeeze", raw, np.array([1]))
    return (prediction_answer(vector, decided, scale=scale),)


def trees_of(fitted: Any) -> Iterator[Tree]:
    """Take the trees of a fitted model apart, in the order of their sum."""
    for stage in fitted._predictors:  # noqa: SLF001  # no public way
        for predictor in stage:
            nodes = predictor.nodes
            yield Tree(
                feature=nodes["feature_idx"].astype(np.int64),
                threshold=nodes["num_threshold"].astype(np.float64),
                left=nodes["left"].astype(np.int64),
                right=nodes["right"].astype(np.int64),
                missing_left=nodes["missing_go_to_left"].astype(bool),
                is_leaf=nodes["is_leaf"].astype(bool),
                value=nodes["value"].astype(np.float64),
            )


def boosting_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Collect the thresholds that the trees test, by feature."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for tree in trees_of(fitted):
        for feature in np.unique(tree.feature[~tree.is_leaf]).tolist():
            mine = ~tree.is_leaf & (tree.feature == feature)
            found.setdefault(feature, []).append(tree.threshold[mine])
    return {feature: np.concatenate(parts) for feature, parts in found.items()}


def _raw_sum(scope: Scope, fitted: Any, table: Table) -> tuple[str, float, Decided]:
    """Compute the raw prediction, (n, 1); tell the largest sum of magnitudes that it can hold."""
    if fitted.is_categorical_ is not None:
        raise scope.error(
            f"{type(fitted).__name__} with categorical features is not exported yet; encode them"
        )
    block = numbers(scope, table)
    trees = list(trees_of(fitted))
    base = np.ravel(fitted._baseline_prediction).astype(np.float64)  # noqa: SLF001  # no public way
    raw = tree_sum(scope.graph, block.value, [(0, tree) for tree in trees], base, scope=scope.path)
    leaves = [float(np.abs(tree.value[tree.is_leaf]).max()) for tree in trees]
    return raw, float(np.abs(base).sum()) + sum(leaves), block.decided
