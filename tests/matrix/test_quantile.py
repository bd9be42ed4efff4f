"""Quantile transforms."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

from preproc.compare import BITWISE, Tolerance, compare
from tests.matrix.asking import features_of
from tests.matrix.harness import Case, check

CASES: Final = [
    Case("QuantileTransformer", QuantileTransformer(n_quantiles=100), "numbers"),
    Case("QuantileTransformer, as many as rows", QuantileTransformer(), "centred"),
    Case("QuantileTransformer, NaN", QuantileTransformer(n_quantiles=50), "holes"),
    Case("QuantileTransformer, ties", QuantileTransformer(n_quantiles=20), "counts"),
    Case("QuantileTransformer, integers", QuantileTransformer(n_quantiles=20), "integers"),
    Case("QuantileTransformer, frame", QuantileTransformer(n_quantiles=20), "numeric frame"),
    Case("QuantileTransformer(n_quantiles=1)", QuantileTransformer(n_quantiles=1), "numbers"),
    Case("QuantileTransformer(n_quantiles=2)", QuantileTransformer(n_quantiles=2), "numbers"),
    Case(
        "QuantileTransformer(subsample)",
        QuantileTransformer(n_quantiles=30, subsample=100, random_state=0),
        "numbers",
    ),
    Case(
        "QuantileTransformer(normal)",
        QuantileTransformer(n_quantiles=100, output_distribution="normal"),
        "numbers",
        "bounded",
    ),
    Case(
        "QuantileTransformer(normal), NaN",
        QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        "holes",
        "bounded",
    ),
    Case(
        "QuantileTransformer(normal), ties",
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        "counts",
        "bounded",
    ),
    Case(
        "QuantileTransformer, sparse",
        make_pipeline(OneHotEncoder(), QuantileTransformer(n_quantiles=10)),
        "words",
        "refused",
        "QuantileTransformer on sparse features",
    ),
    Case(
        "QuantileTransformer, an empty column",
        QuantileTransformer(n_quantiles=10),
        "holes and an empty column",
        "refused",
        "are missing, out of order",
    ),
]
TAILS: Final = Tolerance("libm", 2, 2.3e-16, "the logarithm of the C library in the tails")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_quantile_transforms(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


NUMBERS: Final = st.sampled_from([0.0, 1.0, -1.0, 2.5]) | st.floats(-1e6, 1e6, width=32)


@given(
    training=arrays(np.float64, (20, 2), elements=NUMBERS),
    fresh=arrays(np.float64, (6, 2), elements=NUMBERS | st.just(np.nan)),
    knots=st.integers(1, 20),
    output=st.sampled_from(["uniform", "normal"]),
)
@settings(max_examples=15)
def test_every_knot_and_its_neighbours_are_scikit_learns(
    training: NDArray[np.float64], fresh: NDArray[np.float64], knots: int, output: str
) -> None:
    fitted = QuantileTransformer(n_quantiles=knots, output_distribution=output).fit(training)
    near = np.concatenate([fitted.quantiles_, training])
    sides = [np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf), near + 0.3]
    rows = np.concatenate([fresh, *sides])
    got, row_error = features_of(fitted, rows)
    want = fitted.transform(rows)
    assert not row_error.any()
    assert compare(want, got, BITWISE if output == "uniform" else TAILS).is_pass
