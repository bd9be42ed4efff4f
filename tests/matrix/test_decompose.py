"""Decompositions, discriminants, kernel PCA, and the ones that are refused."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    LatentDirichletAllocation,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparseCoder,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc.export.certificate import ROUNDINGS
from tests.matrix.asking import both_features
from tests.matrix.harness import Case, check

_ATOMS: Final = np.random.default_rng(0).normal(size=(4, 6))

LINEAR: Final = [
    Case("PCA", PCA(), "numbers", "bounded"),
    Case("PCA(n_components=1)", PCA(n_components=1), "centred", "bounded"),
    Case("PCA(whiten)", PCA(n_components=3, whiten=True), "centred", "bounded"),
    Case("PCA(whiten), offset", PCA(whiten=True), "numbers", "bounded"),
    Case("PCA(0.9)", PCA(n_components=0.9), "unit", "bounded"),
    Case("PCA(mle)", PCA(n_components="mle"), "unit", "bounded"),
    Case("PCA(full)", PCA(svd_solver="full"), "centred", "bounded"),
    Case("PCA(arpack)", PCA(2, svd_solver="arpack"), "centred", "bounded"),
    Case("PCA(randomized)", PCA(2, svd_solver="randomized", random_state=0), "unit", "bounded"),
    Case("PCA(covariance_eigh)", PCA(svd_solver="covariance_eigh"), "centred", "bounded"),
    Case("PCA, wide", PCA(n_components=5), "seventy columns", "bounded"),
    Case("PCA, one component, wide", PCA(n_components=1), "seventy columns", "bounded"),
    Case("PCA, integers", PCA(), "integers", "bounded"),
    Case("PCA, frame", PCA(n_components=2), "numeric frame", "bounded"),
    Case(
        "PCA(arpack), sparse",
        make_pipeline(OneHotEncoder(), PCA(2, svd_solver="arpack")),
        "words",
    ),
    Case("IncrementalPCA", IncrementalPCA(n_components=3), "centred", "bounded"),
    Case("IncrementalPCA(whiten)", IncrementalPCA(whiten=True), "centred", "bounded"),
    Case(
        "IncrementalPCA, sparse",
        make_pipeline(OneHotEncoder(), IncrementalPCA(n_components=3)),
        "words",
        "bounded",
    ),
    Case("TruncatedSVD", TruncatedSVD(3, random_state=0), "numbers", "bounded"),
    Case("TruncatedSVD(arpack)", TruncatedSVD(3, algorithm="arpack"), "centred", "bounded"),
    Case(
        "TruncatedSVD, sparse",
        make_pipeline(OneHotEncoder(), TruncatedSVD(3, random_state=0)),
        "words",
    ),
    Case("TruncatedSVD, integers", TruncatedSVD(2, random_state=0), "integers", "bounded"),
    Case("FactorAnalysis", FactorAnalysis(n_components=2), "unit", "bounded"),
    Case(
        "FactorAnalysis(varimax)",
        FactorAnalysis(n_components=2, rotation="varimax"),
        "centred",
        "bounded",
    ),
    Case("FastICA", FastICA(random_state=0), "unit", "bounded"),
    Case(
        "FastICA(arbitrary-variance)",
        FastICA(3, whiten="arbitrary-variance", random_state=0),
        "unit",
        "bounded",
    ),
    Case("FastICA(whiten=False)", FastICA(whiten=False, random_state=0), "centred", "bounded"),
    Case("SparsePCA", SparsePCA(n_components=3, random_state=0), "centred", "bounded"),
    Case("SparsePCA, offset", SparsePCA(n_components=2, random_state=0), "unit", "bounded"),
    Case(
        "SparsePCA(alpha=0.1)",
        SparsePCA(n_components=5, alpha=0.1, ridge_alpha=0.001, random_state=0),
        "centred",
        "bounded",
    ),
    Case(
        "MiniBatchSparsePCA", MiniBatchSparsePCA(n_components=3, random_state=0), "unit", "bounded"
    ),
    Case("NCA", NeighborhoodComponentsAnalysis(2, random_state=0), "unit", "bounded"),
    Case(
        "LDA(svd)", make_pipeline(LinearDiscriminantAnalysis(), "passthrough"), "numbers", "bounded"
    ),
    Case(
        "LDA(eigen)",
        make_pipeline(LinearDiscriminantAnalysis(solver="eigen"), "passthrough"),
        "centred",
        "bounded",
    ),
    Case(
        "LDA(n_components=1)",
        make_pipeline(LinearDiscriminantAnalysis(n_components=1), "passthrough"),
        "unit",
        "bounded",
    ),
    Case("PLSRegression", make_pipeline(PLSRegression(), "passthrough"), "numbers", "bounded"),
    Case(
        "PLSRegression(scale=False)",
        make_pipeline(PLSRegression(scale=False), "passthrough"),
        "centred",
        "bounded",
    ),
    Case(
        "PLSCanonical",
        make_pipeline(PLSCanonical(n_components=1), "passthrough"),
        "unit",
        "bounded",
    ),
    Case("CCA", make_pipeline(CCA(n_components=1), "passthrough"), "unit", "bounded"),
    Case("PLSSVD", PLSSVD(n_components=1), "unit", "bounded"),
    Case("BernoulliRBM", BernoulliRBM(4, n_iter=3, random_state=0), "unit", "bounded"),
    Case(
        "BernoulliRBM, odd numbers", BernoulliRBM(4, n_iter=1, random_state=0), "counts", "bounded"
    ),
    Case(
        "BernoulliRBM, sparse",
        make_pipeline(OneHotEncoder(), BernoulliRBM(3, n_iter=3, random_state=0)),
        "words",
        "bounded",
    ),
    Case(
        "SparseCoder(threshold)",
        SparseCoder(_ATOMS, transform_algorithm="threshold", transform_alpha=0.3),
        "centred",
        "bounded",
    ),
    Case(
        "SparseCoder(threshold, split_sign)",
        SparseCoder(_ATOMS, transform_algorithm="threshold", split_sign=True),
        "centred",
        "bounded",
    ),
    Case(
        "SparseCoder(threshold, positive_code)",
        SparseCoder(_ATOMS, transform_algorithm="threshold", positive_code=True),
        "centred",
        "bounded",
    ),
    Case(
        "DictionaryLearning(threshold)",
        DictionaryLearning(3, max_iter=5, transform_algorithm="threshold", random_state=0),
        "unit",
        "bounded",
    ),
    Case(
        "MiniBatchDictionaryLearning(threshold)",
        MiniBatchDictionaryLearning(
            3, max_iter=5, transform_algorithm="threshold", transform_alpha=0.1, random_state=0
        ),
        "unit",
        "bounded",
    ),
]

KERNELS: Final = [
    Case("KernelPCA(linear)", KernelPCA(3), "centred", "bounded"),
    Case("KernelPCA(linear), offset", KernelPCA(2), "numbers", "bounded"),
    Case("KernelPCA(rbf)", KernelPCA(3, kernel="rbf"), "centred", "bounded"),
    Case("KernelPCA(rbf, gamma=5)", KernelPCA(2, kernel="rbf", gamma=5.0), "unit", "bounded"),
    Case("KernelPCA(poly)", KernelPCA(2, kernel="poly"), "unit", "bounded"),
    Case("KernelPCA(poly, 2)", KernelPCA(2, kernel="poly", degree=2), "centred", "bounded"),
    Case(
        "KernelPCA(poly, 1)", KernelPCA(2, kernel="poly", degree=1, coef0=3), "centred", "bounded"
    ),
    Case("KernelPCA(poly, 4)", KernelPCA(2, kernel="poly", degree=4), "centred", "bounded"),
    Case("KernelPCA(sigmoid)", KernelPCA(2, kernel="sigmoid"), "unit", "bounded"),
    Case("KernelPCA(cosine)", KernelPCA(2, kernel="cosine"), "centred", "bounded"),
    Case(
        "KernelPCA(rbf, all)",
        make_pipeline(StandardScaler(), KernelPCA(kernel="rbf", remove_zero_eig=True)),
        "unit",
        "bounded",
    ),
]

REFUSED: Final = [
    Case(
        "NMF", NMF(2, max_iter=500), "unit", "refused", "NMF is not exported: the rows of a batch"
    ),
    Case("MiniBatchNMF", MiniBatchNMF(2), "unit", "refused", "MiniBatchNMF is not exported"),
    Case(
        "LatentDirichletAllocation",
        LatentDirichletAllocation(2, max_iter=2),
        "counts",
        "refused",
        "LatentDirichletAllocation is not exported: each row iterates",
    ),
    Case("Isomap", Isomap(), "unit", "refused", "use KernelPCA or PCA"),
    Case(
        "LocallyLinearEmbedding",
        LocallyLinearEmbedding(),
        "unit",
        "refused",
        "use KernelPCA or PCA",
    ),
    Case(
        "DictionaryLearning(omp)",
        DictionaryLearning(3, max_iter=5, random_state=0),
        "unit",
        "refused",
        "DictionaryLearning(transform_algorithm='omp'): each row is a search of its own that "
        "iterates; use transform_algorithm='threshold'",
    ),
    Case(
        "SparseCoder(lasso_cd)",
        SparseCoder(_ATOMS, transform_algorithm="lasso_cd"),
        "centred",
        "refused",
        "SparseCoder(transform_algorithm='lasso_cd')",
    ),
    Case(
        "SparsePCA, more components than features",
        SparsePCA(8, max_iter=3, random_state=0),
        "unit",
        "refused",
        "SparsePCA with 8 components of 5 features",
    ),
    Case(
        "KernelPCA(function)",
        KernelPCA(2, kernel=np.dot),
        "unit",
        "refused",
        "KernelPCA(kernel=<function>)",
    ),
    Case(
        "KernelPCA, sparse",
        make_pipeline(OneHotEncoder(), KernelPCA(2)),
        "words",
        "refused",
        "KernelPCA on sparse features is not exported; make them dense",
    ),
]

CASES: Final = [*LINEAR, *KERNELS, *REFUSED]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decompositions(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@st.composite
def _linear(draw: st.DrawFn) -> tuple[Any, NDArray[np.float64]]:
    """Draw a table and a decomposition with parameters that fit it."""
    width = draw(st.integers(2, 40))
    seed = draw(st.integers(0, 2**31))
    scale = draw(st.sampled_from([1.0, 1e-6, 1e8]))
    offset = draw(st.sampled_from([0.0, 1.0, 1e3]))
    table = np.random.default_rng(seed).normal(size=(60, width)) * scale + offset * scale
    count = draw(st.integers(1, min(width, 5)))
    whiten = draw(st.booleans())
    kernel = draw(st.sampled_from(["linear", "rbf", "cosine"]))
    estimator = draw(
        st.sampled_from(
            [
                PCA(count, whiten=whiten, svd_solver="full"),
                IncrementalPCA(count, whiten=whiten),
                TruncatedSVD(min(count, width - 1), random_state=0),
                KernelPCA(count, kernel=kernel, gamma=0.1),
                make_pipeline(StandardScaler(), SparsePCA(count, max_iter=5, random_state=0)),
            ]
        )
    )
    return estimator, table


@settings(max_examples=15)
@given(drawn=_linear())
def test_drawn_decompositions_lie_as_near_as_single_rows(
    drawn: tuple[Any, NDArray[np.float64]],
) -> None:
    estimator, table = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, at training
        fitted = clone(estimator).fit(table)
    want, got, _ = both_features(fitted, table)
    single = np.concatenate([fitted.transform(row[np.newaxis]).reshape(1, -1) for row in table])
    scale = np.abs(want).max(axis=1, keepdims=True)
    # Of a sum that cancels, the roundings are those of its summands.
    summands = np.abs(want - fitted.transform(table * (1 + 2.0**-50))).max()
    bound = 2 * max(np.abs(want - single).max(), summands) + ROUNDINGS * scale
    assert (np.abs(want - got) <= bound).all()


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 6), rows=st.integers(8, 200))
def test_a_kernel_of_its_own_gives_its_components(seed: int, count: int, rows: int) -> None:
    points = np.random.default_rng(seed).normal(size=(rows, 4))
    kernel = points @ points.T
    fitted = KernelPCA(min(count, 3), kernel="precomputed").fit(kernel)
    want, got, _ = both_features(fitted, kernel)
    assert np.abs(want - got).max() <= ROUNDINGS * 8 * np.abs(want).max()


@pytest.mark.parametrize("size", [1, 2, 7, 80])
@pytest.mark.parametrize("width", [3, 40, 450])
def test_a_product_gives_a_row_the_same_bits_in_any_batch(size: int, width: int) -> None:
    table = np.random.default_rng(width).normal(size=(240, width))
    fitted = PCA(3, svd_solver="full").fit(table)
    want, whole, _ = both_features(fitted, table)
    assert np.abs(want - whole).max() <= 2 * ROUNDINGS * np.abs(want).max()
    _, part, _ = both_features(fitted, table[:size])
    assert np.array_equal(part, whole[:size])
