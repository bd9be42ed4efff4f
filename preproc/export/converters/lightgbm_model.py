"""LightGBM's saved models: a text of lines, numbers in 17 digits, so that none is rounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CATEGORICAL: Final = 1
DEFAULT_LEFT: Final = 2
"""Bits of the type of a decision; those above them tell what is missing."""


@dataclass(frozen=True, slots=True)
class Model:
    """A saved model.

    Attributes
    ----------
    head
        Key → value of the lines before the trees; a key without a value is ``""``.
    trees
        The same of each tree.
    """

    head: Mapping[str, str]
    trees: Sequence[Mapping[str, str]]

    @property
    def objective(self) -> list[str]:
        """Name and parameters of the objective, at least the name, which may be empty."""
        return self.head.get("objective", "").split(" ")

    def parameter(self, name: str) -> float:
        """Give a parameter of the objective, 1 where there is none."""
        found = [part.partition(":")[2] for part in self.objective if part.startswith(f"{name}:")]
        return float(found[0]) if found else 1.0


def lightgbm_edges(fitted: Any) -> dict[int, NDArray[np.float64]]:
    """Collect the thresholds of numbers that the trees test, by feature."""
    found: dict[int, list[float]] = {}
    for tree in read_model(fitted).trees:
        if int(tree["num_leaves"]) > 1:
            kinds = integers(tree["decision_type"])
            for feature, threshold, kind in zip(
                integers(tree["split_feature"]), floats(tree["threshold"]), kinds, strict=True
            ):
                if not kind & CATEGORICAL:
                    found.setdefault(int(feature), []).append(float(threshold))
    return {feature: np.unique(values) for feature, values in found.items()}


def read_model(fitted: Any) -> Model:
    """Take the saved text apart; it holds the iterations by which the model predicts."""
    text = fitted.booster_.model_to_string()
    head, *trees = text.partition("\nend of trees")[0].split("\nTree=")
    return Model(_lines(head), [_lines(tree) for tree in trees])


def _lines(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in pairs}


def sets_of(saved: Mapping[str, str]) -> dict[int, tuple[int, NDArray[np.uint32]]]:
    """Node → feature, and bits of the codes that go left, of each test of codes in a tree."""
    if not int(saved.get("num_cat", "0")):
        return {}
    kinds, features = integers(saved["decision_type"]), integers(saved["split_feature"])
    place = floats(saved["threshold"]).astype(np.int64)
    starts = integers(saved["cat_boundaries"])
    words = np.array(saved["cat_threshold"].split(" "), np.uint32)
    return {
        node: (int(features[node]), words[starts[place[node]] : starts[place[node] + 1]])
        for node in np.flatnonzero(kinds & CATEGORICAL).tolist()
    }


def integers(text: str) -> NDArray[np.int64]:
    """Read a list of whole numbers."""
    return np.array(text.split(" "), np.int64)


def floats(text: str) -> NDArray[np.float64]:
    """Read a list of numbers."""
    return np.array(text.split(" "), np.float64)
