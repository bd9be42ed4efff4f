"""Random projections."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from preproc import compare
from tests.matrix.asking import features_of
from tests.matrix.harness import Case, check

CASES: Final = [
    Case(
        "GaussianRandomProjection",
        GaussianRandomProjection(3, random_state=0),
        "numbers",
        "bounded",
    ),
    Case(
        "GaussianRandomProjection, wide",
        GaussianRandomProjection(40, random_state=0),
        "seventy columns",
        "bounded",
    ),
    Case(
        "GaussianRandomProjection(compute_inverse_components)",
        GaussianRandomProjection(1, compute_inverse_components=True, random_state=0),
        "integers",
        "bounded",
    ),
    Case(
        "GaussianRandomProjection, very wide",
        GaussianRandomProjection(5, random_state=0),
        "very wide",
        "bounded",
    ),
    Case(
        "GaussianRandomProjection, sparse",
        make_pipeline(OneHotEncoder(), GaussianRandomProjection(3, random_state=0)),
        "words",
    ),
    Case("SparseRandomProjection", SparseRandomProjection(4, random_state=0), "numbers"),
    Case(
        "SparseRandomProjection, wide",
        SparseRandomProjection(50, random_state=0),
        "seventy columns",
    ),
    Case(
        "SparseRandomProjection(density=0.3, dense_output)",
        SparseRandomProjection(30, density=0.3, dense_output=True, random_state=0),
        "very wide",
    ),
    Case(
        "SparseRandomProjection(density=1)",
        SparseRandomProjection(4, density=1.0, random_state=0),
        "numbers",
        "bounded",
    ),
    Case(
        "SparseRandomProjection, sparse",
        make_pipeline(OneHotEncoder(), SparseRandomProjection(3, random_state=0)),
        "words",
    ),
    Case(
        "SparseRandomProjection(dense_output), sparse",
        make_pipeline(
            OneHotEncoder(), SparseRandomProjection(3, dense_output=True, random_state=0)
        ),
        "words",
    ),
    Case(
        "SparseRandomProjection, float32",
        SparseRandomProjection(3, random_state=0),
        "centred in float32",
        "refused",
        "train in float64",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_random_projections(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def fitted_on(estimator: Any, rows: NDArray[np.float64]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataDimensionalityWarning)
        return estimator.fit(rows)


@given(
    width=st.integers(1, 40),
    components=st.integers(1, 60),
    density=st.sampled_from(["auto", 0.02, 0.5, 0.9]),
    seed=st.integers(0, 99),
    data=st.data(),
)
@settings(max_examples=15)
def test_sparse_components_are_summed_in_the_order_in_which_they_are_stored(
    width: int, components: int, density: float | str, seed: int, data: st.DataObject
) -> None:
    rows = data.draw(arrays(np.float64, (4, width), elements=st.floats(-1e9, 1e9)))
    drawn = SparseRandomProjection(components, density=density, random_state=seed)
    fitted = fitted_on(drawn, rows)
    got, row_error = features_of(fitted, rows)
    assert not row_error.any()
    found = compare(fitted.transform(rows), got)
    assert found.is_pass, found
