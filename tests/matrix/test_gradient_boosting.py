"""Gradient boosting and isolation forests."""

from pathlib import Path
from typing import Final

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.data import make_data
from tests.matrix.harness import Case, check
from tests.matrix.sparse import on_sparse

SEED: Final = {"random_state": 0}
SMALL: Final = {"n_estimators": 8, "random_state": 0}

CASES: Final = [
    Case(
        "GradientBoostingClassifier",
        GradientBoostingClassifier(**SMALL),
        "numbers",
        "bounded",
        target="two words",
    ),
    Case(
        "GradientBoostingClassifier(exponential, zero)",
        GradientBoostingClassifier(loss="exponential", init="zero", subsample=0.7, **SMALL),
        "numbers",
        "bounded",
        target="flags",
    ),
    Case(
        "GradientBoostingClassifier(three)",
        GradientBoostingClassifier(learning_rate=0.3, **SMALL),
        "numeric frame",
        "bounded",
        target="three words",
    ),
    Case(
        "GradientBoostingClassifier(init=tree, exponential)",
        GradientBoostingClassifier(
            loss="exponential", init=DecisionTreeClassifier(max_depth=2), **SMALL
        ),
        "numbers",
        "bounded",
        target="two",
    ),
    Case(
        "GradientBoostingClassifier(init=forest, three)",
        GradientBoostingClassifier(init=RandomForestClassifier(5, max_depth=3, **SEED), **SMALL),
        "numbers",
        "bounded",
        target="three",
    ),
    Case(
        "GradientBoostingClassifier(init=stratified)",
        GradientBoostingClassifier(init=DummyClassifier(strategy="stratified"), **SMALL),
        "numbers",
        "refused",
        "stratified",
        target="two",
    ),
    Case(
        "GradientBoostingRegressor", GradientBoostingRegressor(**SMALL), "numbers", target="amounts"
    ),
    *(
        Case(
            f"GradientBoostingRegressor({loss})",
            GradientBoostingRegressor(loss=loss, alpha=0.7, max_leaf_nodes=6, **SMALL),
            "integers",
            target="amounts",
        )
        for loss in ("absolute_error", "huber", "quantile")
    ),
    Case(
        "GradientBoostingRegressor(init=boosting)",
        GradientBoostingRegressor(init=HistGradientBoostingRegressor(max_iter=5), **SMALL),
        "numbers",
        target="amounts",
    ),
    Case(
        "GradientBoostingRegressor(init=linear)",
        GradientBoostingRegressor(init=LinearRegression(), **SMALL),
        "numbers",
        "refused",
        "GradientBoostingRegressor(init=LinearRegression): init is given float32 by scikit-learn, "
        "and there expected float64 columns, got float32; train in float64; use init=None, "
        "init='zero' or a tree model",
        target="amounts",
    ),
    Case(
        "GradientBoostingRegressor, sparse",
        on_sparse(GradientBoostingRegressor(init="zero", **SMALL)),
        "few floats",
        target="amounts",
    ),
    Case("IsolationForest", IsolationForest(**SMALL), "holes", "bounded"),
    Case(
        "IsolationForest(contamination, few features)",
        IsolationForest(contamination=0.1, max_features=3, max_samples=50, **SMALL),
        "numbers",
        "bounded",
    ),
    Case(
        "IsolationForest(contamination of few values)",
        IsolationForest(contamination=0.2, bootstrap=True, **SMALL),
        "few floats",
        "bounded",
    ),
    Case("IsolationForest(one row)", IsolationForest(max_samples=1, **SMALL), "centred", "bounded"),
    Case("IsolationForest, sparse", on_sparse(IsolationForest(**SMALL)), "few floats", "bounded"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_boosted_and_isolating_trees(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_refused_first_model_is_told() -> None:
    """Not only its class, also what stands in its way, and what would work."""
    data = make_data("numbers", "two")
    model = GradientBoostingClassifier(init=DummyClassifier(strategy="uniform"), **SMALL)
    with pytest.raises(ExportError, match=r"GradientBoostingClassifier\(init=DummyClassifier\)"):
        convert(model.fit(data.X, data.y), data.X)
