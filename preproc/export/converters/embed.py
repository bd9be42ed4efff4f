"""Embeddings: the leaves of random trees, and those that have no exact form in a graph."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

import numpy as np

from preproc.export.converters.tree import checked_input, takes_nan, tree_of
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.graph import LeafTable

SEARCHES: Final[Mapping[str, str]] = {
    "Isomap": "it looks for shortest paths among the training rows; use KernelPCA or PCA",
    "LatentDirichletAllocation": "each row iterates until a tolerance is met; use TruncatedSVD",
    "LocallyLinearEmbedding": "it solves equations of each row's neighbours; use KernelPCA or PCA",
    "MiniBatchNMF": "each row iterates until a tolerance is met; use TruncatedSVD or PCA",
    "NMF": "the rows of a batch iterate together until a tolerance is met; use TruncatedSVD or PCA",
}
"""Class → why its transform is not exported, and what to use."""


def search(scope: Scope, fitted: Any, table: Table) -> NoReturn:  # noqa: ARG001  # a converter
    """Refuse a transform that is a search; see `SEARCHES`."""
    name = type(fitted).__name__
    raise scope.error(f"{name} is not exported: {SEARCHES[name]}")


def random_trees_embedding(scope: Scope, fitted: Any, table: Table) -> Table:
    """Set, for each tree, the column of the leaf that a row reaches.

    The value of a leaf is its column, a small integer, so that no sum rounds.
    """
    accepts_nan = takes_nan(fitted.estimators_[0], table)
    block = checked_input(scope, fitted, table, accepts_nan=accepts_nan)
    leaves = LeafTable()
    owners: list[int] = []
    names: list[str] = []
    for at, estimator in enumerate(fitted.estimators_):
        known = fitted.one_hot_encoder_.categories_[at]
        tree = tree_of(scope, estimator)
        if not np.array_equal(np.flatnonzero(tree.is_leaf), known):
            raise scope.error(
                "RandomTreesEmbedding has leaves that its encoder does not know; fit it as a whole"
            )
        value = np.zeros(len(tree.is_leaf))
        value[tree.is_leaf] = len(owners) + np.arange(len(known))
        leaves.add(replace(tree, value=value), at)
        names += [f"randomtreesembedding_{at}_{leaf}" for leaf in known]
        owners += [at] * len(known)
    x = scope.cast(block.value, "float64")
    column = leaves.emit(scope.graph, x, len(fitted.estimators_), scope=scope.path)
    spread = scope.op("Gather", column, np.array(owners), axis=1)
    hot = scope.op("Equal", spread, scope.row(np.arange(len(owners))))
    sources = tuple(dict.fromkeys(name for feature in block.features for name in feature.sources))
    features = tuple(Feature(name, sources) for name in names)
    made = Block(scope.cast(hot, "float64"), "float64", features, block.decided)
    return Table((made,), is_sparse=bool(fitted.sparse_output))
