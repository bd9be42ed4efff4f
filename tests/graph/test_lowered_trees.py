"""Leaves that the device half reaches, against scikit-learn's own, on rows that stand on edges."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from preproc.export.conversion import Graph, convert
from preproc.graph import Halves, lower
from tests.graph.lowering import fed, lowered, people, run

MAX_FLOAT32: Final = float(np.finfo(np.float32).max)
FOREST: Final = RandomForestClassifier(20, random_state=0)
MODELS: Final[dict[str, Any]] = {
    "forest, NaN": FOREST,
    "extra trees, NaN": ExtraTreesClassifier(20, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=25, random_state=0),
    "histograms, NaN": HistGradientBoostingRegressor(max_iter=25, random_state=0),
    "histograms, categories": HistGradientBoostingClassifier(
        max_iter=25, categorical_features=[0], random_state=0
    ),
}


def _training(name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(400, 5)) * np.array([1, 1e-3, 1e4, 1, 1]) + np.array([0, 0, 1e6, 0, 0])
    x[:, 0] = draw.integers(0, 9, 400)
    y = ((x[:, 0] % 3 + x[:, 3] + draw.normal(size=400)) > 1).astype(np.int64)
    if name != "boosting":
        x[draw.random(x.shape) < 0.1] = np.nan
    return x, y


def _fitted(name: str) -> tuple[Any, Graph]:
    x, y = _training(name)
    fitted = MODELS[name].fit(x, y)
    return fitted, convert(fitted, x)


def _on_edges(name: str, fitted: Any) -> NDArray[np.float64]:
    """Rows with thresholds, their neighbours in both precisions, extremes and NaN in them."""
    draw = np.random.default_rng(2)
    x, _ = _training(name)
    rows = x[draw.integers(0, len(x), 800)]
    for feature, threshold in _thresholds(fitted):
        near = np.float64(np.float32(threshold))
        edges = [threshold, near, *np.nextafter(threshold, [-np.inf, np.inf])]
        edges += np.nextafter(np.float32(near), np.array([-np.inf, np.inf], np.float32)).tolist()
        edges = [edge for edge in edges if abs(edge) < MAX_FLOAT32]
        edges += [np.nan] if name != "boosting" else []
        at = draw.integers(0, len(rows), len(edges))
        rows[at, feature] = edges
    return rows


def _thresholds(fitted: Any) -> list[tuple[int, float]]:
    found = []
    if hasattr(fitted, "_predictors"):
        for stage in fitted._predictors:
            for tree in stage:
                tests = tree.nodes[
                    (tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)
                ]
                found += list(zip(tests["feature_idx"], tests["num_threshold"], strict=True))
    else:
        for estimator in np.ravel(fitted.estimators_):
            inner = estimator.tree_.children_left >= 0
            pairs = (estimator.tree_.feature[inner], estimator.tree_.threshold[inner])
            found += list(zip(*pairs, strict=True))
    return found


def _leaves_of(fitted: Any, x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which leaf each tree's row reaches, counted among the tree's leaves, (n, trees)."""
    if hasattr(fitted, "_predictors"):
        return np.stack(
            [_walked(fitted, tree[0].nodes, tree[0], x) for tree in fitted._predictors], 1
        )
    reached = fitted.apply(x).reshape(len(x), -1).astype(np.int64)
    numbers = [np.cumsum(e.tree_.children_left < 0) - 1 for e in np.ravel(fitted.estimators_)]
    return np.stack([number[reached[:, at]] for at, number in enumerate(numbers)], 1)


def _walked(fitted: Any, nodes: Any, tree: Any, x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Walk one tree of histograms, row by row, as its own source describes it."""
    number = np.cumsum(nodes["is_leaf"] != 0) - 1
    encoder = fitted._preprocessor and fitted._preprocessor.named_transformers_["encoder"]
    known = encoder.categories_[0].tolist() if encoder else []
    found = []
    for row in x:
        at = 0
        while not nodes["is_leaf"][at]:
            node = nodes[at]
            value = row[node["feature_idx"]]
            if node["is_categorical"] and value in known:
                code = known.index(value)
                words = tree.raw_left_cat_bitsets[node["bitset_idx"]]
                is_left = bool(words[code // 32] >> (code % 32) & 1)
            elif node["is_categorical"] or np.isnan(value):
                is_left = bool(node["missing_go_to_left"])
            else:
                is_left = bool(value <= node["num_threshold"])
            at = node["left" if is_left else "right"]
        found.append(number[at])
    return np.array(found)


def _reached(halves: Halves, graph: Graph, x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Leaves that the device half reaches, counted among those of each tree, (n, trees)."""
    (leaves,) = halves.leaves
    nodes = run(halves, {graph.signature.columns[0].name: x}, leaves.nodes)[leaves.nodes]
    numbers = leaves.numbers[nodes]
    starts = np.sort(_first_leaves(graph, leaves.ensemble))
    trees = np.searchsorted(starts, numbers, side="right") - 1
    assert (trees == trees[0]).all()
    mine = np.asarray(numbers - starts[trees])
    is_tree = np.diff(np.append(starts, numbers.max() + 1))[trees[0]] > 1
    return mine[:, is_tree]


def _first_leaves(graph: Graph, ensemble: str) -> NDArray[np.int64]:
    """Number of the first leaf of each tree in the operator's arrays."""
    (node,) = (node for node in graph.model.graph.node if ensemble in node.output)
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    ends = [*given["tree_roots"][1:], len(given["nodes_featureids"])]
    first = []
    for root, end in zip(given["tree_roots"], ends, strict=True):
        below = [
            child
            for side, leaf in (("true", "true"), ("false", "false"))
            for child, is_leaf in zip(
                given[f"nodes_{side}nodeids"][root:end],
                given[f"nodes_{leaf}leafs"][root:end],
                strict=True,
            )
            if is_leaf
        ]
        first.append(min(below))
    return np.array(first)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_leaves_are_those_of_scikit_learn(name: str, dtype: Any) -> None:
    fitted, graph = _fitted(name)
    x = _on_edges(name, fitted)
    want = _leaves_of(fitted, x)
    got = _reached(lower(graph.model, dtype=dtype), graph, x)
    assert want.size > 10000
    assert np.array_equal(got, want)


def _spoiled(halves: Halves, name: str, change: Callable[[NDArray[Any]], None]) -> Halves:
    """Copy halves with one constant of the device half changed."""
    model = onnx.ModelProto()
    model.CopyFrom(halves.device)
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    array = numpy_helper.to_array(tensor).copy()
    change(array)
    tensor.CopyFrom(numpy_helper.from_array(array, name))
    return replace(halves, device=model)


def _tables(halves: Halves) -> dict[str, str]:
    """Names of the tables of ranks and of what leaves say: those that nodes are looked up in."""
    arrays = {t.name: numpy_helper.to_array(t) for t in halves.device.graph.initializer}
    nodes = len(halves.leaves[0].numbers)
    floats = [n for n, a in arrays.items() if a.shape == (nodes,) and a.dtype == np.float32]
    ranks = next(name for name in floats if arrays[name].max() == 2.0**24)
    return {"rank": ranks, "leaf": next(name for name in floats if name != ranks)}


def test_a_rank_that_is_one_off_is_noticed() -> None:
    fitted, graph = _fitted("forest, NaN")
    x = _on_edges("forest, NaN", fitted)
    halves = lower(graph.model)

    def one_off(ranks: NDArray[Any]) -> None:
        ranks[np.flatnonzero(ranks < 2.0**24)[100]] += 1

    spoiled = _spoiled(halves, _tables(halves)["rank"], one_off)
    assert not np.array_equal(_reached(spoiled, graph, x), _leaves_of(fitted, x))


def test_nan_that_goes_the_wrong_way_is_noticed() -> None:
    fitted, graph = _fitted("forest, NaN")
    x = _on_edges("forest, NaN", fitted)
    halves = lower(graph.model)
    host = onnx.ModelProto()
    host.CopyFrom(halves.host)
    (ranking,) = (node for node in host.graph.node if node.op_type == "TreeEnsemble")
    (tracks,) = (a for a in ranking.attribute if a.name == "nodes_missing_value_tracks_true")
    tracks.ints[:] = [1 - way for way in tracks.ints]
    spoiled = replace(halves, host=host)
    has_nan = np.isnan(x).any(axis=1)
    want, got = _leaves_of(fitted, x), _reached(spoiled, graph, x)
    assert np.array_equal(got[~has_nan], want[~has_nan])
    assert not np.array_equal(got[has_nan], want[has_nan])


def test_leaves_that_are_swapped_are_noticed() -> None:
    model = lowered("boosting")
    halves = model.halves
    feeds = fed(model.graph, people(150, 5))

    def swapped(said: NDArray[Any]) -> None:
        leaves = np.flatnonzero(halves.leaves[0].numbers >= 0)
        first, second = leaves[3], leaves[4]
        said[[first, second]] = said[[second, first]]

    spoiled = _spoiled(halves, _tables(halves)["leaf"], swapped)
    want = model.fitted.predict_proba(people(150, 5))
    assert np.abs(run(halves, feeds)["probabilities"] - want).max() < 1e-6
    assert np.abs(run(spoiled, feeds)["probabilities"] - want).max() > 1e-4
