"""Scalers: element by element, in scikit-learn's own order of operations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KernelCenterer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from preproc.export.scope import Scope
from preproc.export.table import (
    Block,
    Decided,
    Feature,
    Table,
    finite_numbers,
    joined,
    least_certain,
    numbers,
    refuse_infinite,
    refuse_not_finite,
)
from preproc.graph import ordered_sum, paired_sum, pairwise_sum
from preproc.signature import TEXT

_ALMOST_ZERO: Final = 10 * float(np.finfo(np.float64).eps)
"""Norms below it count as 1 in scikit-learn, on dense rows."""

_ALIKE: Final[Mapping[str, int]] = {"l1": 7, "l2": 2}
"""Columns up to which numpy's sum has one order in any memory layout, by the norm."""


def standard_scaler(scope: Scope, fitted: StandardScaler, table: Table) -> Table:
    """Subtract the mean, then divide by the deviation.

    Division, not multiplication by the reciprocal: scikit-learn divides, and the two differ in
    the last bit. On sparse rows it does multiply by the reciprocal.
    """
    block = refuse_infinite(scope, numbers(scope, table), "StandardScaler refuses infinity")
    mean = fitted.mean_ if fitted.with_mean else None
    scaled = _apply(scope, block, ("Sub", mean), _shrink(fitted.scale_, table))
    return Table((scaled,), table.is_sparse)


def min_max_scaler(scope: Scope, fitted: MinMaxScaler, table: Table) -> Table:
    """Multiply, then add; then clip where asked."""
    block = refuse_infinite(scope, numbers(scope, table), "MinMaxScaler refuses infinity")
    block = _apply(scope, block, ("Mul", fitted.scale_), ("Add", fitted.min_))
    return Table((_clipped(scope, block, *fitted.feature_range) if fitted.clip else block,))


def min_max_scaler_edges(fitted: MinMaxScaler) -> Mapping[int, NDArray[np.float64]]:
    """Values that reach the clip limits, or the range of training."""
    low, high = np.asarray(fitted.data_min_), np.asarray(fitted.data_max_)
    return {at: np.array([low[at], high[at]], np.float64) for at in range(len(low))}


def max_abs_scaler(scope: Scope, fitted: MaxAbsScaler, table: Table) -> Table:
    """Divide by the largest magnitude of training; then clip where asked.

    On sparse rows scikit-learn multiplies by the reciprocal instead.
    """
    block = refuse_infinite(scope, numbers(scope, table), "MaxAbsScaler refuses infinity")
    block = _apply(scope, block, _shrink(fitted.scale_, table))
    if getattr(fitted, "clip", False):
        block = _clipped(scope, block, -1.0, 1.0)
    return Table((block,), table.is_sparse)


def max_abs_scaler_edges(fitted: MaxAbsScaler) -> Mapping[int, NDArray[np.float64]]:
    """Values that reach the clip limits."""
    return {
        at: np.array([-scale, scale], np.float64)
        for at, scale in enumerate(np.asarray(fitted.scale_))
    }


def robust_scaler(scope: Scope, fitted: RobustScaler, table: Table) -> Table:
    """Subtract the median, then divide by the range between quantiles.

    On sparse rows scikit-learn multiplies by the reciprocal instead.
    """
    block = refuse_infinite(scope, numbers(scope, table), "RobustScaler refuses infinity")
    center = fitted.center_ if fitted.with_centering else None
    scale = fitted.scale_ if fitted.with_scaling else None
    scaled = _apply(scope, block, ("Sub", center), _shrink(scale, table))
    return Table((scaled,), table.is_sparse)


def normalizer(scope: Scope, fitted: Normalizer, table: Table) -> Table:
    """Divide each row by its norm.

    The norm is added up as numpy does it on contiguous rows. In another memory layout numpy adds
    from left to right, which differs for more than a few columns: then numpy decides. Sparse
    rows are added from left to right always.
    """
    block = finite_numbers(scope, fitted, table)
    is_ordered = table.is_sparse or fitted.norm == "max" or block.width <= _ALIKE[fitted.norm]
    magnitude = scope.op("Abs", block.value)
    if fitted.norm == "max":
        norm = scope.op("ReduceMax", magnitude, np.array([1]), keepdims=1)
    else:
        is_l1 = fitted.norm == "l1"
        parts = magnitude if is_l1 else scope.op("Mul", block.value, block.value)
        dense = pairwise_sum if is_l1 else paired_sum
        add = ordered_sum if table.is_sparse else dense
        norm = add(scope.graph, parts, block.width, scope=scope.path)
        norm = norm if is_l1 else scope.op("Sqrt", norm)
    if table.is_sparse:
        tiny = scope.op("Equal", norm, np.array(0.0))
    else:
        tiny = scope.op("Less", norm, np.array(_ALMOST_ZERO))
    norm = scope.op("Where", tiny, np.array(1.0), norm)
    value = scope.op("Div", block.value, norm)
    sources = _all_sources(block)
    # The root of a rounded square can be below the magnitude itself, but never by half.
    features = tuple(replace(feature, sources=sources, limit=2.0) for feature in block.features)
    decided = least_certain(block.decided, _order(is_ordered=is_ordered))
    return Table((Block(value, "float64", features, decided),), table.is_sparse)


def binarizer(scope: Scope, fitted: Binarizer, table: Table) -> Table:
    """Give 1 above the threshold, 0 elsewhere, in the dtype of the input.

    Integers are compared as float64, as scikit-learn does; float32 with the threshold rounded
    to float32, unless that is a float64 scalar of numpy.
    """
    block = refuse_not_finite(scope, _one_dtype(scope, table), "Binarizer refuses NaN and infinity")
    kind = np.dtype(np.float64)
    if block.dtype == "float32":
        kind = np.result_type(np.zeros(1, np.float32), fitted.threshold)
    value = block.value if block.dtype == kind.name else scope.cast(block.value, kind.name)
    above = scope.op("Greater", value, np.array(fitted.threshold, kind))
    features = tuple(replace(feature, limit=1.0) for feature in block.features)
    given = replace(block, value=scope.cast(above, block.dtype), features=features)
    return Table((given,), table.is_sparse)


def binarizer_edges(fitted: Binarizer) -> Mapping[int, NDArray[np.float64]]:
    """Give the threshold, for each feature."""
    edge = np.array([fitted.threshold], np.float64)
    return dict.fromkeys(range(fitted.n_features_in_), edge)


def kernel_centerer(scope: Scope, fitted: KernelCenterer, table: Table) -> Table:
    """Subtract the column means of training, then the mean of the row, then add the total mean.

    The row is added up as numpy does it on contiguous rows; see `normalizer`.
    """
    block = finite_numbers(scope, fitted, table)
    total = pairwise_sum(scope.graph, block.value, block.width, scope=scope.path)
    mean = scope.op("Div", total, np.array(float(block.width)))
    value = scope.op("Sub", block.value, scope.row(fitted.K_fit_rows_))
    value = scope.op("Sub", value, mean)
    value = scope.op("Add", value, np.array(float(fitted.K_fit_all_)))
    with np.errstate(over="ignore"):
        largest = float(np.sum([feature.limit for feature in block.features]))
        bound = 2 * largest + float(np.abs(fitted.K_fit_rows_).max()) + abs(fitted.K_fit_all_)
    sources = _all_sources(block)
    features = tuple(
        Feature(feature.name, sources, has_nan=bound == np.inf, limit=bound)
        for feature in block.features
    )
    is_ordered = block.width <= _ALIKE["l1"]
    decided = least_certain(block.decided, _order(is_ordered=is_ordered))
    return Table((Block(value, "float64", features, decided),))


def function_transformer(scope: Scope, fitted: FunctionTransformer, table: Table) -> Table:
    """Pass everything on, after validation where asked; one with a function is traced instead."""
    if not fitted.validate:
        return table
    text = "FunctionTransformer(validate=True) refuses NaN and infinity"
    block = refuse_not_finite(scope, _one_dtype(scope, table), text)
    return Table((block,), table.is_sparse)


def _one_dtype(scope: Scope, table: Table) -> Block:
    """Join numbers in the dtype that numpy gives them, as estimators that keep the dtype do."""
    block = joined(scope, table)
    if block.dtype == TEXT:
        raise scope.error("expected numbers, got text columns; encode them first")
    return block


def _shrink(scale: NDArray[np.float64] | None, table: Table) -> tuple[str, Any]:
    """Divide dense values; multiply sparse ones by the reciprocal, as scikit-learn does."""
    if scale is None or not table.is_sparse:
        return "Div", scale
    with np.errstate(divide="ignore"):
        return "Mul", 1.0 / scale


def _apply(scope: Scope, block: Block, *operations: tuple[str, ArrayLike | None]) -> Block:
    """Apply operations with one number a column, and follow what the columns can hold.

    Bounds are followed in the same arithmetic, so that they round as the values do; where a
    bound becomes NaN, as in infinity over infinity, so can a value.
    """
    value = block.value
    limits = np.array([feature.limit for feature in block.features])
    for op_type, parameters in operations:
        if parameters is None:
            continue
        row = scope.row(parameters)
        value = scope.op(op_type, value, row)
        sizes = np.abs(row[0])
        with np.errstate(all="ignore"):
            if op_type in ("Add", "Sub"):
                limits = limits + sizes
            else:
                limits = limits * sizes if op_type == "Mul" else limits / sizes
    features = tuple(
        replace(feature, limit=limit)
        if limit == limit  # noqa: PLR0124  # NaN alone differs from itself
        else replace(feature, limit=np.inf, has_nan=True)
        for feature, limit in zip(block.features, limits.tolist(), strict=True)
    )
    return replace(block, value=value, features=features)


def _clipped(scope: Scope, block: Block, low: float, high: float) -> Block:
    """Clip to the limits; NaN stays, which the comparisons promise and Min and Max do not."""
    value = block.value
    for comparison, limit in (("Less", float(low)), ("Greater", float(high))):
        beyond = scope.op(comparison, value, np.array(limit))
        value = scope.op("Where", beyond, np.array(limit), value)
    bound = max(abs(low), abs(high))
    features = tuple(replace(f, limit=min(f.limit, float(bound))) for f in block.features)
    return replace(block, value=value, features=features)


def _all_sources(block: Block) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for feature in block.features for name in feature.sources))


def _order(*, is_ordered: bool) -> Decided:
    return "ieee" if is_ordered else "blas"
