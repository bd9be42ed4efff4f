"""The halves against scikit-learn and the exact graph: what may be off, and what may not."""

import sys
from types import FrameType
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from preproc.errors import BackendError
from preproc.export.conversion import convert
from preproc.graph import lower, products
from tests.graph.lowering import MODELS, NUMBERS, exact, fed, lowered, people, run

ROWS = 150
ON_EVERY_DEVICE = {
    *("Add", "And", "Cast", "Clip", "Concat", "Div", "Equal", "Exp", "Gather", "GatherElements"),
    *("Greater", "GreaterOrEqual", "Less", "MatMul", "Mul", "Neg", "Not", "Reciprocal"),
    *("ReduceMax", "ReduceMin", "ReduceSum", "Sqrt", "Squeeze", "Sub", "Unsqueeze", "Where"),
}
"""Ran on WebGPU in strict mode, in the dtypes that halves use them with."""


@pytest.mark.parametrize("name", MODELS)
def test_the_device_half_holds_what_every_device_has(name: str) -> None:
    device = lowered(name).halves.device
    assert {item.domain for item in device.opset_import} == {""}
    assert {node.op_type for node in device.graph.node} <= ON_EVERY_DEVICE
    inferred = onnx.shape_inference.infer_shapes(device, strict_mode=True).graph
    values = [*inferred.input, *inferred.value_info, *inferred.output]
    kinds = {value.type.tensor_type.elem_type for value in values}
    assert kinds <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT32, onnx.TensorProto.BOOL}
    axes = [t.dims[0] for t in device.graph.initializer if t.data_type == onnx.TensorProto.INT64]
    assert all(size == 1 for size in axes)


@pytest.mark.parametrize("name", MODELS)
def test_halves_give_what_the_public_graph_gives(name: str) -> None:
    model = lowered(name)
    feeds = fed(model.graph, people(ROWS, 5))
    want, got = exact(model.graph, feeds), run(model.halves, feeds)
    for output in model.graph.signature.outputs:
        one, other = want[output.name], got[output.name]
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if one.dtype.kind == "f":
            assert np.abs(one - other).max() < 4e-6
        else:
            assert np.array_equal(one, other)
    assert np.array_equal(want["row_error"], got["row_error"])


@pytest.mark.parametrize("name", MODELS)
def test_float64_halves_differ_in_the_last_bits_alone(name: str) -> None:
    model = lowered(name, "float64")
    feeds = fed(model.graph, people(ROWS, 5))
    want, got = exact(model.graph, feeds), run(model.halves, feeds)
    for output in model.graph.signature.outputs:
        one, other = want[output.name], got[output.name]
        if one.dtype.kind == "f":
            scale = np.maximum(np.abs(one).max(), 1.0)
            assert np.abs(one - other).max() <= 16 * np.finfo(float).eps * scale
        else:
            assert np.array_equal(one, other)


def test_labels_are_text_again_and_refused_rows_are_poisoned() -> None:
    model = lowered("words")
    frame = people(6, 5)
    frame.loc[1, "age"] = np.inf
    got = run(model.halves, fed(model.graph, frame))
    kept = frame.drop(1)
    assert got["label"][1] == ""
    assert np.isnan(got["probabilities"][1]).all()
    assert got["row_error"][1] != 0
    others = np.delete(got["label"], 1)
    assert (others == model.fitted.predict(kept)).all()


@pytest.mark.parametrize("name", ["logistic", "forest", "network"])
def test_a_batch_without_rows_has_no_answers(name: str) -> None:
    model = lowered(name)
    got = run(model.halves, fed(model.graph, people(3, 5).iloc[:0]))
    assert got["label"].shape == (0,)
    assert got["row_error"].shape == (0,)


def test_a_row_has_its_bits_in_any_batch() -> None:
    model = lowered("network")
    feeds = fed(model.graph, people(ROWS, 5))
    whole = run(model.halves, feeds)["probabilities"]
    for size in (1, 3, 64):
        parts = [
            run(model.halves, {name: x[at : at + size] for name, x in feeds.items()})
            for at in range(0, 2 * size, size)
        ]
        got = np.concatenate([part["probabilities"] for part in parts])
        assert np.array_equal(got, whole[: len(got)])


def test_imputed_columns_are_those_of_scikit_learn_rounded() -> None:
    model = lowered("logistic")
    frame = people(ROWS, 5)
    prepare = model.fitted[0].named_transformers_["pipeline"]
    want = prepare[0].transform(frame[NUMBERS]).astype(np.float32)
    name = next(
        name
        for public, name in model.halves.counterparts.items()
        if public.endswith("simpleimputer/Where_0")
    )
    got = run(model.halves, fed(model.graph, frame), name)[name]
    assert np.isnan(frame[NUMBERS].to_numpy()).any()
    assert np.array_equal(got, want[:, : len(NUMBERS)])


def test_numbers_far_from_zero_are_scaled_as_exactly_as_those_near_it() -> None:
    """An epoch of 1.7e9 in float32 has steps of 128 seconds; its deviation is an hour."""
    model = lowered("logistic")
    frame = people(ROWS, 5)
    name = next(
        name
        for public, name in model.halves.counterparts.items()
        if public.endswith("standardscaler/Div_0")
    )
    prepare = model.fitted[0].named_transformers_["pipeline"]
    want = prepare.transform(frame[NUMBERS])
    got = run(model.halves, fed(model.graph, frame), name)[name]
    assert np.abs(got - want).max() < 1e-6


def test_numbers_that_float32_cannot_compute_with_are_refused_by_a_rule_of_the_form() -> None:
    model = lowered("logistic")
    frame = people(3, 5)
    frame.loc[1, "age"], frame.loc[2, "age"] = 1e39, np.inf
    want = exact(model.graph, feeds := fed(model.graph, frame))["row_error"]
    rule = model.halves.rule
    assert rule is not None
    assert rule.number == len(model.graph.signature.rules) + 1
    assert (
        rule.text == "expected numbers up to 7.92282e+28 in magnitude, which float32 computes with"
    )
    got = run(model.halves, feeds)
    assert want.tolist() == [0, 0, want[2]]
    assert got["row_error"].tolist() == [0, rule.number, want[2]]
    assert np.isnan(got["probabilities"][1:]).all()


def test_float64_halves_refuse_nothing_of_their_own() -> None:
    assert lowered("logistic", "float64").halves.rule is None


def _points(rows: int = 200) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x = np.random.default_rng(0).normal(size=(rows, 4))
    return x, (x[:, 0] > 0).astype(np.int64)


BEHIND_A_PRODUCT = (
    "step randomforestclassifier: expected operations that a device half has, got TreeEnsemble: "
    "its splits follow MatMul of step pca, which only the exact graph computes exactly; serve this "
    "model with backend 'onnxruntime-cpu'"
)
NEIGHBOURS = (
    "step .: expected operations that a device half has, got GatherElements: no float32 device is "
    "sure to have it; serve this model with backend 'onnxruntime-cpu'"
)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (make_pipeline(PCA(2), RandomForestClassifier(3, random_state=0)), BEHIND_A_PRODUCT),
        (KNeighborsClassifier(3), NEIGHBOURS),
    ],
    ids=["splits behind a product", "neighbours"],
)
def test_what_cannot_be_lowered_is_refused_by_name(model: Any, message: str) -> None:
    x, y = _points()
    graph = convert(model.fit(x, y), x)
    with pytest.raises(BackendError) as caught:
        lower(graph.model)
    assert str(caught.value) == message


def _clock(frame: pd.DataFrame) -> pd.DataFrame:
    """Read a clock with its zone, and whole numbers of more than 32 bits, in whole arithmetic."""
    clock = frame["at"].dt.tz_convert("America/New_York").dt
    wide = frame["wide"]
    return pd.DataFrame(
        {
            "hour": clock.hour,
            "weekday": clock.day_of_week,
            "rest": wide % 7,
            "is large": (wide > 3_000_000_000).astype(float),
            "is early": (frame["other"] > wide).astype(float),
        }
    )


def _times(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "at": pd.to_datetime(draw.integers(0, 2**31, rows), unit="s", utc=True),
            "wide": draw.integers(2**31, 2**33, rows),
            "other": draw.integers(2**31, 2**33, rows),
        }
    )


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(5, random_state=0)])
def test_calendars_and_whole_numbers_of_64_bits_are_the_hosts(model: Any) -> None:
    frame = _times(200, 0)
    target = _clock(frame).to_numpy() @ [1, 2, 3, 30, 20] > 50
    fitted = make_pipeline(FunctionTransformer(_clock), StandardScaler(), model).fit(frame, target)
    graph = convert(fitted, frame)
    halves, fresh = lower(graph.model), _times(ROWS, 1)
    got = run(halves, fed(graph, fresh))["probabilities"]
    assert "Mod" in {node.op_type for node in halves.host.graph.node}
    assert {node.op_type for node in halves.device.graph.node} <= ON_EVERY_DEVICE
    assert np.abs(got - fitted.predict_proba(fresh)).max() < 4e-6
    for name in fresh:  # so every column is looked at, beyond 32 bits
        moved = fresh.assign(**{str(name): fresh[name].iloc[::-1].array})
        assert np.abs(got - fitted.predict_proba(moved)).max() > 0.1


def _scaled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"p": frame[["a", "b"]].sum(axis=1).astype("int64") * frame["wide"]})


def test_whole_numbers_that_a_device_would_cut_are_refused_by_name() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": draw.normal(size=50), "b": draw.normal(size=50), "wide": draw.integers(0, 2**40, 50)}
    )
    fitted = make_pipeline(FunctionTransformer(_scaled), Ridge()).fit(frame, frame["a"])
    with pytest.raises(BackendError) as caught:
        lower(convert(fitted, frame).model)
    assert str(caught.value) == (
        "step functiontransformer: expected operations that a device half has, got Mul: a device "
        "computes with whole numbers of 32 bits; serve this model with backend 'onnxruntime-cpu'"
    )


def test_look_ups_alone_leave_nothing_for_a_device() -> None:
    frame = pd.DataFrame({"plan": ["free", "pro"] * 5})
    graph = convert(OrdinalEncoder().fit(frame), frame)
    with pytest.raises(BackendError) as caught:
        lower(graph.model)
    assert str(caught.value) == (
        "device half: expected arithmetic, got look-ups alone; serve this model with backend "
        "'onnxruntime-cpu'"
    )


def test_tables_of_trees_are_held_once() -> None:
    """Held at every level they took hundreds of megabytes."""
    device = lowered("forest").halves.device
    nodes = sum(numpy_helper.to_array(t).size for t in device.graph.initializer)
    trees = sum(t.tree_.node_count for t in lowered("forest").fitted[-1].estimators_)
    assert nodes < 6 * trees + 2000


def test_a_long_chain_of_models_is_lowered() -> None:
    x, y = _points()
    models = BaggingRegressor(Ridge(), n_estimators=300, random_state=0).fit(x, y)
    graph = convert(models, x)
    got = run(lower(graph.model), {"X": x})["prediction"]
    assert np.abs(got - models.predict(x)).max() < 1e-5


def _lines_of_products(members: int) -> tuple[int, int]:
    """Lower a mean of linear models; give its nodes and the lines run to find products."""
    x, y = _points()
    models = BaggingRegressor(Ridge(), members, random_state=0).fit(x, y)
    public = convert(models, x).model
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename == products.__file__ else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        lower(public)
    finally:
        sys.settrace(before)
    return len(public.graph.node), lines


def test_the_work_to_find_products_grows_with_the_nodes_not_with_their_square() -> None:
    (nodes, lines), (many, more) = (_lines_of_products(members) for members in (20, 80))
    assert lines > nodes
    assert more / lines < 1.1 * many / nodes
