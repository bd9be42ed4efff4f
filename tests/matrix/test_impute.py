"""Simple imputers and the missing indicator."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.matrix.asking import both_features
from tests.matrix.harness import Case, check


def _one_hot() -> OneHotEncoder:
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def _texts(**parameters: Any) -> Any:
    """Impute text and encode it, so that the answer is numbers."""
    imputer = SimpleImputer(**{"strategy": "most_frequent", **parameters})
    return make_pipeline(imputer, _one_hot())


def _scaled(step: Any) -> Any:
    """Let a scaler turn integers and booleans into float64."""
    return make_pipeline(step, StandardScaler())


CASES: Final = [
    Case(
        "SimpleImputer, nullable integers",
        ColumnTransformer([("filled", SimpleImputer(), ["count"])]),
        "frame of nullables",
    ),
    Case("SimpleImputer", SimpleImputer(), "holes"),
    Case("SimpleImputer(median)", SimpleImputer(strategy="median"), "holes"),
    Case("SimpleImputer(most_frequent)", SimpleImputer(strategy="most_frequent"), "holes"),
    Case("SimpleImputer(constant)", SimpleImputer(strategy="constant"), "holes"),
    Case(
        "SimpleImputer(constant, fill_value)",
        SimpleImputer(strategy="constant", fill_value=-7.25),
        "holes",
    ),
    Case("SimpleImputer(callable)", SimpleImputer(strategy=np.ptp), "holes"),
    Case("SimpleImputer(add_indicator)", SimpleImputer(add_indicator=True), "holes"),
    Case(
        "SimpleImputer(add_indicator), nothing missed", SimpleImputer(add_indicator=True), "numbers"
    ),
    Case("SimpleImputer, empty column", SimpleImputer(), "holes and an empty column"),
    Case(
        "SimpleImputer(add_indicator), empty column",
        SimpleImputer(add_indicator=True),
        "holes and an empty column",
    ),
    Case(
        "SimpleImputer(keep_empty_features)",
        SimpleImputer(keep_empty_features=True, add_indicator=True),
        "holes and an empty column",
    ),
    Case(
        "SimpleImputer(constant, keep_empty_features)",
        SimpleImputer(strategy="constant", fill_value=3, keep_empty_features=True),
        "holes and an empty column",
    ),
    Case(
        "SimpleImputer(constant), empty column",
        SimpleImputer(strategy="constant", fill_value=3),
        "holes and an empty column",
    ),
    Case("SimpleImputer(missing_values=0)", SimpleImputer(missing_values=0), "counts"),
    Case("SimpleImputer(missing_values=-1)", SimpleImputer(missing_values=-1.0), "few floats"),
    Case("SimpleImputer(missing_values=pandas.NA)", SimpleImputer(missing_values=pd.NA), "holes"),
    Case("SimpleImputer, integers", SimpleImputer(missing_values=0), "integers"),
    Case("SimpleImputer(median), booleans", SimpleImputer(strategy="median"), "booleans"),
    Case(
        "SimpleImputer(most_frequent, missing_values=0), integers",
        _scaled(SimpleImputer(missing_values=0, strategy="most_frequent", add_indicator=True)),
        "integers",
    ),
    Case(
        "SimpleImputer(constant, missing_values=2), integers",
        _scaled(SimpleImputer(missing_values=2, strategy="constant", fill_value=-9)),
        "integers",
    ),
    Case(
        "SimpleImputer(most_frequent), small integers",
        _scaled(SimpleImputer(missing_values=0, strategy="most_frequent")),
        "small integers",
    ),
    Case(
        "SimpleImputer, bare text",
        SimpleImputer(strategy="most_frequent"),
        "words with both",
    ),
    Case(
        "SimpleImputer(most_frequent, missing_values=0), bare integers",
        SimpleImputer(missing_values=0, strategy="most_frequent", add_indicator=True),
        "small integers",
    ),
    Case("SimpleImputer, None in text", _texts(missing_values=None), "words with None"),
    Case("SimpleImputer, NaN in text", _texts(), "words with nan"),
    Case("SimpleImputer, both nulls in text", _texts(), "words with both"),
    Case(
        "SimpleImputer(missing_values=pandas.NA), text",
        _texts(missing_values=pd.NA),
        "words with both",
    ),
    Case("SimpleImputer(missing_values=''), text", _texts(missing_values=""), "words"),
    Case("SimpleImputer(missing_values='nan'), None", _texts(missing_values="nan"), "words"),
    Case(
        "SimpleImputer(constant), text",
        _texts(strategy="constant", missing_values=None),
        "words with None",
    ),
    Case(
        "SimpleImputer(constant, fill_value='Oslo'), text",
        _texts(strategy="constant", fill_value="Oslo"),
        "words with nan",
    ),
    Case("SimpleImputer(missing_values=0), text", _texts(missing_values=0), "words"),
    Case(
        "SimpleImputer, frame",
        ColumnTransformer(
            [
                ("num", SimpleImputer(add_indicator=True), ["normal", "offset", "flag"]),
                ("cat", _texts(missing_values=pd.NA), ["colour", "city"]),
            ]
        ),
        "frame",
    ),
    Case(
        "SimpleImputer, text and numbers in one array",
        make_pipeline(
            SimpleImputer(strategy="most_frequent"),
            ColumnTransformer([("num", StandardScaler(), [0, 1, 2]), ("cat", _one_hot(), [5, 6])]),
        ),
        "frame",
    ),
    Case(
        "SimpleImputer(fill_value=0), text",
        _texts(strategy="constant", fill_value=0),
        "words",
        "refused",
        "column 'X[0]' holds text and is filled with 0, which is none",
    ),
    Case(
        "SimpleImputer(constant), text and numbers in one array",
        SimpleImputer(strategy="constant"),
        "frame",
        "refused",
        "column 'normal' holds numbers and is filled with 'missing_value'; "
        "impute numbers and text in two imputers",
    ),
    Case(
        "SimpleImputer, float32",
        SimpleImputer(),
        "holes in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
    ),
    Case(
        "SimpleImputer, only empty columns",
        SimpleImputer(),
        "nothing at all",
        "refused",
        "expected at least one column with values at training, got none",
    ),
    Case("MissingIndicator", _scaled(MissingIndicator()), "holes"),
    Case("MissingIndicator(all)", _scaled(MissingIndicator(features="all")), "holes"),
    Case(
        "MissingIndicator, new columns",
        _scaled(MissingIndicator(missing_values=4.0)),
        "numbers",
    ),
    Case(
        "MissingIndicator(error_on_new=False)",
        _scaled(MissingIndicator(missing_values=4.0, error_on_new=False)),
        "numbers",
    ),
    Case(
        "MissingIndicator(sparse)",
        make_union(SimpleImputer(), MissingIndicator(sparse=True)),
        "holes",
    ),
    Case("MissingIndicator, integers", _scaled(MissingIndicator(missing_values=0)), "integers"),
    Case(
        "MissingIndicator, None", _scaled(MissingIndicator(missing_values=None)), "words with None"
    ),
    Case(
        "MissingIndicator, text and numbers in one array",
        _scaled(MissingIndicator(features="all")),
        "frame",
    ),
    Case(
        "MissingIndicator, nothing missed",
        make_union(StandardScaler(), MissingIndicator()),
        "numbers",
        "refused",
        "MissingIndicator(features='missing-only'): expected a column that missed a value",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_imputers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


CELLS: Final = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, 1e300, -2.5, np.nan])


@settings(max_examples=20)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=3, max_size=8),
    strategy=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    marker=st.sampled_from([np.nan, 0, 1.0, -2.5]),
    add_indicator=st.booleans(),
    keep_empty_features=st.booleans(),
)
def test_any_imputer_of_numbers_is_bitwise_equal(
    cells: list[tuple[float, float, float]],
    strategy: str,
    marker: float,
    *,
    add_indicator: bool,
    keep_empty_features: bool,
) -> None:
    values = np.array([*cells, (0.5, 0.25, 0.125)])
    if not np.isnan(marker):
        values = np.nan_to_num(values, nan=marker)
    fitted = SimpleImputer(
        strategy=strategy,
        missing_values=marker,
        add_indicator=add_indicator,
        keep_empty_features=keep_empty_features,
    ).fit(values)
    assert_same_answers(fitted, values)


@settings(max_examples=20)
@given(
    cells=st.lists(
        st.tuples(*[st.sampled_from(["a", "b", "", "nan", "ü"]) | st.none() | st.just(np.nan)] * 2),
        min_size=2,
        max_size=8,
    ),
    marker=st.sampled_from([np.nan, pd.NA]),
    strategy=st.sampled_from(["most_frequent", "constant"]),
    add_indicator=st.booleans(),
)
def test_any_imputer_of_text_finds_the_same_categories(
    cells: list[tuple[object, object]], marker: Any, strategy: str, *, add_indicator: bool
) -> None:
    values = np.empty((len(cells) + 1, 2), object)
    values[:-1], values[-1] = cells, ("a", "b")
    imputer = SimpleImputer(strategy=strategy, missing_values=marker, add_indicator=add_indicator)
    encoder = ColumnTransformer([("texts", _one_hot(), [0, 1])], remainder=StandardScaler())
    assert_same_answers(make_pipeline(imputer, encoder).fit(values), values)


def assert_same_answers(fitted: Any, values: NDArray[Any]) -> None:
    want, got, row_error = both_features(fitted, values)
    assert not row_error.any()
    assert np.array_equal(got, want, equal_nan=True)
