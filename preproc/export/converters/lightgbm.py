"""LightGBM: float64 thresholds and sums, read from the text in which the library saves a model.

The text holds every number in 17 digits, so none is rounded. What the library does to a row before
the trees see it is done here by columns: numbers of magnitude up to 1e-35 are zeros, and a feature
that learned no NaN, or that takes zero for missing, has one or the other replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    prediction_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.lightgbm_model import (
    DEFAULT_LEFT,
    Model,
    floats,
    integers,
    read_model,
    sets_of,
)
from preproc.export.converters.linear import with_complement
from preproc.export.converters.pandas_categories import coded, single_integers_refused
from preproc.export.converters.splits import CategoryTests, category_code, tested
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, least_certain
from preproc.graph import Tree, exponential, log1p, logistic, ordered_sum, softmax, tree_sum

ZERO: Final = float(np.float32(1e-35))
"""Magnitude up to which a number is a zero to the library."""
_NO_MISSING, _ZERO_MISSING, _NAN_MISSING, _CODES = 0, 1, 2, 3

_EXPONENTIAL: Final = frozenset(["poisson", "gamma", "tweedie"])
_IDENTITY: Final = frozenset(
    [
        "",
        "fair",
        "huber",
        "lambdarank",
        "mape",
        "quantile",
        "rank_xendcg",
        "regression",
        "regression_l1",
    ]
)


def lightgbm_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and, where the class knows them, scores.

    The label is the largest probability, after rounding; the first of equal ones.
    """
    model = _model(scope, fitted)
    classes, name = np.asarray(fitted.classes_), model.objective[0]
    if name not in ("binary", "multiclass", "multiclassova", "cross_entropy") or len(classes) < 2:  # noqa: PLR2004  # nothing to tell apart
        raise scope.error(
            f"LGBMClassifier(objective={name or fitted.objective!r}) with {len(classes)} classes "
            "has no probabilities of a known form; use 'binary', 'multiclass' or 'multiclassova'"
        )
    raw, scale, decided = _raw_sum(scope, model, fitted, table)
    mean = _mean(scope, model, raw)
    is_binary = int(model.head["num_tree_per_iteration"]) == 1
    if name == "multiclass":
        shares = softmax(scope.graph, mean, len(classes), scope=scope.path, add=ordered_sum)
    else:
        slope = 1.0 if name == "cross_entropy" else model.parameter("sigmoid")
        steep = scope.op("Mul", mean, np.array(slope))
        shares = logistic(scope.graph, steep, scope=scope.path)
        shares = with_complement(scope, shares) if is_binary else shares
    rounded = least_certain("libm", decided)
    index = scope.op("ArgMax", shares, axis=1, keepdims=0)
    answers = [
        label_answer(scope, index, classes, decided=rounded),
        probabilities_answer(shares, classes, rounded),
    ]
    if hasattr(fitted, "decision_function"):
        scores = scope.op("Squeeze", raw, np.array([1])) if is_binary else raw
        names = None if is_binary else class_names(classes)
        answers.append(scores_answer(scores, decided, names=names, scale=scale))
    return tuple(answers)


def lightgbm_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of a regressor or a ranker, through the link of its objective."""
    model = _model(scope, fitted)
    raw, scale, decided = _raw_sum(scope, model, fitted, table)
    mean = scope.op("Squeeze", _mean(scope, model, raw), np.array([1]))
    name = model.objective[0]
    if name in _IDENTITY:
        if "sqrt" in model.objective:
            signed = scope.op("Mul", scope.op("Sign", mean), mean)
            mean, scale = scope.op("Mul", signed, mean), 0.0
        return (prediction_answer(mean, decided, scale=scale),)
    rounded = least_certain("libm", decided)
    if name in _EXPONENTIAL:
        value = exponential(scope.graph, mean, scope=scope.path)
    elif name == "cross_entropy":
        value = logistic(scope.graph, mean, scope=scope.path)
    elif name == "cross_entropy_lambda":
        powers = exponential(scope.graph, mean, scope=scope.path)
        value = log1p(scope.graph, powers, scope=scope.path)
    else:
        raise scope.error(
            f"{type(fitted).__name__}(objective={name!r}): its link has no known form; "
            "use 'regression', 'poisson' or 'cross_entropy'"
        )
    return (prediction_answer(value, rounded),)


def _model(scope: Scope, fitted: Any) -> Model:
    """Read a model, refusing what is more than trees of constants."""
    model = read_model(fitted)
    name = type(fitted).__name__
    if any(int(tree.get("is_linear", "0")) for tree in model.trees):
        raise scope.error(f"{name}(linear_tree=True): its leaves hold sums; use linear_tree=False")
    if not model.trees:
        raise scope.error(f"{name} holds no tree; train it with n_estimators of at least 1")
    given = {**fitted.get_params(), **(getattr(fitted.booster_, "params", None) or {})}
    odd = ("pred_early_stop", "start_iteration_predict", "num_iteration_predict")
    for key in odd:
        if given.get(key):
            raise scope.error(
                f"{name}({key}={given[key]!r}) predicts by a part of its trees; unset it"
            )
    return model


def _raw_sum(scope: Scope, model: Model, fitted: Any, table: Table) -> tuple[str, float, Decided]:
    """Add the leaves up tree by tree from 0, (n, k); tell the largest sum of magnitudes."""
    block = _numbers(scope, model, fitted, table)
    columns = _Columns({})
    tests = CategoryTests()
    counts = _counts(model)
    trees = [_tree(saved, columns, counts, tests) for saved in model.trees]
    value = columns.emit(scope, block.value)
    codes = {
        column: category_code(scope, value, column, counts[feature], is_whole=False)
        for (feature, kind), column in columns.found.items()
        if kind == _CODES
    }
    x, trees = tests.emit(scope, (value, max(1, len(columns.found))), codes, trees)
    width = int(model.head["num_tree_per_iteration"])
    pairs = [(at % width, tree) for at, tree in enumerate(trees)]
    raw = tree_sum(scope.graph, x, pairs, np.zeros(width), scope=scope.path)
    largest = [float(np.abs(tree.value[tree.is_leaf]).max()) for tree in trees]
    return raw, sum(largest), block.decided


def _mean(scope: Scope, model: Model, raw: str) -> str:
    """Divide by the number of iterations where the model is a forest."""
    if "average_output" not in model.head:
        return raw
    iterations = len(model.trees) // int(model.head["num_tree_per_iteration"])
    return scope.op("Div", raw, np.array(float(iterations)))


def _numbers(scope: Scope, model: Model, fitted: Any, table: Table) -> Block:
    """Join the features as float64; small numbers become zeros."""
    infos = model.head["feature_infos"].split(" ")
    is_code = [":" in info and not info.startswith("[") for info in infos]
    known = fitted.booster_.pandas_categorical or []
    block = single_integers_refused(scope, coded(scope, table, known, is_code))
    small = scope.op("LessOrEqual", scope.op("Abs", block.value), np.array(ZERO))
    return replace(block, value=scope.op("Where", small, np.array(0.0), block.value))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns that the trees test: a feature and what it takes for missing → position."""

    found: dict[tuple[int, int], int]

    def place(self, feature: int, kind: int) -> int:
        return self.found.setdefault((feature, kind), len(self.found))

    def emit(self, scope: Scope, value: str) -> str:
        """Lay the columns out, (n, columns), NaN where a value is missing and only there."""
        pairs = list(self.found) or [(0, _NAN_MISSING)]
        x = scope.op("Gather", value, np.array([feature for feature, _ in pairs]), axis=1)
        for kind, put in ((_NO_MISSING, 0.0), (_ZERO_MISSING, np.nan)):
            mine = np.array([[own == kind for _, own in pairs]])
            if mine.any():
                gone = scope.op("IsNaN", x)
                if kind == _ZERO_MISSING:
                    gone = scope.op("Or", gone, scope.op("Equal", x, np.array(0.0)))
                x = scope.op("Where", scope.op("And", gone, mine), np.array(put), x)
        return x


def _counts(model: Model) -> dict[int, int]:
    """Feature → number of codes from 0 that any of its tests tells of."""
    counts: dict[int, int] = {}
    for saved in model.trees:
        for feature, words in sets_of(saved).values():
            counts[feature] = max(counts.get(feature, 0), 32 * len(words))
    return counts


def _tree(
    saved: Mapping[str, str], columns: _Columns, counts: Mapping[int, int], tests: CategoryTests
) -> Tree:
    """Lay a tree out: inner nodes, then leaves; NaN and other codes go right in tests of codes."""
    leaves = floats(saved["leaf_value"])
    inner = len(leaves) - 1
    zeros, filler = np.zeros(len(leaves) + inner, np.int64), np.zeros(len(leaves))
    is_leaf = np.arange(len(zeros)) >= inner
    value = np.concatenate([np.zeros(inner), leaves])
    if not inner:
        return Tree(zeros, filler, zeros, zeros, ~is_leaf, is_leaf, value)
    kinds = integers(saved["decision_type"])
    sets = sets_of(saved)
    feature, left, right, missing_left = (zeros.copy() for _ in range(4))
    for node, (tested_feature, kind) in enumerate(
        zip(integers(saved["split_feature"]).tolist(), kinds.tolist(), strict=True)
    ):
        missing = _CODES if node in sets else kind >> 2
        feature[node] = columns.place(tested_feature, missing)
    for side, name in ((left, "left_child"), (right, "right_child")):
        child = integers(saved[name])
        side[:inner] = np.where(child < 0, inner - 1 - child, child)
    missing_left[:inner] = kinds & DEFAULT_LEFT
    threshold = np.concatenate([floats(saved["threshold"]), filler])
    tree = Tree(feature, threshold, left, right, missing_left.astype(bool), is_leaf, value)
    goes_right = {node: _goes_right(words, counts[known]) for node, (known, words) in sets.items()}
    return tested(tree, np.array(list(sets), np.int64), tests, goes_right)


def _goes_right(words: NDArray[np.uint32], count: int) -> NDArray[np.bool_]:
    is_left = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(bool)
    return ~np.concatenate([is_left, np.zeros(count + 2 - len(is_left), bool)])
