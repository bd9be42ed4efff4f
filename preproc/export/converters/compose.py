"""Pipelines, column transformers and unions: steps in order, steps side by side."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils._set_output import _get_output_config

from preproc.export.answers import Answer
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, take
from preproc.signature import NULL_NAN, TEXT


def pipeline(scope: Scope, fitted: Pipeline, table: Table) -> Table:
    """Convert the steps one after the other; ``passthrough`` and None do nothing."""
    for name, step in fitted.steps:
        table = step_of(scope, name, step, table)
    return table


SEARCHES: Final = (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
"""What stands for the best estimator that it found."""


def predicting_pipeline(scope: Scope, fitted: Pipeline, table: Table) -> tuple[Answer, ...]:
    """Convert the steps one after the other, the last of them a predictor."""
    *front, (last, model) = fitted.steps
    for name, step in front:
        table = step_of(scope, name, step, table)
    return scope.dispatch_model(scope.child(last), model, table)


def best_estimator(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert the estimator that a search chose."""
    return scope.dispatch_model(scope.child("best_estimator_"), fitted.best_estimator_, table)


def step_of(scope: Scope, name: str, step: Any, table: Table) -> Table:
    """Convert one step of a pipeline; a sampler acts at training alone."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return table
    if hasattr(step, "fit_resample"):
        return table
    return scope.convert(name, step, table)


def column_transformer(scope: Scope, fitted: ColumnTransformer, table: Table) -> Table:
    """Convert each transformer on its columns and put the results side by side.

    The result is sparse where scikit-learn decided so at training, whatever the rows hold now.
    """
    weights = fitted.transformer_weights or {}
    blocks: list[Block] = []
    for name, transformer, columns in fitted.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        if isinstance(columns, str):
            raise scope.error(
                f"transformer {name!r} takes the one-dimensional column {columns!r}, "
                "which is not exported yet; select it as a list"
            )
        at = fitted._transformer_to_input_indices[name]  # noqa: SLF001  # no public way
        if len(at):
            part = _part(scope, name, transformer, take(scope, table, at))
            part = _without_own_nulls(scope, fitted, transformer, part)
            blocks.extend(_weighted(scope, name, part, weights).blocks)
    if not blocks:
        raise scope.error("expected at least one transformer with columns, got none")
    return Table(tuple(blocks), is_sparse=bool(fitted.sparse_output_))


def feature_union(scope: Scope, fitted: FeatureUnion, table: Table) -> Table:
    """Give the whole table to each transformer and put the results side by side.

    One sparse result makes all of them sparse.
    """
    weights = fitted.transformer_weights or {}
    blocks: list[Block] = []
    is_sparse = False
    for name, transformer in fitted.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        part = _part(scope, name, transformer, table)
        blocks.extend(_weighted(scope, name, part, weights).blocks)
        is_sparse |= part.is_sparse
    if not blocks:
        raise scope.error("expected at least one transformer, got none")
    return Table(tuple(blocks), is_sparse)


def _part(scope: Scope, name: str, transformer: Any, table: Table) -> Table:
    if isinstance(transformer, str) and transformer == "passthrough":
        return table
    return scope.convert(name, transformer, table)


def _without_own_nulls(
    scope: Scope, fitted: ColumnTransformer, transformer: Any, part: Table
) -> Table:
    """Refuse ``pandas.NA`` in columns that are passed on, which scikit-learn puts in no array."""
    is_kept = _get_output_config("transform", fitted)["dense"] == "pandas"
    is_passed = isinstance(transformer, FunctionTransformer) and transformer.func is None
    if is_kept or not is_passed or part.frame != "pandas" or scope.ground is None:
        return part
    dtypes = scope.ground.oracle.like.dtypes
    return replace(part, blocks=tuple(_without_null(scope, b, dtypes) for b in part.blocks))


def _without_null(scope: Scope, block: Block, dtypes: Any) -> Block:
    null = getattr(dtypes.get(block.value), "na_value", None)  # inputs alone are named as columns
    if null is None or isinstance(null, float) or block.dtype not in (TEXT, "float64"):
        return block
    is_null = (
        scope.op("Equal", block.value, np.array(NULL_NAN, object))
        if block.dtype == TEXT
        else scope.op("IsNaN", block.value)
    )
    columns = [feature.column for feature in block.features]
    scope.refuse(is_null, columns, "ColumnTransformer refuses pandas.NA in what it passes on")
    features = tuple(replace(feature, has_nan=False) for feature in block.features)
    return replace(block, features=features)


def _weighted(scope: Scope, name: str, table: Table, weights: Mapping[str, float]) -> Table:
    """Multiply what a transformer gives by its weight, as scikit-learn does afterwards."""
    weight = weights.get(name)
    if weight is None:
        return table
    here = scope.child(name)
    return replace(table, blocks=tuple(_multiplied(here, block, weight) for block in table.blocks))


def _multiplied(scope: Scope, block: Block, weight: float) -> Block:
    if block.dtype == TEXT:
        raise scope.error("expected numbers to multiply by a weight, got text")
    dtype = np.result_type(np.dtype(block.dtype), weight).name
    value = block.value if dtype == block.dtype else scope.cast(block.value, dtype)
    product = scope.op("And" if dtype == "bool" else "Mul", value, np.array(weight, dtype))
    # An infinity times zero is NaN, so a weight of zero keeps both possible.
    features = tuple(
        replace(feature, has_nan=feature.has_nan or (feature.has_inf and not weight))
        if feature.has_inf
        else replace(feature, limit=feature.limit * abs(weight))
        for feature in block.features
    )
    return replace(block, value=product, dtype=dtype, features=features)
