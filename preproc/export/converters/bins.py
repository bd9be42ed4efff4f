"""Bins: how many edges lie at or below a number."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import KBinsDiscretizer

from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table, finite_numbers
from preproc.graph import LeafTable, search_tree


def k_bins_discretizer(scope: Scope, fitted: KBinsDiscretizer, table: Table) -> Table:
    """Give the number of the bin, or set its column.

    The outermost edges don't count: what lies beyond them is in the first or the last bin.
    """
    if fitted.dtype is not None and np.dtype(fitted.dtype) != np.float64:
        raise scope.error(
            f"KBinsDiscretizer(dtype={np.dtype(fitted.dtype).name}): it would round its input "
            "to float32; use dtype=None or float64"
        )
    block = finite_numbers(scope, fitted, table)
    edges = [np.asarray(found[1:-1], np.float64) for found in fitted.bin_edges_]
    bins = count_at_or_below(scope, block.value, edges)
    counts = [int(count) for count in fitted.n_bins_]
    if fitted.encode == "ordinal":
        features = tuple(
            Feature(f"bin of {feature.name}", feature.sources, limit=float(count))
            for feature, count in zip(block.features, counts, strict=True)
        )
        return Table((Block(bins, "float64", features, block.decided),))
    owners = [at for at, count in enumerate(counts) for _ in range(count)]
    codes = [float(code) for count in counts for code in range(count)]
    spread = scope.op("Gather", bins, np.array(owners), axis=1)
    value = scope.cast(scope.op("Equal", spread, scope.row(codes)), "float64")
    features = tuple(
        Feature(f"{block.features[at].name} in bin {code:.0f}", block.features[at].sources)
        for at, code in zip(owners, codes, strict=True)
    )
    given = Block(value, "float64", features, block.decided)
    return Table((given,), is_sparse=fitted.encode == "onehot")


def k_bins_discretizer_edges(fitted: KBinsDiscretizer) -> Mapping[int, NDArray[np.float64]]:
    """Give the inner edges of each feature."""
    return {at: np.asarray(edges[1:-1]) for at, edges in enumerate(fitted.bin_edges_)}


def count_at_or_below(scope: Scope, x: str, edges: Sequence[NDArray[np.float64]]) -> str:
    """Count the edges that are at or below each number.

    A balanced tree a column: it takes the logarithm of the edges in steps, and no value of shape
    (n, columns, edges). Trees test <=, so they hold the float just below each edge. NaN gets
    some count, never a wrong index.

    Parameters
    ----------
    scope
        Where the node goes.
    x
        Name of a float64 value of shape (n, columns).
    edges
        One ascending float64 array a column, possibly empty.

    Returns
    -------
    str
        Name of the counts: float64, same shape as x, whole numbers from 0 to the number of edges.
    """
    trees = LeafTable()
    for column, found in enumerate(edges):
        if not np.all(found[1:] >= found[:-1]):
            raise scope.error(f"feature {column}: expected edges in order, got {found.tolist()}")
        trees.add(search_tree(np.nextafter(found, -np.inf), column), column)
    return trees.emit(scope.graph, x, len(edges), scope=scope.path)
