"""Binary classifiers whose label is decided at a threshold of its own."""

from typing import Any

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from preproc.export.answers import Answer, label_answer
from preproc.export.converters.members import answer_by, doubt_equal, first_method
from preproc.export.scope import Scope
from preproc.export.table import Table


def tuned_threshold(
    scope: Scope, fitted: TunedThresholdClassifierCV, table: Table
) -> tuple[Answer, ...]:
    """Decide at the threshold that the search found, for the positive label of its scorer."""
    positive = fitted._curve_scorer._get_pos_label()  # noqa: SLF001  # no public way
    method = first_method(scope, _model(fitted), _methods(fitted))
    return _decided_at(scope, fitted, table, method, float(fitted.best_threshold_), positive)


def fixed_threshold(
    scope: Scope, fitted: FixedThresholdClassifier, table: Table
) -> tuple[Answer, ...]:
    """Decide at the threshold given; ``auto`` is one half of a probability and 0 of a score."""
    method = first_method(scope, _model(fitted), _methods(fitted))
    threshold = fitted.threshold
    if isinstance(threshold, str):
        threshold = 0.5 if method == "predict_proba" else 0.0
    return _decided_at(scope, fitted, table, method, float(threshold), fitted.pos_label)


def _model(fitted: Any) -> Any:
    """Take the model that answers: one that was fitted before may stand without a copy."""
    return getattr(fitted, "estimator_", fitted.estimator)


def _methods(fitted: Any) -> list[str]:
    if fitted.response_method == "auto":
        return ["predict_proba", "decision_function"]
    return [fitted.response_method]


def _decided_at(
    scope: Scope, fitted: Any, table: Table, method: str, threshold: float, positive: Any
) -> tuple[Answer, ...]:
    """Give the answers of the model inside with a label of this threshold."""
    answers = scope.predict("estimator_", _model(fitted), table)
    answer = answer_by(scope, answers, _model(fitted), method)
    classes = np.asarray(fitted.classes_)
    at = 1 if positive is None else int(np.flatnonzero(classes == positive)[0])
    if method == "predict_proba":
        score = scope.op("Gather", answer.value, np.array(at), axis=1)
    else:
        # The score speaks for the second class; for the first one scikit-learn turns its sign.
        score = answer.value if at else scope.op("Mul", answer.value, np.array(-1.0))
    above = scope.cast(scope.op("GreaterOrEqual", score, np.array(threshold)), "int64")
    index = scope.op("Gather", np.array([1 - at, at]), above)
    column = scope.op("Unsqueeze", score, np.array([1]))
    doubt_equal(scope, column, scope.graph.constant(np.array(threshold)), answer.decided)
    label = label_answer(scope, index, classes, decided=answer.decided)
    return label, *(one for key, one in answers.items() if key in ("probabilities", "scores"))
