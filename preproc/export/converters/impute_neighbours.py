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
from preproc.graph import Carried, GraphBuilder, loop_body, paired_sum, pairwise_sum

_EXACT_NEIGHBOURS: Final = 2
"""Two numbers have one sum; the sum of three depends on the order."""
_LEAST_CELLS: Final = 8
"""Cells that are filled at a time in however small a batch."""


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
    """Fill the missing cells of all columns, as many at a time as the batch has rows.

    So what is held does not grow with columns, and nodes do not either.
    """
    training = fitted._fit_X  # noqa: SLF001  # no public way
    gone = fitted._mask_fit_X  # noqa: SLF001  # no public way
    distances = nan_distances(scope, block, mask, training, gone)
    value = block.value
    if len(kept) < block.width:
        value, mask = (
            scope.op("Gather", one, kept.astype(np.int64), axis=1) for one in (value, mask)
        )
    is_empty = gone[:, kept].all(axis=0).reshape(1, -1)
    if is_empty.any():  # kept although it held nothing: all zeros, whatever comes
        value = scope.op("Where", is_empty, np.array(0.0), value)
        mask = scope.op("And", mask, ~is_empty)
    cells = scope.op("NonZero", mask)
    told = _told(scope, fitted, distances, cells, kept)
    places = scope.op("Transpose", cells, perm=[1, 0])
    fill, undecided = (scope.op("Gather", told, np.array(at), axis=1) for at in (0, 1))
    value = scope.op("ScatterND", value, places, fill)
    undecided = scope.op("ScatterND", mask, places, scope.cast(undecided, "bool"))
    text = "KNNImputer finds no distinct nearest neighbours: others are as near within rounding"
    scope.doubt(undecided, text)
    largest = np.where(gone, 0.0, np.abs(training))[:, kept].max(axis=0) * fitted.n_neighbors
    features = []
    for at, most, none in zip(kept.tolist(), largest.tolist(), is_empty[0].tolist(), strict=True):
        feature = block.features[at]
        limit = 0.0 if none else max(feature.limit, min(most, MAX_FLOAT))
        features.append(replace(feature, has_nan=False, limit=limit))
    is_exact = fitted.n_neighbors <= _EXACT_NEIGHBOURS and fitted.weights != "distance"
    decided = block.decided if is_exact else least_certain(block.decided, "blas")
    return replace(block, value=value, features=tuple(features), decided=decided)


def _told(
    scope: Scope, fitted: KNNImputer, distances: _Distances, cells: str, kept: NDArray[np.intp]
) -> str:
    """Give the fill of each cell, and 1 where its neighbours are undecided, (cells, 2).

    `cells` is int64 (2, cells): the row of the batch and the column among those kept.
    """
    rows = len(fitted._fit_X)  # noqa: SLF001  # no public way
    inner = replace(scope.child("cells"), graph=GraphBuilder())
    prefix = f"/{inner.path}"
    squared, doubt, left, so_far = (
        f"{prefix}/{name}" for name in ("squared", "doubt", "left", "so_far")
    )
    size = inner.op("Shape", squared, start=0, end=1)
    size = inner.op("Max", size, np.array([_LEAST_CELLS]))
    some = inner.op("Slice", left, np.array([0]), size, np.array([1]))
    row, column = (inner.op("Gather", some, np.array(at), axis=0) for at in (0, 1))
    own = _Distances(*(inner.op("Gather", one, row, axis=0) for one in (squared, doubt)))
    fill, undecided = _mean_of_nearest(inner, fitted, own, column, kept)
    told = inner.op("Concat", fill, inner.cast(undecided, "float64"), axis=1)
    end = np.array([np.iinfo(np.int64).max])
    rest = inner.op("Slice", left, size, end, np.array([1]))
    carried: Carried = {
        "squared": ("float64", ["N", rows]),
        "doubt": ("float64", ["N", rows]),
        "left": ("int64", [2, "left"]),
        "so_far": ("float64", ["so_far", 2]),
    }
    results = (squared, doubt, rest, inner.op("Concat", so_far, told, axis=0))
    body = loop_body(inner.graph, prefix, carried, _is_left(inner, rest), results)
    start = (distances.squared, distances.doubt, cells, np.zeros((0, 2)))
    return scope.op("Loop", "", _is_left(scope, cells), *start, place=3, body=body)


def _is_left(scope: Scope, cells: str) -> str:
    count = scope.op("Squeeze", scope.op("Shape", cells, start=1, end=2))
    return scope.op("Greater", count, np.array(0))


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
    scope: Scope, fitted: KNNImputer, distances: _Distances, column: str, kept: NDArray[np.intp]
) -> tuple[str, str]:
    """Give the fill (cells, 1) of cells, and where the neighbours are undecided, (cells, 1).

    Training rows without a value in the cell's column, one of those kept, are infinitely far.
    """
    training = fitted._fit_X[:, kept]  # noqa: SLF001  # no public way
    gone = fitted._mask_fit_X[:, kept]  # noqa: SLF001  # no public way
    count, donors = min(int(fitted.n_neighbors), len(gone)), np.count_nonzero(~gone, axis=0)
    infinity, (squared, doubt) = np.array(np.inf), (distances.squared, distances.doubt)
    if gone.any():
        is_gone = scope.op("Gather", np.ascontiguousarray(gone.T), column)
        squared = scope.op("Where", is_gone, np.array(np.nan), squared)
    values = scope.op("Gather", _turned(np.where(gone, 0.0, training)), column)
    far = scope.op("Where", scope.op("IsNaN", squared), infinity, squared)
    nearest = scope.op("TopK", far, np.array([count]), axis=1, largest=0, sorted=1, place=1)
    near = scope.op("GatherElements", far, nearest, axis=1)
    is_near = scope.op("Less", near, infinity)
    low, high = scope.op("Sub", far, doubt), scope.op("Add", far, doubt)
    undecided = any_of(scope, scope.op("Equal", squared, infinity))
    if count < donors.max():
        ties = tied(scope, (low, high), (nearest, is_near), values)
        undecided = scope.op("Or", undecided, ties)
    if fitted.weights == "distance":
        # Next to zero the weight is all rounding, and whether it is zero takes another path.
        least = scope.op("GatherElements", low, nearest, axis=1)
        touches = scope.op("And", is_near, scope.op("LessOrEqual", least, np.array(0.0)))
        undecided = scope.op("Or", undecided, any_of(scope, touches))
        weights = inverse_of(scope, scope.op("Sqrt", near))
    else:
        weights = scope.cast(is_near, "float64")
    chosen = scope.op("GatherElements", values, nearest, axis=1)
    weighted = scope.op("Mul", chosen, weights)
    total = pairwise_sum(scope.graph, weights, count, scope=scope.path)
    mean = scope.op("Div", pairwise_sum(scope.graph, weighted, count, scope=scope.path), total)
    lonely = np.zeros(len(donors))
    for at in np.flatnonzero(donors).tolist():
        lonely[at] = np.ma.array(training[:, at], mask=gone[:, at]).mean()
    is_lonely = scope.op("Equal", total, np.array(0.0))
    alone = scope.op("Gather", lonely.reshape(-1, 1), column)
    return scope.op("Where", is_lonely, alone, mean), undecided


def tied(
    scope: Scope,
    bounds: tuple[str, str],
    chosen: tuple[str, str],
    values: str | NDArray[np.float64],
) -> str:
    """Tell where a donor left out may be as near as one taken, and their values differ, (n, 1).

    `values` are of shape (n, donors), or (1, donors) where all rows have the same.
    """
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
    most = scope.op("ReduceMax", scope.op("Where", in_doubt, values, -infinity), axis, keepdims=1)
    least = scope.op("ReduceMin", scope.op("Where", in_doubt, values, infinity), axis, keepdims=1)
    return scope.op("And", scope.op("LessOrEqual", first, reach), scope.op("Less", least, most))


def any_of(scope: Scope, value: str) -> str:
    """Tell where any column is true, (n, 1)."""
    whole = scope.op("ReduceMax", scope.cast(value, "int64"), np.array([1]), keepdims=1)
    return scope.op("Equal", whole, np.array(1, np.int64))


def inverse_of(scope: Scope, distance: str) -> str:
    """Weigh by inverse distances; at distance 0 a neighbour counts 1 and the others nothing."""
    inverse = scope.op("Div", np.array(1.0), distance)
    is_hit = scope.op("IsInf", inverse)
    hits = scope.cast(is_hit, "float64")
    return scope.op("Where", any_of(scope, is_hit), hits, inverse)


def _not_negative(scope: Scope, value: str) -> str:
    """Raise negative numbers to zero; NaN stays, as in numpy's maximum and clip."""
    zero = np.array(0.0)
    return scope.op("Where", scope.op("Less", value, zero), zero, value)


def _turned(array: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.ascontiguousarray(array.T, np.float64)
