"""Sums over trees whose leaves hold several numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from preproc.graph import GraphBuilder, Tree, forest_sum
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output


def stump(draw: np.random.Generator, *, is_lone: bool) -> Tree:
    """Two leaves, or one that is reached without a test."""
    is_leaf = np.array([True]) if is_lone else np.array([False, True, True])
    count = len(is_leaf)
    return Tree(
        feature=np.zeros(count, np.int64),
        threshold=draw.normal(size=count),
        left=np.full(count, 1),
        right=np.full(count, 2),
        missing_left=draw.random(count) < 0.5,
        is_leaf=is_leaf,
        value=np.zeros(count),
    )


def reached(
    tree: Tree, numbers: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows of numbers of the leaves, (n, width)."""
    if tree.is_leaf[0]:
        return np.tile(numbers[0], (len(x), 1))
    is_left = np.where(np.isnan(x), tree.missing_left[0], x <= tree.threshold[0])
    rows: NDArray[np.float64] = np.where(is_left[:, None], numbers[1], numbers[2])
    return rows


@settings(max_examples=25)
@given(
    trees=st.sampled_from([1, 2, 30, 400]),
    width=st.sampled_from([1, 2, 3, 40, 600]),
    has_first=st.booleans(),
    seed=st.integers(0, 9),
)
def test_rows_of_leaves_are_added_in_the_order_of_the_trees(
    *, trees: int, width: int, has_first: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    stumps = [stump(draw, is_lone=draw.random() < 0.2) for _ in range(trees)]
    rows = [draw.choice([0.1, 1e9, 1 / 3, -7.0], (len(one.is_leaf), width)) for one in stumps]
    x = np.concatenate([draw.normal(size=7), [np.nan]])
    first = draw.normal(size=(len(x), width)) * has_first
    want = first.copy()
    for one, numbers in zip(stumps, rows, strict=True):
        want += reached(one, numbers, x)
    graph = GraphBuilder()
    names = [
        graph.input(Column("x", "float64")),
        graph.input(Column("first", "float64", width=width)),
    ]
    sums = forest_sum(graph, names[0], stumps, rows, names[1] if has_first else "", scope="f")
    model = graph.finish([(sums, Output("sums", "prediction", "float64", width, None))])
    got = open_executor(model).execute({"x": x.reshape(-1, 1), "first": first})["sums"]
    assert np.array_equal(got, want)


def test_equal_rows_of_leaves_are_held_once() -> None:
    tree = stump(np.random.default_rng(0), is_lone=False)
    shares = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    graph = GraphBuilder()
    x = graph.input(Column("x", "float64"))
    sums = forest_sum(graph, x, [tree] * 50, [shares] * 50, scope="f")
    model = graph.finish([(sums, Output("sums", "prediction", "float64", 2, None))])
    tables = [list(one.dims) for one in model.graph.initializer]
    assert [2, 2] in tables
