"""AdaBoost: weighted votes of classifiers, weighted medians of regressors."""

from typing import Any, Final

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    prediction_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.choices import above, flat, largest, softmax_of
from preproc.export.converters.members import (
    as_array,
    as_column,
    asked,
    certainty,
    in_order,
    is_each,
    running_sum,
)
from preproc.export.scope import Scope
from preproc.export.table import Table, least_certain, refuse_not_finite
from preproc.signature import TEXT

_TIE: Final = 2.0**-40
"""Share of the weights within which the order of equal predictions can move the median."""


def ada_boost_classifier(
    scope: Scope, fitted: AdaBoostClassifier, table: Table
) -> tuple[Answer, ...]:
    """Add the weight to the class voted for and its share against to all others."""
    classes = np.asarray(fitted.classes_)
    count = len(classes)
    if count < 2:  # noqa: PLR2004  # no choice
        raise scope.error("AdaBoostClassifier of one class is not exported; train on two")
    table = _validated(scope, fitted, table)
    terms, found = [], []
    weights = np.asarray(fitted.estimator_weights_, np.float64)
    for at, (model, weight) in enumerate(zip(fitted.estimators_, weights, strict=False)):
        answer = asked(scope, f"estimators_{at}", model, table, "predict")
        against = np.array(-1 / (count - 1) * weight)
        marks = is_each(scope, answer, classes)
        terms.append(scope.op("Where", marks, np.array(weight), against))
        found.append(answer)
    total = running_sum(scope, terms, from_zero=True)
    value = scope.op("Div", total, np.array(weights.sum()))
    decided = certainty(found)
    certain = least_certain("libm", decided)
    if count > 2:  # noqa: PLR2004  # binary
        names = class_names(classes)
        scores = scores_answer(value, decided, names=names)
        label = label_answer(scope, largest(scope, value), classes, decided=decided)
        scaled = scope.op("Div", value, np.array(float(count - 1)))
        shares = softmax_of(scope, scaled, count)
        return label, probabilities_answer(shares, classes, certain), scores
    first = scope.op("Gather", value, np.array([0]), axis=1)
    second = scope.op("Gather", value, np.array([1]), axis=1)
    score = scope.op("Add", scope.op("Mul", first, np.array(-1.0)), second)
    label = label_answer(scope, flat(scope, above(scope, score, 0.0)), classes, decided=decided)
    both = scope.op("Concat", scope.op("Neg", score), score, axis=1)
    shares = softmax_of(scope, scope.op("Div", both, np.array(2.0)), count)
    scores = scores_answer(flat(scope, score), decided)
    return label, probabilities_answer(shares, classes, certain), scores


def ada_boost_regressor(
    scope: Scope, fitted: AdaBoostRegressor, table: Table
) -> tuple[Answer, ...]:
    """Sort the predictions and take the first at which half of the weight is reached.

    scikit-learn sorts equal predictions in any order, so that the sum of their weights may round
    in another way; where half of the weight is met to the last bits, that is chance.
    """
    table = _validated(scope, fitted, table)
    found = [
        asked(scope, f"estimators_{at}", model, table, "predict")
        for at, model in enumerate(fitted.estimators_)
    ]
    count = len(found)
    value = as_column(scope, found[0])
    if count > 1:
        value = scope.op("Concat", *(as_column(scope, one) for one in found), axis=1)
    weights = np.asarray(fitted.estimator_weights_, np.float64)[:count]
    order, ascending = in_order(scope, value, count)
    reached = scope.op("CumSum", scope.op("Gather", weights, order), np.array(1))
    last = scope.op("Gather", reached, np.array([count - 1]), axis=1)
    half = scope.op("Mul", np.array(0.5), last)
    is_there = scope.cast(scope.op("GreaterOrEqual", reached, half), "float64")
    at = scope.op("ArgMax", is_there, axis=1, keepdims=1)
    median = scope.op("GatherElements", ascending, at, axis=1)
    _doubt_ties(scope, ascending, reached, half, count)
    return (prediction_answer(flat(scope, median), certainty(found)),)


def _doubt_ties(scope: Scope, ascending: str, reached: str, half: str, count: int) -> None:
    """Mark rows with equal predictions whose weights meet one half to the last bits."""
    if count < 3:  # noqa: PLR2004  # two weights have one sum
        return
    before = scope.op("Gather", ascending, np.arange(count - 1), axis=1)
    after = scope.op("Gather", ascending, np.arange(1, count), axis=1)
    is_equal = scope.cast(scope.op("Equal", before, after), "float64")
    gap = scope.op("Abs", scope.op("Sub", reached, half))
    near = scope.op("LessOrEqual", gap, scope.op("Mul", half, np.array(_TIE)))
    is_near = scope.cast(near, "float64")
    any_equal = scope.op("ReduceMax", is_equal, np.array([1]), keepdims=1)
    any_near = scope.op("ReduceMax", is_near, np.array([1]), keepdims=1)
    both = scope.cast(scope.op("Mul", any_equal, any_near), "bool")
    scope.doubt(both, "equal predictions meet one half of the weight")


def _validated(scope: Scope, fitted: Any, table: Table) -> Table:
    """Refuse NaN and infinity, whatever the models inside would take."""
    table = as_array(scope, table)
    text = f"{type(fitted).__name__} refuses NaN and infinity"
    blocks = tuple(
        block if block.dtype == TEXT else refuse_not_finite(scope, block, text)
        for block in table.blocks
    )
    return Table(blocks, table.is_sparse)
