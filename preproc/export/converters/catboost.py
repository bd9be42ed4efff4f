"""CatBoost: float32 features against float32 borders, leaves added in float64, then scale and bias.

Categorical features are refused: the library compares 32-bit hashes of words, or statistics of
them, and a model keeps no word. An encoder in front of it gives numbers, which are exact.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.converters.linear import with_complement
from preproc.export.converters.pandas_categories import widened
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain, numbers
from preproc.graph import Tree, exponential, forest_sum, logistic, ordered_sum, softmax, tree_sum

_EXPONENTIAL: Final = frozenset(["Poisson", "Tweedie"])
_IDENTITY: Final = frozenset(
    [
        "Expectile",
        "Huber",
        "LogCosh",
        "LogLinQuantile",
        "Lq",
        "MAE",
        "MAPE",
        "MultiRMSE",
        "Quantile",
        "RMSE",
    ]
)
_BINARY: Final = frozenset(["CrossEntropy", "Logloss"])


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree and the numbers of its nodes, float64 (nodes, outputs); only leaves have some."""

    tree: Tree
    rows: NDArray[np.float64]


def catboost_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities; the label follows the sums, which are exact."""
    loss, classes = _loss(fitted), np.asarray(fitted.classes_)
    if loss not in _BINARY | {"MultiClass", "MultiClassOneVsAll"} or len(classes) < 2:  # noqa: PLR2004  # nothing to tell apart
        raise scope.error(
            f"CatBoostClassifier(loss_function={loss!r}) with {len(classes)} classes has no "
            "probabilities of a known form; use 'Logloss' or 'MultiClass' on one target"
        )
    if fitted.get_probability_threshold() not in (None, 0.5):
        raise scope.error(
            "CatBoostClassifier with a probability threshold of its own is not exported; "
            "use FixedThresholdClassifier"
        )
    raw, decided = _sums(scope, fitted, table)
    if loss in _BINARY:
        above = scope.op("Squeeze", scope.op("Greater", raw, np.array(0.0)), np.array([1]))
        index = scope.cast(above, "int64")
        shares = with_complement(scope, logistic(scope.graph, raw, scope=scope.path))
    else:
        index = scope.op("ArgMax", raw, axis=1, keepdims=0)
        shares = (
            softmax(scope.graph, raw, len(classes), scope=scope.path, add=ordered_sum)
            if loss == "MultiClass"
            else logistic(scope.graph, raw, scope=scope.path)
        )
    rounded = least_certain("libm", decided)
    return (
        label_answer(scope, index, classes, decided=decided),
        probabilities_answer(shares, classes, rounded),
    )


def catboost_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction, of one target or several, through the link of the loss."""
    loss = _loss(fitted)
    if loss not in _EXPONENTIAL | _IDENTITY:
        raise scope.error(
            f"CatBoostRegressor(loss_function={loss!r}): its link has no known form; "
            "use 'RMSE', 'MAE', 'Quantile' or 'Poisson'"
        )
    value, decided = _sums(scope, fitted, table)
    width = len(_bias(_saved(fitted)))
    if loss in _EXPONENTIAL:
        value = exponential(scope.graph, value, scope=scope.path)
        decided = least_certain("libm", decided)
    if width > 1:
        return (prediction_answer(value, decided, width=width),)
    return (prediction_answer(scope.op("Squeeze", value, np.array([1])), decided),)


def catboost_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Give the borders of the features, by position in the input."""
    features = _saved(fitted)["features_info"].get("float_features", ())
    return {
        feature["flat_feature_index"]: np.array(feature["borders"], np.float64)
        for feature in features
        if feature["borders"]
    }


def _loss(fitted: Any) -> str:
    loss: str = fitted.get_all_params()["loss_function"]
    return loss.partition(":")[0]


def _saved(fitted: Any) -> Mapping[str, Any]:
    """Read the model as the library saves it, which it does to files alone."""
    with tempfile.TemporaryDirectory(prefix="preproc-") as folder:
        path = Path(folder) / "model.json"
        fitted.save_model(str(path), format="json")
        saved: Mapping[str, Any] = json.loads(path.read_text())
    return saved


def _checked(scope: Scope, fitted: Any) -> Mapping[str, Any]:
    """Read the model; its form as text has no infinity, which a border may be."""
    from catboost import CatBoostError  # noqa: PLC0415  # only where a model of it is

    try:
        return _saved(fitted)
    except CatBoostError as error:
        raise scope.error(
            f"{type(fitted).__name__} cannot be saved as text ({error}); train it on numbers that "
            "float32 holds"
        ) from error


def _bias(saved: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.atleast_1d(np.array(saved["scale_and_bias"][1], np.float64))


def _sums(scope: Scope, fitted: Any, table: Table) -> tuple[str, Decided]:
    """Add leaves up from 0, float64 (n, outputs), then multiply by the scale and add the bias."""
    name = type(fitted).__name__
    saved = _checked(scope, fitted)
    info = saved["features_info"]
    for kind in ("categorical_features", "text_features", "embedding_features", "ctrs"):
        if info.get(kind):
            raise scope.error(
                f"{name} with {kind.replace('_', ' ')}: it compares hashes or statistics of words "
                "that the model does not keep; put OrdinalEncoder or TargetEncoder in front of it"
            )
    block = numbers(scope, widened(scope, table))
    x = scope.cast(scope.cast(block.value, "float32"), "float64")
    bias = _bias(saved)
    features = info.get("float_features", ())
    if "trees" in saved:
        grown = [_branched(tree, features, len(bias)) for tree in saved["trees"]]
    else:
        grown = [_oblivious(tree, features, len(bias)) for tree in saved["oblivious_trees"]]
    if not grown:
        raise scope.error(f"{name} holds no tree; train it with iterations of at least 1")
    raw = _added(scope, x, grown, len(bias))
    scale = float(saved["scale_and_bias"][0])
    raw = raw if scale == 1.0 else scope.op("Mul", raw, np.array(scale))
    return scope.op("Add", raw, bias.reshape(1, -1)), block.decided


def _added(scope: Scope, x: str, grown: Sequence[Grown], width: int) -> str:
    if width > 1:
        trees, rows = [one.tree for one in grown], [one.rows for one in grown]
        return forest_sum(scope.graph, x, trees, rows, scope=scope.path)
    pairs = [(0, one.tree) for one in grown]
    return tree_sum(scope.graph, x, pairs, np.zeros(1), scope=scope.path)


def _test(
    split: Mapping[str, Any], features: Sequence[Mapping[str, Any]]
) -> tuple[int, float, bool]:
    """Give column, border and whether NaN stays below it: a number above the border goes right."""
    feature = features[split["float_feature_index"]]
    is_low = feature["nan_value_treatment"] != "AsTrue"
    return feature["flat_feature_index"], float(np.float32(split["border"])), is_low


def _oblivious(
    saved: Mapping[str, Any], features: Sequence[Mapping[str, Any]], width: int
) -> Grown:
    """Lay out a tree of which each level makes one test; the last test is the root's.

    A leaf's number has the outcome of test i as its bit i.
    """
    tests = [_test(split, features) for split in saved.get("splits") or ()][::-1]
    inner, leaves = 2 ** len(tests) - 1, 2 ** len(tests)
    level = np.floor(np.log2(np.arange(1, inner + 1))).astype(np.int64)
    column, border, is_low = (
        np.array([test[part] for test in tests] or [0])[level] for part in range(3)
    )
    at = np.arange(inner)
    filler = np.zeros(leaves, np.int64)
    rows = np.zeros((inner + leaves, width))
    rows[inner:] = np.array(saved["leaf_values"], np.float64).reshape(leaves, width)
    tree = Tree(
        feature=np.concatenate([column, filler]).astype(np.int64),
        threshold=np.concatenate([border, filler]).astype(np.float64),
        left=np.concatenate([2 * at + 1, filler]),
        right=np.concatenate([2 * at + 2, filler]),
        missing_left=np.concatenate([is_low, filler]).astype(bool),
        is_leaf=np.arange(inner + leaves) >= inner,
        value=rows[:, 0],
    )
    return Grown(tree, rows)


def _branched(saved: Mapping[str, Any], features: Sequence[Mapping[str, Any]], width: int) -> Grown:
    """Lay out a tree of which each node makes its own test."""
    nodes: list[tuple[int, float, int, int, bool, bool, NDArray[np.float64]]] = []
    none = np.zeros(width)

    def place(node: Mapping[str, Any]) -> int:
        at = len(nodes)
        if "split" not in node:
            value = np.array(node["value"], np.float64).reshape(width)
            nodes.append((0, 0.0, 0, 0, False, True, value))
            return at
        column, border, is_low = _test(node["split"], features)
        nodes.append((column, border, 0, 0, is_low, False, none))
        left = place(node["left"])
        right = place(node["right"])
        nodes[at] = (column, border, left, right, is_low, False, none)
        return at

    place(saved)
    column, border, left, right, is_low, is_leaf, rows = zip(*nodes, strict=True)
    numbers_of = np.array(rows)
    tree = Tree(
        feature=np.array(column, np.int64),
        threshold=np.array(border, np.float64),
        left=np.array(left, np.int64),
        right=np.array(right, np.int64),
        missing_left=np.array(is_low, bool),
        is_leaf=np.array(is_leaf, bool),
        value=numbers_of[:, 0],
    )
    return Grown(tree, numbers_of)
