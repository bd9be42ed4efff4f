"""Linear regressors: least squares and its penalties, generalized ones, PLS, consensus."""

import warnings
from pathlib import Path
from typing import Final

import pytest
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveRegressor,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVR

from tests.matrix.harness import Case, check
from tests.matrix.sparse import on_sparse

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # deprecated, and still in use
    PASSIVE: Final = PassiveAggressiveRegressor(random_state=0)

ONE_TARGET: Final = (
    LinearRegression(),
    LinearRegression(positive=True, fit_intercept=False),
    Ridge(),
    RidgeCV(),
    Lasso(0.1),
    LassoCV(cv=2),
    ElasticNet(0.1),
    ElasticNetCV(cv=2),
    Lars(),
    LarsCV(cv=2),
    LassoLars(0.01),
    LassoLarsCV(cv=2),
    LassoLarsIC(),
    OrthogonalMatchingPursuit(),
    OrthogonalMatchingPursuitCV(cv=2),
    BayesianRidge(),
    ARDRegression(),
    HuberRegressor(),
    TheilSenRegressor(random_state=0, max_subpopulation=100),
    QuantileRegressor(alpha=0.01),
    SGDRegressor(random_state=0),
    PASSIVE,
    LinearSVR(),
    RANSACRegressor(random_state=0),
    RANSACRegressor(Ridge(), min_samples=20, random_state=0),
)
TWO_TARGETS: Final = (
    LinearRegression(fit_intercept=False),
    Ridge(),
    Lasso(0.1),
    Lars(),
    OrthogonalMatchingPursuit(),
    MultiTaskElasticNet(0.1),
    MultiTaskElasticNetCV(cv=2),
    MultiTaskLasso(0.1),
    MultiTaskLassoCV(cv=2),
    RANSACRegressor(random_state=0),
)
GENERALIZED: Final = (
    (PoissonRegressor(), "counts"),
    (PoissonRegressor(fit_intercept=False), "counts"),
    (GammaRegressor(), "positive amounts"),
    (TweedieRegressor(power=1.5), "positive amounts"),
    (TweedieRegressor(power=0), "amounts"),
    (TweedieRegressor(power=0, link="log"), "positive amounts"),
)

CASES: Final = [
    *(Case(f"{model}", model, "centred", "bounded", target="amounts") for model in ONE_TARGET),
    *(
        Case(f"{model}, two targets", model, "centred", "bounded", target="two amounts")
        for model in TWO_TARGETS
    ),
    *(Case(f"{model}, {y}", model, "centred", "bounded", target=y) for model, y in GENERALIZED),
    Case("Ridge(raw)", Ridge(), "numbers", "bounded", target="amounts"),
    Case("Ridge(frame)", Ridge(), "numeric frame", "bounded", target="amounts"),
    Case("Ridge(wide)", Ridge(), "very wide", "bounded", target="two amounts"),
    Case("LinearRegression, integers", LinearRegression(), "integers", "bounded", target="counts"),
    Case("LinearRegression, booleans", LinearRegression(), "booleans", "bounded", target="counts"),
    Case("PLSRegression, both", PLSRegression(), "numbers", "bounded", target="amounts"),
    Case("PLSRegression, two targets", PLSRegression(), "centred", "bounded", target="two amounts"),
    Case(
        "PLSCanonical, two targets",
        PLSCanonical(scale=False),
        "centred",
        "bounded",
        target="two amounts",
    ),
    Case("CCA, two targets", CCA(n_components=1), "centred", "bounded", target="two amounts"),
    *(
        Case(f"sparse {model}, {target}", on_sparse(model), "few floats", target=target)
        for model, target in (
            (LinearRegression(), "amounts"),
            (Ridge(), "amounts"),
            (Ridge(), "two amounts"),
            (Lasso(0.01), "amounts"),
            (ElasticNet(0.01), "two amounts"),
            (HuberRegressor(), "amounts"),
            (SGDRegressor(random_state=0), "amounts"),
            (LinearSVR(fit_intercept=False), "amounts"),
            (RANSACRegressor(random_state=0), "amounts"),
            (TweedieRegressor(power=0), "amounts"),
        )
    ),
    Case(
        "sparse PoissonRegressor",
        on_sparse(PoissonRegressor()),
        "few floats",
        "bounded",
        target="counts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_linear_regressors(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
