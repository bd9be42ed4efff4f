"""Perceptron networks."""

from pathlib import Path
from typing import Any, Final

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.matrix.harness import Case, check
from tests.matrix.sparse import on_sparse

ACTIVATIONS: Final = ("identity", "logistic", "relu", "tanh")


def _classifier(activation: str = "relu", **parameters: Any) -> MLPClassifier:
    given: dict[str, Any] = {"hidden_layer_sizes": (8, 5), "max_iter": 8, "random_state": 0}
    return MLPClassifier(activation=activation, **{**given, **parameters})


def _regressor(activation: str = "relu", **parameters: Any) -> MLPRegressor:
    given: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 8, "random_state": 0}
    return MLPRegressor(activation=activation, **{**given, **parameters})


CASES: Final = [
    *(
        Case(f"MLPClassifier({name})", _classifier(name), "centred", "bounded", target="two words")
        for name in ACTIVATIONS
    ),
    *(
        Case(f"MLPClassifier({name}, multi)", _classifier(name), "centred", "bounded", target=y)
        for name, y in zip(ACTIVATIONS, ("three", "odd integers", "three words"), strict=False)
    ),
    Case("MLPClassifier(multi-label)", _classifier("tanh"), "centred", "bounded", target="marks"),
    Case(
        "MLPClassifier(100 hidden)",
        make_pipeline(StandardScaler(), _classifier("relu", hidden_layer_sizes=(100,))),
        "numbers",
        "bounded",
        target="flags",
    ),
    Case(
        "MLPClassifier(sparse)", on_sparse(_classifier("tanh")), "few floats", "bounded", "", "two"
    ),
    *(
        Case(f"MLPRegressor({name})", _regressor(name), "centred", "bounded", target="amounts")
        for name in ACTIVATIONS
    ),
    Case("MLPRegressor(two targets)", _regressor("tanh"), "unit", "bounded", target="two amounts"),
    Case(
        "MLPRegressor(poisson)", _regressor(loss="poisson"), "centred", "bounded", target="counts"
    ),
    Case("MLPRegressor(sparse)", on_sparse(_regressor()), "few floats", "bounded", "", "amounts"),
    Case(
        "MLPRegressor(lbfgs, wide)",
        _regressor("logistic", solver="lbfgs"),
        "seventy columns",
        "bounded",
        target="amounts",
    ),
    Case(
        "MLPClassifier, float32",
        _classifier(),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
        target="two",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_networks(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
