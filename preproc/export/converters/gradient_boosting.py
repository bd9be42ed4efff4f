"""Gradient boosting: what a first model says, and the trees of all stages added to it in order."""

import warnings
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor

from preproc.errors import ExportError
from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    prediction_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.tree import checked_input, magnitude, tree_of
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain
from preproc.graph import (
    exponential,
    forest_sum,
    log1p,
    logarithm,
    logistic,
    pairwise_sum,
    softmax,
    tree_sum,
)

CONSTANT_STRATEGIES: Final = ("constant", "most_frequent", "prior")
"""Of a DummyClassifier that tells all rows the same probabilities."""
_MAX_LOGIT: Final = 36.1
"""No log of a ratio of shares is larger when they lie between 2^-52 and 1 - 2^-52."""
_EPSILON: Final = float(np.finfo(np.float64).eps)


def gradient_boosting_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and score, of two classes or more.

    Two classes have one sum of trees: the second class wins from zero on. More classes have one
    each: the largest wins, the first of equal ones.
    """
    raw, scale, decided = _raw(scope, fitted, table)
    classes = fitted.classes_
    if fitted.n_trees_per_iteration_ > 1:
        index = scope.op("ArgMax", raw, axis=1, keepdims=0)
        shares = softmax(scope.graph, raw, len(classes), scope=scope.path)
        scores = scores_answer(raw, decided, names=class_names(classes), scale=scale)
    else:
        vector = scope.op("Squeeze", raw, np.array([1]))
        index = scope.cast(scope.op("GreaterOrEqual", vector, np.array(0.0)), "int64")
        logit = scope.op("Mul", raw, np.array(2.0)) if fitted.loss == "exponential" else raw
        second = logistic(scope.graph, logit, scope=scope.path)
        first = scope.op("Sub", np.array(1.0), second)
        shares = scope.op("Concat", first, second, axis=1)
        scores = scores_answer(vector, decided, scale=scale)
    return (
        label_answer(scope, index, classes, decided=decided),
        probabilities_answer(shares, classes, least_certain("libm", decided)),
        scores,
    )


def gradient_boosting_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction; the link of every loss is the identity."""
    raw, scale, decided = _raw(scope, fitted, table)
    return (prediction_answer(scope.op("Squeeze", raw, np.array([1])), decided, scale=scale),)


def _raw(scope: Scope, fitted: Any, table: Table) -> tuple[str, float, Decided]:
    """Compute the sum, (n, k); tell the largest sum of magnitudes and what decides the bits.

    A leaf counts with its product with the learning rate, one rounding as in scikit-learn.
    """
    block = checked_input(scope, fitted, table, accepts_nan=False)
    width = fitted.estimators_.shape[1]
    estimators = list(fitted.estimators_.ravel())
    trees = [tree_of(scope, estimator) for estimator in estimators]
    rows = [fitted.learning_rate * estimator.tree_.value[:, 0, :1] for estimator in estimators]
    x = scope.cast(block.value, "float64")
    scale = magnitude(trees, rows)
    if _is_constant(fitted.init_):
        pairs = [
            (at % width, replace(tree, value=values[:, 0]))
            for at, (tree, values) in enumerate(zip(trees, rows, strict=True))
        ]
        base = _constant_start(fitted)
        raw = tree_sum(scope.graph, x, pairs, base, scope=scope.path)
        return raw, scale + float(np.abs(base).sum()), block.decided
    start, reach, decided = _start(scope, fitted, Table((block,), is_sparse=table.is_sparse))
    sums = [
        forest_sum(
            scope.graph,
            x,
            trees[at::width],
            rows[at::width],
            scope.op("Gather", start, np.array([at]), axis=1),
            scope=scope.path,
        )
        for at in range(width)
    ]
    raw = sums[0] if width == 1 else scope.op("Concat", *sums, axis=1)
    return raw, scale + reach if reach else 0.0, least_certain(block.decided, decided)


def _is_constant(first: Any) -> bool:
    """Whether the first model says the same of every row."""
    if isinstance(first, str):  # "zero"
        return True
    is_fixed = type(first) is DummyClassifier and first.strategy in CONSTANT_STRATEGIES
    return is_fixed or type(first) is DummyRegressor


def _constant_start(fitted: Any) -> NDArray[np.float64]:
    """Ask scikit-learn what it starts from, (k,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names of features, which a row of zeros has not
        row = np.zeros((1, fitted.n_features_in_), np.float32)
        start: NDArray[np.float64] = fitted._raw_predict_init(row)[0]  # noqa: SLF001  # no public way
    return start


def _start(scope: Scope, fitted: Any, table: Table) -> tuple[str, float, Decided]:
    """Convert the first model, which is given the input in float32, and put the link behind it.

    Returns
    -------
    tuple
        Value (n, k), a bound of its magnitude, 0 for an unknown one, and what decides its bits.
    """
    name = f"{type(fitted).__name__}(init={type(fitted.init_).__name__})"
    try:
        answers = scope.predict("init", fitted.init_, table)
    except ExportError as error:
        raise scope.error(
            f"{name}: init is given float32 by scikit-learn, and there {error.problem}; "
            "use init=None, init='zero' or a tree model"
        ) from error
    if "prediction" in answers:
        first = answers["prediction"]
        return scope.op("Unsqueeze", first.value, np.array([1])), first.scale, first.decided
    shares = answers.get("probabilities")
    if shares is None:
        raise scope.error(f"{name}: init is exported without probabilities; use init=None")
    value = scope.op("Clip", shares.value, np.array(_EPSILON), np.array(1 - _EPSILON))
    decided = least_certain("libm", shares.decided)
    if fitted.n_trees_per_iteration_ > 1:
        return _log_ratio(scope, value, len(fitted.classes_)), _MAX_LOGIT, decided
    second = _logit(scope, scope.op("Gather", value, np.array([1]), axis=1))
    if fitted.loss == "exponential":
        second = scope.op("Mul", np.array(0.5), second)
    return second, _MAX_LOGIT, decided


def _logit(scope: Scope, share: str) -> str:
    """Compute log(p / (1 - p)) as scipy does: by log1p where p is near a half."""
    ratio = scope.op("Div", share, scope.op("Sub", np.array(1.0), share))
    far = logarithm(scope.graph, ratio, scope=scope.path)
    double = scope.op("Mul", np.array(2.0), scope.op("Sub", share, np.array(0.5)))
    sides = [
        log1p(scope.graph, side, scope=scope.path) for side in (double, scope.op("Neg", double))
    ]
    is_low = scope.op("Less", share, np.array(0.3))
    is_far = scope.op("Or", is_low, scope.op("Greater", share, np.array(0.65)))
    return scope.op("Where", is_far, far, scope.op("Sub", *sides))


def _log_ratio(scope: Scope, shares: str, width: int) -> str:
    """Compute log(p / geometric mean of the row's p)."""
    logarithms = logarithm(scope.graph, shares, scope=scope.path)
    total = pairwise_sum(scope.graph, logarithms, width, scope=scope.path)
    mean = exponential(
        scope.graph, scope.op("Div", total, np.array(float(width))), scope=scope.path
    )
    return logarithm(scope.graph, scope.op("Div", shares, mean), scope=scope.path)
