"""The passes of the fast form: fewer nodes, and answers within their bound on any rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from preproc.export.conversion import convert
from preproc.graph import GraphBuilder, fast, logistic, pack, restructure
from preproc.graph.scores import by_one_sigmoid
from preproc.graph.view import View
from preproc.signature import Column, Output
from tests.graph.fusing import answers, drawn, fitted

MODELS: Mapping[str, Any] = {
    "logistic": LogisticRegression(),
    "boosting": GradientBoostingClassifier(n_estimators=5),
}
BOUND = 1e-13


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("name", MODELS)
def test_two_classes_take_one_sigmoid_and_keep_their_answers(name: str) -> None:
    model = pack(convert(*fitted(MODELS[name])).model).model
    quick = fast(restructure(model))
    found = operators(quick)
    assert (found.count("Sigmoid"), found.count("ArgMax")) == (1, 1)
    assert not {"Exp", "Pow", "Reciprocal", "Greater", "GreaterOrEqual"} & set(found)
    feeds = drawn()
    want, got = answers(model, feeds), answers(quick, feeds)
    np.testing.assert_array_equal(got["row_error"], want["row_error"])
    np.testing.assert_array_equal(got["label"], want["label"])
    np.testing.assert_allclose(got["probabilities"], want["probabilities"], rtol=0, atol=BOUND)
    assert 0 < np.isnan(want["probabilities"]).mean() < 1


@pytest.mark.parametrize(("name", "parts"), [("logistic", 2), ("boosting", 1)])
def test_a_product_takes_a_gemm_a_part_and_the_poison_along(name: str, parts: int) -> None:
    quick = fast(restructure(pack(convert(*fitted(MODELS[name])).model).model))
    found = operators(quick)
    assert found.count("Gemm") == parts
    assert not {"MatMul", "Mul", "Sub"} & set(found)


def decided(operator: str) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Make a graph whose label asks a score for its sign, and the same after the pass."""
    graph = GraphBuilder()
    score = graph.input(Column("score", "float64"))
    chosen = logistic(graph, score, scope="model")
    rest = graph.op("Sub", np.array(1.0), chosen)
    both = graph.op("Concat", rest, chosen, axis=1)
    asked = graph.op(operator, score, np.array(0.0))
    place = graph.op("Squeeze", graph.op("Cast", asked, to=onnx.TensorProto.INT64), np.array([1]))
    label = graph.op("Gather", np.array([3, 7]), place)
    outputs = (
        Output("label", "label", "int64", None, -1),
        Output("probabilities", "probabilities", "float64", 2, None),
    )
    model = graph.finish(list(zip((label, both), outputs, strict=True)))
    view = View.of(model)
    by_one_sigmoid(view)
    return model, view.model()


@pytest.mark.parametrize("operator", ["Greater", "GreaterOrEqual"])
def test_a_score_of_zero_is_of_the_class_that_the_exact_graph_gives_it(operator: str) -> None:
    exact, quick = decided(operator)
    assert operators(quick).count("ArgMax") == 1
    scores = np.array([[0.0], [-0.0], [5e-324], [-5e-324], [40.0], [-800.0]])
    want, got = (answers(model, {"score": scores}) for model in (exact, quick))
    np.testing.assert_array_equal(got["label"], want["label"])
    np.testing.assert_allclose(got["probabilities"], want["probabilities"], rtol=0, atol=2e-16)
    assert set(want["label"][:2].tolist()) == {3 if operator == "Greater" else 7}
