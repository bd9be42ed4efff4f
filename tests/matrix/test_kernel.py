"""Kernel approximations."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc.compare import Tolerance, compare
from tests.matrix.asking import features_of
from tests.matrix.harness import Case, check

SAMPLERS: Final = [
    Case("RBFSampler", RBFSampler(random_state=0), "centred", "bounded"),
    Case("RBFSampler, offset", RBFSampler(n_components=20, random_state=0), "numbers", "bounded"),
    Case(
        "RBFSampler(gamma=scale)",
        RBFSampler(gamma="scale", n_components=7, random_state=0),
        "unit",
        "bounded",
    ),
    Case("RBFSampler, integers", RBFSampler(n_components=5, random_state=0), "integers", "bounded"),
    Case(
        "RBFSampler, sparse",
        make_pipeline(OneHotEncoder(), RBFSampler(n_components=9, random_state=0)),
        "words",
        "bounded",
    ),
    Case(
        "SkewedChi2Sampler", SkewedChi2Sampler(n_components=20, random_state=0), "unit", "bounded"
    ),
    Case(
        "SkewedChi2Sampler(skewedness=0.01)",
        SkewedChi2Sampler(skewedness=0.01, n_components=9, random_state=0),
        "positive",
        "bounded",
    ),
    *(
        Case(
            f"AdditiveChi2Sampler(sample_steps={steps}, sample_interval={interval})",
            AdditiveChi2Sampler(sample_steps=steps, sample_interval=interval),
            data,
            "bounded",
        )
        for steps, interval, data in (
            (1, None, "counts"),
            (2, None, "counts"),
            (3, None, "positive"),
            (5, 0.25, "unit"),
        )
    ),
]
KERNELS: Final = [
    Case(
        f"Nystroem({', '.join(f'{name}={value!r}' for name, value in given.items())})",
        Nystroem(n_components=12, random_state=0, **given),
        data,
        "bounded",
    )
    for given, data in (
        ({"kernel": "rbf"}, "centred"),
        ({"kernel": "rbf", "gamma": 0.1}, "integers"),
        ({"kernel": "linear"}, "unit"),
        ({"kernel": "poly"}, "unit"),
        ({"kernel": "poly", "degree": 2, "gamma": 0.3, "coef0": 0.5}, "centred"),
        ({"kernel": "polynomial", "degree": 2.5}, "unit"),
        ({"kernel": "sigmoid"}, "unit"),
        ({"kernel": "sigmoid", "gamma": 0.1, "coef0": -1}, "centred"),
        ({"kernel": "cosine"}, "centred"),
        ({"kernel": "laplacian"}, "centred"),
        ({"kernel": "laplacian", "gamma": 2.0}, "unit"),
        ({"kernel": "chi2"}, "unit"),
        ({"kernel": "chi2", "kernel_params": {"gamma": 0.2}}, "counts"),
        ({"kernel": "additive_chi2"}, "unit"),
    )
]
REFUSED: Final = [
    Case(
        "AdditiveChi2Sampler, integers",
        AdditiveChi2Sampler(),
        "integers",
        "refused",
        "AdditiveChi2Sampler on integers: scikit-learn cuts its result",
    ),
    Case(
        "AdditiveChi2Sampler, sparse",
        make_pipeline(OneHotEncoder(), AdditiveChi2Sampler()),
        "words",
        "refused",
        "AdditiveChi2Sampler on sparse features is not exported",
    ),
    Case(
        "Nystroem(precomputed)",
        Nystroem(kernel="precomputed", n_components=6),
        "kernel of 6 rows",
        "refused",
        "Nystroem(kernel='precomputed') is not exported; use one of",
    ),
    Case(
        "Nystroem(function)",
        Nystroem(kernel=np.dot, n_components=5),
        "unit",
        "refused",
        "Nystroem(kernel=<function>) is not exported; use one of",
    ),
    Case(
        "Nystroem, sparse",
        make_pipeline(OneHotEncoder(), Nystroem(n_components=5)),
        "words",
        "refused",
        "Nystroem on sparse features is not exported",
    ),
    Case(
        "PolynomialCountSketch",
        PolynomialCountSketch(n_components=10),
        "unit",
        "refused",
        "PolynomialCountSketch: its Fourier transform rounds in an order of its own",
    ),
    Case("RBFSampler, float32", RBFSampler(), "centred in float32", "refused", "train in float64"),
    Case(
        "StandardScaler, RBFSampler, float32",
        make_pipeline(StandardScaler(), RBFSampler(n_components=3)),
        "centred in float32",
        "refused",
        "train in float64",
    ),
]


CASES: Final = [*SAMPLERS, *KERNELS, *REFUSED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kernel_maps(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


WAVES: Final = Tolerance(
    "libm",
    2,
    2.3e-16,
    "a cosine of an angle of at most 4000, rounded once: 4000 · 2^-53 of the amplitude",
    max_row=4000 * 2.0**-53,
)


@given(
    rows=arrays(np.float64, (5, 3), elements=st.just(0.0) | st.floats(0, 1e12)),
    steps=st.integers(1, 4),
    interval=st.floats(0.05, 2),
)
@settings(max_examples=15)
def test_additive_chi2_is_scikit_learns(
    rows: NDArray[np.float64], steps: int, interval: float
) -> None:
    fitted = AdditiveChi2Sampler(sample_steps=steps, sample_interval=interval).fit(rows)
    got, row_error = features_of(fitted, rows)
    assert not row_error.any()
    found = compare(fitted.transform(rows), got, WAVES)
    assert found.is_pass, found


@given(
    rows=arrays(np.float64, (5, 3), elements=st.floats(-0.99, 100)),
    components=st.integers(1, 30),
    seed=st.integers(0, 99),
)
@settings(max_examples=15)
def test_skewed_chi2_is_scikit_learns(
    rows: NDArray[np.float64], components: int, seed: int
) -> None:
    fitted = SkewedChi2Sampler(n_components=components, random_state=seed).fit(rows)
    got, row_error = features_of(fitted, rows)
    assert not row_error.any()
    found = compare(fitted.transform(rows), got, WAVES)
    assert found.is_pass, found


@pytest.mark.parametrize("kernel", ["laplacian", "chi2", "additive_chi2"])
@pytest.mark.parametrize("width", [1, 3, 17])
def test_summed_kernels_are_scikit_learns(kernel: str, width: int) -> None:
    rows = np.random.default_rng(width).random((30, width)) * (np.arange(30)[:, None] > 2)
    fitted = Nystroem(kernel, gamma=None, n_components=8, random_state=0).fit(rows)
    fitted.normalization_ = np.eye(8)  # the kernel alone
    got, _ = features_of(fitted, rows)
    found = compare(fitted.transform(rows), got, Tolerance("exp", 1, 0.0, "numpy's exponential"))
    assert found.is_pass, found


@pytest.mark.parametrize(
    ("fitted", "rows", "refused"),
    [
        (SkewedChi2Sampler(n_components=2), [[1.0], [-1.0], [-2.0], [-0.999]], [0, 1, 1, 0]),
        (AdditiveChi2Sampler(), [[1.0], [0.0], [-0.0], [-5e-324]], [0, 0, 0, 1]),
        (Nystroem("chi2", n_components=2), [[1.0], [0.0], [-1e-9], [np.nan]], [0, 0, 1, 1]),
    ],
    ids=["skewed", "additive", "chi2"],
)
def test_rows_out_of_domain_are_refused(
    fitted: SkewedChi2Sampler, rows: list[list[float]], refused: list[int]
) -> None:
    fitted.fit(np.array([[0.1], [2.0], [3.0]]))
    _, row_error = features_of(fitted, np.array(rows))
    assert (row_error != 0).tolist() == [bool(one) for one in refused]
    for row, is_refused in zip(rows, refused, strict=True):
        if is_refused:
            with pytest.raises(ValueError, match=r"[Nn]egative|skewedness|NaN"):
                fitted.transform(np.array([row]))
