"""Splits of the fused form: who goes where, next to every limit and where a number is missing."""

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from preproc.export.conversion import convert
from preproc.graph import GraphBuilder, Tree, fuse, pack, tree_sum
from preproc.graph.view import attributes_of
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output

ENDS = (-np.inf, np.inf)
TINY, LARGEST = 5e-324, 1.7976931348623157e308
LIMITS = np.array(
    [
        *(-np.inf, -LARGEST, -1e39, -1.5, -0.1, -TINY, -0.0, 0.0, TINY, 1e-310, 0.1, 1 / 3, 1.0),
        *(3.4028235e38, 1e39, LARGEST, np.inf),
    ]
)
MISSING_LEFT = np.arange(4 * len(LIMITS)) % 2 == 0
ALL_LIMITS = np.repeat(LIMITS, 4)


def stump(limit: float, *, is_missing_left: bool) -> Tree:
    is_leaf, ends = np.array([False, True, True]), np.array([1, 0, 0])
    return Tree(
        np.zeros(3, np.int64),
        np.full(3, limit),
        ends,
        2 * ends,
        np.array([is_missing_left, False, False]),
        is_leaf,
        np.array([0.0, 3.0, 5.0]),
    )


def numbers() -> NDArray[np.float64]:
    """Each limit, what float32 makes of it, the float64 and float32 beside, and no number."""
    with np.errstate(over="ignore"):
        short = LIMITS.astype(np.float32)
        beside = [np.nextafter(one, one.dtype.type(to)) for one in (LIMITS, short) for to in ENDS]
    return np.concatenate([LIMITS, short, *beside, [np.nan]]).astype(np.float64)


def fused_trees(*, is_short: bool) -> onnx.ModelProto:
    """More stumps than are too few to be worth it, each with an output of its own."""
    graph = GraphBuilder()
    x = graph.input(Column("x", "float64"))
    if is_short:
        x = graph.op("Cast", x, scope="f", to=onnx.TensorProto.FLOAT)
        x = graph.op("Cast", x, scope="f", to=onnx.TensorProto.DOUBLE)
    trees = [
        (at, stump(limit, is_missing_left=bool(is_left)))
        for at, (limit, is_left) in enumerate(zip(ALL_LIMITS, MISSING_LEFT, strict=True))
    ]
    sums = tree_sum(graph, x, trees, np.zeros(len(trees)), scope="f")
    output = Output("sums", "prediction", "float64", len(trees), None)
    return fuse(pack(graph.finish([(sums, output)])).model)


@pytest.mark.parametrize("is_short", [False, True], ids=["float64", "float32"])
def test_every_number_goes_to_its_side_of_every_limit(*, is_short: bool) -> None:
    x = numbers()
    with np.errstate(over="ignore"):
        compared = x.astype(np.float32).astype(np.float64) if is_short else x
    is_left = np.where(np.isnan(compared)[:, None], MISSING_LEFT, compared[:, None] <= ALL_LIMITS)
    model = fused_trees(is_short=is_short)
    with open_executor(model) as executor:
        got = executor.execute({"packed_float64": x.reshape(-1, 1)})["sums"]
    np.testing.assert_array_equal(got, np.where(is_left, 3.0, 5.0))


@pytest.mark.parametrize("is_short", [False, True], ids=["float64", "float32"])
def test_only_what_infinity_bounds_is_asked_for_missing_numbers(*, is_short: bool) -> None:
    (node,) = [n for n in fused_trees(is_short=is_short).graph.node if n.op_type == "TreeEnsemble"]
    told = attributes_of(node)
    limits = numpy_helper.to_array(told["nodes_splits"])
    assert set(limits[np.array(told["nodes_missing_value_tracks_true"]) > 0]) == {np.inf}


def test_rare_words_share_columns_and_are_told_apart() -> None:
    """Every pair of words is asked, those of the other column and unseen ones among them."""
    draw = np.random.default_rng(0)
    words = [f"w{at}" for at in range(24)]
    rows = [words[at] for at in draw.geometric(0.15, (600, 2)).ravel() % 24]
    frame = pd.DataFrame(np.reshape(rows, (600, 2)), columns=["one", "two"]).astype(object)
    frame["two"] = frame["two"].str.replace("w1", "v1")
    target = frame["one"].map(hash_of) + frame["two"].map(hash_of) + draw.normal(size=600) > 0
    encode = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(encode, GradientBoostingClassifier(n_estimators=60))
    model = pack(convert(pipeline.fit(frame, target), frame).model).model
    fused = fuse(model)
    assert any((numpy_helper.to_array(one) == -1).any() for one in tables_of(fused))
    asked = sorted({*frame["one"], *frame["two"], "never seen"})
    pairs = np.array([(one, two) for one in asked for two in asked], object)
    with open_executor(model) as public, open_executor(fused) as executor:
        want = public.execute({"packed_string": pairs})["probabilities"]
        got = executor.execute({"packed_string": pairs})["probabilities"]
    np.testing.assert_array_equal(got, want)
    oracle = pipeline.predict_proba(pd.DataFrame(pairs, columns=["one", "two"]))
    np.testing.assert_array_equal(got, oracle)


def hash_of(word: str) -> float:
    return float(np.sin(7 * int(word[1:]))) + (word[0] == "v")


def tables_of(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [one for one in model.graph.initializer if len(one.dims) == 2 and one.dims[0] > 9]


def test_what_is_filled_last_is_asked_before_it_is_filled() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame = frame.mask(draw.random(frame.shape) < 0.1)
    places = QuantileTransformer(n_quantiles=20)  # turns no comparison into one with its input
    forest = RandomForestClassifier(5, random_state=0)
    model = make_pipeline(places, SimpleImputer(), forest)
    model.fit(frame, np.nan_to_num(frame["a"]) > np.nan_to_num(frame["b"]))
    packed = pack(convert(model, frame).model).model
    fused = fuse(packed)
    rows = frame.mask(draw.random(frame.shape) < 0.1).to_numpy()
    with open_executor(packed) as public, open_executor(fused) as quick:
        want, got = (one.execute({"packed_float64": rows}) for one in (public, quick))
    assert len(np.unique(want["probabilities"])) > 3
    assert all(want[name].tobytes() == got[name].tobytes() for name in want)
    assert len(fused.graph.node) < len(packed.graph.node)
