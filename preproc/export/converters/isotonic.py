"""Isotonic regression: linear interpolation between its thresholds."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import Answer, prediction_answer
from preproc.export.converters.bins import count_at_or_below
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table, finite_numbers


def isotonic_prediction(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the interpolated value, (n,)."""
    value, block = _interpolated(scope, fitted, table)
    return (prediction_answer(scope.op("Squeeze", value, np.array([1])), block.decided),)


def isotonic_transform(scope: Scope, fitted: Any, table: Table) -> Table:
    """Give the interpolated value as a feature."""
    value, block = _interpolated(scope, fitted, table)
    (feature,) = block.features
    limit = float(np.abs(fitted.y_thresholds_).max())
    made = Feature("isotonicregression0", feature.sources, fitted.out_of_bounds == "nan", limit)
    return Table((replace(block, value=value, features=(made,)),), is_flat=True)


def isotonic_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Give the thresholds."""
    return {0: np.asarray(fitted.X_thresholds_, np.float64)}


def _interpolated(scope: Scope, fitted: Any, table: Table) -> tuple[str, Block]:
    """Compute slope · (x - left) + value, as ``numpy.interp`` does, (n, 1).

    On a threshold its own value is given: slope times zero could be NaN.
    """
    knots = np.asarray(fitted.X_thresholds_)
    values = np.asarray(fitted.y_thresholds_)
    if knots.dtype != np.float64 or values.dtype != np.float64:
        raise scope.error("IsotonicRegression computes in float32 here; train on float64")
    if len(table.features) != 1:
        raise scope.error(f"expected one column, got {len(table.features)}")
    block = finite_numbers(scope, fitted, table)
    x, first, last = block.value, knots[0], knots[-1]
    below = scope.op("Less", x, np.array(first))
    above = scope.op("Greater", x, np.array(last))
    outside = scope.op("Or", below, above)
    if fitted.out_of_bounds == "clip":
        x = scope.op("Where", below, np.array(first), x)
        x = scope.op("Where", above, np.array(last), x)
    if len(values) == 1:
        known = scope.op("Equal", x, x)
        return scope.op("Where", known, values.reshape(1, 1), values.reshape(1, 1)), block
    if fitted.out_of_bounds == "raise":
        column = block.features[0].column
        scope.refuse(outside, [column], "IsotonicRegression refuses what is outside its thresholds")
    made = _between(scope, x, knots, values)
    if fitted.out_of_bounds != "clip":
        made = scope.op("Where", outside, np.array(np.nan), made)
    return made, block


def _between(scope: Scope, x: str, knots: NDArray[Any], values: NDArray[Any]) -> str:
    with np.errstate(over="ignore", invalid="ignore"):
        slopes = np.diff(values) / np.diff(knots)
    if not np.isfinite(slopes).all():
        raise scope.error(
            "IsotonicRegression: two thresholds are too near or too far apart to divide by; "
            "rescale the column"
        )
    index = scope.cast(count_at_or_below(scope, x, [knots]), "int64")
    left = scope.op("Gather", np.concatenate([knots[:1], knots[:-1], knots[-1:]]), index)
    slope = scope.op("Gather", np.concatenate([[0.0], slopes, [0.0]]), index)
    value = scope.op("Gather", np.concatenate([values[:1], values]), index)
    made = scope.op("Add", scope.op("Mul", slope, scope.op("Sub", x, left)), value)
    return scope.op("Where", scope.op("Equal", x, left), value, made)
