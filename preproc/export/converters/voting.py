"""Votes and averages of models that are asked side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier, VotingRegressor

from preproc.export.answers import (
    Answer,
    label_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.converters.choices import flat, largest
from preproc.export.converters.members import (
    as_column,
    asked,
    certainty,
    doubt_ties,
    is_each,
    running_sum,
)
from preproc.export.scope import Scope
from preproc.export.table import Table


def voting_classifier(scope: Scope, fitted: VotingClassifier, table: Table) -> tuple[Answer, ...]:
    """Count votes, or average probabilities and take the largest; the first of equals wins."""
    members = _members(fitted)
    weights = fitted._weights_not_none  # noqa: SLF001  # no public way
    if fitted.voting == "soft":
        found = [asked(scope, name, model, table, "predict_proba") for name, model in members]
        value = _average(scope, [answer.value for answer in found], weights)
        decided = certainty(found)
        doubt_ties(scope, value, decided)
        index = largest(scope, value)
        return (
            label_answer(scope, index, fitted.classes_, decided=decided),
            probabilities_answer(value, fitted.classes_, decided),
        )
    if weights is not None and min(weights) < 0:
        raise scope.error(
            "VotingClassifier(weights): with weights below 0 classes without a vote can win; "
            "use weights of at least 0"
        )
    found = [asked(scope, name, model, table, "predict") for name, model in members]
    codes = np.arange(len(fitted.classes_))
    votes = [scope.cast(is_each(scope, answer, codes), "float64") for answer in found]
    if weights is not None:
        votes = [
            scope.op("Mul", vote, np.array(float(weight)))
            for vote, weight in zip(votes, weights, strict=True)
        ]
    index = scope.op("ArgMax", running_sum(scope, votes), axis=1, keepdims=0)
    return (label_answer(scope, index, fitted.classes_, decided=certainty(found)),)


def voting_regressor(scope: Scope, fitted: VotingRegressor, table: Table) -> tuple[Answer, ...]:
    """Average predictions, one model after the other."""
    found = [asked(scope, name, model, table, "predict") for name, model in _members(fitted)]
    weights = fitted._weights_not_none  # noqa: SLF001  # no public way
    values = [as_column(scope, answer) for answer in found]
    kinds = [answer.output.dtype for answer in found]
    if "float64" in kinds or weights is not None:  # numpy joins float32 to it
        values = [
            value if kind == "float64" else scope.cast(value, "float64")
            for value, kind in zip(values, kinds, strict=True)
        ]
    value = _average(scope, values, weights)
    return (prediction_answer(flat(scope, value), certainty(found)),)


def _members(fitted: Any) -> list[tuple[str, Any]]:
    names = [name for name, model in fitted.estimators if not isinstance(model, str)]
    return list(zip(names, fitted.estimators_, strict=True))


def _average(scope: Scope, values: Sequence[str], weights: Sequence[float] | None) -> str:
    """Add up in the order of the models, then divide, as ``numpy.average`` does along them."""
    if weights is None:
        return scope.op("Div", running_sum(scope, values), np.array(float(len(values))))
    products = [
        scope.op("Mul", value, np.array(float(weight)))
        for value, weight in zip(values, weights, strict=True)
    ]
    total = np.asarray(weights).sum(dtype=np.float64)
    return scope.op("Div", running_sum(scope, products), np.array(total))
