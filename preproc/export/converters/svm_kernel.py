"""Kernels of libsvm between a row and the support vectors.

libsvm knows two kinds of rows. Dense ones go to BLAS's dot product, pair by pair; sparse ones to a
loop of its own, which adds feature after feature. What follows is plain arithmetic in a fixed
order, and one exponential or hyperbolic tangent of the C library.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.converters.products import exponential_of, product
from preproc.export.converters.training_rows import (
    Matrix,
    checked_rows,
    fused_squares,
    ordered_products,
    ordered_squares,
    zeros,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, finite_numbers, least_certain
from preproc.graph import tanh

_KERNELS: Final = ("linear", "poly", "precomputed", "rbf", "sigmoid")


@dataclass(frozen=True, slots=True)
class SupportKernel:
    """Kernel between rows and support vectors.

    Attributes
    ----------
    value
        Of shape (n, support vectors); without support vectors zeros (n, 1).
    bound
        Largest magnitude of an element, infinity where there is none.
    decided
        What decides its bits.
    magnitude
        Of the same shape, where there is no bound: the kernel of all magnitudes, which bounds the
        summands of a dot product and what is made of them.
    """

    value: str
    bound: float
    decided: Decided
    magnitude: str = ""


def pair_columns(classes: int) -> NDArray[np.int64]:
    """List the pairs of classes in the order of one-against-one, (pairs, 2)."""
    return np.array(list(combinations(range(classes), 2)), np.int64)


def support_kernel(scope: Scope, fitted: Any, table: Table) -> SupportKernel:
    """Compute the kernel to each support vector."""
    name = type(fitted).__name__
    if callable(fitted.kernel):
        raise scope.error(
            f"{name}(kernel=<function>): a function of one's own is not exported; "
            f"use one of {_KERNELS}"
        )
    is_sparse = bool(fitted._sparse)  # noqa: SLF001  # no public way
    if table.is_sparse and not is_sparse:
        raise scope.error(f"{name} was trained on dense features, got sparse ones; train on these")
    if fitted.kernel == "precomputed" and is_sparse:
        raise scope.error(f"{name}(kernel='precomputed') on a sparse kernel: give a dense one")
    block = finite_numbers(scope, fitted, table)
    if not len(fitted.support_):
        return SupportKernel(zeros(scope, block.value), 0.0, block.decided)
    if fitted.kernel == "precomputed":
        value = scope.op("Gather", block.value, np.asarray(fitted.support_, np.int64), axis=1)
        return SupportKernel(value, np.inf, block.decided, scope.op("Abs", value))
    rows = checked_rows(scope, fitted, fitted.support_vectors_)
    if fitted.kernel == "rbf":
        return _radial(scope, fitted, block, rows, is_sparse=is_sparse)
    return _of_products(scope, fitted, block, rows, is_sparse=is_sparse)


def _radial(
    scope: Scope, fitted: Any, block: Block, rows: Matrix, *, is_sparse: bool
) -> SupportKernel:
    """Compute e^(-gamma · squared distance); the distance is never expanded into products."""
    squares = (ordered_squares if is_sparse else fused_squares)(scope, block.value, rows)
    scaled = scope.op("Mul", squares, np.array(-float(fitted._gamma)))  # noqa: SLF001  # no public way
    decided = least_certain(block.decided, "libm", _sum_decided(block, is_sparse=is_sparse))
    return SupportKernel(exponential_of(scope, scaled), 1.0, decided)


def _of_products(
    scope: Scope, fitted: Any, block: Block, rows: Matrix, *, is_sparse: bool
) -> SupportKernel:
    """Compute a function of the dot product."""
    if is_sparse:
        value = ordered_products(scope, block.value, rows)
    else:
        value = product(scope, block.value, rows.T)
    decided = least_certain(block.decided, _sum_decided(block, is_sparse=is_sparse))
    largest = product(scope, scope.op("Abs", block.value), np.abs(rows).T)
    if fitted.kernel == "linear":
        return SupportKernel(value, np.inf, decided, largest)
    gamma, coef0 = float(fitted._gamma), float(fitted.coef0)  # noqa: SLF001  # no public way
    value = scope.op("Add", scope.op("Mul", value, np.array(gamma)), np.array(coef0))
    if fitted.kernel == "poly":
        degree = int(fitted.degree)
        if degree == 0:
            # One, whatever the product is.
            ones = scope.op("Add", zeros(scope, block.value), np.ones((1, len(rows))))
            return SupportKernel(ones, 1.0, "ieee")
        largest = scope.op("Mul", largest, np.array(abs(gamma)))
        largest = scope.op("Add", largest, np.array(abs(coef0)))
        # Each factor of the power brings a rounding of its own.
        largest = scope.op("Mul", _whole_power(scope, largest, degree), np.array(float(degree)))
        return SupportKernel(_whole_power(scope, value, degree), np.inf, decided, largest)
    value = tanh(scope.graph, value, scope=scope.path)
    return SupportKernel(value, 1.0, least_certain(decided, "libm"))


def _sum_decided(block: Block, *, is_sparse: bool) -> Decided:
    """Tell what decides a sum over features: a loop has one order, one product has no sum."""
    return "ieee" if is_sparse or block.width == 1 else "blas"


def _whole_power(scope: Scope, value: str, degree: int) -> str:
    """Raise to a whole power from 1 by squaring, as libsvm does: the lowest bit first."""
    found: str | None = None
    square = value
    while degree > 0:
        if degree % 2:
            found = square if found is None else scope.op("Mul", found, square)
        degree //= 2
        if degree:
            square = scope.op("Mul", square, square)
    return found or value
