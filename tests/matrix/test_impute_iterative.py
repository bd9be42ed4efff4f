"""The iterative imputer."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes the class importable
from sklearn.impute import IterativeImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from preproc.export.conversion import convert
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.matrix.asking import both_features
from tests.matrix.harness import Case, check

Expect = Literal["bitwise", "bounded", "refused"]


def _case(
    shown: str,
    data: str = "holes",
    expect: Expect = "bounded",
    message: str = "",
    **parameters: Any,
) -> Case:
    imputer = IterativeImputer(**{"max_iter": 3, "random_state": 0, **parameters})
    return Case(f"IterativeImputer{shown}", imputer, data, expect, message)


CASES: Final = [
    _case("", max_iter=10),
    _case("(LinearRegression)", estimator=LinearRegression()),
    _case("(Ridge)", estimator=Ridge()),
    _case("(Lasso)", estimator=Lasso()),
    _case("(median)", initial_strategy="median"),
    _case("(most_frequent)", initial_strategy="most_frequent"),
    _case("(constant)", initial_strategy="constant", fill_value=-1.5),
    _case("(arabic)", imputation_order="arabic"),
    _case("(roman)", imputation_order="roman"),
    _case("(descending)", imputation_order="descending"),
    _case("(random)", imputation_order="random"),
    _case("(n_nearest_features)", n_nearest_features=3),
    _case("(skip_complete)", "holes in some", skip_complete=True),
    _case(", nothing missed", "numbers"),
    _case("(min_value, max_value)", min_value=0.0, max_value=2.0),
    _case("(min_value a feature)", min_value=[-np.inf, -2.0, 0.0, 1e6, -1.0, -9.0]),
    _case("(add_indicator)", add_indicator=True),
    _case(", empty column", "holes and an empty column", add_indicator=True),
    _case("(keep_empty_features)", "holes and an empty column", keep_empty_features=True),
    _case("(missing_values=0)", "counts", missing_values=0),
    _case("(max_iter=0)", expect="bitwise", max_iter=0),
    _case(
        "(sample_posterior)",
        expect="refused",
        message="IterativeImputer(sample_posterior=True): its answer is drawn anew at each call",
        sample_posterior=True,
    ),
    _case(
        "(DecisionTreeRegressor)",
        expect="refused",
        message="IterativeImputer(estimator=DecisionTreeRegressor): only linear models",
        estimator=DecisionTreeRegressor(max_depth=2),
    ),
]


@pytest.mark.filterwarnings("ignore:.IterativeImputer. Early stopping")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_iterative_imputers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.filterwarnings("ignore:.IterativeImputer. Early stopping")
@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(2, 6),
    order=st.sampled_from(["ascending", "descending", "roman", "arabic", "random"]),
    rounds=st.integers(1, 4),
)
def test_any_iterative_imputer_is_within_roundings(
    seed: int, width: int, order: str, rounds: int
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(40, width)) @ draw.normal(size=(width, width))
    values[draw.random(values.shape) < 0.2] = np.nan
    fitted = IterativeImputer(imputation_order=order, max_iter=rounds, random_state=0).fit(values)
    want, got, is_out = both_features(fitted, values)
    assert np.array_equal(is_out, np.isnan(values).all(axis=1))
    # A few roundings of the row's largest number: BLAS sums one column in an order of its own.
    error = np.abs(want - got) / np.abs(want).max(axis=1, keepdims=True)
    assert error.max() <= 2.0**-46


@pytest.mark.filterwarnings("ignore:.IterativeImputer. Early stopping")
def test_a_row_is_refused_where_a_prediction_of_another_feature_overflows() -> None:
    draw = np.random.default_rng(0)
    train = draw.normal(size=(200, 1)) * [[1.0, 1e2, 1e-2, 3.0]]
    train += 1e-3 * draw.normal(size=train.shape)
    train[draw.random(train.shape) < 0.15] = np.nan
    fitted = IterativeImputer(LinearRegression(), max_iter=3, random_state=0).fit(train)
    rows = draw.normal(size=(200, 4)) * 10.0 ** draw.integers(300, 308, (200, 4))
    rows[draw.random(rows.shape) < 0.4] = np.nan
    rows = rows[~np.isnan(rows).all(axis=1)]
    refused = open_executor(convert(fitted, train).model).execute({"X": rows})["row_error"] > 0
    want = []
    for row in rows:
        try:
            with np.errstate(all="ignore"):
                want.append(not fitted.transform([row]).size)
        except ValueError:
            want.append(True)
    assert refused.tolist() == want
    assert 0 < refused.sum() < len(rows) / 2
