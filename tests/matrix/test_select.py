"""Feature selectors."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.drawn import assert_same, tables
from tests.matrix.harness import Case, check

_TREE: Final = DecisionTreeClassifier(max_depth=3, random_state=0)
_FRAMES: Final = VarianceThreshold(0.5).set_output(transform="pandas")
_FRAMES_OF_BEST: Final = SelectKBest(k=2).set_output(transform="pandas")

CASES: Final = [
    Case("VarianceThreshold", VarianceThreshold(), "numbers"),
    Case("VarianceThreshold(0.5), NaN and infinity", VarianceThreshold(0.5), "holes"),
    Case("VarianceThreshold, integers", VarianceThreshold(), "integers"),
    Case("VarianceThreshold, booleans", VarianceThreshold(0.1), "booleans"),
    Case("VarianceThreshold, float32", VarianceThreshold(0.9), "centred in float32"),
    Case("VarianceThreshold, frame", VarianceThreshold(0.5), "numeric frame"),
    Case("VarianceThreshold, frame to frame", _FRAMES, "numeric frame"),
    Case("SelectKBest(k=3)", SelectKBest(k=3), "numbers"),
    Case("SelectKBest(k=2), frame to frame", _FRAMES_OF_BEST, "numeric frame"),
    Case("SelectKBest(k='all')", SelectKBest(k="all"), "numbers"),
    Case("SelectKBest(k=2), integers", SelectKBest(k=2), "integers"),
    Case("SelectKBest(chi2)", SelectKBest(chi2, k=2), "counts"),
    Case(
        "SelectKBest on sparse rows",
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), SelectKBest(chi2, k=4)),
        "words",
    ),
    Case("SelectPercentile", SelectPercentile(percentile=40), "numbers"),
    Case("SelectFpr", SelectFpr(alpha=0.8), "numbers"),
    Case("SelectFdr", SelectFdr(alpha=0.99), "numbers"),
    Case("SelectFwe", SelectFwe(alpha=0.999999), "numbers"),
    Case(
        "GenericUnivariateSelect",
        GenericUnivariateSelect(mode="k_best", param=2),
        "numeric frame",
    ),
    Case("SelectFromModel(Ridge)", SelectFromModel(Ridge(), threshold="median"), "numbers"),
    Case("SelectFromModel(tree), NaN", SelectFromModel(_TREE), "holes"),
    Case("SelectFromModel(max_features=1)", SelectFromModel(_TREE, max_features=1), "numbers"),
    Case("RFE(Ridge)", RFE(Ridge(), n_features_to_select=2), "numbers", "bounded"),
    Case("RFE(tree), NaN", RFE(_TREE, n_features_to_select=2), "holes"),
    Case("RFECV(Ridge)", RFECV(Ridge(), cv=2, min_features_to_select=2), "centred", "bounded"),
    Case(
        "SequentialFeatureSelector(tree)",
        SequentialFeatureSelector(_TREE, n_features_to_select=2, cv=2),
        "integers",
    ),
    Case(
        "SequentialFeatureSelector(backward)",
        SequentialFeatureSelector(Ridge(), n_features_to_select=3, direction="backward", cv=2),
        "numbers",
    ),
    Case(
        "SequentialFeatureSelector(boosting), NaN",
        SequentialFeatureSelector(
            HistGradientBoostingClassifier(max_iter=2), n_features_to_select=1, cv=2
        ),
        "holes few columns",
    ),
    Case("selection before scaling", make_pipeline(SelectKBest(k=2), StandardScaler()), "numbers"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_selectors(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_selector_of_nothing_is_refused() -> None:
    table = np.random.default_rng(0).random((30, 2))
    fitted = SelectFwe(alpha=0.0).fit(table, np.arange(30) % 2)
    with pytest.raises(ExportError) as caught:
        convert(fitted, table)
    assert str(caught.value) == (
        "step .: SelectFwe selects no feature, expected at least one; loosen its threshold"
    )


@settings(max_examples=15)
@given(table=tables(columns=6, cells=st.floats(-10, 10)), k=st.integers(1, 6), data=st.data())
def test_selected_columns_keep_their_bits(table: np.ndarray, k: int, data: st.DataObject) -> None:
    width = table.shape[1]
    table = table + np.arange(width) + np.arange(len(table))[:, None]
    selectors: list[Any] = [
        SelectKBest(k=min(k, width)),
        SelectPercentile(percentile=100),
        VarianceThreshold(),
        RFE(Ridge(), n_features_to_select=min(k, width)),
    ]
    selector = data.draw(st.sampled_from(selectors))
    assert_same(selector, table, [0.0, 1e300, 5e-324, np.nan, np.inf, -np.inf])
