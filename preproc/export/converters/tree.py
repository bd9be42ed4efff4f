"""What all of scikit-learn's own trees share: their input, their nodes, where they change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from preproc.export.scope import Scope
from preproc.export.table import Block, Table, joined, numbers, refuse_infinite, refuse_not_finite
from preproc.graph import Tree

MAX_FLOAT32: Final = float(np.finfo(np.float32).max)
MAX_DEPTH: Final = 500
"""Depth of a tree. ONNX Runtime reads trees by recursion, about 800 bytes of stack a level, and
where the stack ends, the process does; threads of some systems have 512 KiB."""


def single_precision(scope: Scope, table: Table) -> Block:
    """Join a table as float32, to which scikit-learn's trees round whatever they are given.

    Numbers beyond float32 become infinite there.
    """
    dtypes = {block.dtype for block in table.blocks}
    is_narrow = all(dtype.startswith("float") and dtype != "float64" for dtype in dtypes)
    block = joined(scope, table) if is_narrow else numbers(scope, table)
    value = block.value if block.dtype == "float32" else scope.cast(block.value, "float32")
    features = tuple(
        feature if feature.limit <= MAX_FLOAT32 else replace(feature, limit=np.inf)
        for feature in block.features
    )
    return replace(block, value=value, dtype="float32", features=features)


def checked_input(scope: Scope, fitted: Any, table: Table, *, accepts_nan: bool) -> Block:
    """Join a table as float32 and refuse what validation refuses: infinities, and NaN or not."""
    block = single_precision(scope, table)
    name = type(fitted).__name__
    if accepts_nan:
        text = f"{name} refuses infinity and numbers beyond float32"
        return refuse_infinite(scope, block, text)
    text = f"{name} refuses NaN, infinity and numbers beyond float32"
    return refuse_not_finite(scope, block, text)


def takes_nan(estimator: Any, table: Table) -> bool:
    """Whether a tree answers NaN: depends on class, splitter, version, and never if sparse."""
    like = csr_array((1, 1)) if table.is_sparse else np.empty((1, 1))
    return bool(estimator._support_missing_values(like))  # noqa: SLF001  # no public way


def tree_of(scope: Scope, estimator: Any, features: NDArray[np.int64] | None = None) -> Tree:
    """Take a tree apart; leaves get their number among the nodes as value.

    Parameters
    ----------
    scope
        Of the model.
    estimator
        Fitted tree.
    features
        Feature of the tree → feature of the model, None where they are the same.
    """
    tree = estimator.tree_
    if tree.max_depth > MAX_DEPTH:
        raise scope.error(
            f"{type(estimator).__name__} of depth {tree.max_depth}: ONNX Runtime's stack holds "
            f"trees of depth {MAX_DEPTH}; use max_depth={MAX_DEPTH}"
        )
    nodes = tree.__getstate__()["nodes"]
    feature = nodes["feature"].astype(np.int64)
    is_leaf = nodes["left_child"] == -1
    if features is not None:
        feature = np.where(is_leaf, 0, features[np.where(is_leaf, 0, feature)])
    return Tree(
        feature=feature,
        threshold=nodes["threshold"].astype(np.float64),
        left=nodes["left_child"].astype(np.int64),
        right=nodes["right_child"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        is_leaf=is_leaf,
        value=np.arange(len(nodes), dtype=np.float64),
    )


def tree_edges(fitted: Any) -> Mapping[int, NDArray[np.float64]]:
    """Feature → where the trees of a model change their mind, as float64.

    The thresholds themselves, and where rounding to float32 crosses them: half-way between the
    largest float32 that goes left and the next one, which goes right.
    """
    estimators = np.ravel(getattr(fitted, "estimators_", [fitted]))
    chosen = getattr(fitted, "estimators_features_", [None] * len(estimators))
    features, thresholds = [], []
    for estimator, mine in zip(estimators, chosen, strict=True):
        tree = estimator.tree_
        is_inner = tree.children_left != -1
        feature = tree.feature[is_inner]
        is_chosen = mine is not None and estimator.n_features_in_ < fitted.n_features_in_
        features.append(np.asarray(mine)[feature] if is_chosen else feature)
        thresholds.append(tree.threshold[is_inner])
    return grouped_edges(np.concatenate(features), np.concatenate(thresholds))


def grouped_edges(
    feature: NDArray[np.int64], threshold: NDArray[np.float64]
) -> Mapping[int, NDArray[np.float64]]:
    """Group thresholds, (nodes,), by feature and put the borders of float32 beside them."""
    order = np.argsort(feature, kind="stable")
    known, starts = np.unique(feature[order], return_index=True)
    groups = np.split(threshold[order], starts[1:])
    return {
        int(one): np.unique(np.concatenate([group, _borders(group)]))
        for one, group in zip(known, groups, strict=False)
    }


def _borders(threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half-way between the two float32 around each threshold."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = threshold.astype(np.float32)
        infinity = np.float32(np.inf)
        left = np.where(near.astype(np.float64) > threshold, np.nextafter(near, -infinity), near)
        right = np.nextafter(left, infinity)
        borders: NDArray[np.float64] = (left.astype(np.float64) + right.astype(np.float64)) / 2
    return borders[np.isfinite(borders)]


def magnitude(trees: Sequence[Tree], rows: Sequence[NDArray[np.float64]]) -> float:
    """Bound the magnitude of a sum over trees by the largest number of each tree's leaves."""
    pairs = zip(trees, rows, strict=True)
    return float(sum(np.abs(values[tree.is_leaf]).max() for tree, values in pairs))
