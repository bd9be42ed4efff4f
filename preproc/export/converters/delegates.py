"""Models that hand their rows to the one model inside them."""

from dataclasses import replace
from typing import Any

import numpy as np

from preproc.export.answers import (
    Answer,
    label_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.members import as_array
from preproc.export.converters.select import selector
from preproc.export.scope import Scope
from preproc.export.table import Table


def frozen_model(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert the model that is kept from being fitted again."""
    return scope.dispatch_model(scope.child("estimator"), fitted.estimator, table)


def frozen_transformer(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert the transformer that is kept from being fitted again."""
    return scope.convert("estimator", fitted.estimator, table)


def graph_transformer(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert the transformer that was proved when it was fitted, as it was declared then."""
    inner = scope.child("transformer_")
    if scope.ground is not None:
        paths = [f"{inner.path}/{path}" for path in fitted.tabulate]
        ground = replace(
            scope.ground,
            converters={**scope.ground.converters, **(fitted.converters or {})},
            tabulate=[*scope.ground.tabulate, *paths],
        )
        scope = replace(scope, ground=ground)
    return scope.convert("transformer_", fitted.transformer_, table)


def self_training(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert the model as it was after the last round of labels."""
    inner = scope.child("estimator_")
    return scope.dispatch_model(inner, fitted.estimator_, as_array(scope, table))


def eliminating_model(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Choose the features that were kept and convert the model on them."""
    chosen = selector(scope, fitted, table)
    return scope.dispatch_model(scope.child("estimator_"), fitted.estimator_, chosen)


def constant_predictor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the one label that training held, for each row.

    scikit-learn puts it where a class of a decomposed problem has no second side.
    """
    first = table.blocks[0].value
    rows = scope.op("Shape", first, start=0, end=1)
    index = scope.op("ConstantOfShape", rows, value=np.zeros(1, np.int64))
    label = np.asarray(fitted.y_)
    scores = scope.op("Gather", label.astype(np.float64), index)
    share = float(label[0])
    probabilities = scope.op("Gather", np.array([[1 - share, share]]), index, axis=0)
    return (
        label_answer(scope, index, label),
        probabilities_answer(probabilities, np.array([0, 1]), "ieee"),
        scores_answer(scores, "ieee"),
    )
