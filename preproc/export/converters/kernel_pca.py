"""Kernel PCA: a kernel against the training rows, centred, then a projection."""

from typing import Any, Final

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from preproc.export.converters.cluster import distance_limits, squared_distances
from preproc.export.converters.gaussian_kernels import numpy_power
from preproc.export.converters.products import (
    Matrix,
    exponential_of,
    limits_of,
    made_of,
    names_of,
    product,
    projected_limits,
    squared_norms,
)
from preproc.export.scope import Scope
from preproc.export.table import (
    MAX_FLOAT,
    Block,
    Decided,
    Table,
    finite_numbers,
    least_certain,
    not_finite,
)
from preproc.graph import pairwise_sum, tanh

_NO_NORM: Final = 10 * float(np.finfo(np.float64).eps)
"""Below this scikit-learn takes a norm for zero and divides by 1."""


def kernel_pca(scope: Scope, fitted: Any, table: Table) -> Table:
    """Compute the kernel to each training row, centre it and project it.

    The mean of a row of the kernel is numpy's pairwise sum, repeated to the bit; the products
    around it are BLAS's.
    """
    if callable(fitted.kernel):
        raise scope.error(
            "KernelPCA(kernel=<function>): a function of one's own is not exported; use 'linear', "
            "'poly', 'rbf', 'sigmoid' or 'cosine'"
        )
    if table.is_sparse or sparse.issparse(fitted.X_fit_):
        raise scope.error(
            "KernelPCA on sparse features is not exported; "
            "make them dense, as by ColumnTransformer(sparse_threshold=0)"
        )
    block = finite_numbers(scope, fitted, table)
    kernel, limits, decided = kernel_of(scope, fitted, block)
    _refuse_overflow(scope, kernel, limits)
    centerer = fitted._centerer  # noqa: SLF001  # no public way
    means = np.asarray(centerer.K_fit_rows_, np.float64)
    count = np.array(float(len(means)))
    own = pairwise_sum(scope.graph, kernel, len(means), scope=scope.path)
    own = scope.op("Div", own, count)
    value = scope.op("Sub", kernel, scope.row(means))
    value = scope.op("Sub", value, own)
    value = scope.op("Add", value, np.array(float(centerer.K_fit_all_)))
    alphas = _alphas(fitted)
    value = product(scope, value, alphas)
    with np.errstate(over="ignore"):
        centred = limits + limits.sum() + np.abs(means) + abs(float(centerer.K_fit_all_))
    bounds = projected_limits(centred, alphas)
    names = names_of(fitted, alphas.shape[1])
    decided = least_certain(block.decided, decided, "blas")
    return Table((made_of(block, value, names, bounds, decided),))


def _refuse_overflow(scope: Scope, kernel: str, limits: Matrix) -> None:
    """Refuse rows whose kernel, (n, training rows), is not finite, as its centering does."""
    if (limits < MAX_FLOAT).all():
        return
    broken = not_finite(scope, kernel)
    scope.refuse(broken, ["kernel"], "KernelPCA refuses a row whose kernel overflows")


def _alphas(fitted: Any) -> Matrix:
    """Eigenvectors over the roots of their eigenvalues, zero for the null space."""
    alphas = np.zeros_like(fitted.eigenvectors_)
    kept = np.flatnonzero(fitted.eigenvalues_)
    alphas[:, kept] = fitted.eigenvectors_[:, kept] / np.sqrt(fitted.eigenvalues_[kept])
    return np.asarray(alphas, np.float64)


def kernel_of(scope: Scope, fitted: Any, block: Block) -> tuple[str, Matrix, Decided]:
    """Compute the kernel, (n, training rows), bounds of its columns, and what decides it."""
    if fitted.kernel == "precomputed":
        return block.value, limits_of(block), "ieee"
    rows = np.asarray(fitted.X_fit_, np.float64)
    ones = np.ones(len(rows))
    gamma = float(fitted.gamma_)
    if fitted.kernel == "rbf":
        squares = squared_distances(scope, block.value, rows)
        value = exponential_of(scope, scope.op("Mul", squares, np.array(-gamma)))
        overflow = distance_limits(block, rows) >= MAX_FLOAT
        return value, np.where(overflow, np.inf, 1.0), "libm"
    if fitted.kernel == "cosine":
        norms = scope.op("Sqrt", squared_norms(scope, block.value, block.width))
        is_zero = scope.op("Less", norms, np.array(_NO_NORM))
        norms = scope.op("Where", is_zero, np.array(1.0), norms)
        value = product(scope, scope.op("Div", block.value, norms), normalize(rows).T)
        return value, 2 * ones, "blas"
    value = product(scope, block.value, rows.T)
    limits = projected_limits(limits_of(block), rows.T)
    if fitted.kernel == "linear":
        return value, limits, "blas"
    value = scope.op("Mul", value, np.array(gamma))
    value = scope.op("Add", value, np.array(float(fitted.coef0)))
    with np.errstate(over="ignore"):
        inner = limits * abs(gamma) + abs(float(fitted.coef0))
    if fitted.kernel == "sigmoid":
        value = tanh(scope.graph, value, scope=scope.path)
        return value, np.where(inner < MAX_FLOAT, 1.0, np.inf), "libm"
    with np.errstate(over="ignore"):
        powers = np.maximum(inner, 1.0) ** float(fitted.degree)
    return numpy_power(scope, value, float(fitted.degree)), powers, "libm"
