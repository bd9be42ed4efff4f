"""The fused form: every pass changes a graph and no bit."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDOneClassSVM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from preproc.export.conversion import convert
from preproc.graph import fast, fuse, pack, restructure
from preproc.graph.fusion import DETAILS, STRUCTURE, signs
from preproc.graph.fusion.gates import gates_of
from preproc.graph.fusion.origins import Origin, Step
from preproc.graph.view import View
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.graph.fusing import (
    ANY_WORD,
    EXTREMES,
    MODELS,
    answers,
    assert_same_bits,
    dense,
    drawn,
    drawn_long,
    fitted,
    other_numbers,
)

PASSES: Mapping[str, Callable[[View], None]] = {**STRUCTURE, **DETAILS}


@pytest.fixture(scope="module")
def graphs() -> dict[str, onnx.ModelProto]:
    return {name: pack(convert(*fitted(model)).model).model for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def long_rows() -> dict[str, onnx.ModelProto]:
    models = {
        "long logistic": LogisticRegression(),
        "long ridge": Ridge(),
        "long ridge classifier": RidgeClassifier(),
        "long one-class": SGDOneClassSVM(random_state=0),
    }
    return {name: pack(convert(*dense(m, 600)).model).model for name, m in models.items()}


def feeds_of(rows: list[list[float]], words: list[list[str]]) -> dict[str, NDArray[Any]]:
    return {"packed_float64": np.array(rows), "packed_string": np.array(words, object)}


NUMBER = st.one_of(st.floats(-1e6, 1e6), st.sampled_from(EXTREMES))
ROW = st.tuples(
    st.lists(NUMBER, min_size=3, max_size=3),
    st.lists(st.sampled_from(ANY_WORD), min_size=2, max_size=2),
)


CHANGED_BY = {
    "columns_from_parts": "logistic",
    "weights_by_word": "logistic",
    "trees_on_inputs": "boosting",
    "counted_leaves": "binary forest",
    "tables_of_tables": "logistic",
    "columns_of_tables": "logistic",
    "short_refusals": "forest",
    "single_columns": "forest",
    "numbers_beside_columns": "logistic",
    "powers_by_sign": "powers",
    "plain_logarithms": "powers",
    "without_copies": "forest",
}


@pytest.mark.parametrize("name", CHANGED_BY)
def test_a_pass_changes_the_graph_and_no_bit(
    name: str, graphs: Mapping[str, onnx.ModelProto]
) -> None:
    assert_changed_and_alike(graphs[CHANGED_BY[name]], name, drawn())


@pytest.mark.parametrize(
    "model", ["long logistic", "long ridge", "long ridge classifier", "long one-class"]
)
def test_the_last_sum_of_long_rows_takes_along_what_follows(
    model: str, long_rows: Mapping[str, onnx.ModelProto]
) -> None:
    assert_changed_and_alike(long_rows[model], "sums_of_pairs", drawn_long(600))


def test_a_last_sum_of_other_numbers_is_seen(
    long_rows: Mapping[str, onnx.ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PASSES, "sums_of_pairs", other_numbers(PASSES["sums_of_pairs"]))
    with pytest.raises(AssertionError, match="probabilities"):
        assert_changed_and_alike(long_rows["long logistic"], "sums_of_pairs", drawn_long(600))


def assert_changed_and_alike(
    model: onnx.ModelProto, name: str, feeds: Mapping[str, NDArray[Any]]
) -> None:
    for each, run in PASSES.items():
        view = View.of(model)
        run(view)
        changed = view.model()
        if each == name:
            break
        model = changed
    assert list(changed.graph.node) != list(model.graph.node)
    assert_same_bits(answers(model, feeds), answers(changed, feeds))


def test_every_pass_is_tried() -> None:
    assert {*CHANGED_BY, "sums_of_pairs"} == set(PASSES)


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=9))
@pytest.mark.parametrize("name", MODELS)
def test_the_fused_form_has_the_bits_of_the_packed_one_on_any_rows(
    name: str, rows: Any, opened: Mapping[str, tuple[Any, Any]]
) -> None:
    packed, fused = opened[name]
    feeds = feeds_of([row for row, _ in rows], [words for _, words in rows])
    want = packed.execute(feeds)
    assert_same_bits(want, fused.execute(feeds))
    alone = fused.execute({key: value[-1:] for key, value in feeds.items()})
    assert_same_bits({key: value[-1:] for key, value in want.items()}, alone)


@pytest.fixture(scope="module")
def opened(graphs: Mapping[str, onnx.ModelProto]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (open_executor(model), open_executor(fuse(model))) for name, model in graphs.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_fusing_takes_nodes_away(name: str, graphs: Mapping[str, onnx.ModelProto]) -> None:
    assert len(fuse(graphs[name]).graph.node) < 0.85 * len(graphs[name].graph.node)


def test_numbers_are_filled_only_for_who_needs_it(graphs: Mapping[str, onnx.ModelProto]) -> None:
    filling = {
        name: any(node.op_type == "IsNaN" for node in fuse(graph).graph.node)
        for name, graph in graphs.items()
    }
    assert filling == {
        "logistic": True,
        "boosting": False,
        "binary forest": False,
        "forest": False,
        "both": True,
        "powers": True,
    }


def test_a_bound_is_the_last_number_on_its_side() -> None:
    """Held to the steps themselves, at the bound and right behind it."""
    draw = np.random.default_rng(2)
    center, scale = draw.normal(size=200) * 1e3, 10.0 ** draw.integers(-8, 9, 200)
    steps = (Step("Sub", center), Step("Div", scale), Step("Cast", np.zeros(200, np.float32)))
    every = np.arange(200)
    origin = Origin("x", every, steps)
    limits = np.where(every % 9 == 0, np.finfo(np.float64).max, draw.normal(size=200))
    bounds = origin.bounds(limits, every)

    def made(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return ((numbers - center) / scale).astype(np.float32)

    assert (made(bounds) <= limits).all()
    assert (made(np.nextafter(bounds, np.inf)) > limits).all()


def test_the_first_broken_rule_of_many_columns_is_told() -> None:
    model = pack(convert(*fitted(RandomForestClassifier(2, random_state=0), 70)).model).model
    draw = np.random.default_rng(3)
    numbers = draw.normal(size=(400, 70))
    where = np.flatnonzero(draw.random(numbers.shape) < 0.04)
    numbers.flat[where] = draw.choice([*EXTREMES, 1e38, -1e39, 1e41], len(where))
    words = draw.choice(ANY_WORD, (400, 2)).astype(object)
    feeds = {"packed_float64": numbers, "packed_string": words}
    want = answers(model, feeds)
    assert len(set(want["row_error"])) > 50
    assert_same_bits(want, answers(fuse(model), feeds))


def test_a_rule_that_refuses_missing_numbers_is_asked_of_the_inputs_too() -> None:
    draw = np.random.default_rng(4)
    frame = pd.DataFrame(draw.normal(size=(300, 70)) * 1e-3, columns=[f"n{at}" for at in range(70)])
    pipeline = make_pipeline(StandardScaler(), PowerTransformer(), Ridge())
    model = pack(convert(pipeline.fit(frame, frame["n1"] > 0), frame).model).model
    numbers = draw.normal(size=(600, 70))
    where = np.flatnonzero(draw.random(numbers.shape) < 0.03)
    numbers.flat[where] = draw.choice([*EXTREMES, np.nan, 1e160, -1e160], len(where))
    fused = fuse(model)
    want = answers(model, {"packed_float64": numbers})
    assert len(set(want["row_error"])) > 100
    assert_same_bits(want, answers(fused, {"packed_float64": numbers}))
    assert "IsInf" not in {node.op_type for node in fused.graph.node}


def test_a_forest_on_numbers_alone_asks_its_rules_of_the_inputs() -> None:
    model = pack(convert(*dense(RandomForestClassifier(5, random_state=0), 70)).model).model
    fused, feeds = fuse(model), drawn_long(70)
    feeds["packed_float64"][1::3][np.arange(4), np.arange(4)] = 1e38, 1e39, -1e41, 1e300
    want = answers(model, feeds)
    assert len(set(want["row_error"])) > 20
    assert_same_bits(want, answers(fused, feeds))
    assert "IsInf" not in {node.op_type for node in fused.graph.node}


def test_numbers_meet_one_column_with_two_axes(graphs: Mapping[str, onnx.ModelProto]) -> None:
    view = View.of(fuse(graphs["logistic"]))
    met = [
        view.constants[name].shape
        for node in view.nodes.values()
        for name in node.input
        if node.op_type in ("Add", "Mul", "Pow", "Sub")
        and 1 in map(view.widths.get, node.input)
        and name in view.constants
    ]
    assert set(met) == {(1, 1)}


def test_the_first_of_many_rules_is_told_where_a_product_asks_for_them() -> None:
    draw = np.random.default_rng(6)
    skewed = np.exp(draw.normal(size=(400, 150)))  # the power of infinity is a number, of some
    frame = pd.DataFrame(skewed, columns=[f"n{at}" for at in range(150)])
    pipeline = make_pipeline(SimpleImputer(), RobustScaler(), PowerTransformer(), PCA(4), Ridge())
    model = pack(convert(pipeline.fit(frame, frame["n1"]), frame).model).model
    numbers = draw.normal(size=(600, 150))
    where = np.flatnonzero(draw.random(numbers.shape) < 0.01)
    numbers.flat[where] = draw.choice([*EXTREMES, 1e160, -1e160], len(where))
    fused, feeds = fuse(model), {"packed_float64": numbers}
    want = answers(model, feeds)
    assert len(set(want["row_error"])) > 100
    assert_same_bits(want, answers(fused, feeds))
    quick = answers(fuse(fast(restructure(model))), feeds)
    np.testing.assert_array_equal(quick["row_error"], want["row_error"])
    (trees,) = (node for node in fused.graph.node if node.op_type == "TreeEnsemble")
    roots = next(item.ints for item in trees.attribute if item.name == "tree_roots")
    assert len(roots) < 6


@pytest.mark.parametrize(
    ("step", "is_gate"),
    [("Abs", True), ("Neg", True), ("Sign", False), ("Atan", False)],
)
def test_a_product_tells_of_infinities_that_reach_it(step: str, is_gate: bool) -> None:  # noqa: FBT001
    view = product_of(step, np.ones((3, 2)))
    assert gates_of(view, "x", is_nan_refused=True, is_exact=True) == ["y"] * is_gate


def test_a_product_that_may_swallow_an_infinity_tells_of_none() -> None:
    capped = product_of("Clip", np.ones((3, 2)), np.array(-1.0), np.array(1.0))
    assert gates_of(capped, "x", is_nan_refused=False, is_exact=True) == []
    endless = product_of("Abs", np.full((3, 2), np.inf))
    assert gates_of(endless, "x", is_nan_refused=False, is_exact=True) == []
    powers = product_of("Abs", np.ones((3, 2)))
    assert gates_of(powers, "x", is_nan_refused=False, is_exact=False) == []


def product_of(step: str, weights: NDArray[np.float64], *others: NDArray[np.float64]) -> View:
    """A step on three columns, and a product with what it makes."""
    constants = {"w": weights, **{f"c{at}": other for at, other in enumerate(others)}}
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        [
            helper.make_node(step, ["x", *list(constants)[1:]], ["stepped"]),
            helper.make_node("MatMul", ["stepped", "w"], ["y"]),
        ],
        "product",
        [helper.make_tensor_value_info("x", kind, [None, 3])],
        [helper.make_tensor_value_info("y", kind, [None, 2])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return View.of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))


def zeros(*, is_moved: bool) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """Powers above 1 and below, with a mean that is taken from them or not; and zeros to ask."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.normal(size=(300, 3)), columns=list("abc"))
    pipeline = make_pipeline(PowerTransformer(standardize=is_moved)).fit(frame)
    pipeline[0].lambdas_[:] = 0.4, 1.6, -0.3
    numbers = draw.choice([0.0, -0.0, np.nan, 1.0, -1.0, 5e-324, -5e-324], (400, 3))
    return pack(convert(pipeline, frame).model).model, {"packed_float64": numbers}


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_power_of_zero_keeps_its_bits_with_a_mean_and_without(is_moved: bool) -> None:  # noqa: FBT001
    model, feeds = zeros(is_moved=is_moved)
    fused = fuse(model)
    assert_same_bits(answers(model, feeds), answers(fused, feeds))
    assert ("Min" in {node.op_type for node in fused.graph.node}) != is_moved


def test_a_power_of_zero_would_lose_its_sign_without_a_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, feeds = zeros(is_moved=False)
    monkeypatch.setattr(signs, "_hides_zero", lambda *_: True)
    with pytest.raises(AssertionError, match="features"):
        assert_same_bits(answers(model, feeds), answers(fuse(model), feeds))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        Ridge(),
        GradientBoostingClassifier(n_estimators=5),
        RandomForestClassifier(5, random_state=0),
    ],
)
def test_nodes_do_not_grow_with_columns(model: Any) -> None:
    counts = [
        len(fuse(pack(convert(*dense(model, numbers)).model).model).graph.node)
        for numbers in (20, 400, 2000)
    ]
    assert counts == [counts[0]] * 3
