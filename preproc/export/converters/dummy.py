"""Models that give every row the same answer, and look at none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    labels_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.scope import Scope
from preproc.export.table import Table


def dummy_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities of the strategies that do not draw.

    The answer is asked of scikit-learn once. It validates nothing, so no row is refused.
    """
    name = fitted.strategy
    if name in ("stratified", "uniform"):
        raise scope.error(
            f"DummyClassifier(strategy={name!r}): the answer is drawn anew at each call; "
            "use strategy='prior', 'most_frequent' or 'constant'"
        )
    label = fitted.predict(np.zeros((1, 1)))
    if hasattr(label, "toarray"):
        label = label.toarray()
    chances = fitted.predict_proba(np.zeros((1, 1)))
    is_single = fitted.n_outputs_ == 1
    known = [fitted.classes_] if is_single else list(fitted.classes_)
    # A constant may have another dtype than the classes: 1.0 where they are whole numbers.
    known = [np.asarray(classes).astype(label.dtype) for classes in known]
    indices = [
        _repeated(scope, np.flatnonzero(classes == chosen)[:1], table)
        for classes, chosen in zip(known, np.ravel(label), strict=True)
    ]
    if is_single:
        chance = _repeated(scope, chances, table)
        return (
            label_answer(scope, indices[0], known[0]),
            probabilities_answer(chance, known[0], "ieee"),
        )
    return (
        labels_answer(scope, indices, known),
        *(
            probabilities_answer(_repeated(scope, chance, table), classes, "ieee", target=at)
            for at, (chance, classes) in enumerate(zip(chances, known, strict=True))
        ),
    )


def dummy_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction, a constant for each target; no row is refused."""
    value = fitted.predict(np.zeros((1, 1)))
    if value.dtype != np.float64:
        raise scope.error(
            f"DummyRegressor(constant={fitted.constant!r}): expected a float64 prediction, got "
            f"{value.dtype}; give the constant as float"
        )
    width = None if fitted.n_outputs_ == 1 else fitted.n_outputs_
    return (prediction_answer(_repeated(scope, value, table), "ieee", width=width),)


def _repeated(scope: Scope, row: NDArray[Any], table: Table) -> str:
    """Repeat an array of one row, (1,) or (1, k), as often as the table has rows."""
    rows = scope.op("Shape", table.blocks[0].value, start=0, end=1)
    shape = scope.op("Concat", rows, np.array(row.shape[1:], np.int64), axis=0)
    return scope.op("Expand", row, shape)
