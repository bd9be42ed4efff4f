"""Classifiers whose probabilities are calibrated on the scores of the models inside."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression

from preproc.export.answers import Answer, label_answer, probabilities_answer
from preproc.export.converters.bins import count_at_or_below
from preproc.export.converters.choices import largest, logistic_of, softmax_of
from preproc.export.converters.members import (
    as_column,
    asked,
    certainty,
    doubt_jumps,
    doubt_ties,
    first_method,
    running_sum,
    second_column,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Feature, Table, least_certain, not_finite
from preproc.graph import logarithm, ordered_sum, pairwise_sum

_ROUNDING: Final = 1.0 + 1e-5
"""Probabilities above 1 up to here count as 1."""
_ABOVE_ZERO: Final = 1e-12
"""What scikit-learn adds to a probability before it takes the logarithm."""
_REACH: Final = 2.0**-40
"""Share of the largest score by which no rounding moves a score."""
_NEAR: Final = 1e-8 + 1e-5
"""How far a sum of probabilities may be from 1 to count as one."""


def calibrated_classifier(
    scope: Scope, fitted: CalibratedClassifierCV, table: Table
) -> tuple[Answer, ...]:
    """Average the calibrated probabilities of all pairs of a model and its calibrators."""
    classes = np.asarray(fitted.classes_)
    values, decided, steady = [], [], []
    has_steps = all(pair.method == "isotonic" for pair in fitted.calibrated_classifiers_)
    for at, pair in enumerate(fitted.calibrated_classifiers_):
        inner = scope.child(f"calibrated_classifiers_{at}")
        value, certain, said = _pair(inner, pair, table)
        values.append(value)
        decided.append(certain)
        steady += _steady(inner, pair, said) if has_steps else []
    total = running_sum(scope, values, from_zero=True)
    value = scope.op("Div", total, np.array(float(len(values))))
    worst = least_certain(*decided)
    doubt_ties(scope, value, worst, _all_of(scope, steady))
    index = largest(scope, value)
    return (
        label_answer(scope, index, classes, decided=worst),
        probabilities_answer(value, classes, worst),
    )


def _steady(scope: Scope, pair: Any, said: str) -> list[str]:
    """Tell for each curve where it is flat on both sides of a score, farther than it is rounded.

    Scores of training rows are the very ends of flat parts, so that a rounding may leave them.
    """
    found = []
    for column, calibrator in enumerate(pair.calibrators):
        x = scope.op("Gather", said, np.array([column]), axis=1)
        knots, values = calibrator.X_thresholds_, calibrator.y_thresholds_
        is_flat = np.concatenate([[True], np.diff(values) == 0, [True]])
        reach = np.array(_REACH * max(float(np.abs(knots).max()), 1.0))
        parts = [
            scope.cast(count_at_or_below(scope, scope.op(way, x, reach), [knots]), "int64")
            for way in ("Sub", "Add")
        ]
        is_one = scope.op("Equal", *parts)
        found.append(scope.op("And", is_one, scope.op("Gather", is_flat, parts[0])))
    return found


def _all_of(scope: Scope, marks: Sequence[str]) -> str:
    return reduce(lambda one, other: scope.op("And", one, other), marks) if marks else ""


def _pair(scope: Scope, pair: Any, table: Table) -> tuple[str, Decided, str]:
    """Calibrate what one model says, probabilities (n, classes); give also what it said."""
    methods = ["decision_function", "predict_proba"]
    method = first_method(scope, pair.estimator, methods)
    answer = asked(scope, "estimator", pair.estimator, table, method)
    decided = certainty([answer])
    classes: NDArray[Any] = np.asarray(pair.classes)
    is_binary = len(pair.estimator.classes_) == 2  # noqa: PLR2004  # binary
    by_probability = method == "predict_proba"
    said = (
        second_column(scope, answer) if is_binary and by_probability else as_column(scope, answer)
    )
    if pair.method == "temperature":
        value = _by_temperature(scope, pair, said, len(classes), by_probability=by_probability)
        decided = least_certain(decided, "libm")
    else:
        value = _one_by_one(scope, pair, said, answer, classes)
        if pair.method == "sigmoid":
            decided = least_certain(decided, "libm")
    over = scope.op("Greater", value, np.array(1.0))
    near = scope.op("LessOrEqual", value, np.array(_ROUNDING))
    return scope.op("Where", scope.op("And", over, near), np.array(1.0), value), decided, said


def _one_by_one(scope: Scope, pair: Any, said: str, answer: Answer, classes: NDArray[Any]) -> str:
    """Calibrate each class for itself and divide by the sum; no class at all means all alike."""
    at = np.searchsorted(classes, pair.estimator.classes_).tolist()
    if len(classes) == 2:  # noqa: PLR2004  # binary
        second = _curve(scope, "calibrators_0", pair.calibrators[0], said, answer.decided)
        return scope.op("Concat", scope.op("Sub", np.array(1.0), second), second, axis=1)
    if answer.output.width is None or len(pair.calibrators) != len(at):
        raise scope.error(
            f"CalibratedClassifierCV: {type(pair.estimator).__name__} saw {len(at)} of "
            f"{len(classes)} classes in one fold, which is not exported; use fewer folds"
        )
    rows = scope.op("Concat", scope.op("Shape", said, start=0, end=1), np.array([1]), axis=0)
    empty = scope.op("ConstantOfShape", rows, value=np.zeros(1))
    columns = [empty] * len(classes)
    for column, calibrator in zip(range(len(at)), pair.calibrators, strict=True):
        one = scope.op("Gather", said, np.array([column]), axis=1)
        columns[at[column]] = _curve(
            scope, f"calibrators_{column}", calibrator, one, answer.decided
        )
    value = scope.op("Concat", *columns, axis=1)
    total = pairwise_sum(scope.graph, value, len(classes), scope=scope.path)
    is_none = scope.op("Equal", total, np.array(0.0))
    safe = scope.op("Where", is_none, np.array(1.0), total)
    return scope.op("Where", is_none, np.array(1 / len(classes)), scope.op("Div", value, safe))


def _curve(scope: Scope, name: str, calibrator: Any, x: str, decided: Decided) -> str:
    """Map a score to a probability, (n, 1) each."""
    if isinstance(calibrator, IsotonicRegression):
        feature = Feature(name, (), has_nan=True, limit=np.inf)
        features = Table((Block(x, "float64", (feature,), decided),), is_flat=True)
        answers = scope.predict(name, calibrator, features)
        doubt_jumps(scope, name, calibrator, features, answers)
        return as_column(scope, answers["prediction"])
    scaled = scope.op("Mul", np.array(float(calibrator.a_)), x)
    score = scope.op("Neg", scope.op("Add", scaled, np.array(float(calibrator.b_))))
    return logistic_of(scope, score)


def _by_temperature(scope: Scope, pair: Any, said: str, width: int, *, by_probability: bool) -> str:
    """Take softmax of scores, or of logarithms of probabilities, times the inverse temperature."""
    text = "the temperature calibration refuses NaN and infinity"
    scope.refuse(not_finite(scope, said), ["score"], text)
    is_binary = width == 2  # noqa: PLR2004  # binary
    if is_binary and not by_probability:
        logits = scope.op("Concat", scope.op("Neg", said), said, axis=1)
    else:
        if is_binary:
            complement = scope.op("Sub", np.array(1.0), said)
            said = scope.op("Concat", complement, said, axis=1)
        logits = _logits(scope, said, width, by_probability=by_probability)
    beta = float(pair.calibrators[0].beta_)
    return softmax_of(scope, scope.op("Mul", np.array(beta), logits), width)


def _logits(scope: Scope, said: str, width: int, *, by_probability: bool) -> str:
    """Tell probabilities from scores as scikit-learn does, which looks at the whole batch.

    One row that looks otherwise would change the answers to all others: such probabilities are
    refused, and such scores are a matter of chance.
    """
    total = ordered_sum(scope.graph, said, width, scope=scope.path)
    off = scope.op("Abs", scope.op("Sub", total, np.array(1.0)))
    is_one = scope.op("LessOrEqual", off, np.array(_NEAR))
    above = scope.op("GreaterOrEqual", said, np.array(0.0))
    inside = scope.op("And", above, scope.op("LessOrEqual", said, np.array(1.0)))
    count = scope.op("ReduceSum", scope.cast(inside, "float64"), np.array([1]), keepdims=1)
    all_inside = scope.op("Equal", count, np.array(float(width)))
    looks = scope.op("And", is_one, all_inside)
    if not by_probability:
        scope.doubt(looks, "scores that look like probabilities: the rest of the batch decides")
        return said
    scope.refuse(
        scope.op("Not", looks),
        ["probabilities"],
        "expected probabilities that add up to 1; scikit-learn would take the batch for scores",
        origin="contract",
    )
    return logarithm(scope.graph, scope.op("Add", said, np.array(_ABOVE_ZERO)), scope=scope.path)
