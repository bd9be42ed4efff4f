"""Training rows that travel in the graph: how many, and what is summed between them and a row.

Sums over features are made per pair of a row and a training row, (n, training rows, features)
numbers at once; `CHUNK_CELLS` bounds what a row of a batch holds while they are made.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope

MAX_TABLE_BYTES: Final = 8 * 2**20
"""Size of the training rows, in the artifact and in memory."""
MAX_ROW_BYTES: Final = 2 * 2**20
"""Memory that each row of a batch may take."""
PAIR_BYTES: Final = 96
"""Memory that a row takes for one training row: its distance, what becomes of it and what that is
made from, twelve numbers at once. Tests measure it."""
CHUNK_CELLS: Final = 8192
"""Numbers that one sum over features holds for each row of a batch, 64 kB."""

MAX_MAGNITUDE: Final = 1e150
"""Training values whose squares and sums stay far from overflow."""

ROUNDINGS: Final = 2.0**-50
"""Eight halves of an ULP, as a share of the sum of the magnitudes of all summands."""

Matrix = NDArray[np.float64]


def checked_rows(scope: Scope, fitted: Any, rows: Any, *, kernels: int = 1) -> Matrix:
    """Give training rows (m, k) as float64; too many of them refuse the export."""
    way_out = "train on a sample or approximate the kernel by Nystroem and a linear model"
    check_size(scope, type(fitted).__name__, rows.shape, way_out, kernels=kernels)
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    return np.ascontiguousarray(dense, np.float64)


def check_size(
    scope: Scope, name: str, shape: tuple[int, ...], way_out: str, *, kernels: int = 1
) -> None:
    """Refuse the export of an estimator whose training rows, (m, k), need too much memory.

    `kernels` is how many functions of a pair of rows are held at once.
    """
    table, row = 8 * shape[0] * shape[1], max(kernels, 1) * PAIR_BYTES * shape[0]
    if table > MAX_TABLE_BYTES or row > MAX_ROW_BYTES:
        raise scope.error(
            f"{name}: expected training rows of at most {_mebibytes(MAX_TABLE_BYTES)}, which "
            f"travel in the graph, and of at most {_mebibytes(MAX_ROW_BYTES)} for each row that "
            f"is held against them, got {_mebibytes(table)} and {_mebibytes(row)} from "
            f"{shape[0]} rows of {shape[1]} features; {way_out}"
        )


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.4g} MiB"


def check_magnitude(scope: Scope, name: str, rows: NDArray[Any]) -> None:
    """Refuse the export of an estimator whose training values overflow when they are squared."""
    if np.nanmax(np.abs(rows), initial=0.0) > MAX_MAGNITUDE:
        raise scope.error(
            f"{name}: expected training values of magnitude at most {MAX_MAGNITUDE}, whose squares "
            "do not overflow; scale them first"
        )


def ordered_squares(scope: Scope, value: str, rows: Matrix) -> str:
    """Add squared differences of rows (n, k) and (m, k), feature after feature; give (n, m).

    So do scipy's loops and libsvm's over sparse rows: each square is rounded, then added.
    """

    def terms(wide: str, some: Matrix) -> str:
        apart = scope.op("Sub", wide, some[np.newaxis])
        return scope.op("Mul", apart, apart)

    return ordered_over_features(scope, value, rows, terms)


def fused_squares(scope: Scope, value: str, rows: Matrix) -> str:
    """Add squared differences of rows (n, k) and (m, k) as BLAS's dot product does; give (n, m).

    A product of matrices per pair adds feature after feature by fused multiply-add. So does
    OpenBLAS's dot product below 16 features; with more it keeps several running sums, whose
    number depends on the processor.
    """

    def part(wide: str, some: Matrix) -> str:
        lying = scope.op("Sub", wide, some[np.newaxis, :, np.newaxis])
        standing = scope.op("Reshape", lying, np.array([0, *some.shape, 1]))
        return scope.op("MatMul", lying, standing)

    wide = scope.op("Unsqueeze", value, np.array([1, 2]))
    return scope.op("Squeeze", _in_chunks(scope, wide, rows, part), np.array([2, 3]))


def ordered_products(scope: Scope, value: str, rows: Matrix) -> str:
    """Add products of rows (n, k) and (m, k), feature after feature; give (n, m)."""

    def terms(wide: str, some: Matrix) -> str:
        return scope.op("Mul", wide, some[np.newaxis])

    return ordered_over_features(scope, value, rows, terms)


def ordered_over_features(
    scope: Scope, value: str, rows: Matrix, terms: Callable[[str, Matrix], str]
) -> str:
    """Add terms feature after feature; give (n, m).

    Parameters
    ----------
    scope
        Of the step.
    value
        Rows, (n, k).
    rows
        Training rows, (m, k).
    terms
        Rows as a value (n, 1, k), and some training rows → a value (n, training rows, k).
    """

    def part(wide: str, some: Matrix) -> str:
        sums = scope.op("CumSum", terms(wide, some), np.array(2))
        return scope.op("Gather", sums, np.array(some.shape[1] - 1), axis=2)

    return _in_chunks(scope, scope.op("Unsqueeze", value, np.array([1])), rows, part)


def largest_over_features(
    scope: Scope, value: str, rows: Matrix, terms: Callable[[str, Matrix], str]
) -> str:
    """Give the largest of all features' terms, (n, m); see `ordered_over_features`."""

    def part(wide: str, some: Matrix) -> str:
        return scope.op("ReduceMax", terms(wide, some), np.array([2]), keepdims=0)

    return _in_chunks(scope, scope.op("Unsqueeze", value, np.array([1])), rows, part)


def rounding_of(scope: Scope, kernel: str, bound: float, weights: Matrix) -> Any:
    """Bound what roundings of a weighted sum of kernel values add up to.

    A value that ends between its bound and zero by an exponential is rounded as if it were the
    bound, for its exponent is rounded too.

    Parameters
    ----------
    scope
        Of the step.
    kernel
        Value of shape (n, m).
    bound
        Of the kernel's magnitude, may be infinity.
    weights
        Of shape (m, sums).

    Returns
    -------
    Array (1, sums), or the name of a value (n, sums) where the kernel has no bound.
    """
    if np.isfinite(bound):
        return ROUNDINGS * bound * np.abs(weights).sum(axis=0, keepdims=True)
    return scope.op("MatMul", scope.op("Abs", kernel), ROUNDINGS * np.abs(weights))


def zeros(scope: Scope, value: str) -> str:
    """Give zeros, (n, 1), for a float64 value (n, k)."""
    first = scope.op("Gather", value, np.array([0]), axis=1)
    return scope.op("Where", scope.op("Equal", first, first), np.zeros(1), np.zeros(1))


def _in_chunks(scope: Scope, wide: str, rows: Matrix, part: Callable[[str, Matrix], str]) -> str:
    """Apply a function of a value (n, 1, …) to some training rows at a time; give (n, m, …)."""
    size = max(1, CHUNK_CELLS // rows.shape[1])
    parts = [part(wide, rows[at : at + size]) for at in range(0, len(rows), size)]
    return parts[0] if len(parts) == 1 else scope.op("Concat", *parts, axis=1)
