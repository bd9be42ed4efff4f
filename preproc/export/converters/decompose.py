"""Decompositions whose transform is a linear map: PCA and its relatives, discriminants, PLS.

Each repeats scikit-learn's own operations: what is subtracted before the product and what after
it, division by a scale as division. Constants that scikit-learn computes at each call are
computed at export by its own expression.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import linalg

from preproc.export.converters.products import (
    Matrix,
    at_least_zero,
    limits_of,
    made_of,
    names_of,
    product,
    projected_limits,
    summands,
)
from preproc.export.scope import Scope
from preproc.export.table import (
    Block,
    Decided,
    Table,
    finite_numbers,
    least_certain,
)
from preproc.graph import logistic

MAX_SPARSE_PCA: Final = 64
"""Components of a sparse PCA: the graph solves its equations column by column."""


def pca(scope: Scope, fitted: Any, table: Table) -> Table:
    """Project, then subtract the projection of the mean, then divide by the deviations.

    The mean is subtracted after the product: with an offset far above the deviations the other
    order gives other digits, not only another last bit. A deviation below one rounding is
    raised to it. On sparse rows the incremental form multiplies dense batches.
    """
    block = finite_numbers(scope, fitted, table)
    components = np.asarray(fitted.components_, np.float64)
    is_sparse = table.is_sparse and not hasattr(fitted, "batch_size_")
    value = product(scope, block.value, components.T, is_sparse=is_sparse)
    shift = np.reshape(fitted.mean_, (1, -1)) @ fitted.components_.T
    value = scope.op("Sub", value, scope.row(shift))
    sums = scope.op("Add", summands(scope, block.value, components.T), scope.row(np.abs(shift)))
    limits = projected_limits(limits_of(block), components.T) + np.abs(shift[0])
    if fitted.whiten:
        scale = np.maximum(np.sqrt(fitted.explained_variance_), np.finfo(np.float64).eps)
        value, sums = (scope.op("Div", x, scope.row(scale)) for x in (value, sums))
        with np.errstate(over="ignore"):
            limits = limits / scale
    decided = _decided(block, is_sparse=is_sparse)
    made = made_of(block, value, names_of(fitted, len(components)), limits, decided)
    return Table((made,), summed=sums)


def truncated_svd(scope: Scope, fitted: Any, table: Table) -> Table:
    """Project, nothing else."""
    block = finite_numbers(scope, fitted, table)
    return _projected(scope, fitted, block, fitted.components_.T, is_sparse=table.is_sparse)


def neighborhood_components(scope: Scope, fitted: Any, table: Table) -> Table:
    """Project, nothing else."""
    return _projected(scope, fitted, finite_numbers(scope, fitted, table), fitted.components_.T)


def fast_ica(scope: Scope, fitted: Any, table: Table) -> Table:
    """Subtract the mean where the input is whitened, then unmix."""
    block = finite_numbers(scope, fitted, table)
    if fitted.whiten:
        block = _shifted(scope, block, fitted.mean_)
    return _projected(scope, fitted, block, fitted.components_.T)


def factor_analysis(scope: Scope, fitted: Any, table: Table) -> Table:
    """Subtract the mean, then multiply twice: by the weighted loadings, by their covariance."""
    block = _shifted(scope, finite_numbers(scope, fitted, table), fitted.mean_)
    weighted = fitted.components_ / fitted.noise_variance_
    identity = np.eye(len(fitted.components_))
    covariance = linalg.inv(identity + np.dot(weighted, fitted.components_.T))
    value = product(scope, block.value, weighted.T)
    value = product(scope, value, covariance)
    limits = projected_limits(projected_limits(limits_of(block), weighted.T), covariance)
    made = made_of(block, value, names_of(fitted, len(covariance)), limits, _decided(block))
    return Table((made,), summed=summands(scope, block.value, weighted.T, covariance))


def discriminant_analysis(scope: Scope, fitted: Any, table: Table) -> Table:
    """Subtract the mean (only the ``svd`` solver does), then project on the discriminants."""
    if fitted.solver == "lsqr":
        raise scope.error(
            "LinearDiscriminantAnalysis(solver='lsqr'): scikit-learn has no transform for it; "
            "use solver='svd' or 'eigen'"
        )
    block = finite_numbers(scope, fitted, table)
    if fitted.solver == "svd":
        block = _shifted(scope, block, fitted.xbar_)
    kept = fitted._max_components  # noqa: SLF001  # no public way
    return _projected(scope, fitted, block, fitted.scalings_[:, :kept])


def partial_least_squares(scope: Scope, fitted: Any, table: Table) -> Table:
    """Subtract the mean, divide by the deviation, then rotate.

    `PLSSVD` has weights in place of rotations.
    """
    block = _shifted(scope, finite_numbers(scope, fitted, table), fitted._x_mean)  # noqa: SLF001  # no public way
    deviation = np.asarray(fitted._x_std, np.float64)  # noqa: SLF001  # no public way
    block = replace(block, value=scope.op("Div", block.value, scope.row(deviation)))
    rotations = getattr(fitted, "x_rotations_", fitted.x_weights_)
    with np.errstate(over="ignore"):
        limits = (limits_of(block) / deviation).tolist()
    features = tuple(
        replace(feature, limit=limit) for feature, limit in zip(block.features, limits, strict=True)
    )
    return _projected(scope, fitted, replace(block, features=features), rotations)


def bernoulli_rbm(scope: Scope, fitted: Any, table: Table) -> Table:
    """Project, add the intercept, then take the logistic function, as ``expit`` computes it."""
    block = finite_numbers(scope, fitted, table)
    value = product(scope, block.value, fitted.components_.T, is_sparse=table.is_sparse)
    value = scope.op("Add", value, scope.row(fitted.intercept_hidden_))
    # A sum of opposite infinities must not reach the tables of the exponential.
    is_nan = scope.op("IsNaN", value)
    safe = scope.op("Where", is_nan, np.array(0.0), value)
    share = logistic(scope.graph, safe, scope=scope.path)
    limits = projected_limits(limits_of(block), fitted.components_.T)
    share = scope.op("Where", is_nan, np.array(np.nan), share)
    names = names_of(fitted, len(fitted.components_))
    made = made_of(block, share, names, limits, _decided(block, "libm", is_sparse=table.is_sparse))
    features = tuple(replace(feature, limit=1.0) for feature in made.features)
    return Table((replace(made, features=features),))


def sparse_coding(scope: Scope, fitted: Any, table: Table) -> Table:
    """Project on the dictionary and pull each coefficient towards zero by a threshold.

    The other algorithms pick atoms one after the other, or iterate.
    """
    name = type(fitted).__name__
    if fitted.transform_algorithm != "threshold":
        raise scope.error(
            f"{name}(transform_algorithm={fitted.transform_algorithm!r}): each row is a search "
            "of its own that iterates; use transform_algorithm='threshold'"
        )
    block = finite_numbers(scope, fitted, table)
    dictionary = fitted.dictionary if name == "SparseCoder" else fitted.components_
    dictionary = np.asarray(dictionary, np.float64)
    threshold = fitted.transform_alpha
    if threshold is None:
        threshold = getattr(fitted, "alpha", 1.0)
    code = product(scope, block.value, dictionary.T)
    rest = scope.op("Sub", scope.op("Abs", code), np.array(float(threshold)))
    code = scope.op("Mul", scope.op("Sign", code), at_least_zero(scope, rest))
    if fitted.positive_code:
        code = at_least_zero(scope, code)
    limits = projected_limits(limits_of(block), dictionary.T)
    if fitted.split_sign:
        negative = at_least_zero(scope, scope.op("Neg", code))
        code = scope.op("Concat", at_least_zero(scope, code), negative, axis=1)
        limits = np.tile(limits, 2)
    made = made_of(block, code, names_of(fitted, len(limits)), limits, _decided(block))
    return Table((made,), summed=summands(scope, block.value, dictionary.T))


def sparse_pca(scope: Scope, fitted: Any, table: Table) -> Table:
    """Subtract the mean, then solve the ridge equations of each row.

    The matrix of the equations is the same for all rows: scikit-learn factors it at each call,
    the graph holds the factor and substitutes forwards and backwards, which is as exact as
    LAPACK's solver. Multiplying by the inverse would not be.
    """
    name, components = type(fitted).__name__, np.asarray(fitted.components_, np.float64)
    count, width = components.shape
    if count > min(width, MAX_SPARSE_PCA):
        raise scope.error(
            f"{name} with {count} components of {width} features: its equations are exported for "
            f"at most {MAX_SPARSE_PCA} components and no more than features; lower n_components"
        )
    equations = components @ components.T
    equations.flat[:: count + 1] += float(fitted.ridge_alpha)
    try:
        factor = linalg.cholesky(equations, lower=True)
    except linalg.LinAlgError as error:
        raise scope.error(
            f"{name}(ridge_alpha={fitted.ridge_alpha!r}): the ridge equations are singular; "
            "raise ridge_alpha"
        ) from error
    block = _shifted(scope, finite_numbers(scope, fitted, table), fitted.mean_)
    value = product(scope, block.value, components.T)
    value = _substituted(scope, value, factor)
    order = np.arange(count)[::-1]
    value = scope.op("Gather", value, order.copy(), axis=1)
    value = _substituted(scope, value, factor.T[::-1, ::-1])
    value = scope.op("Gather", value, order.copy(), axis=1)
    inverse = np.abs(linalg.inv(equations)) + np.finfo(np.float64).eps
    limits = projected_limits(projected_limits(limits_of(block), components.T), inverse)
    made = made_of(block, value, names_of(fitted, count), limits, _decided(block))
    return Table((made,), summed=summands(scope, block.value, components.T, inverse))


def _substituted(scope: Scope, value: str, factor: Matrix) -> str:
    """Solve ``factor @ z = row`` for each row of a value (n, k); the factor is lower triangular."""
    count = len(factor)
    solved = []
    for at in range(count):
        head = scope.op("Gather", value, np.array([0]), axis=1)
        head = scope.op("Div", head, np.array(factor[at, at]))
        solved.append(head)
        if at + 1 < count:
            rest = scope.op("Gather", value, np.arange(1, count - at), axis=1)
            step = scope.op("Mul", head, scope.row(factor[at + 1 :, at]))
            value = scope.op("Sub", rest, step)
    return solved[0] if count == 1 else scope.op("Concat", *solved, axis=1)


def _shifted(scope: Scope, block: Block, mean: Any) -> Block:
    """Subtract a mean, (k,)."""
    value = scope.op("Sub", block.value, scope.row(mean))
    limits = (limits_of(block) + np.abs(mean)).tolist()
    features = tuple(
        replace(feature, limit=limit) for feature, limit in zip(block.features, limits, strict=True)
    )
    return replace(block, value=value, features=features)


def _projected(
    scope: Scope, fitted: Any, block: Block, weights: Matrix, *, is_sparse: bool = False
) -> Table:
    value = product(scope, block.value, weights, is_sparse=is_sparse)
    limits = projected_limits(limits_of(block), weights)
    decided = _decided(block, is_sparse=is_sparse)
    made = made_of(block, value, names_of(fitted, weights.shape[1]), limits, decided)
    return Table((made,), summed=summands(scope, block.value, weights))


def _decided(block: Block, also: Decided = "ieee", *, is_sparse: bool = False) -> Decided:
    return least_certain(block.decided, also, "ieee" if is_sparse else "blas")
