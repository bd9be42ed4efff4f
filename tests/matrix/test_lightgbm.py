"""LightGBM's own classes."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from tests.matrix.asking import assert_equal_bits, largest_errors
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

COMMON: Final = {
    "n_estimators": 8,
    "num_leaves": 8,
    "min_child_samples": 5,
    "verbose": -1,
    "n_jobs": 1,
    "random_state": 0,
}


def _classifier(**parameters: Any) -> LGBMClassifier:
    return LGBMClassifier(**{**COMMON, **parameters})


def _regressor(**parameters: Any) -> LGBMRegressor:
    return LGBMRegressor(**{**COMMON, **parameters})


def _bounded(name: str, estimator: Any, data: str, target: str) -> Case:
    return Case(f"LGBM{name}", estimator, data, "bounded", target=target)


CODES: Final = {"categorical_feature": [2, 3, 4], "min_data_per_group": 5, "cat_smooth": 1.0}

CASES: Final = [
    _bounded("Classifier", _classifier(), "numbers", "two"),
    _bounded("Classifier, three classes", _classifier(), "numbers", "three"),
    _bounded("Classifier, NaN", _classifier(), "holes", "two words"),
    _bounded("Classifier, NaN, three classes", _classifier(), "holes", "three words"),
    _bounded("Classifier, NaN at prediction alone", _classifier(), "holes in some", "flags"),
    _bounded("Classifier, odd integers", _classifier(), "holes", "odd integers"),
    _bounded("Classifier, float32", _classifier(), "holes in float32", "two"),
    _bounded("Classifier, integers", _classifier(), "integers", "three"),
    _bounded("Classifier, small integers", _classifier(), "small integers", "two"),
    _bounded("Classifier, booleans", _classifier(), "booleans", "two"),
    _bounded("Classifier, numeric frame", _classifier(), "numeric frame", "two"),
    _bounded("Classifier(multiclassova)", _classifier(objective="ova"), "holes", "three"),
    _bounded("Classifier(sigmoid)", _classifier(sigmoid=0.7), "holes", "two"),
    _bounded("Classifier(zero_as_missing)", _classifier(zero_as_missing=True), "counts", "two"),
    _bounded("Classifier(zero_as_missing), NaN", _classifier(zero_as_missing=True), "holes", "two"),
    _bounded("Classifier(use_missing=False)", _classifier(use_missing=False), "holes", "two"),
    _bounded(
        "Classifier(rf)",
        _classifier(boosting_type="rf", subsample=0.7, subsample_freq=1),
        "holes",
        "two",
    ),
    _bounded(
        "Classifier(rf), three classes",
        _classifier(boosting_type="rf", subsample=0.7, subsample_freq=1),
        "holes",
        "three",
    ),
    _bounded("Classifier(dart)", _classifier(boosting_type="dart"), "holes", "three"),
    _bounded("Classifier(no split)", _classifier(min_child_samples=500), "numbers", "three"),
    _bounded("Classifier(categorical_feature)", _classifier(**CODES), "codes with holes", "two"),
    _bounded(
        "Classifier(categorical_feature), three",
        _classifier(**CODES),
        "codes with holes",
        "three words",
    ),
    _bounded(
        "Classifier(categories)", _classifier(min_data_per_group=5), "frame of categories", "two"
    ),
    _bounded(
        "Classifier behind an encoder",
        make_pipeline(OrdinalEncoder(dtype=np.int64), _classifier()),
        "integers",
        "two",
    ),
    _bounded(
        "Classifier behind a scaler", make_pipeline(StandardScaler(), _classifier()), "holes", "two"
    ),
    Case("LGBMRegressor", _regressor(), "numbers", target="amounts"),
    Case("LGBMRegressor, NaN", _regressor(), "holes", target="amounts"),
    *(
        Case(f"LGBMRegressor({loss})", _regressor(objective=loss), "holes", target="amounts")
        for loss in ("regression_l1", "huber", "fair", "quantile", "mape")
    ),
    Case("LGBMRegressor(reg_sqrt)", _regressor(reg_sqrt=True), "holes", target="amounts"),
    *(
        _bounded(f"Regressor({loss})", _regressor(objective=loss), "holes", target)
        for loss, target in [
            ("poisson", "counts"),
            ("gamma", "positive amounts"),
            ("tweedie", "counts"),
            ("cross_entropy", "two"),
            ("cross_entropy_lambda", "two"),
        ]
    ),
    Case(
        "LGBMRegressor(rf)",
        _regressor(boosting_type="rf", subsample=0.7, subsample_freq=1),
        "holes",
        target="amounts",
    ),
    Case(
        "LGBMRegressor(categories)",
        _regressor(min_data_per_group=5),
        "frame of categories",
        target="amounts",
    ),
    Case(
        "LGBMRegressor(linear_tree)",
        _regressor(linear_tree=True),
        "numbers",
        "refused",
        "LGBMRegressor(linear_tree=True): its leaves hold sums; use linear_tree=False",
        "amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lightgbm(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


ODD: Final = st.one_of(
    st.floats(-3, 3, width=32),
    st.sampled_from([np.nan, 0.0, -0.0, 1e-35, -1e-36, 1e-40, 5e-324, 1e300, -1e300, np.inf]),
)


@settings(max_examples=10)
@given(
    table=tables(cells=ODD),
    missing=st.sampled_from([{}, {"zero_as_missing": True}, {"use_missing": False}]),
    boosting=st.sampled_from(["gbdt", "dart"]),
    codes=st.integers(0, 6),
)
def test_boosted_sums_equal_bit_for_bit(
    table: np.ndarray, missing: dict[str, bool], boosting: str, codes: int
) -> None:
    model = _regressor(min_child_samples=1, boosting_type=boosting, min_data_in_bin=1, **missing)
    if codes:
        table[:, 0] = np.arange(12) % codes
        model.set_params(categorical_feature=[0], min_data_per_group=1, cat_smooth=0.0)
    assert_equal_bits(model, table, np.arange(12) % 5 / 3)


def test_ranks_equal_bit_for_bit() -> None:
    table = np.random.default_rng(0).normal(size=(90, 4))
    ranker = LGBMRanker(n_estimators=8, verbose=-1, n_jobs=1)
    ranker.fit(table, np.arange(90) % 4, group=[90])
    assert largest_errors(ranker, table) == {"prediction": 0.0}
