"""Random projections: products with drawn matrices, dense or sparse."""

from typing import Any

import numpy as np
from scipy import sparse

from preproc.export.converters.products import (
    MAX_CELLS,
    limits_of,
    made_of,
    names_of,
    product,
    projected_limits,
    summands,
)
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, finite_numbers, least_certain


def random_projection(scope: Scope, fitted: Any, table: Table) -> Table:
    """Multiply by the components.

    A dense matrix against dense rows is BLAS's. Where either side is sparse, scipy adds one
    product after the other: of sparse rows in the order of the features, of dense rows in the
    order in which each component stores its elements, which is the order in which they were drawn.
    """
    block = finite_numbers(scope, fitted, table)
    components = fitted.components_
    is_drawn_sparse = sparse.issparse(components)
    weights = np.asarray(components.toarray() if is_drawn_sparse else components, np.float64)
    decided: Decided = "ieee"
    if is_drawn_sparse and not table.is_sparse:
        value = _stored_product(scope, block.value, sparse.csr_array(components))
    else:
        value = product(scope, block.value, weights.T, is_sparse=table.is_sparse)
        decided = "ieee" if table.is_sparse else "blas"
    limits = projected_limits(limits_of(block), weights.T)
    names = names_of(fitted, len(weights))
    given = made_of(block, value, names, limits, least_certain(block.decided, decided))
    stays_sparse = table.is_sparse and is_drawn_sparse and not fitted.dense_output
    sums = summands(scope, block.value, weights.T)
    return Table((given,), is_sparse=stays_sparse, summed=sums)


def _stored_product(scope: Scope, value: str, components: Any) -> str:
    """Multiply dense rows by sparse components, each sum in the order of its stored elements.

    Components are filled up with zero weights to the longest one, which change no sum.
    """
    counts = np.diff(components.indptr)
    longest = max(int(counts.max(initial=0)), 1)
    at = np.zeros((len(counts), longest), np.int64)
    weights = np.zeros((len(counts), longest))
    filled = np.arange(longest) < counts[:, np.newaxis]
    at[filled], weights[filled] = components.indices, components.data
    rows = max(MAX_CELLS // longest, 1)
    parts = []
    for start in range(0, len(counts), rows):
        chosen = slice(start, start + rows)
        picked = scope.op("Gather", value, at[chosen], axis=1)
        sums = scope.op("CumSum", scope.op("Mul", picked, weights[np.newaxis, chosen]), np.array(2))
        parts.append(scope.op("Gather", sums, np.array(longest - 1), axis=2))
    return parts[0] if len(parts) == 1 else scope.op("Concat", *parts, axis=1)
