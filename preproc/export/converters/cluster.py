"""Clusterings as transformers: distances to centres, pooled features.

Distances are scikit-learn's expansion |x|² - 2xc + |c|², never the sum of squared differences:
near a centre the expansion loses digits, and scikit-learn loses them too.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.extmath import row_norms

from preproc.export.converters.products import (
    Matrix,
    at_least_zero,
    limits_of,
    made_of,
    names_of,
    product,
    projected_limits,
    squared_norms,
)
from preproc.export.scope import Scope
from preproc.export.table import MAX_FLOAT, Block, Feature, Table, finite_numbers, least_certain
from preproc.graph import ordered_sum


def k_means(scope: Scope, fitted: Any, table: Table) -> Table:
    """Give the distances to the centres of any of the K-means family."""
    return _distances(scope, fitted, table, fitted.cluster_centers_)


def birch(scope: Scope, fitted: Any, table: Table) -> Table:
    """Give the distances to the centroids of the subclusters."""
    return _distances(scope, fitted, table, fitted.subcluster_centers_)


def feature_agglomeration(scope: Scope, fitted: Any, table: Table) -> Table:
    """Pool the features of each cluster.

    The mean is a count per label: features are added one after the other, then divided by their
    number. The largest and the smallest need no order.
    """
    pool = fitted.pooling_func
    if pool not in (np.mean, np.max, np.min):
        name = getattr(pool, "__name__", repr(pool))
        raise scope.error(
            f"FeatureAgglomeration(pooling_func={name}): only mean, max and min of numpy are "
            "exported; use pooling_func=np.mean"
        )
    block = finite_numbers(scope, fitted, table)
    labels = np.asarray(fitted.labels_)
    members = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    parts = [_pooled(scope, block.value, pool, at) for at in members]
    value = parts[0] if len(parts) == 1 else scope.op("Concat", *parts, axis=1)
    if pool is np.mean:
        value = scope.op("Div", value, scope.row([len(at) for at in members]))
    limits = limits_of(block)
    features = []
    for name, at in zip(names_of(fitted, len(members)), members, strict=True):
        with np.errstate(over="ignore"):
            limit = float(limits[at].sum() if pool is np.mean else limits[at].max())
        sources = dict.fromkeys(source for i in at for source in block.features[i].sources)
        features.append(Feature(name, tuple(sources), limit=limit))
    return Table((replace(block, value=value, features=tuple(features)),))


def squared_distances(scope: Scope, value: str, points: Matrix, *, is_sparse: bool = False) -> str:
    """Compute squared distances of rows (n, k) to points (m, k), as `euclidean_distances` does."""
    points = np.ascontiguousarray(points, np.float64)
    cross = product(scope, value, points.T, is_sparse=is_sparse)
    norms = squared_norms(scope, value, points.shape[1], is_sparse=is_sparse)
    found = scope.op("Add", scope.op("Mul", cross, np.array(-2.0)), norms)
    found = scope.op("Add", found, scope.row(row_norms(points, squared=True)))
    return at_least_zero(scope, found)


def distance_limits(block: Block, points: Matrix) -> Matrix:
    """Bounds of squared distances to points (m, k), (m,); infinity where a sum may overflow."""
    limits = limits_of(block)
    with np.errstate(over="ignore"):
        own = float((limits * limits).sum())
        cross = 2 * projected_limits(limits, np.asarray(points, np.float64).T)
        found: Matrix = own + cross + row_norms(points, squared=True)
    return found


def _distances(scope: Scope, fitted: Any, table: Table, centres: Matrix) -> Table:
    block = finite_numbers(scope, fitted, table)
    squares = squared_distances(scope, block.value, centres, is_sparse=table.is_sparse)
    value = scope.op("Sqrt", squares)
    bounds = distance_limits(block, centres)
    limits = np.where(bounds < MAX_FLOAT, 1.01 * np.sqrt(bounds), np.inf)
    decided = least_certain(block.decided, "ieee" if table.is_sparse else "blas")
    return Table((made_of(block, value, names_of(fitted, len(centres)), limits, decided),))


def _pooled(scope: Scope, value: str, pool: Any, at: Any) -> str:
    """Pool columns of a value (n, k) to (n, 1), before any division."""
    own = scope.op("Gather", value, np.asarray(at, np.int64), axis=1)
    if pool is not np.mean:
        kind = "ReduceMax" if pool is np.max else "ReduceMin"
        return scope.op(kind, own, np.array([1]), keepdims=1)
    return ordered_sum(scope.graph, own, len(at), scope=scope.path)
