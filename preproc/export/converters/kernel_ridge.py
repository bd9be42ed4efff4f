"""Kernel ridge regression: a kernel to the training rows, then one product."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.gaussian_process.kernels import Kernel

from preproc.export.answers import Answer, prediction_answer
from preproc.export.converters.gaussian_kernels import as_matrix, covariance
from preproc.export.converters.kernel import (
    CHI2,
    KERNELS,
    PairwiseKernel,
    pairwise_kernel,
    refuse_negative,
)
from preproc.export.converters.products import limits_of, summands
from preproc.export.converters.training_rows import Matrix, checked_rows
from preproc.export.converters.vector_product import dense_product
from preproc.export.scope import Scope
from preproc.export.table import MAX_FLOAT, Block, Decided, Table, finite_numbers, least_certain


def kernel_ridge(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of one target or several."""
    if table.is_sparse or sparse.issparse(fitted.X_fit_):
        raise scope.error(
            "KernelRidge on sparse features is not exported; "
            "make them dense, as by ColumnTransformer(sparse_threshold=0)"
        )
    block = finite_numbers(scope, fitted, table)
    duals = np.asarray(fitted.dual_coef_, np.float64)
    weights = duals.reshape(len(duals), -1)
    kernel, limits, decided = _kernel(scope, fitted, block)
    value = dense_product(scope, kernel, weights)
    decided = least_certain(block.decided, decided, "blas")
    width = duals.shape[1] if duals.ndim > 1 else None
    if width is None:
        value = scope.op("Squeeze", value, np.array([1]))
    if (limits <= 2.0).all():  # noqa: PLR2004  # kernels that are shares, whatever the row
        scale = float((limits @ np.abs(weights)).max())
        return (prediction_answer(value, decided, width=width, scale=scale),)
    answer = prediction_answer(value, decided, width=width)
    return (replace(answer, summed=summands(scope, kernel, weights)),)


def _kernel(scope: Scope, fitted: Any, block: Block) -> tuple[str, Matrix, Decided]:
    """Compute the kernel, (n, training rows), bounds of its columns, and what decides it."""
    name = fitted.kernel
    if isinstance(name, str) and name == "precomputed":
        return block.value, np.maximum(limits_of(block), MAX_FLOAT), "ieee"
    if isinstance(name, Kernel):
        rows = checked_rows(scope, fitted, np.asarray(fitted.X_fit_))
        found = covariance(scope, name, block, rows)
        return as_matrix(scope, found, block, rows), np.full(len(rows), found.bound), found.decided
    if callable(name) or name not in KERNELS:
        shown = "<function>" if callable(name) else repr(name)
        raise scope.error(f"KernelRidge(kernel={shown}) is not exported; use one of {KERNELS}")
    rows = checked_rows(scope, fitted, np.asarray(fitted.X_fit_))
    refuse_negative(scope, fitted, name, block)
    default = 1.0 if name in CHI2 else 1.0 / block.width
    gamma = default if fitted.gamma is None else float(fitted.gamma)
    degree, coef0 = float(fitted.degree), float(fitted.coef0)
    return pairwise_kernel(scope, PairwiseKernel(name, rows, gamma, coef0, degree), block)
