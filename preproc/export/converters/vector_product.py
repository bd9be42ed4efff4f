"""The product of dense rows with one vector, in the order in which BLAS takes a batch of rows.

For one column of coefficients numpy calls another routine than for several. OpenBLAS, with the
256-bit registers that every server has, keeps four running sums, of every fourth summand, with
fused multiply-add; adds the halves, then the two left; and joins what is left of the row at the
end. The graph does the same in ``MatMul``, whose sums over the rows of a constant are fused and
in order: so most answers have the bits of scikit-learn's. Another BLAS or one row alone has
another order; the bits are decided by BLAS all the same.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.converters.products import product
from preproc.export.scope import Scope

_LANES: Final = 4
_LONGEST: Final = 256
"""Summands that one ``MatMul`` adds in order."""
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
        head = _of_lanes(scope, value, weights[:whole], count) if whole else ""
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


def _of_lanes(scope: Scope, value: str, weights: NDArray[np.float64], count: int) -> str:
    """Add a multiple of four summands in four running sums, then join these.

    Each sum is a product of its own: zeros in place of the summands of the others would turn an
    infinity into NaN.
    """
    lanes = ""
    for start in range(0, len(weights), _LONGEST):
        stop = min(start + _LONGEST, len(weights))
        part = value
        if stop - start < count:
            ends = np.array([start]), np.array([stop])
            part = scope.op("Slice", value, *ends, np.array([1]))
        part = scope.op("Reshape", part, np.array([0, (stop - start) // _LANES, _LANES]))
        part = scope.op("Transpose", part, perm=[2, 0, 1])
        column = weights[start:stop].reshape(-1, _LANES).T[:, :, np.newaxis]
        if lanes:
            # What was summed goes on as the first summand, times one.
            part = scope.op("Concat", lanes, part, axis=2)
            column = np.concatenate([np.ones((_LANES, 1, 1)), column], axis=1)
        lanes = scope.op("MatMul", part, np.ascontiguousarray(column))
    # Each of these sums has two summands, which have one order.
    pairs = scope.op("Reshape", lanes, np.array([2, 2, -1, 1]))
    halves = scope.op("ReduceSum", pairs, np.array([0]), keepdims=0)
    return scope.op("ReduceSum", halves, np.array([0]), keepdims=0)
