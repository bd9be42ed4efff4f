"""Histogram gradient boosting: trees summed in the order in which they were grown."""

from collections.abc import Iterator
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
from preproc.export.converters.linear import with_complement
from preproc.export.converters.pandas_categories import widened
from preproc.export.converters.splits import CategoryTests, category_code, tested
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, least_certain, numbers, take
from preproc.graph import Tree, exponential, logistic, softmax, tree_sum

LOG_LINKS: Final = ("gamma", "poisson")
"""Losses of the regressor whose prediction is the exponential of the sum."""


def boosting_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label, probabilities and scores; two classes have one sum, more have one each."""
    classes = fitted.classes_
    if len(classes) < 2:  # noqa: PLR2004  # nothing to tell apart
        raise scope.error(
            "HistGradientBoostingClassifier trained on one class has no probabilities of its own; "
            "use DummyClassifier"
        )
    raw, scale, decided = _raw_sum(scope, fitted, table)
    rounded = least_certain("libm", decided)
    if len(classes) == 2:  # noqa: PLR2004  # binary
        scores = scope.op("Squeeze", raw, np.array([1]))
        above = scope.op("Greater", scores, np.array(0.0))
        index, names = scope.cast(above, "int64"), None
        shares = with_complement(scope, logistic(scope.graph, raw, scope=scope.path))
    else:
        scores, names = raw, class_names(classes)
        index = scope.op("ArgMax", raw, axis=1, keepdims=0)
        shares = softmax(scope.graph, raw, len(classes), scope=scope.path)
    return (
        label_answer(scope, index, classes, decided=decided),
        probabilities_answer(shares, classes, rounded),
        scores_answer(scores, decided, names=names, scale=scale),
    )


def boosting_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the sum, or its exponential where the loss is one of counts or of positive numbers."""
    raw, scale, decided = _raw_sum(scope, fitted, table)
    vector = scope.op("Squeeze", raw, np.array([1]))
    if fitted.loss not in LOG_LINKS:
        return (prediction_answer(vector, decided, scale=scale),)
    powers = exponential(scope.graph, vector, scope=scope.path)
    return (prediction_answer(powers, least_certain("libm", decided)),)


def boosting_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Collect the thresholds of numbers that the trees test, by feature of the input."""
    origin = _origins(fitted)
    found: dict[int, list[NDArray[np.float64]]] = {}
    for predictor in _predictors(fitted):
        nodes = predictor.nodes
        is_test = ~nodes["is_leaf"].astype(bool) & ~nodes["is_categorical"].astype(bool)
        for feature in np.unique(nodes["feature_idx"][is_test]).tolist():
            mine = is_test & (nodes["feature_idx"] == feature)
            found.setdefault(int(origin[feature]), []).append(nodes["num_threshold"][mine])
    return {feature: np.concatenate(parts) for feature, parts in found.items()}


def _predictors(fitted: Any) -> Iterator[Any]:
    """Give the trees in the order of their sum: class by class in each iteration."""
    for stage in fitted._predictors:  # noqa: SLF001  # no public way
        yield from stage


def _origins(fitted: Any) -> NDArray[np.int64]:
    """Feature of the trees → feature of the input: categorical ones stand first."""
    is_categorical = fitted.is_categorical_
    if is_categorical is None:
        return np.arange(fitted.n_features_in_)
    return np.concatenate([np.flatnonzero(is_categorical), np.flatnonzero(~is_categorical)])


def _raw_sum(scope: Scope, fitted: Any, table: Table) -> tuple[str, float, Decided]:
    """Compute the raw prediction, (n, k); tell the largest sum of magnitudes that it can hold."""
    block, counts = _preprocessed(scope, fitted, table)
    tests = CategoryTests()
    trees = [_tree(predictor, counts, tests) for predictor in _predictors(fitted)]
    codes = {
        feature: category_code(scope, block.value, feature, counts[feature], is_whole=True)
        for feature, _ in tests.numbers
    }
    x, trees = tests.emit(scope, (block.value, block.width), codes, trees)
    base = np.ravel(fitted._baseline_prediction).astype(np.float64)  # noqa: SLF001  # no public way
    targets = [at % len(base) for at in range(len(trees))]
    raw = tree_sum(scope.graph, x, list(zip(targets, trees, strict=True)), base, scope=scope.path)
    leaves = [float(np.abs(tree.value[tree.is_leaf]).max()) for tree in trees]
    return raw, float(np.abs(base).sum()) + sum(leaves), block.decided


def _preprocessed(scope: Scope, fitted: Any, table: Table) -> tuple[Block, dict[int, int]]:
    """Join the numbers, codes of categories first; tell how many codes each feature of codes has.

    Trees compare float64: float32 columns are widened, which is exact, integers are cast. An
    unknown category becomes NaN, and goes where missing ones go.
    """
    if fitted.is_categorical_ is None:
        return numbers(scope, widened(scope, table)), {}
    encoder = fitted._preprocessor.named_transformers_["encoder"]  # noqa: SLF001  # no public way
    at = np.flatnonzero(fitted.is_categorical_).tolist()
    rest = np.flatnonzero(~fitted.is_categorical_).tolist()
    codes = scope.convert("encoder", encoder, take(scope, table, at))
    blocks = codes.blocks
    if rest:
        blocks = (*blocks, *widened(scope, take(scope, table, rest)).blocks)
    counts = {feature: len(known) for feature, known in enumerate(encoder.categories_)}
    return numbers(scope, Table(blocks)), counts


def _tree(predictor: Any, counts: dict[int, int], tests: CategoryTests) -> Tree:
    """Take a tree apart; its tests of categories become placeholders."""
    nodes = predictor.nodes
    tree = Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        is_leaf=nodes["is_leaf"].astype(bool),
        value=nodes["value"].astype(np.float64),
    )
    at = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~tree.is_leaf)
    goes_right = {}
    for node in at.tolist():
        words = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
        is_left = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
        known = np.resize(is_left, counts[int(tree.feature[node])]).astype(bool)
        goes_right[node] = ~np.append(known, [tree.missing_left[node]] * 2)
    return tested(tree, at, tests, goes_right)
