"""XGBoost's own classes."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.asking import assert_equal_bits, largest_errors
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

COMMON: Final = {"n_estimators": 8, "max_depth": 3, "n_jobs": 1, "random_state": 0}
DART: Final = {"booster": "dart", "rate_drop": 0.3, "n_estimators": 20}
CODES: Final = {"enable_categorical": True, "feature_types": ["q", "q", "c", "c", "c"]}
CATEGORIES: Final = {"enable_categorical": True}


def _classifier(**parameters: Any) -> XGBClassifier:
    return XGBClassifier(**{**COMMON, **parameters})


def _regressor(**parameters: Any) -> XGBRegressor:
    return XGBRegressor(**{**COMMON, **parameters})


def _bounded(name: str, estimator: Any, data: str, target: str) -> Case:
    return Case(f"XGB{name}", estimator, data, "bounded", target=target)


CASES: Final = [
    _bounded("Classifier", _classifier(), "numbers", "two"),
    _bounded("Classifier, three classes", _classifier(), "numbers", "three"),
    _bounded("Classifier, NaN", _classifier(), "holes", "flags"),
    _bounded("Classifier, NaN, three classes", _classifier(), "holes", "three"),
    _bounded("Classifier, NaN at prediction alone", _classifier(), "holes in some", "two"),
    _bounded("Classifier, float32", _classifier(), "holes in float32", "two"),
    _bounded("Classifier, integers", _classifier(), "integers", "three"),
    _bounded("Classifier, booleans", _classifier(), "booleans", "two"),
    _bounded("Classifier, numeric frame", _classifier(), "numeric frame", "two"),
    _bounded("Classifier(missing=-9)", _classifier(missing=-9.0), "centred with markers", "two"),
    _bounded("Classifier(dart)", _classifier(**DART), "holes", "two"),
    _bounded("Classifier(dart), three classes", _classifier(**DART), "holes", "three"),
    _bounded("Classifier(base_score)", _classifier(base_score=0.2), "holes", "two"),
    _bounded("Classifier(max_leaves)", _classifier(max_leaves=6, max_depth=0), "holes", "two"),
    _bounded("Classifier(approx)", _classifier(tree_method="approx"), "holes", "two"),
    _bounded("Classifier(exact)", _classifier(tree_method="exact"), "holes", "two"),
    _bounded("Classifier(no split)", _classifier(min_child_weight=1e6), "numbers", "three"),
    _bounded("Classifier(feature_types)", _classifier(**CODES), "codes with holes", "two"),
    _bounded(
        "Classifier(feature_types, max_cat_to_onehot=1), three classes",
        _classifier(**CODES, max_cat_to_onehot=1),
        "codes with holes",
        "three",
    ),
    _bounded(
        "Classifier(categories)", _classifier(**CATEGORIES), "frame of plain categories", "two"
    ),
    _bounded(
        "Classifier(categories, max_cat_to_onehot=1), three classes",
        _classifier(**CATEGORIES, max_cat_to_onehot=1),
        "frame of plain categories",
        "three",
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
    _bounded(
        "Classifier on sparse rows",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), _classifier()),
        "few floats",
        "two",
    ),
    Case(
        "XGBClassifier on scaled sparse rows",
        make_pipeline(OneHotEncoder(), MaxAbsScaler(), _classifier()),
        "few floats",
        "refused",
        "XGBClassifier on sparse features of MaxAbsScaler: it takes zeros that are not stored for "
        "missing ones, and a graph cannot tell which are; make the features dense",
        "two",
    ),
    _bounded(
        "RFClassifier",
        XGBRFClassifier(n_estimators=10, max_depth=4, n_jobs=1, random_state=0),
        "holes",
        "three",
    ),
    Case("XGBRegressor", _regressor(), "numbers", target="amounts"),
    Case("XGBRegressor, NaN", _regressor(), "holes", target="amounts"),
    Case("XGBRegressor, two targets", _regressor(), "holes", target="two amounts"),
    Case("XGBRegressor(dart)", _regressor(**DART), "holes", target="amounts"),
    *(
        Case(f"XGBRegressor({loss})", _regressor(objective=loss), "holes", target=target)
        for loss, target in [
            ("reg:squaredlogerror", "positive amounts"),
            ("reg:pseudohubererror", "amounts"),
            ("reg:absoluteerror", "amounts"),
        ]
    ),
    Case(
        "XGBRegressor(two quantiles)",
        _regressor(objective="reg:quantileerror", quantile_alpha=[0.2, 0.8]),
        "holes",
        target="amounts",
    ),
    *(
        _bounded(f"Regressor({loss})", _regressor(objective=loss), "holes", target)
        for loss, target in [
            ("reg:logistic", "two"),
            ("count:poisson", "counts"),
            ("reg:gamma", "positive amounts"),
            ("reg:tweedie", "counts"),
            ("survival:cox", "positive amounts"),
        ]
    ),
    Case(
        "XGBRegressor(categories)",
        _regressor(**CATEGORIES),
        "frame of plain categories",
        target="amounts",
    ),
    Case(
        "XGBRFRegressor",
        XGBRFRegressor(n_estimators=10, max_depth=4, n_jobs=1, random_state=0),
        "holes",
        target="amounts",
    ),
    Case(
        "XGBRegressor(categories beyond ASCII)",
        _regressor(**CATEGORIES),
        "frame of categories",
        "refused",
        "XGBRegressor cuts the names of categories that are no ASCII; rename the categories of "
        "feature 3",
        "amounts",
    ),
    Case(
        "XGBRegressor(gblinear)",
        XGBRegressor(booster="gblinear", n_estimators=5, n_jobs=1),
        "numbers",
        "refused",
        "XGBRegressor(booster='gblinear'): use 'gbtree' or 'dart'",
        "amounts",
    ),
    Case(
        "XGBRegressor(multi_output_tree)",
        _regressor(multi_strategy="multi_output_tree", tree_method="hist"),
        "numbers",
        "refused",
        "XGBRegressor(multi_strategy='multi_output_tree'): use 'one_output_per_tree'",
        "two amounts",
    ),
    Case(
        "XGBClassifier(multi:softmax)",
        _classifier(objective="multi:softmax"),
        "numbers",
        "refused",
        "XGBClassifier(objective='multi:softmax'): its link has no known form; "
        "use 'reg:squarederror', 'binary:logistic' or 'multi:softprob'",
        "three",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_xgboost(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


ODD: Final = st.one_of(
    st.floats(-3, 3, width=32),
    st.sampled_from([np.nan, 0.0, -0.0, 1e-35, -1e-36, 1e-40, 5e-324, 3e38]),
)


@settings(max_examples=10)
@given(
    table=tables(cells=ODD),
    booster=st.sampled_from([{}, DART, {"num_parallel_tree": 3, "subsample": 0.7}]),
    depth=st.integers(1, 4),
    base=st.sampled_from([None, 0.3, -7.0]),
)
def test_boosted_sums_equal_bit_for_bit(
    table: np.ndarray, booster: dict[str, Any], depth: int, base: float | None
) -> None:
    model = _regressor(**{**booster, "max_depth": depth, "base_score": base})
    assert_equal_bits(model, table, np.arange(12) % 5 / 3)


def _boosted() -> XGBClassifier:
    return XGBClassifier(n_estimators=3, max_depth=2)


@pytest.mark.parametrize(
    ("step", "outer"),
    [
        (".", VotingClassifier([("a", _boosted()), ("b", GaussianNB())], voting="soft")),
        (".", StackingClassifier([("a", _boosted()), ("b", GaussianNB())], cv=2)),
        (".", FixedThresholdClassifier(_boosted(), threshold=0.4)),
        (".", OneVsRestClassifier(_boosted())),
        ("calibrated_classifiers_0", CalibratedClassifierCV(_boosted(), cv=2)),
    ],
    ids=lambda item: type(item).__name__,
)
def test_probabilities_of_float32_are_refused_inside_another_model(step: str, outer: Any) -> None:
    draw = np.random.default_rng(0)
    values, target = draw.normal(size=(60, 3)), np.arange(60) % 2
    with pytest.raises(ExportError) as caught:
        convert(outer.fit(values, target), values)
    assert str(caught.value) == (
        f"step {step}: XGBClassifier.predict_proba answers in float32, and the C library decides "
        "its last bits, so that nothing made of it has a bound; use a model that answers in "
        "float64 here, such as HistGradientBoosting or LightGBM"
    )


def test_votes_of_boosted_trees_are_counted() -> None:
    draw = np.random.default_rng(0)
    values, target = draw.normal(size=(60, 3)), np.arange(60) % 3
    fitted = VotingClassifier([("a", _boosted()), ("b", GaussianNB())]).fit(values, target)
    assert largest_errors(fitted, values) == {}  # labels alone, and these are equal


@pytest.mark.parametrize(
    ("other", "weights"),
    [
        (DecisionTreeRegressor(max_depth=3), None),
        (DecisionTreeRegressor(max_depth=3), [1, 3]),
        (XGBRegressor(n_estimators=5, max_depth=2), [1, 3]),
    ],
)
def test_predictions_of_float32_are_averaged_as_numpy_joins_them(
    other: Any, weights: list[int] | None
) -> None:
    draw = np.random.default_rng(0)
    members = [("a", XGBRegressor(n_estimators=5)), ("b", other)]
    outer = VotingRegressor(members, weights=weights)
    assert_equal_bits(outer, draw.normal(size=(60, 3)), draw.normal(size=60))


def test_values_that_do_not_go_together_name_the_step() -> None:
    draw = np.random.default_rng(0)
    values, target = draw.normal(size=(60, 3)), draw.normal(size=60)
    outer = BaggingRegressor(XGBRegressor(n_estimators=2), n_estimators=2)
    fitted = make_pipeline(StandardScaler(), outer).fit(values, target)
    with pytest.raises(ExportError) as caught:
        convert(fitted, values)
    assert str(caught.value) == (
        "step baggingregressor: expected values whose dtypes go together, got others; a model "
        "inside another one that answers in float32, as XGBoost's do, is mostly the reason; "
        "use one of float64"
    )
