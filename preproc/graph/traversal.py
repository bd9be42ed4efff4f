"""Trees in plain ``ai.onnx``: all trees go down one level at a time, over tables held once.

The children of a node stand side by side, so a row's next node is the left child, or one more
where the rank is beyond the node's. A leaf asks what is never true of any rank and leads to
itself. Trees as matrix products were slower on every device that was measured, small trees too.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import GraphBuilder
from preproc.graph.ranks import RankedColumn, ranked_columns
from preproc.graph.view import attributes_of

MAX_RANKS: Final = 1 << 24
"""Whole numbers up to here are float32, whose elements every device gathers."""
_NEVER: Final = float(MAX_RANKS)
_LEQ: Final = 0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The attributes of a ``TreeEnsemble`` as arrays, (tests,), (leaves,) and (trees,).

    Attributes
    ----------
    feature, threshold, nan_left
        What a test asks, and where NaN goes.
    children
        (tests, 2): where it leads, left first; a leaf number where `is_leaf`.
    is_leaf
        (tests, 2).
    target, weight
        What a leaf adds, and to which column.
    roots
        Test number of each tree's root.
    targets
        Number of columns of the result.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    nan_left: NDArray[np.bool_]
    children: NDArray[np.int64]
    is_leaf: NDArray[np.bool_]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    roots: NDArray[np.int64]
    targets: int

    @property
    def is_lookup(self) -> bool:
        """Whether each tree asks about one column: bins, not a model."""
        return bool((self._asked() <= 1).all())

    def _asked(self) -> NDArray[np.int64]:
        """Count the columns that each tree asks about, (trees,)."""
        counts = []
        for root in self.roots.tolist():
            asked: set[int] = set()
            waiting = [root]
            while waiting and len(asked) <= 1:
                test = waiting.pop()
                asked.add(int(self.feature[test]))
                waiting += self.children[test][~self.is_leaf[test]].tolist()
            counts.append(len(asked))
        return np.array(counts)


@dataclass(frozen=True, slots=True)
class Levels:
    """Trees laid out for the way down; nodes of all trees are numbered level by level.

    Attributes
    ----------
    columns
        What has to be ranked.
    column, rank, left
        (nodes,): a row moves to ``left``, or one further where its rank there is above ``rank``.
    leaf
        (nodes,): leaf number, -1 for a test.
    trees
        Number of trees; their roots come first.
    depth
        Steps from a root to the deepest leaf.
    """

    columns: tuple[RankedColumn, ...]
    column: NDArray[np.int32]
    rank: NDArray[np.float32]
    left: NDArray[np.int32]
    leaf: NDArray[np.int64]
    trees: int
    depth: int


def ensemble_of(node: onnx.NodeProto) -> Ensemble | None:
    """Read a ``TreeEnsemble`` that adds up, or give None where it does something else."""
    given = attributes_of(node)
    modes = numpy_helper.to_array(given["nodes_modes"])
    is_sum = given.get("aggregate_function", 1) == 1 and not given.get("post_transform", 0)
    if (modes != _LEQ).any() or not is_sum:
        return None
    tests = len(given["nodes_featureids"])
    missing = given.get("nodes_missing_value_tracks_true", [0] * tests)
    sides = [("nodes_truenodeids", "nodes_falsenodeids"), ("nodes_trueleafs", "nodes_falseleafs")]
    children, is_leaf = (np.array([given[one] for one in pair], np.int64).T for pair in sides)
    return Ensemble(
        feature=np.array(given["nodes_featureids"], np.int64),
        threshold=numpy_helper.to_array(given["nodes_splits"]).astype(np.float64),
        nan_left=np.array(missing, bool),
        children=children,
        is_leaf=is_leaf.astype(bool),
        target=np.array(given["leaf_targetids"], np.int64),
        weight=numpy_helper.to_array(given["leaf_weights"]).astype(np.float64),
        roots=np.array(given["tree_roots"], np.int64),
        targets=int(given["n_targets"]),
    )


def levels_of(ensemble: Ensemble) -> Levels:
    """Lay trees out level by level; a test of no effect, before a lone leaf, is left out."""
    children, is_leaf = ensemble.children, ensemble.is_leaf
    is_lone = is_leaf.all(axis=1) & (children[:, 0] == children[:, 1])
    used = np.flatnonzero(~is_lone)
    columns, column, rank = ranked_columns(
        ensemble.feature[used], ensemble.threshold[used], ensemble.nan_left[used]
    )
    place = np.zeros(len(is_lone), np.int64)
    place[used] = np.arange(len(used))
    test = np.where(is_lone[ensemble.roots], -1, ensemble.roots)
    leaf = np.where(is_lone[ensemble.roots], children[ensemble.roots, 0], -1)
    parts, start, depth = [], 0, 0
    while len(test):
        inner = np.flatnonzero(test >= 0)
        next_start = start + len(test)
        left = start + np.arange(len(test))
        left[inner] = next_start + 2 * np.arange(len(inner))
        asked = place[np.where(test >= 0, test, 0)]
        nodes = [
            np.where(test >= 0, column[asked] if len(used) else 0, 0),
            np.where(test >= 0, rank[asked] if len(used) else 0, _NEVER),
            left,
            leaf,
        ]
        parts.append(np.stack([np.asarray(one, np.float64) for one in nodes]))
        below, ends = children[test[inner]].ravel(), is_leaf[test[inner]].ravel()
        test, leaf = np.where(ends, -1, below), np.where(ends, below, -1)
        start, depth = next_start, depth + 1
    joined = np.concatenate(parts, axis=1)
    return Levels(
        columns=columns,
        column=joined[0].astype(np.int32),
        rank=joined[1].astype(np.float32),
        left=joined[2].astype(np.int32),
        leaf=joined[3].astype(np.int64),
        trees=len(ensemble.roots),
        depth=depth - 1,
    )


def descend(graph: GraphBuilder, ranks: str, levels: Levels, *, scope: str) -> str:
    """Walk all trees down.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    ranks
        Name of a float32 value of shape (n, columns).
    levels
        The trees.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the nodes that are reached, int32 (n, trees).
    """
    op = partial(graph.op, scope=scope)
    top = slice(0, levels.trees)
    met = op("Gather", ranks, levels.column[top], axis=1)
    beyond = op("Greater", met, levels.rank[top].reshape(1, -1))
    step = op("Cast", beyond, to=onnx.TensorProto.INT32)
    node = op("Add", step, levels.left[top].reshape(1, -1))
    for _ in range(1, levels.depth):
        met = op("GatherElements", ranks, op("Gather", levels.column, node), axis=1)
        beyond = op("Greater", met, op("Gather", levels.rank, node))
        step = op("Cast", beyond, to=onnx.TensorProto.INT32)
        node = op("Add", step, op("Gather", levels.left, node))
    return node


def walk(levels: Levels, ranks: NDArray[Any]) -> NDArray[np.int64]:
    """Walk all trees down in numpy: ranks (n, columns) to nodes (n, trees)."""
    node: NDArray[Any] = np.tile(np.arange(levels.trees), (len(ranks), 1))
    for _ in range(levels.depth):
        met = np.take_along_axis(ranks, levels.column[node].astype(np.int64), axis=1)
        node = levels.left[node] + (met > levels.rank[node])
    return node.astype(np.int64)


def is_table(ensemble: Ensemble, levels: Levels) -> bool:
    """Whether each tree asks about one column of ranks, its own, and has a column of the result."""
    asked = set(levels.column[: levels.trees].tolist())
    is_own = len(asked) == levels.trees == len(levels.columns)
    return is_own and ensemble.is_lookup and _is_one_by_one(ensemble, levels)


def look_up(
    graph: GraphBuilder, ranks: str, ensemble: Ensemble, levels: Levels, dtype: str, *, scope: str
) -> str:
    """Give what trees that are tables say, int32 ranks (n, columns) to (n, trees)."""
    counts = [len(column.thresholds) + 1 for column in levels.columns]
    every = np.tile(np.arange(max(counts))[:, np.newaxis], (1, len(counts)))
    said = ensemble.weight[levels.leaf[walk(levels, every)]]
    chosen = graph.op("Gather", ranks, levels.column[: levels.trees], scope=scope, axis=1)
    starts = (np.arange(levels.trees) * max(counts)).astype(np.int32).reshape(1, -1)
    place = graph.op("Add", chosen, starts, scope=scope)
    return graph.op("Gather", said.T.ravel().astype(dtype), place, scope=scope)


def leaf_sums(
    graph: GraphBuilder, node: str, ensemble: Ensemble, levels: Levels, dtype: str, *, scope: str
) -> str:
    """Add up what the reached leaves say, (n, trees) to (n, targets), in a dtype.

    Where each tree has a column of its own nothing is added: numbers that stand for rows of
    another table stay whole.
    """
    weight = np.where(levels.leaf >= 0, ensemble.weight[levels.leaf], 0.0).astype(dtype)
    said = graph.op("Gather", weight, node, scope=scope)
    if _is_one_by_one(ensemble, levels):
        return said
    columns = np.eye(ensemble.targets)[_targets(ensemble, levels)].astype(dtype)
    return graph.op("MatMul", said, columns, scope=scope)


def _is_one_by_one(ensemble: Ensemble, levels: Levels) -> bool:
    is_alike = ensemble.targets == levels.trees
    return is_alike and bool((_targets(ensemble, levels) == np.arange(levels.trees)).all())


def _targets(ensemble: Ensemble, levels: Levels) -> NDArray[np.int64]:
    """Column of each tree; a tree's leaves share one, and its leftmost leaf tells it."""
    node: NDArray[np.int64] = np.arange(levels.trees)
    for _ in range(levels.depth):
        node = levels.left[node].astype(np.int64)
    targets: NDArray[np.int64] = ensemble.target[levels.leaf[node]]
    return targets
