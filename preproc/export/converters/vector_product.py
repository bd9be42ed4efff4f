"""The product of dense rows with one vector, in the order in which BLAS takes a batch of rows.

For one column of coefficients numpy calls another routine than for several. OpenBLAS, with the
256-bit registers that every server has, keeps four running sums, of every fourth summand, with
fused multiply-add; adds the halves, then the two left; and joins what is left of the row at the
end. Every 2048 summands it begins anew and adds what they come to to that of those before. The
graph does the same in ``MatMul``, whose sums over the rows of a constant are fused and in order:
so most answers have the bits of scikit-learn's. Another BLAS or one row alone has another order;
the bits are decided by BLAS all the same.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.converters.products import product
from preproc.export.scope import Scope

_LANES: Final = 4
_LONGEST: Final = 512
"""Summands that one ``MatMul`` adds in order, where it has few columns."""
_WIDEST: Final = 8
"""Blocks whose halves are few enough columns for that, in pairs of lanes."""
_BLOCK: Final = _LANES * _LONGEST
"""Summands that BLAS adds in one go; what they come to is added to that of those before."""
_FUSED: Final = ((), (0,), (1, 0), (1, 0, 2))
"""Order of what is left of a row: compilers fuse the second product with the first, so that the
second comes first."""


def vector_product(
    scope: Scope, value: str, weights: NDArray[np.float64], *, is_finite: bool = False
) -> str:
    """Multiply a float64 value (n, k) by one constant vector (k,).

    Parameters
    ----------
    scope
        The step.
    value
        Name of a value of shape (n, k), float64.
    weights
        Coefficients, (k,).
    is_finite
        Whether the value is finite in every row that is answered.

    Returns
    -------
    str
        Name of the sums, (n, 1).
    """
    count = len(weights)
    whole = count - count % _LANES
    rest = count - whole
    is_short = is_finite and whole > 0 and count <= _LONGEST
    if is_short:
        head = _of_finite(scope, value, weights, whole)
    else:
        add = _of_finite_lanes if is_finite and count < _WIDEST * _BLOCK else _of_lanes
        head = add(scope, value, weights[:whole], count) if whole else ""
    if not rest or (is_short and rest == 1):
        return head
    order = [whole + at for at in _FUSED[rest]]
    tail = scope.op("Gather", value, np.array(order), axis=1) if count > 1 else value
    column = weights[order].reshape(-1, 1)
    if head and rest == 1:
        return scope.op("MatMul", scope.op("Concat", head, tail, axis=1), np.vstack([[1], column]))
    last = scope.op("MatMul", tail, column)
    return scope.op("Add", head, last) if head else last


def dense_product(scope: Scope, value: str, weights: NDArray[np.float64]) -> str:
    """Multiply (n, k), float64, by weights (k, columns), by the routine for so many columns."""
    if weights.shape[1] == 1:
        return vector_product(scope, value, weights[:, 0])
    return product(scope, value, weights)


def _of_finite(scope: Scope, value: str, weights: NDArray[np.float64], whole: int) -> str:
    """Add the first `whole` summands in four running sums, two and two side by side; join these.

    Where a sum has no part in a summand, it is weighed by zero: that changes no bit of a sum but
    the sign of a zero. One summand more, if that is all that is left, is joined too; its product
    is fused with the sum of the others.
    """
    is_joined = len(weights) - whole == 1
    halves = np.zeros((2, len(weights), 3 if is_joined else 2))
    every = np.arange(whole)
    halves[every // 2 % 2, every, every % 2] = weights[:whole]
    halves[0, whole:, 2:] = 1.0
    sums = scope.op("Add", *(scope.op("MatMul", value, half) for half in halves))
    last = np.ones((halves.shape[2], 1))
    last[2:] = weights[-1]
    return scope.op("MatMul", sums, last)


def _of_finite_lanes(scope: Scope, value: str, weights: NDArray[np.float64], count: int) -> str:
    """Add a multiple of four summands, the first of `count`, in four running sums a block.

    ``MatMul`` begins anew with each block of a lane, whose sum has a column of its own for each
    half: of the lanes and blocks that it adds, only two of one block are not zero.
    """
    blocks = -(-len(weights) // _BLOCK)
    lanes = _lanes_of(scope, _columns_of(scope, value, 0, len(weights), count), len(weights))
    at = np.arange(len(weights))
    halves = np.zeros((_LANES, len(weights) // _LANES, 2 * blocks))
    halves[at % _LANES, at // _LANES, at // _BLOCK * 2 + at % 2] = weights
    sums = scope.op("ReduceSum", scope.op("MatMul", lanes, halves), np.array([0]), keepdims=0)
    if blocks == 1:
        return scope.op("ReduceSum", sums, np.array([1]), keepdims=1)
    pairs = scope.op("Reshape", sums, np.array([0, blocks, 2]))
    sums = scope.op("ReduceSum", pairs, np.array([2]), keepdims=0)
    return scope.op("MatMul", sums, np.ones((blocks, 1)))


def _columns_of(scope: Scope, value: str, start: int, stop: int, count: int) -> str:
    """Take some neighbouring columns of `count`; all are the value itself."""
    if stop - start == count:
        return value
    return scope.op("Slice", value, np.array([start]), np.array([stop]), np.array([1]))


def _lanes_of(scope: Scope, value: str, count: int) -> str:
    """Lay every fourth column side by side, (n, count) to (4, n, count / 4)."""
    lanes = scope.op("Reshape", value, np.array([0, count // _LANES, _LANES]))
    return scope.op("Transpose", lanes, perm=[2, 0, 1])


def _of_lanes(scope: Scope, value: str, weights: NDArray[np.float64], count: int) -> str:
    """Add a multiple of four summands, the first of `count`, in four running sums a block.

    All whole blocks are added side by side, then what is left: nodes do not grow with blocks.
    """
    cuts = sorted({0, len(weights) - len(weights) % _BLOCK, len(weights)})
    sums = [
        _of_blocks(scope, _columns_of(scope, value, *part, count), weights[slice(*part)])
        for part in pairwise(cuts)
    ]
    return scope.op("Add", *sums) if len(sums) > 1 else sums[0]


def _of_blocks(scope: Scope, value: str, weights: NDArray[np.float64]) -> str:
    """Add the columns of less than a block, or of a number of whole ones.

    Each running sum is a product of its own: zeros in place of the summands of the others would
    turn an infinity into NaN.
    """
    blocks = len(weights) // _BLOCK
    shape = [2, 2, -1, 1]
    lanes = _lanes_of(scope, value, len(weights))
    column = np.ascontiguousarray(weights.reshape(-1, _LANES).T[:, :, np.newaxis])
    if blocks > 1:
        # To move one axis, then blocks as a whole, takes half the time of both at once, or less.
        shape.insert(2, blocks)
        lanes = scope.op("Reshape", lanes, np.array([0, 0, blocks, -1]))
        lanes = scope.op("Transpose", lanes, perm=[0, 2, 1, 3])
        column = column.reshape(_LANES, blocks, -1, 1)
    # Each of these sums has two summands, which have one order.
    pairs = scope.op("Reshape", scope.op("MatMul", lanes, column), np.array(shape))
    halves = scope.op("ReduceSum", pairs, np.array([0]), keepdims=0)
    sums = scope.op("ReduceSum", halves, np.array([0]), keepdims=0)
    if blocks <= 1:
        return sums
    sums = scope.op("CumSum", sums, np.array(0))
    return scope.op("Gather", sums, np.array(blocks - 1), axis=0)
