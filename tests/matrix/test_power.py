"""Power transforms."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from preproc.compare import Tolerance, compare
from preproc.export.converters.power import IS_POWER
from tests.matrix.asking import features_of
from tests.matrix.harness import Case, check

CASES: Final = [
    Case("PowerTransformer", PowerTransformer(), "numbers", "bounded"),
    Case("PowerTransformer, NaN", PowerTransformer(), "holes", "bounded"),
    Case("PowerTransformer, integers", PowerTransformer(), "integers", "bounded"),
    Case("PowerTransformer, frame", PowerTransformer(), "numeric frame", "bounded"),
    Case(
        "PowerTransformer(standardize=False)",
        PowerTransformer(standardize=False),
        "centred",
        "bounded",
    ),
    Case(
        "PowerTransformer(standardize=False), NaN",
        PowerTransformer(standardize=False),
        "holes",
        "bounded",
    ),
    Case("PowerTransformer(box-cox)", PowerTransformer(method="box-cox"), "positive", "bounded"),
    Case(
        "PowerTransformer(box-cox, standardize=False)",
        PowerTransformer(method="box-cox", standardize=False),
        "positive",
        "bounded",
    ),
    Case(
        "StandardScaler, PowerTransformer",
        make_pipeline(StandardScaler(), PowerTransformer()),
        "numbers",
        "bounded",
    ),
    Case(
        "PowerTransformer, float32",
        PowerTransformer(),
        "holes in float32",
        "refused",
        "train in float64",
    ),
]
LAST_DIGITS: Final = Tolerance(
    "libm", 4, 2.3e-16, "a logarithm and an exponential, rounded once each, and their product"
)

ROUNDINGS: Final = 6
"""Two for the ULP by which the logarithms may differ, two for that of the exponentials, one each
for the product and the quotient that take them."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_power_transforms(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def fitted_with(lambdas: NDArray[np.float64], method: str) -> PowerTransformer:
    fitted = PowerTransformer(method=method, standardize=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(np.random.default_rng(0).random((9, len(lambdas))) + 0.5)
    fitted.lambdas_ = lambdas
    return fitted


SPECIAL: Final = [0.0, 2.0, 1.0, -1.0, 1e-17, 2 - 2e-16, 0.5, -3.0, 5e-20]
if not IS_POWER:  # next to 2 a power of its own leaves nothing but rounding
    SPECIAL.append(2 + 4e-16)


def wrong_share(fitted: Any, rows: NDArray[np.float64]) -> float:
    """Assert that the distance is a few roundings of the exponent; give it in them."""
    got, row_error = features_of(fitted, rows)
    assert not row_error.any()
    with np.errstate(all="ignore"):
        want = fitted.transform(rows)
        # One rounding of the exponent moves a power by the exponent's size.
        exponent = np.abs(fitted.lambdas_ * np.log1p(np.abs(rows))) + 1
        exponent = np.maximum(exponent, np.abs((2 - fitted.lambdas_) * np.log1p(np.abs(rows))))
        exponent = np.maximum(exponent, np.abs(fitted.lambdas_ * np.log(np.abs(rows))))
        close = np.abs(want - got) / (np.abs(want) * exponent * 2.0**-53)
    assert np.array_equal(np.isnan(want), np.isnan(got))
    assert np.array_equal(np.isinf(want), np.isinf(got))
    return float(np.nan_to_num(close, nan=0.0).max())


@given(
    x=st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=8),
    lambdas=st.lists(st.sampled_from(SPECIAL) | st.floats(-4, 4), min_size=3, max_size=3),
)
@settings(max_examples=15)
def test_yeo_johnson_is_scipys_for_any_lambda(x: list[float], lambdas: list[float]) -> None:
    rows = np.repeat(np.array(x)[:, None], 3, axis=1)
    assert wrong_share(fitted_with(np.array(lambdas), "yeo-johnson"), rows) <= ROUNDINGS


@given(
    x=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=8),
    lambdas=st.lists(st.sampled_from(SPECIAL) | st.floats(-4, 4), min_size=3, max_size=3),
)
@settings(max_examples=15)
def test_box_cox_is_scipys_for_any_lambda(x: list[float], lambdas: list[float]) -> None:
    rows = np.repeat(np.array(x)[:, None], 3, axis=1)
    assert wrong_share(fitted_with(np.array(lambdas), "box-cox"), rows) <= ROUNDINGS


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_special_lambdas_meet_special_values(method: str) -> None:
    rows = np.array([1e-300, 5e-324, 1e-8, 0.3, 1.0, 7.0, 1e9, 1e300, 1.7e308])
    rows = np.concatenate([rows, -rows, [0.0, -0.0]]) if method == "yeo-johnson" else rows
    fitted = fitted_with(np.array(SPECIAL), method)
    assert wrong_share(fitted, np.repeat(rows[:, None], len(SPECIAL), axis=1)) <= ROUNDINGS


def test_box_cox_refuses_rows_that_are_not_positive() -> None:
    fitted = fitted_with(np.array([0.5, 1.0]), "box-cox")
    rows = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, -0.0], [1.0, -3.0], [np.nan, 1.0]])
    got, row_error = features_of(fitted, rows)
    assert (row_error != 0).tolist() == [False, True, True, True, False]
    assert np.isnan(got[4, 0])


def test_small_values_keep_all_digits() -> None:
    rows = np.array([[1e-12], [-1e-12], [3e-200]])
    fitted = fitted_with(np.array([0.3]), "yeo-johnson")
    got, _ = features_of(fitted, rows)
    assert compare(fitted.transform(rows), got, LAST_DIGITS).is_pass
