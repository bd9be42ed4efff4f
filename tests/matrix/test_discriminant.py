"""Discriminant analysis, nearest centroids, mixtures and clusterings as predictors."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.asking import largest_errors
from tests.matrix.harness import Case, check

Expect = Literal["bitwise", "bounded", "refused"]


def _case(
    shown: str,
    model: Any,
    data: str = "centred",
    target: str = "three",
    expect: Expect = "bounded",
    message: str = "",
) -> Case:
    return Case(shown, model, data, expect, message, target)


def _on_sparse(model: Any) -> Any:
    encoder = ColumnTransformer([("hot", OneHotEncoder(), [0, 1, 2])], sparse_threshold=1.0)
    return Pipeline([("encode", encoder), ("model", model)])


CASES: Final = [
    _case("LinearDiscriminantAnalysis", LinearDiscriminantAnalysis()),
    _case("LinearDiscriminantAnalysis(two)", LinearDiscriminantAnalysis(), "numbers", "two words"),
    _case("LinearDiscriminantAnalysis(lsqr)", LinearDiscriminantAnalysis(solver="lsqr")),
    _case(
        "LinearDiscriminantAnalysis(eigen, auto)",
        LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        "21 columns",
    ),
    _case("QuadraticDiscriminantAnalysis", QuadraticDiscriminantAnalysis()),
    _case("QuadraticDiscriminantAnalysis(two)", QuadraticDiscriminantAnalysis(), target="flags"),
    _case(
        "QuadraticDiscriminantAnalysis(reg_param, priors)",
        QuadraticDiscriminantAnalysis(reg_param=0.1, priors=[0.2, 0.3, 0.5]),
        "21 columns",
        "three words",
    ),
    _case(
        "QuadraticDiscriminantAnalysis(eigen)",
        QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.2),
    ),
    _case("NearestCentroid", NearestCentroid()),
    _case("NearestCentroid(two)", NearestCentroid(), target="two words"),
    _case("NearestCentroid(shrink_threshold)", NearestCentroid(shrink_threshold=0.2)),
    _case("NearestCentroid(empirical)", NearestCentroid(priors="empirical"), target="random three"),
    _case("NearestCentroid(manhattan)", NearestCentroid("manhattan"), expect="bitwise"),
    _case(
        "NearestCentroid(manhattan, priors)",
        NearestCentroid("manhattan", priors=[0.2, 0.3, 0.5]),
        expect="bitwise",
    ),
    *(
        _case(f"GaussianMixture({kind})", GaussianMixture(3, covariance_type=kind, random_state=0))
        for kind in ("full", "tied", "diag", "spherical")
    ),
    *(
        _case(
            f"BayesianGaussianMixture({kind})",
            BayesianGaussianMixture(
                n_components=3, covariance_type=kind, max_iter=20, random_state=0
            ),
        )
        for kind in ("full", "tied", "diag", "spherical")
    ),
    _case(
        "BayesianGaussianMixture(dirichlet_distribution)",
        BayesianGaussianMixture(
            n_components=3,
            weight_concentration_prior_type="dirichlet_distribution",
            max_iter=20,
            random_state=0,
        ),
    ),
    _case("GaussianMixture(1)", GaussianMixture(1)),
    _case("KMeans, label", KMeans(4, n_init=1, random_state=0)),
    _case("KMeans, label, 21 columns", KMeans(4, n_init=1, random_state=0), "21 columns"),
    _case(
        "KMeans, label, sparse",
        _on_sparse(KMeans(4, n_init=1, random_state=0)),
        "few floats",
        expect="bitwise",
    ),
    _case("MiniBatchKMeans, label", MiniBatchKMeans(4, n_init=1, random_state=0)),
    _case("BisectingKMeans, label", BisectingKMeans(5, random_state=0)),
    _case("Birch, label", Birch(n_clusters=3)),
    _case("Birch(n_clusters=None), label", Birch(n_clusters=None)),
    _case("AffinityPropagation", AffinityPropagation(random_state=0), "unit"),
    _case("MeanShift", MeanShift(bandwidth=1.0), "unit"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_discriminants_and_clusters(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 6),
    classes=st.integers(2, 5),
    kind=st.sampled_from(
        [
            LinearDiscriminantAnalysis(),
            LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3),
            QuadraticDiscriminantAnalysis(reg_param=0.2),
            NearestCentroid(),
        ]
    ),
)
def test_any_discriminant_is_within_roundings(
    seed: int, width: int, classes: int, kind: Any
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(60, width))
    found = largest_errors(kind.fit(values, np.arange(60) % classes), values)
    assert max(found.values()) <= 1e-12  # scores of magnitude 10


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_mixtures_on_whole_numbers_are_refused_where_scikit_learn_cuts_fractions_off(
    kind: Any, dtype: str
) -> None:
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 5, (60, 2))
    fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(values.astype(dtype))
    apart = fitted.predict_proba(values.astype(dtype)) - fitted.predict_proba(values.astype(float))
    assert np.abs(apart).max() > 1e-6
    with pytest.raises(ExportError) as caught:
        convert(fitted, values.astype(dtype))
    assert str(caught.value) == (
        f"step .: GaussianMixture(covariance_type={kind!r}) on whole numbers: scikit-learn cuts "
        "off the fractions of distances there; train on X.astype('float64')"
    )
    found = largest_errors(fitted, values.astype(float))
    assert found["probabilities"] < 1e-9


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:self.within_class_std_")
def test_centroids_that_are_no_numbers_are_refused() -> None:
    values = np.repeat([[1.0, 2.0], [3.0, 4.0]], 8, axis=0)
    fitted = NearestCentroid(shrink_threshold=0.5).fit(values, np.repeat([0, 1], 8))
    with pytest.raises(ValueError, match="Input contains NaN"):
        fitted.predict(values)
    with pytest.raises(ExportError, match="expected finite centroids, got NaN"):
        convert(fitted, values)
