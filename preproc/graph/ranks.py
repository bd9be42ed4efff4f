"""Ranks: among the sorted thresholds of a column, how many lie below a number.

``x <= t`` is the same question as ``rank(x) <= rank(t)``, so a device that cannot hold a float64
threshold can answer it from whole numbers. NaN ranks first where it goes left and last where it
goes right; a column whose splits send it both ways is ranked twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preproc.graph.ensembles import LeafTable, Tree


@dataclass(frozen=True, slots=True)
class RankedColumn:
    """One column of ranks.

    Attributes
    ----------
    feature
        Column of the numbers.
    nan_left
        Whether NaN goes left.
    thresholds
        Ascending and distinct, float64; a number has ``rank`` i where i of them are below it.
    """

    feature: int
    nan_left: bool
    thresholds: NDArray[np.float64]

    def rank(self, values: NDArray[np.float64]) -> NDArray[np.int32]:
        """Rank numbers of any shape, NaN among them."""
        ranks = np.searchsorted(self.thresholds, values, side="left")
        of_nan = 0 if self.nan_left else len(self.thresholds)
        return np.where(np.isnan(values), of_nan, ranks).astype(np.int32)


def ranked_columns(
    feature: NDArray[np.int64], threshold: NDArray[np.float64], nan_left: NDArray[np.bool_]
) -> tuple[tuple[RankedColumn, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Sort the tests of trees, (tests,) each.

    Returns
    -------
    tuple
        The columns of ranks, and for each test its column and the rank of its threshold.
    """
    keys, column = np.unique(2 * feature + nan_left, return_inverse=True)
    columns = []
    rank = np.zeros(len(feature), np.int64)
    for at, key in enumerate(keys.tolist()):
        mine = column == at
        known, place = np.unique(threshold[mine], return_inverse=True)
        columns.append(RankedColumn(key // 2, bool(key % 2), known))
        rank[mine] = place
    return tuple(columns), column, rank


def rank_table(columns: Sequence[RankedColumn], features: Sequence[int]) -> LeafTable:
    """Make one search tree a column; `features` are the columns of the value to be ranked."""
    table = LeafTable()
    for at, (column, feature) in enumerate(zip(columns, features, strict=True)):
        table.add(search_tree(column.thresholds, feature, nan_left=column.nan_left), at)
    return table


def search_tree(thresholds: NDArray[np.float64], feature: int, *, nan_left: bool = False) -> Tree:
    """Make a balanced search tree; leaf number i is reached from beyond i thresholds."""
    nodes: list[tuple[float, int, int, float]] = []

    def build(low: int, high: int) -> int:
        at = len(nodes)
        if low == high:
            nodes.append((0.0, 0, 0, float(low)))
            return at
        middle = (low + high) // 2
        nodes.append((float(thresholds[middle]), 0, 0, -1.0))
        left, right = build(low, middle), build(middle + 1, high)
        nodes[at] = (float(thresholds[middle]), left, right, -1.0)
        return at

    build(0, len(thresholds))
    threshold, left, right, value = (np.array(part) for part in zip(*nodes, strict=True))
    is_leaf = value >= 0
    return Tree(
        feature=np.full(len(nodes), feature),
        threshold=threshold,
        left=left,
        right=right,
        missing_left=~is_leaf & nan_left,
        is_leaf=is_leaf,
        value=value,
    )
