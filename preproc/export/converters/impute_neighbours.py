"""The nearest-neighbours imputer: the training rows travel in the graph.

Why some rows are doubtful: which training rows are nearest is settled by sums of squares that BLAS
adds in an order of its own, and ties are broken by numpy's partition, whose order depends on the
processor's vector instructions. Where the distances of a donor taken and of one left out lie apart
by more than all roundings, every order finds the same neighbours and the graph does too. Where
they do not, and the donors disagree, scikit-learn has no answer that another batch or machine
would repeat; the graph gives its own, and the proof counts such rows.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer

from preproc.export.converters.impute_missing import indicators, is_nan, missing_parts
from preproc.export.converters.training_rows import check_magnitude, check_size
from preproc.export.scope import Scope
from preproc.export.table import MAX_FLOAT, Block, Table, least_certain
from preproc.graph import paired_sum, pairwise_sum

_EXACT_NEIGHBOURS: Final = 2
"""Two numbers have one sum; the sum of three depends on the order."""


@dataclass(frozen=True, slots=True)
class _Distances:
    """Graph values of shape (n, training rows).

    Attributes
    ----------
    squared
        Squared distances, scaled up for missing coordinates; NaN where no coordinate is shared.
    doubt
        How far any other order of the sums can lie from them.
    """

    squared: str
    doubt: str


def knn_imputer(scope: Scope, fitted: KNNImputer, table: Table) -> Table:
    """Fill a missing value with the mean of its column over the nearest training rows.

    Rows that share no coordinate with any donor get the column's mean at training.

    Parameters
    ----------
    scope
        Of this step.
    fitted
        With the training table of shape (training rows, n_features).
    table
        Numbers.

    Returns
    -------
    Table
        float64. Bits are scikit-learn's for up to two neighbours of equal weight; the order in
        which it adds more of them is numpy's secret.

    Raises
    ------
    ExportError
        For functions as metric or weights, and for training tables beyond the limits.
    """
    _check(scope, fitted)
    marker = fitted.missing_values
    float64 = np.dtype(np.float64)
    (part,) = missing_parts(scope, table, float64, marker, allow_nan=is_nan(marker))
    valid = np.flatnonzero(fitted._valid_mask)  # noqa: SLF001  # no public way
    kept = np.arange(part.block.width) if fitted.keep_empty_features else valid
    if not len(kept):
        raise scope.error("KNNImputer: expected a column with values at training, got none")
    block = _filled(scope, fitted, part.block, part.mask, kept) if part.can_miss else part.block
    blocks = [block]
    if fitted.add_indicator:
        chosen = fitted.indicator_.features_.tolist()
        blocks += indicators(scope, [part], chosen, "float64")
    return Table(tuple(blocks))


def _check(scope: Scope, fitted: KNNImputer) -> None:
    training = fitted._fit_X  # noqa: SLF001  # no public way
    if fitted.metric != "nan_euclidean":
        raise scope.error(f"KNNImputer(metric={fitted.metric!r}): use 'nan_euclidean'")
    if fitted.weights not in ("uniform", "distance", None):
        raise scope.error(
            f"KNNImputer(weights={fitted.weights!r}): a function cannot be exported; "
            "use 'uniform' or 'distance'"
        )
    way_out = "train on a sample or use IterativeImputer"
    check_size(scope, "KNNImputer", training.shape, way_out, kernels=2)  # and donors of a column
    check_magnitude(scope, "KNNImputer", training)


def _filled(
    scope: Scope, fitted: KNNImputer, block: Block, mask: str, kept: NDArray[np.intp]
) -> Block:
    training = fitted._fit_X  # noqa: SLF001  # no public way
    gone = fitted._mask_fit_X  # noqa: SLF001  # no public way
    distances = nan_distances(scope, block, mask, training, gone)
    cells, features = [], []
    for at in kept.tolist():
        donors = np.flatnonzero(~gone[:, at])
        feature = block.features[at]
        cell = scope.op("Gather", block.value, np.array([at]), axis=1)
        if not len(donors):  # kept although it held nothing: all zeros, whatever comes
            cells.append(scope.op("Where", scope.op("Equal", cell, cell), np.zeros(1), np.zeros(1)))
            features.append(replace(feature, has_nan=False, limit=0.0))
            continue
        missing = scope.op("Gather", mask, np.array([at]), axis=1)
        fill, undecided = _mean_of_nearest(scope, fitted, distances, training[:, at], donors)
        text = "KNNImputer finds no distinct nearest neighbours: others are as near within rounding"
        scope.doubt(scope.op("And", missing, undecided), text)
        cells.append(scope.op("Where", missing, fill, cell))
        largest = float(np.abs(training[donors, at]).max()) * fitted.n_neighbors
        limit = max(feature.limit, min(largest, MAX_FLOAT))
        features.append(replace(feature, has_nan=False, limit=limit))
    is_exact = fitted.n_neighbors <= _EXACT_NEIGHBOURS and fitted.weights != "distance"
    decided = block.decided if is_exact else least_certain(block.decided, "blas")
    value = cells[0] if len(cells) == 1 else scope.op("Concat", *cells, axis=1)
    return replace(block, value=value, features=tuple(features), decided=decided)


def nan_distances(
    scope: Scope,
    block: Block,
    mask: str,
    training: NDArray[np.float64],
    gone: NDArray[np.bool_],
) -> _Distances:
    """Measure from each row to each training row, operation by operation as scikit-learn does.

    -2xy + xx + yy with zeros in place of what is missing, less the squares that met a missing
    coordinate, over the number of shared coordinates, times the number of all.
    """
    width = block.width
    zero, y = np.array(0.0), np.where(gone, 0.0, training)
    x = scope.op("Where", mask, zero, block.value)
    xx = scope.op("Mul", x, x)
    norms = paired_sum(scope.graph, xx, width, scope=scope.path)
    yy = np.einsum("ij,ij->i", y, y).reshape(1, -1)
    product = scope.op("Mul", np.array(-2.0), scope.op("MatMul", x, _turned(y)))
    value = scope.op("Add", scope.op("Add", product, norms), yy)
    value = _not_negative(scope, value)
    value = scope.op("Sub", value, scope.op("MatMul", xx, _turned(gone)))
    missing = scope.cast(mask, "float64")
    value = scope.op("Sub", value, scope.op("MatMul", missing, _turned(y * y)))
    value = _not_negative(scope, value)
    present = scope.cast(scope.op("Not", mask), "float64")
    shared = scope.op("MatMul", present, _turned(~gone))  # small counts: exact in any order
    is_alone = scope.op("Less", shared, np.array(1.0))
    shared = scope.op("Max", shared, np.array(1.0))
    scaled = scope.op("Mul", scope.op("Div", value, shared), np.array(float(width)))
    squared = scope.op("Where", is_alone, np.array(np.nan), scaled)
    # Four sums of up to `width` products and as many roundings behind them, each below half an
    # ULP of the two norms; all of it twice, as both sides of a comparison are rounded.
    factor = np.array((4.0 * width + 16.0) * 2.0**-52 * width)
    doubt = scope.op("Div", scope.op("Mul", scope.op("Add", norms, yy), factor), shared)
    rounded = scope.op("Mul", scaled, np.array(2.0**-50))
    return _Distances(squared, scope.op("Add", doubt, rounded))


def _mean_of_nearest(
    scope: Scope,
    fitted: KNNImputer,
    distances: _Distances,
    column: NDArray[np.float64],
    donors: NDArray[np.intp],
) -> tuple[str, str]:
    """Give the fill (n, 1) of one column, and where the neighbours are undecided, (n, 1)."""
    count = min(int(fitted.n_neighbors), len(donors))
    infinity, values = np.array(np.inf), column[donors]
    squared, doubt = distances.squared, distances.doubt
    if len(donors) < len(column):
        squared = scope.op("Gather", squared, donors.astype(np.int64), axis=1)
        doubt = scope.op("Gather", doubt, donors.astype(np.int64), axis=1)
    far = scope.op("Where", scope.op("IsNaN", squared), infinity, squared)
    nearest = scope.op("TopK", far, np.array([count]), axis=1, largest=0, sorted=1, place=1)
    near = scope.op("GatherElements", far, nearest, axis=1)
    is_near = scope.op("Less", near, infinity)
    low, high = scope.op("Sub", far, doubt), scope.op("Add", far, doubt)
    undecided = any_of(scope, scope.op("Equal", squared, infinity))
    if count < len(donors):
        ties = tied(scope, (low, high), (nearest, is_near), values)
        undecided = scope.op("Or", undecided, ties)
    if fitted.weights == "distance":
        # Next to zero the weight is all rounding, and zero itself takes another path.
        least = scope.op("GatherElements", low, nearest, axis=1)
        touches = scope.op("And", is_near, scope.op("LessOrEqual", least, np.array(0.0)))
        undecided = scope.op("Or", undecided, any_of(scope, touches))
        inverse = scope.op("Div", np.array(1.0), scope.op("Sqrt", near))
        weights = scope.op("Where", is_near, inverse, np.array(0.0))
    else:
        weights = scope.cast(is_near, "float64")
    weighted = scope.op("Mul", scope.op("Gather", values, nearest), weights)
    total = pairwise_sum(scope.graph, weights, count, scope=scope.path)
    mean = scope.op("Div", pairwise_sum(scope.graph, weighted, count, scope=scope.path), total)
    gone = np.isnan(column) if is_nan(fitted.missing_values) else column == fitted.missing_values
    lonely = np.array(float(np.ma.array(column, mask=gone).mean()))
    is_lonely = scope.op("Equal", total, np.array(0.0))
    return scope.op("Where", is_lonely, lonely, mean), undecided


def tied(
    scope: Scope, bounds: tuple[str, str], chosen: tuple[str, str], values: NDArray[np.float64]
) -> str:
    """Tell where a donor left out may be as near as one taken, and their values differ, (n, 1)."""
    low, high = bounds
    nearest, is_near = chosen
    infinity, axis = np.array(np.inf), np.array([1])
    reach = scope.op("GatherElements", high, nearest, axis=1)
    reach = scope.op("Where", is_near, reach, -infinity)
    reach = scope.op("ReduceMax", reach, axis, keepdims=1)
    walls = scope.op("Expand", np.array([[np.inf]]), scope.op("Shape", nearest))
    others = scope.op("ScatterElements", low, nearest, walls, axis=1)
    first = scope.op("ReduceMin", others, axis, keepdims=1)
    within = scope.op("LessOrEqual", low, reach)
    in_doubt = scope.op("And", within, scope.op("GreaterOrEqual", high, first))
    row = values.reshape(1, -1)
    most = scope.op("ReduceMax", scope.op("Where", in_doubt, row, -infinity), axis, keepdims=1)
    least = scope.op("ReduceMin", scope.op("Where", in_doubt, row, infinity), axis, keepdims=1)
    return scope.op("And", scope.op("LessOrEqual", first, reach), scope.op("Less", least, most))


def any_of(scope: Scope, value: str) -> str:
    """Tell where any column is true, (n, 1)."""
    whole = scope.op("ReduceMax", scope.cast(value, "int64"), np.array([1]), keepdims=1)
    return scope.op("Equal", whole, np.array(1, np.int64))


def _not_negative(scope: Scope, value: str) -> str:
    """Raise negative numbers to zero; NaN stays, as in numpy's maximum and clip."""
    zero = np.array(0.0)
    return scope.op("Where", scope.op("Less", value, zero), zero, value)


def _turned(array: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.ascontiguousarray(array.T, np.float64)
