"""XGBoost's saved models, and which of them are trees of constants under a known link."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope

Single = NDArray[np.float32]

LOGISTIC: Final = frozenset(["binary:logistic", "reg:logistic"])
EXPONENTIAL: Final = frozenset(["count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"])
_IDENTITY: Final = frozenset(
    [
        "rank:map",
        "rank:ndcg",
        "rank:pairwise",
        "reg:absoluteerror",
        "reg:pseudohubererror",
        "reg:quantileerror",
        "reg:squarederror",
        "reg:squaredlogerror",
    ]
)


@dataclass(frozen=True, slots=True)
class Model:
    """A saved model.

    Attributes
    ----------
    objective
        Its name.
    trees
        As saved, those that predict.
    groups
        For each tree, which sum it adds to.
    weights
        What each tree's leaf is multiplied by, where trees were dropped at training.
    base
        First summand of each sum.
    kinds
        Type of each feature, ``c`` for codes, or nothing.
    categories
        Feature → its categories, text or integers, where it was a category column.
    """

    objective: str
    trees: Sequence[Mapping[str, Any]]
    groups: Sequence[int]
    weights: Single | None
    base: Single
    kinds: Sequence[str]
    categories: Mapping[int, list[Any]]


def xgboost_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Collect the thresholds of numbers that the trees test, by feature."""
    found: dict[int, list[float]] = {}
    saved = _saved(fitted)["gradient_booster"]
    for tree in saved.get("gbtree", saved).get("model", {}).get("trees", ()):
        is_test = np.array(tree["left_children"]) >= 0
        is_test &= np.array(tree.get("split_type") or [0] * len(is_test)) == 0
        limits = np.array(tree["split_conditions"]).astype(np.float32)
        for feature, limit in zip(
            np.array(tree["split_indices"])[is_test].tolist(), limits[is_test].tolist(), strict=True
        ):
            found.setdefault(feature, []).append(limit)
    return {feature: np.unique(values) for feature, values in found.items()}


def _saved(fitted: Any) -> Mapping[str, Any]:
    saved: Mapping[str, Any] = json.loads(bytes(fitted.get_booster().save_raw("json")))["learner"]
    return saved


def read_model(scope: Scope, fitted: Any) -> Model:
    """Read a model, refusing what is more than trees of constants, or has a link not known."""
    saved, name = _saved(fitted), type(fitted).__name__
    booster, objective = saved["gradient_booster"], saved["objective"]["name"]
    weights = booster.get("weight_drop")
    booster = booster.get("gbtree", booster)
    if booster["name"] != "gbtree":
        raise scope.error(f"{name}(booster={booster['name']!r}): use 'gbtree' or 'dart'")
    if objective not in LOGISTIC | EXPONENTIAL | _IDENTITY | {"multi:softprob"}:
        raise scope.error(
            f"{name}(objective={objective!r}): its link has no known form; "
            "use 'reg:squarederror', 'binary:logistic' or 'multi:softprob'"
        )
    model = booster["model"]
    trees, groups = model["trees"], model["tree_info"]
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees):
        raise scope.error(f"{name}(multi_strategy='multi_output_tree'): use 'one_output_per_tree'")
    _, end = fitted._get_iteration_range(None)  # noqa: SLF001  # where early stopping stopped
    count = model["iteration_indptr"][end] if end else len(trees)
    parameters = saved["learner_model_param"]
    width = max(
        int(parameters["num_class"]), int(parameters["num_target"]), max(groups, default=0) + 1
    )
    scores = np.array(parameters["base_score"].strip("[]").split(","), np.float64)
    return Model(
        objective,
        trees[:count],
        groups[:count],
        None if weights is None else np.array(weights[:count], np.float32),
        np.resize(_margin(objective, scores.astype(np.float32)), width),
        saved["feature_types"],
        _categories(scope, name, model.get("cats", {})),
    )


def _margin(objective: str, score: Single) -> Single:
    """See the base score through the link, rounded as the C library rounds."""
    if objective in LOGISTIC:
        odds = np.float32(1) / score - np.float32(1)
        return -np.log(odds.astype(np.float64)).astype(np.float32)
    if objective in EXPONENTIAL:
        return np.log(score.astype(np.float64)).astype(np.float32)
    return score


def _categories(scope: Scope, name: str, saved: Mapping[str, Any]) -> dict[int, list[Any]]:
    """Give feature → categories of the category columns: integers, or text end to end.

    The library saves bytes but counts letters, so that it cuts words where one is no ASCII, and
    may then take one category for another.
    """
    found: dict[int, list[Any]] = {}
    for feature, entry in enumerate(saved.get("enc", ())):
        if "offsets" in entry:
            letters = np.array(entry["values"], np.int64)
            if (letters < 0).any():
                raise scope.error(
                    f"{name} cuts the names of categories that are no ASCII; rename the "
                    f"categories of feature {feature}"
                )
            text = letters.astype(np.uint8).tobytes().decode()
            words: list[Any] = [text[start:end] for start, end in pairwise(entry["offsets"])]
        else:
            words = list(entry["values"])
        if words:
            found[feature] = words
    return found


def sets_of(tree: Mapping[str, Any]) -> dict[int, NDArray[np.int64]]:
    """Node → codes that go right, of each test of codes."""
    codes = np.array(tree.get("categories", ()), np.int64)
    return {
        node: codes[start : start + size]
        for node, start, size in zip(
            tree.get("categories_nodes", ()),
            tree.get("categories_segments", ()),
            tree.get("categories_sizes", ()),
            strict=True,
        )
    }
