"""CatBoost's own classes."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.asking import assert_equal_bits
from tests.matrix.data import make_data
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

COMMON: Final = {
    "iterations": 10,
    "depth": 3,
    "verbose": 0,
    "thread_count": 1,
    "random_seed": 0,
    "allow_writing_files": False,
}


def _classifier(**parameters: Any) -> CatBoostClassifier:
    return CatBoostClassifier(**{**COMMON, **parameters})


def _regressor(**parameters: Any) -> CatBoostRegressor:
    return CatBoostRegressor(**{**COMMON, **parameters})


def _bounded(name: str, estimator: Any, data: str, target: str) -> Case:
    return Case(f"CatBoost{name}", estimator, data, "bounded", target=target)


CASES: Final = [
    _bounded("Classifier", _classifier(), "numbers", "two"),
    _bounded("Classifier, three classes", _classifier(), "numbers", "three"),
    _bounded("Classifier, NaN", _classifier(), "holes", "two words"),
    _bounded("Classifier, NaN, three classes", _classifier(), "holes", "three words"),
    _bounded("Classifier, NaN at prediction alone", _classifier(), "holes in some", "flags"),
    _bounded("Classifier, odd integers", _classifier(), "holes", "odd integers"),
    _bounded("Classifier, float32", _classifier(), "holes in float32", "two"),
    _bounded("Classifier, integers", _classifier(), "integers", "three"),
    _bounded("Classifier, numeric frame", _classifier(), "numeric frame", "two"),
    _bounded("Classifier(nan_mode=Max)", _classifier(nan_mode="Max"), "holes", "two"),
    _bounded("Classifier(depth=9)", _classifier(depth=9), "holes", "two"),
    _bounded("Classifier(depth=1)", _classifier(depth=1), "holes", "three"),
    *(
        _bounded(f"Classifier(grow_policy={grow})", _classifier(grow_policy=grow), "holes", target)
        for grow, target in [("Lossguide", "two"), ("Depthwise", "three")]
    ),
    _bounded(
        "Classifier(MultiClassOneVsAll)",
        _classifier(loss_function="MultiClassOneVsAll"),
        "holes",
        "three",
    ),
    _bounded("Classifier(CrossEntropy)", _classifier(loss_function="CrossEntropy"), "holes", "two"),
    _bounded(
        "Classifier behind an encoder",
        make_pipeline(OrdinalEncoder(), _classifier()),
        "integers",
        "two",
    ),
    _bounded(
        "Classifier behind a scaler", make_pipeline(StandardScaler(), _classifier()), "holes", "two"
    ),
    Case("CatBoostRegressor", _regressor(), "numbers", target="amounts"),
    Case("CatBoostRegressor, NaN", _regressor(), "holes", target="amounts"),
    Case("CatBoostRegressor(nan_mode=Max)", _regressor(nan_mode="Max"), "holes", target="amounts"),
    *(
        Case(
            f"CatBoostRegressor({loss})", _regressor(loss_function=loss), "holes", target="amounts"
        )
        for loss in ("MAE", "Quantile:alpha=0.3", "Huber:delta=1", "Expectile:alpha=0.3")
    ),
    Case(
        "CatBoostRegressor(MultiRMSE)",
        _regressor(loss_function="MultiRMSE"),
        "holes",
        target="two amounts",
    ),
    Case(
        "CatBoostRegressor(Lossguide)",
        _regressor(grow_policy="Lossguide"),
        "holes",
        target="amounts",
    ),
    _bounded("Regressor(Poisson)", _regressor(loss_function="Poisson"), "holes", "counts"),
    _bounded(
        "Regressor(Tweedie)",
        _regressor(loss_function="Tweedie:variance_power=1.5"),
        "holes",
        "counts",
    ),
    Case(
        "CatBoostRegressor(RMSEWithUncertainty)",
        _regressor(loss_function="RMSEWithUncertainty"),
        "holes",
        "refused",
        "CatBoostRegressor(loss_function='RMSEWithUncertainty'): its link has no known form; "
        "use 'RMSE', 'MAE', 'Quantile' or 'Poisson'",
        "amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_catboost(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_words_are_refused_by_name() -> None:
    data = make_data("words", "two")
    fitted = _classifier(cat_features=[0, 1, 2]).fit(data.X, data.y)
    with pytest.raises(ExportError) as caught:
        convert(fitted, data.X)
    assert str(caught.value) == (
        "step .: CatBoostClassifier with categorical features: it compares hashes or statistics "
        "of words that the model does not keep; put OrdinalEncoder or TargetEncoder in front of it"
    )


ODD: Final = st.one_of(
    st.floats(-3, 3, width=32),
    st.sampled_from([np.nan, 0.0, -0.0, 1e-35, -1e-36, 1e-40, 5e-324, 3e38]),
)


@settings(max_examples=10)
@given(
    table=tables(cells=ODD),
    nan_mode=st.sampled_from(["Min", "Max"]),
    grow=st.sampled_from(["SymmetricTree", "Lossguide", "Depthwise"]),
    depth=st.integers(1, 5),
)
def test_boosted_sums_equal_bit_for_bit(
    table: np.ndarray, nan_mode: str, grow: str, depth: int
) -> None:
    table[:, 0] = np.arange(12)
    model = _regressor(nan_mode=nan_mode, grow_policy=grow, depth=depth, min_data_in_leaf=1)
    assert_equal_bits(model, table, np.arange(12) % 5 / 3)
