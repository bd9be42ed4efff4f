"""Products with constant matrices, in the order in which numpy, scipy or BLAS sum them.

Dense products are BLAS's: their order depends on the shape of the batch and on the processor, so
scikit-learn is not equal to itself there. ``MatMul`` is one node for rows of any length, and gives
a row the same bits in any batch with one thread. With up to 32 columns it adds 256 summands or more
one after the other with fused multiply-add, as OpenBLAS does for a batch by 256-bit registers;
longer rows both cut, but not at the same places. Products of a sparse matrix are scipy's: one
stored element after the other, which ``CumSum`` repeats to the bit. The zeros that scipy skips
change no bit.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope
from preproc.export.table import MAX_FLOAT, Block, Decided, Feature
from preproc.graph import exponential, ordered_sum, paired_sum

MAX_CELLS: Final = 2048
"""Products a row that a sparse product holds at once."""
_MARGIN: Final = 1 + 1e-9
"""For the rounding of a bound that is itself a sum."""

Matrix = NDArray[np.float64]


def product(scope: Scope, value: str, weights: Matrix, *, is_sparse: bool = False) -> str:
    """Multiply a float64 value (n, k) by constant weights (k, columns)."""
    weights = np.ascontiguousarray(weights, np.float64)
    if is_sparse:
        return _ordered_product(scope, value, weights)
    return scope.op("MatMul", value, weights)


def summands(scope: Scope, value: str, *factors: Matrix) -> str:
    """Sum the magnitudes of what a product with each of the factors in turn adds up, a row.

    The error of a sum grows with these and not with what is left of them when they cancel:
    N. Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1.
    """
    sums = scope.op("Abs", value)
    for weights in factors:
        sums = product(scope, sums, np.abs(weights))
    return sums


def _ordered_product(scope: Scope, value: str, weights: Matrix) -> str:
    if weights.size > MAX_CELLS and weights.shape[1] > 1:
        parts = [_ordered_product(scope, value, weights[:, [at]]) for at in range(weights.shape[1])]
        return scope.op("Concat", *parts, axis=1)
    wide = scope.op("Unsqueeze", value, np.array([2]))
    sums = scope.op("CumSum", scope.op("Mul", wide, weights[np.newaxis]), np.array(1))
    return scope.op("Gather", sums, np.array(len(weights) - 1), axis=1)


def squared_norms(scope: Scope, value: str, width: int, *, is_sparse: bool = False) -> str:
    """Sum the squares of a row, (n, width) to (n, 1), as ``row_norms`` does.

    Of dense rows by numpy's ``einsum``; scikit-learn's loop over sparse rows goes in order.
    """
    squares = scope.op("Mul", value, value)
    add = ordered_sum if is_sparse else paired_sum
    return add(scope.graph, squares, width, scope=scope.path)


def at_least_zero(scope: Scope, value: str) -> str:
    """Replace what is below zero by zero and keep NaN, as ``numpy.maximum`` does."""
    below = scope.op("Less", value, np.array(0.0))
    return scope.op("Where", below, np.array(0.0), value)


def exponential_of(scope: Scope, value: str) -> str:
    """Compute e to the power of a value that may hold NaN."""
    return exponential(scope.graph, value, scope=scope.path)


def limits_of(block: Block) -> NDArray[np.float64]:
    """Bounds of the magnitudes of a block's columns, (k,)."""
    return np.array([feature.limit for feature in block.features], np.float64)


def projected_limits(limits: Matrix, weights: Matrix) -> Matrix:
    """Bounds of the magnitudes of a product, (columns,); infinity where a sum may overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(limits @ np.abs(weights), nan=np.inf) * _MARGIN


def made_of(block: Block, value: str, names: Sequence[str], limits: Any, decided: Decided) -> Block:
    """Describe columns that are each computed from all columns of a block.

    A sum that may overflow may also hold both infinities, and so be NaN.
    """
    sources = tuple(dict.fromkeys(name for feature in block.features for name in feature.sources))
    bounds = np.broadcast_to(np.asarray(limits, np.float64), (len(names),)).tolist()
    features = tuple(
        Feature(name, sources, has_nan=not bound < MAX_FLOAT, limit=_whole(bound))
        for name, bound in zip(names, bounds, strict=True)
    )
    return Block(value, "float64", features, decided)


def _whole(bound: float) -> float:
    return bound if bound < MAX_FLOAT else np.inf


def names_of(fitted: Any, count: int) -> tuple[str, ...]:
    """Name outputs as scikit-learn does: the class in small letters and a number."""
    stem = type(fitted).__name__.lower()
    return tuple(f"{stem}{at}" for at in range(count))
