"""Polynomial features."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, PolynomialFeatures

from tests.matrix.drawn import assert_same, tables
from tests.matrix.harness import Case, check

_SPARSE: Final = ColumnTransformer(
    [("codes", OneHotEncoder(handle_unknown="ignore"), [0]), ("numbers", MaxAbsScaler(), [1, 2])],
    sparse_threshold=1.0,
)

CASES: Final = [
    Case("PolynomialFeatures", PolynomialFeatures(), "numbers"),
    Case("PolynomialFeatures(3)", PolynomialFeatures(3), "numbers"),
    Case("PolynomialFeatures(1)", PolynomialFeatures(1), "numbers"),
    Case("PolynomialFeatures(0)", PolynomialFeatures(0), "numbers"),
    Case("PolynomialFeatures((2, 4))", PolynomialFeatures((2, 4)), "unit"),
    Case(
        "PolynomialFeatures((3, 3), include_bias=False)",
        PolynomialFeatures((3, 3), include_bias=False),
        "centred",
    ),
    Case(
        "PolynomialFeatures(3, interaction_only=True, include_bias=False)",
        PolynomialFeatures(3, interaction_only=True, include_bias=False),
        "numeric frame",
    ),
    Case(
        "PolynomialFeatures(9, interaction_only=True)",
        PolynomialFeatures(9, interaction_only=True),
        "centred",
    ),
    Case("PolynomialFeatures(order='F')", PolynomialFeatures(order="F"), "counts"),
    Case("PolynomialFeatures(7), integers", PolynomialFeatures(7), "integers"),
    Case("PolynomialFeatures, booleans", PolynomialFeatures(), "booleans"),
    *(
        Case(
            f"PolynomialFeatures({degree}) on sparse rows",
            make_pipeline(_SPARSE, PolynomialFeatures(degree)),
            "few floats",
        )
        for degree in (2, 3, 4)
    ),
    Case(
        "PolynomialFeatures, float32",
        PolynomialFeatures(),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_polynomials(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=25)
@given(
    table=tables(columns=4),
    degrees=st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda d: (d[0], d[0] + d[1])),
    options=st.fixed_dictionaries({"interaction_only": st.booleans()}),
    large=st.sampled_from([3.0, 1e100, 1e200]),
)
def test_products_equal_bit_for_bit(
    table: np.ndarray, degrees: tuple[int, int], options: dict[str, bool], large: float
) -> None:
    assert_same(PolynomialFeatures(degrees, **options), table, [large, -large, np.nan, np.inf])
