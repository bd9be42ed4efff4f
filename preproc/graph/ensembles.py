"""Decision trees as one ``TreeEnsemble`` in float64, summed in the order of the trees.

Why opset 5 of ``ai.onnx.ml``: it is the only tree operator whose kernel keeps float64 thresholds
and sums. Its sum runs over the trees in their order, but adds a base value last; scikit-learn adds
it first, which changes the last bit. So the base is a tree of its own, in front, with one leaf.

A leaf of that operator holds one number. Where a leaf holds several, classes or targets, the number
is the row of a table that holds them; trees that are walked once and ``CumSum`` over the rows that
they reach give scikit-learn's order of summation too, at any number of threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.builder import ML, GraphBuilder
from preproc.graph.sums import ordered_sum

MAX_CELLS: Final = 512
"""Numbers a row that a sum over trees holds at once, as far as one tree's fit in."""
_BRANCH_LEQ: Final = 0
_SUM: Final = 1


@dataclass(frozen=True, slots=True)
class Tree:
    """One binary tree as parallel arrays of shape (nodes,).

    Attributes
    ----------
    feature
        Column that an inner node tests.
    threshold
        float64; a row goes left where value <= threshold.
    left, right
        Children of inner nodes.
    missing_left
        Whether NaN goes left.
    is_leaf
        Which nodes are leaves.
    value
        float64 value of each leaf.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    is_leaf: NDArray[np.bool_]
    value: NDArray[np.float64]


class LeafTable:
    """Columns of the operator's attributes, filled tree by tree."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self._inner: list[NDArray[np.float64]] = []
        self._targets: list[NDArray[np.int64]] = []
        self._weights: list[NDArray[np.float64]] = []
        self._inner_count = 0
        self._leaf_count = 0

    def add(self, tree: Tree, target: int) -> None:
        """Append a tree whose leaves add to `target`; a lone leaf becomes a test of no effect."""
        leaves = np.flatnonzero(tree.is_leaf)
        leaf_at = np.zeros(len(tree.is_leaf), np.int64)
        leaf_at[leaves] = self._leaf_count + np.arange(len(leaves))
        inner = np.flatnonzero(~tree.is_leaf)
        if len(inner):
            inner_at = np.zeros(len(tree.is_leaf), np.int64)
            inner_at[inner] = self._inner_count + np.arange(len(inner))
            at = np.where(tree.is_leaf, leaf_at, inner_at)
            left, right = tree.left[inner], tree.right[inner]
            rows = [
                tree.feature[inner],
                tree.threshold[inner],
                at[left],
                at[right],
                tree.is_leaf[left],
                tree.is_leaf[right],
                tree.missing_left[inner],
            ]
        else:
            lone = leaf_at[leaves]
            one, zero = np.ones(1), np.zeros(1)
            rows = [zero, zero, lone, lone, one, one, zero]
        self.roots.append(self._inner_count)
        self._inner.append(np.stack([np.asarray(row, np.float64) for row in rows]))
        self._targets.append(np.full(len(leaves), target, np.int64))
        self._weights.append(tree.value[leaves])
        self._inner_count += self._inner[-1].shape[1]
        self._leaf_count += len(leaves)

    def emit(
        self, graph: GraphBuilder, x: str, targets: int, *, scope: str, dtype: str = "float64"
    ) -> str:
        """Add the node; x is (n, features) and the result (n, targets), both of dtype `dtype`."""
        columns = np.concatenate(self._inner, axis=1)
        feature, true, false, true_leaf, false_leaf, missing = (
            columns[row].astype(np.int64).tolist() for row in (0, 2, 3, 4, 5, 6)
        )
        optional = {"nodes_missing_value_tracks_true": missing} if any(missing) else {}
        return graph.op(
            "TreeEnsemble",
            x,
            scope=scope,
            domain=ML,
            n_targets=targets,
            aggregate_function=_SUM,
            post_transform=0,
            tree_roots=self.roots,
            nodes_splits=columns[1].astype(dtype),
            nodes_featureids=feature,
            nodes_modes=np.full(columns.shape[1], _BRANCH_LEQ, np.uint8),
            nodes_truenodeids=true,
            nodes_falsenodeids=false,
            nodes_trueleafs=true_leaf,
            nodes_falseleafs=false_leaf,
            leaf_targetids=np.concatenate(self._targets).tolist(),
            leaf_weights=np.concatenate(self._weights).astype(dtype),
            **optional,
        )


def tree_sum(
    graph: GraphBuilder,
    x: str,
    trees: Sequence[tuple[int, Tree]],
    base: NDArray[np.float64],
    *,
    scope: str,
    dtype: str = "float64",
) -> str:
    """Add the values of the leaves that a row reaches to a base, in the order of the trees.

    Parameters
    ----------
    graph
        Builder that receives the node.
    x
        Name of a value of shape (n, features), of dtype `dtype`.
    trees
        Pairs of a target and a tree whose leaves add to it.
    base
        float64 (targets,), the first summand.
    scope
        Path of the step.
    dtype
        In which x is compared and leaves are added: ``float64``, or ``float32``, which must hold
        all thresholds and leaves exactly.

    Returns
    -------
    str
        Name of a value of shape (n, targets), of dtype `dtype`.
    """
    table = LeafTable()
    for target, value in enumerate(base):
        table.add(_lone_leaf(float(value)), target)
    for target, tree in trees:
        table.add(tree, target)
    return table.emit(graph, x, len(base), scope=scope, dtype=dtype)


def forest_sum(
    graph: GraphBuilder,
    x: str,
    trees: Sequence[Tree],
    rows: Sequence[NDArray[np.float64]],
    first: str = "",
    *,
    scope: str,
) -> str:
    """Add the rows of numbers of the leaves that a row reaches, in the order of the trees.

    Equal rows of numbers are held once: pure leaves, which deep trees of a classifier end in,
    are as many as there are classes.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of shape (n, features).
    trees
        At least one; their own values are not used.
    rows
        For each tree the numbers of its nodes, float64 (nodes, width).
    first
        Name of the first summand, float64 (n, width); empty for zero.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of a float64 value of shape (n, width).
    """
    leaves = LeafTable()
    width = rows[0].shape[1]
    if width == 1:
        for at, (tree, values) in enumerate(zip(trees, rows, strict=True)):
            leaves.add(replace(tree, value=values[:, 0]), at)
        reached = leaves.emit(graph, x, len(trees), scope=scope)
        if first:
            reached = graph.op("Concat", first, reached, scope=scope, axis=1)
        return ordered_sum(graph, reached, len(trees) + bool(first), scope=scope)
    of_leaves = [values[tree.is_leaf] for tree, values in zip(trees, rows, strict=True)]
    table, places = _shared_rows(np.concatenate(of_leaves))
    start = 0
    for at, tree in enumerate(trees):
        value = np.zeros(len(tree.is_leaf))
        value[tree.is_leaf] = places[start : start + len(of_leaves[at])]
        start += len(of_leaves[at])
        leaves.add(replace(tree, value=value), at)
    reached = leaves.emit(graph, x, len(trees), scope=scope)
    place = graph.op("Cast", reached, scope=scope, to=onnx.TensorProto.INT64)
    return _sum_of_rows(graph, place, table, len(trees), first, scope)


def _sum_of_rows(
    graph: GraphBuilder,
    place: str,
    table: NDArray[np.float64],
    trees: int,
    first: str,
    scope: str,
) -> str:
    """Gather rows of a table, int64 (n, trees) to (n, trees, width), and add them up in order.

    Some trees at a time, so that memory does not grow with trees times classes.
    """
    sums = first
    block = max(1, MAX_CELLS // table.shape[1])
    for start in range(0, trees, block):
        count = min(block, trees - start)
        part = place
        if count < trees:
            ends = np.array([start]), np.array([start + count])
            part = graph.op("Slice", place, *ends, np.array([1]), scope=scope)
        numbers = graph.op("Gather", table, part, scope=scope)
        if sums:
            before = graph.op("Unsqueeze", sums, np.array([1]), scope=scope)
            numbers = graph.op("Concat", before, numbers, scope=scope, axis=1)
            count += 1
        if count > 1:
            numbers = graph.op("CumSum", numbers, np.array(1), scope=scope)
        sums = graph.op("Gather", numbers, np.array(count - 1), scope=scope, axis=1)
    return sums


def _shared_rows(
    rows: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Hold equal rows, bit for bit, once; tell where each row went.

    Sorted by a hash, equal rows are neighbours; where two different ones share a hash, a row may
    be held twice, which is no error.
    """
    bits = np.ascontiguousarray(rows).view(np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=rows.shape[1], dtype=np.uint64) | 1
    order = np.argsort(((bits ^ (bits >> 31)) * factors).sum(axis=1, dtype=np.uint64))
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (bits[order[1:]] != bits[order[:-1]]).any(axis=1)
    places = np.empty(len(rows), np.int64)
    places[order] = np.cumsum(is_new) - 1
    return rows[order[is_new]], places


def _lone_leaf(value: float) -> Tree:
    none, one = np.zeros(1, np.int64), np.ones(1, bool)
    return Tree(none, np.zeros(1), none, none, ~one, one, np.array([value]))
