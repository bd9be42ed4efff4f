"""Isotonic regression, as a regressor and as a transformer."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tests.matrix.asking import largest_errors
from tests.matrix.harness import Case, check

ONE: Final = "one column"
CASES: Final = [
    Case("IsotonicRegression", IsotonicRegression(), ONE, target="amounts"),
    Case("IsotonicRegression(a line)", IsotonicRegression(), "a line", target="amounts"),
    Case(
        "IsotonicRegression(clip)", IsotonicRegression(out_of_bounds="clip"), ONE, target="amounts"
    ),
    Case(
        "IsotonicRegression(decreasing)",
        IsotonicRegression(increasing=False, out_of_bounds="clip", y_min=-1.0, y_max=1.0),
        ONE,
        target="amounts",
    ),
    Case("IsotonicRegression(auto)", IsotonicRegression(increasing="auto"), ONE, target="amounts"),
    Case(
        "IsotonicRegression behind StandardScaler",
        Pipeline([("scale", StandardScaler()), ("model", IsotonicRegression())]),
        ONE,
        target="amounts",
    ),
    Case(
        "IsotonicRegression(float32)",
        IsotonicRegression(),
        "one column in float32",
        "refused",
        "IsotonicRegression computes in float32",
        "amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_isotonic_regressions(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**16),
    out_of_bounds=st.sampled_from(["nan", "clip", "raise"]),
    digits=st.integers(0, 6),
    is_rising=st.booleans(),
)
def test_any_isotonic_regression_is_equal(
    seed: int, out_of_bounds: str, digits: int, *, is_rising: bool
) -> None:
    draw = np.random.default_rng(seed)
    x = np.round(draw.normal(size=80), digits)
    y = (x if is_rising else -x) + draw.normal(size=80)
    model = IsotonicRegression(increasing=is_rising, out_of_bounds=out_of_bounds).fit(x, y)
    knots = model.X_thresholds_
    inner = np.concatenate(
        [np.nextafter(knots, knots.min()), knots, np.nextafter(knots, knots.max())]
    )
    found = largest_errors(model, np.concatenate([inner, x]).reshape(-1, 1))
    assert found["prediction"] == 0.0
