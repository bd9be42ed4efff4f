"""XGBoost: everything in float32, as the library computes it, read from its saved model.

Inputs are rounded to float32 and compared by ``<``, which is ``<=`` with the next float32 below.
Leaves are added in float32, tree by tree, to the base score seen through the objective's link.
The C library's float32 functions are rounded correctly almost always, so that the exponential is
computed in float64 and rounded once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from preproc.export.answers import (
    Answer,
    label_answer,
    prediction_answer,
    probabilities_answer,
)
from preproc.export.converters.pandas_categories import positions, widened
from preproc.export.converters.splits import CategoryTests, category_code, tested
from preproc.export.converters.xgboost_model import (
    EXPONENTIAL,
    LOGISTIC,
    Model,
    read_model,
    sets_of,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, least_certain, numbers, take
from preproc.graph import Tree, exponential, ordered_sum, tree_sum

_STORES_NO_ZERO: Final = frozenset(
    [
        "ColumnTransformer",
        "FeatureUnion",
        "KBinsDiscretizer",
        "OneHotEncoder",
        "Pipeline",
        "RandomTreesEmbedding",
    ]
)
"""Steps whose sparse result stores no zero."""
_HIGHEST: Final = np.float32(88.7)
"""Where the library cuts the exponent of its logistic function off."""


def xgboost_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities, rounded to float32; the label follows the probabilities."""
    model = read_model(scope, fitted)
    classes = np.arange(fitted.n_classes_)
    sums, decided = _sums(scope, model, fitted, table)
    is_binary = model.objective in LOGISTIC and len(model.base) == 1
    if not is_binary and model.objective != "multi:softprob":
        raise scope.error(
            f"{type(fitted).__name__}(objective={model.objective!r}) with {len(model.base)} "
            "outputs has no probabilities of a known form; use 'binary:logistic' or "
            "'multi:softprob' on one target"
        )
    rounded = least_certain("libm", decided)
    if is_binary:
        share = _logistic(scope, sums)
        index = scope.op("Squeeze", scope.op("Greater", share, np.float32(0.5)), np.array([1]))
        index = scope.cast(index, "int64")
        complement = scope.op("Sub", np.float32(1), share)
        shares = scope.op("Concat", complement, share, axis=1)
    else:
        shares = _softmax(scope, sums, len(classes))
        index = scope.op("ArgMax", shares, axis=1, keepdims=0)
    return (
        label_answer(scope, index, classes, decided=rounded),
        probabilities_answer(shares, classes, rounded, dtype="float32"),
    )


def xgboost_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of a regressor or a ranker, float32, of one target or several."""
    model = read_model(scope, fitted)
    value, decided = _sums(scope, model, fitted, table)
    if model.objective in LOGISTIC:
        value, decided = _logistic(scope, value), least_certain("libm", decided)
    elif model.objective in EXPONENTIAL:
        value, decided = _exponential(scope, value), least_certain("libm", decided)
    width = None if len(model.base) == 1 else len(model.base)
    if width is None:
        value = scope.op("Squeeze", value, np.array([1]))
    return (prediction_answer(value, decided, width=width, dtype="float32"),)


def _sums(scope: Scope, model: Model, fitted: Any, table: Table) -> tuple[str, Decided]:
    """Add leaves to the base, float32 (n, groups)."""
    block = _numbers(scope, model, fitted, table)
    tests, counts = CategoryTests(), _counts(model)
    trees = [_tree(model, at, counts, tests) for at in range(len(model.trees))]
    codes = {
        feature: category_code(
            scope, block.value, feature, counts[feature], is_whole=True, dtype="float32"
        )
        for feature, _ in tests.numbers
    }
    x, trees = tests.emit(scope, (block.value, block.width), codes, trees, "float32")
    pairs = list(zip(model.groups, trees, strict=True))
    base = model.base.astype(np.float64)
    sums = tree_sum(scope.graph, x, pairs, base, scope=scope.path, dtype="float32")
    return sums, block.decided


def _numbers(scope: Scope, model: Model, fitted: Any, table: Table) -> Block:
    """Join the features as float32, NaN where a value is missing; categories by position."""
    blocks: list[Block] = []
    if model.categories:
        for at in range(len(table.features)):
            part = take(scope, table, [at])
            if at in model.categories:
                blocks.append(_seen(scope, part, model.categories[at], type(fitted).__name__))
            else:
                blocks += part.blocks
    joined = numbers(scope, widened(scope, Table(tuple(blocks)) if blocks else table))
    value = scope.cast(joined.value, "float32")
    if table.is_sparse:
        _check_storing(scope, type(fitted).__name__)
        is_absent = scope.op("Equal", joined.value, np.array(0.0))
        value = scope.op("Where", is_absent, np.float32(np.nan), value)
    if not np.isnan(fitted.missing):
        is_missing = scope.op("Equal", value, np.float32(fitted.missing))
        value = scope.op("Where", is_missing, np.float32(np.nan), value)
    return Block(value, "float32", joined.features, joined.decided)


def _check_storing(scope: Scope, name: str) -> None:
    """Refuse sparse features that may store zeros: what is not stored is missing to the library."""
    for step in scope.steps:
        if step.given is None or not step.given.is_sparse:
            continue
        kind = type(step.fitted).__name__
        if kind not in _STORES_NO_ZERO or getattr(step.fitted, "transformer_weights", None):
            raise scope.error(
                f"{name} on sparse features of {kind}: it takes zeros that are not stored for "
                "missing ones, and a graph cannot tell which are; make the features dense"
            )


def _seen(scope: Scope, table: Table, words: Sequence[Any], name: str) -> Block:
    """Give categories their numbers; nulls are missing, rows with other words are refused.

    The library itself refuses a word behind all categories, and takes any other word that it did
    not see for the category behind it: no answer to that is worth repeating.
    """
    unseen = -1.0
    block = positions(scope, table, words, unseen=unseen)
    broken = scope.op("Equal", block.value, np.array(unseen))
    columns = [feature.column for feature in block.features]
    scope.refuse(
        broken,
        columns,
        f"expected a category of training: {name} takes another one for an unseen one",
        origin="contract",
    )
    return block


def _counts(model: Model) -> dict[int, int]:
    """Feature → number of codes from 0 that any of its tests tells of."""
    counts: dict[int, int] = {}
    for tree in model.trees:
        for node, known in sets_of(tree).items():
            feature = tree["split_indices"][node]
            counts[feature] = max(counts.get(feature, 0), int(known.max(initial=-1)) + 1)
    return counts


def _tree(model: Model, at: int, counts: Mapping[int, int], tests: CategoryTests) -> Tree:
    """Lay a tree out; codes that its tests do not name go left, NaN where the node says."""
    saved = model.trees[at]
    limits = np.array(saved["split_conditions"]).astype(np.float32)
    left = np.array(saved["left_children"], np.int64)
    is_leaf = left < 0
    value = limits
    if model.weights is not None:
        # The library adds the base to one tree's leaf, takes it away again, and multiplies.
        base = model.base[model.groups[at]]
        value = ((limits + base) - base) * model.weights[at]
    tree = Tree(
        feature=np.array(saved["split_indices"], np.int64),
        threshold=np.nextafter(limits, np.float32(-np.inf)).astype(np.float64),
        left=np.where(is_leaf, 0, left),
        right=np.where(is_leaf, 0, np.array(saved["right_children"], np.int64)),
        missing_left=np.array(saved["default_left"], bool) & ~is_leaf,
        is_leaf=is_leaf,
        value=np.where(is_leaf, value, np.float32(0)).astype(np.float64),
    )
    goes_right = {}
    for node, codes in sets_of(saved).items():
        goes = np.zeros(counts[int(tree.feature[node])] + 2, bool)
        goes[codes] = True
        goes[-1] = not tree.missing_left[node]
        goes_right[node] = goes
    return tested(tree, np.array(list(goes_right), np.int64), tests, goes_right)


def _exponential(scope: Scope, x: str) -> str:
    powers = exponential(scope.graph, scope.cast(x, "float64"), scope=scope.path)
    return scope.cast(powers, "float32")


def _logistic(scope: Scope, x: str) -> str:
    """Compute 1 / (1 + e^-x) in float32."""
    negative = scope.op("Min", scope.op("Neg", x), _HIGHEST)
    grown = scope.op("Add", np.float32(1), _exponential(scope, negative))
    return scope.op("Div", np.float32(1), grown)


def _softmax(scope: Scope, x: str, width: int) -> str:
    """Turn scores into shares: float32 exponentials, their sum in float64, rounded once."""
    largest = scope.op("ReduceMax", x, np.array([1]), keepdims=1)
    powers = _exponential(scope, scope.op("Sub", x, largest))
    total = ordered_sum(scope.graph, scope.cast(powers, "float64"), width, scope=scope.path)
    return scope.op("Div", powers, scope.cast(total, "float32"))
