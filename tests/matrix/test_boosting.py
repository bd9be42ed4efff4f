"""Histogram gradient boosting."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.matrix.asking import assert_equal_bits
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

NAME: Final = "HistGradientBoosting"


def _classifier(**parameters: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        **{"max_iter": 8, "min_samples_leaf": 5, "random_state": 0, **parameters}
    )


def _regressor(**parameters: Any) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        **{"max_iter": 8, "min_samples_leaf": 5, "random_state": 0, **parameters}
    )


def _bounded(name: str, estimator: Any, data: str, target: str) -> Case:
    return Case(f"{NAME}{name}", estimator, data, "bounded", target=target)


CODES: Final = {"categorical_features": [2, 3, 4]}

CASES: Final = [
    _bounded("Classifier", _classifier(), "numbers", "two"),
    _bounded("Classifier, three classes", _classifier(), "numbers", "three"),
    _bounded("Classifier, NaN", _classifier(), "holes", "two words"),
    _bounded("Classifier, NaN, three classes", _classifier(), "holes", "three words"),
    _bounded("Classifier, NaN at prediction alone", _classifier(), "holes in some", "flags"),
    _bounded("Classifier, odd integers", _classifier(), "holes", "odd integers"),
    _bounded("Classifier, floats of classes", _classifier(), "numbers", "floats of classes"),
    _bounded("Classifier, float32", _classifier(), "holes in float32", "two"),
    _bounded("Classifier, integers", _classifier(), "integers", "three"),
    _bounded("Classifier, numeric frame", _classifier(), "numeric frame", "two"),
    _bounded(
        "Classifier(early_stopping=True)",
        _classifier(early_stopping=True, n_iter_no_change=2, max_iter=30),
        "holes",
        "three",
    ),
    _bounded("Classifier(max_depth=1)", _classifier(max_depth=1), "holes", "two"),
    _bounded("Classifier(max_leaf_nodes=None)", _classifier(max_leaf_nodes=None), "holes", "two"),
    _bounded("Classifier(no split)", _classifier(min_samples_leaf=500), "numbers", "three"),
    _bounded("Classifier(from_dtype)", _classifier(), "frame of categories", "two"),
    _bounded("Classifier(from_dtype), three", _classifier(), "frame of categories", "three words"),
    _bounded("Classifier(categorical_features)", _classifier(**CODES), "codes with holes", "two"),
    _bounded(
        "Classifier(mask)",
        _classifier(categorical_features=[False, False, True, True, False]),
        "codes with holes",
        "three",
    ),
    _bounded(
        "Classifier(all categorical)",
        _classifier(categorical_features=[0, 1, 2, 3]),
        "integers",
        "two",
    ),
    _bounded(
        "Classifier(names)",
        _classifier(categorical_features=["colour", "city", "flag"]),
        "frame",
        "two words",
    ),
    _bounded(
        "Classifier behind a scaler",
        make_pipeline(StandardScaler(), _classifier()),
        "holes",
        "two",
    ),
    Case(f"{NAME}Regressor", _regressor(), "numbers", target="amounts"),
    Case(f"{NAME}Regressor, NaN", _regressor(), "holes", target="amounts"),
    Case(f"{NAME}Regressor, float32", _regressor(), "few singles with holes", target="amounts"),
    *(
        Case(f"{NAME}Regressor({loss})", _regressor(loss=loss, **more), "holes", target="amounts")
        for loss, more in [("absolute_error", {}), ("quantile", {"quantile": 0.8})]
    ),
    _bounded("Regressor(poisson)", _regressor(loss="poisson"), "holes", "counts"),
    _bounded("Regressor(gamma)", _regressor(loss="gamma"), "holes", "positive amounts"),
    _bounded(
        "Regressor(gamma, from_dtype)",
        _regressor(loss="gamma"),
        "frame of categories",
        "positive amounts",
    ),
    Case(f"{NAME}Regressor(from_dtype)", _regressor(), "frame of categories", target="amounts"),
    Case(f"{NAME}Regressor(codes)", _regressor(**CODES), "codes with holes", target="amounts"),
    Case(
        f"{NAME}Regressor(early_stopping, monotonic, interactions)",
        _regressor(
            early_stopping=True,
            monotonic_cst=[1, 0, -1, 0, 0, 0],
            interaction_cst="pairwise",
            max_iter=20,
        ),
        "holes",
        target="amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_boosting(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


CODES_OR_NUMBERS: Final = st.one_of(
    st.integers(0, 6).map(float), st.sampled_from([np.nan, -0.0, -1.0, 0.5, 1e300])
)


@settings(max_examples=10)
@given(
    table=tables(cells=CODES_OR_NUMBERS),
    loss=st.sampled_from(["squared_error", "absolute_error", "quantile"]),
    leaves=st.integers(2, 8),
    codes=st.sampled_from([None, [0]]),
)
def test_boosted_sums_equal_bit_for_bit(
    table: np.ndarray, loss: str, leaves: int, codes: list[int] | None
) -> None:
    table[0] = np.arange(table.shape[1])
    model = _regressor(
        loss=loss,
        max_leaf_nodes=leaves,
        min_samples_leaf=1,
        quantile=0.3 if loss == "quantile" else None,
        categorical_features=codes,
    )
    assert_equal_bits(model, table, np.arange(12) % 5 / 3)
