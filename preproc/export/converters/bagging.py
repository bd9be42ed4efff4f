"""Bagging: models on samples of rows and features, averaged."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.ensemble._base import _partition_estimators

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    prediction_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.choices import largest
from preproc.export.converters.members import (
    Answers,
    answer_by,
    as_array,
    certainty,
    doubt_ties,
    is_each,
    running_sum,
)
from preproc.export.scope import Scope
from preproc.export.table import Table, take


def bagging_classifier(scope: Scope, fitted: BaggingClassifier, table: Table) -> tuple[Answer, ...]:
    """Average probabilities, or count votes where the models have none; and average scores."""
    members = _members(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    parts, found = [], []
    for answers, model in zip(members, fitted.estimators_, strict=True):
        if hasattr(model, "predict_proba"):
            answer = answer_by(scope, answers, model, "predict_proba")
            parts.append(_placed(scope, answer, model.classes_, len(classes)))
        else:
            answer = answer_by(scope, answers, model, "predict")
            marks = is_each(scope, answer, np.arange(len(classes)))
            parts.append(scope.cast(marks, "float64"))
        found.append(answer)
    value = _average(scope, fitted, parts)
    decided = certainty(found)
    doubt_ties(scope, value, decided)
    given = [
        label_answer(scope, largest(scope, value), classes, decided=decided),
        probabilities_answer(value, classes, decided),
    ]
    if hasattr(fitted, "decision_function"):
        scores = _scores(scope, fitted, members, classes)
        given += [] if scores is None else [scores]
    return tuple(given)


def bagging_regressor(scope: Scope, fitted: BaggingRegressor, table: Table) -> tuple[Answer, ...]:
    """Average predictions."""
    members = _members(scope, fitted, table)
    found = [
        answer_by(scope, answers, model, "predict")
        for answers, model in zip(members, fitted.estimators_, strict=True)
    ]
    value = _average(scope, fitted, [answer.value for answer in found])
    return (prediction_answer(value, certainty(found), width=found[0].output.width),)


def _members(scope: Scope, fitted: Any, table: Table) -> list[Answers]:
    """Convert each model on the features that it was given, in that order."""
    table = as_array(scope, table)
    everything = list(range(len(table.features)))
    members = []
    for at, model in enumerate(fitted.estimators_):
        columns = np.asarray(fitted.estimators_features_[at]).tolist()
        given = table if columns == everything else _chosen(scope, table, columns)
        members.append(scope.predict(f"estimators_{at}", model, given))
    return members


def _chosen(scope: Scope, table: Table, columns: Sequence[int]) -> Table:
    """Choose columns, of one block at once: repeated ones would else fall apart into blocks."""
    if len(table.blocks) > 1:
        return take(scope, table, columns)
    (block,) = table.blocks
    value = scope.op("Gather", block.value, np.array(columns), axis=1)
    features = tuple(replace(block.features[at]) for at in columns)
    return Table((replace(block, value=value, features=features),), table.is_sparse)


def _average(scope: Scope, fitted: Any, values: Sequence[str]) -> str:
    """Add up within each share of the models, then the shares, then divide.

    The shares are those in which scikit-learn gives the models to its workers, one by default.
    """
    _, _, starts = _partition_estimators(fitted.n_estimators, fitted.n_jobs)
    shares = [
        running_sum(scope, values[start:stop], from_zero=True) for start, stop in pairwise(starts)
    ]
    total = running_sum(scope, shares, from_zero=True)
    return scope.op("Div", total, np.array(float(fitted.n_estimators)))


def _placed(scope: Scope, answer: Answer, known: NDArray[Any], count: int) -> str:
    """Put the probabilities of the classes that a model knows in their places, 0 in the others."""
    if len(known) == count:
        return answer.value
    wide = scope.op("Pad", answer.value, np.array([0, 0, 0, 1]), np.array(0.0))
    places = np.full(count, len(known), np.int64)
    places[np.asarray(known, np.int64)] = np.arange(len(known))
    return scope.op("Gather", wide, places, axis=1)


def _scores(
    scope: Scope, fitted: Any, members: Sequence[Answers], classes: NDArray[Any]
) -> Answer | None:
    """Average scores, where all models give scores of the same classes."""
    knows_all = all(len(model.classes_) == len(classes) for model in fitted.estimators_)
    if not knows_all or not all("scores" in answers for answers in members):
        return None
    found = [answers["scores"] for answers in members]
    value = _average(scope, fitted, [answer.value for answer in found])
    width = found[0].output.width
    names = None if width is None else class_names(classes)
    if width not in (None, len(classes)):
        names = found[0].output.names
    return scores_answer(value, certainty(found), names=names)
