"""Splines."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import SplineTransformer

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.drawn import assert_same, tables
from tests.matrix.harness import Case, check

WAYS: Final = ("error", "constant", "linear", "continue", "periodic")
_KNOTS: Final = np.linspace([-1.0] * 5, [2.0] * 5, 6) ** 3

CASES: Final = [
    *(
        Case(
            f"SplineTransformer(degree={degree}, extrapolation={way!r})",
            SplineTransformer(degree=degree, extrapolation=way),
            "within",
        )
        for way in WAYS
        for degree in (0, 1, 2, 3)
    ),
    *(
        Case(
            f"SplineTransformer(sparse_output=True, extrapolation={way!r})",
            SplineTransformer(extrapolation=way, sparse_output=True),
            "within",
        )
        for way in WAYS
    ),
    *(
        Case(
            f"SplineTransformer(handle_missing='zeros', extrapolation={way!r})",
            SplineTransformer(extrapolation=way, handle_missing="zeros"),
            "within with holes",
        )
        for way in WAYS
    ),
    *(
        Case(
            f"SplineTransformer(handle_missing='zeros', sparse_output=True, extrapolation={way!r})",
            SplineTransformer(extrapolation=way, handle_missing="zeros", sparse_output=True),
            "holes",
        )
        for way in ("constant", "linear")
    ),
    *(
        Case(
            f"SplineTransformer(handle_missing='zeros', sparse_output=True, extrapolation={way!r})",
            SplineTransformer(extrapolation=way, handle_missing="zeros", sparse_output=True),
            "holes",
            "refused",
            f"SplineTransformer(extrapolation={way!r}, handle_missing='zeros', sparse_output=True):"
            " scikit-learn's answer to NaN depends on the other rows; use sparse_output=False",
        )
        for way in ("error", "continue", "periodic")
    ),
    Case("SplineTransformer(knots='quantile')", SplineTransformer(8, knots="quantile"), "numbers"),
    Case(
        "SplineTransformer(knots='quantile'), ties",
        SplineTransformer(9, knots="quantile"),
        "counts",
    ),
    Case("SplineTransformer(knots=array)", SplineTransformer(knots=_KNOTS), "unit"),
    Case(
        "SplineTransformer(knots=array, extrapolation='error')",
        SplineTransformer(knots=_KNOTS, extrapolation="error"),
        "unit",
    ),
    Case(
        "SplineTransformer(include_bias=False)",
        SplineTransformer(include_bias=False),
        "numeric frame",
    ),
    Case("SplineTransformer(order='F')", SplineTransformer(order="F"), "centred"),
    Case("SplineTransformer(degree=5)", SplineTransformer(degree=5, n_knots=3), "centred"),
    Case("SplineTransformer(n_knots=2)", SplineTransformer(2), "centred"),
    Case("SplineTransformer, integers", SplineTransformer(extrapolation="linear"), "integers"),
    Case(
        "SplineTransformer, float32",
        SplineTransformer(),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
    ),
    Case(
        "SplineTransformer(n_knots=2, degree=1, extrapolation='linear')",
        SplineTransformer(2, degree=1, extrapolation="linear"),
        "unit",
        "refused",
        "SplineTransformer(degree=1, extrapolation='linear'): scikit-learn needs more knots "
        "to go on here; use n_knots=4",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_splines(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_what_scikit_learn_answers_to_no_row_is_refused() -> None:
    table = np.random.default_rng(0).random((20, 2))
    dense = SplineTransformer(degree=0, extrapolation="periodic").fit(table)
    fitted = dense.set_params(sparse_output=True)
    with pytest.raises(ExportError, match="scikit-learn fails on any row"):
        convert(fitted, table)


OPTIONS: Final = st.fixed_dictionaries(
    {
        "degree": st.integers(0, 4),
        "extrapolation": st.sampled_from(WAYS),
        "handle_missing": st.sampled_from(["error", "zeros"]),
        "include_bias": st.booleans(),
        "knots": st.sampled_from(["uniform", "quantile"]),
        "n_knots": st.integers(5, 8),
        "sparse_output": st.booleans(),
    }
)


def _is_exported(options: dict[str, Any]) -> bool:
    """Whether scikit-learn gives a row an answer of its own."""
    way = options["extrapolation"]
    never = way == "periodic" and options["degree"] == 0
    looks_around = options["handle_missing"] == "zeros" and way not in ("constant", "linear")
    return not (options["sparse_output"] and (never or looks_around))


@settings(max_examples=60)
@given(table=tables(), options=OPTIONS.filter(_is_exported))
def test_splines_equal_bit_for_bit(table: np.ndarray, options: dict[str, Any]) -> None:
    inner = np.linspace(table.min(), table.max(), options["n_knots"])
    far = [1e7, -1e7, 1e100, -1e300, np.nan, np.inf, -np.inf]
    assert_same(SplineTransformer(**options), table, [*inner, *inner + 0.3, *far])


def test_what_overflows_between_knots_is_refused_as_by_scikit_learn() -> None:
    table = np.zeros((12, 1))
    table[0] = 5e-324
    fitted = SplineTransformer(degree=1, extrapolation="error")
    with pytest.raises(ValueError, match="beyond the limits of the knots"):
        fitted.fit(table).transform(table)
    assert_same(fitted, table)
