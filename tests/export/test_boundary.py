"""Boundary rows come from what a model remembers and from its priors, and find out wrong ones."""

from collections.abc import Callable
from copy import copy
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.kernel_ridge import KernelRidge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler
from sklearn.svm import SVC, OneClassSVM

from preproc import Artifact, ProofError
from preproc.export import candidates, export_pipeline
from preproc.export.anchors import MAX_ANCHORS
from preproc.export.answers import Answer
from preproc.export.batches import rows_of
from preproc.export.converters import MODELS, models
from preproc.export.scope import Scope
from preproc.export.table import Table

Matrix = NDArray[np.float64]


def training(rows: int, classes: int = 3) -> tuple[Matrix, NDArray[np.int64]]:
    """Overlapping clouds on very different scales; the last class is the rarest."""
    draw = np.random.default_rng(0)
    target = draw.choice(classes, rows, p=np.array([9, 6, 1][:classes]) / sum([9, 6, 1][:classes]))
    return draw.normal(size=(rows, 3)) * [1, 10, 1000] + target[:, np.newaxis] * [2, 5, 100], target


def boundary_of(artifact: Artifact) -> Matrix:
    """Give the golden boundary rows, (n, 3)."""
    (found,) = [vectors for vectors in artifact.vectors if vectors.name == "boundary"]
    return found.inputs["X"]


@pytest.mark.parametrize(
    ("model", "remembered"),
    [
        (SVC(), lambda model: model.support_vectors_),
        (OneClassSVM(nu=0.4), lambda model: model.support_vectors_),
        (KernelRidge(kernel="rbf"), lambda model: model.X_fit_),
        (GaussianProcessClassifier(), lambda model: model.base_estimator_.estimators_[0].X_train_),
        (KNeighborsRegressor(), lambda model: model._fit_X),
    ],
    ids=lambda item: type(item).__name__ if hasattr(item, "fit") else "",
)
def test_boundary_rows_stand_at_remembered_points_and_between_two_of_them(
    model: Any, remembered: Callable[[Any], Matrix], tmp_path: Path
) -> None:
    table, target = training(150)
    fitted = make_pipeline(PowerTransformer(), MinMaxScaler(), model).fit(table, target)
    artifact = export_pipeline(fitted, table, repository=tmp_path, name="model")
    boundary = boundary_of(artifact)
    points = {row.tobytes() for row in remembered(fitted[-1])}
    at = [row.tobytes() in points for row in fitted[:-1].transform(boundary)]
    assert sum(at) >= min(len(points), MAX_ANCHORS) / 2
    middles = {((one + other) / 2).tobytes() for one, other in combinations(boundary[at], 2)}
    assert sum(row.tobytes() in middles for row in boundary) >= 10
    assert artifact.certificate["boundary"]["vectors"] > MAX_ANCHORS


def evidence_and_posterior(model: Any, features: Matrix) -> tuple[Matrix, Matrix]:
    """Leads of the first class over the last, logarithms, without the priors and with them."""
    if isinstance(model, GaussianNB):
        joint, priors = model.predict_joint_log_proba(features), np.log(model.class_prior_)
    else:
        joint, priors = model.decision_function(features), np.log(model.priors_)
    posterior = joint[:, 0] - joint[:, -1]
    return posterior - (priors[0] - priors[-1]), posterior


@pytest.mark.parametrize(
    "model",
    [GaussianNB(), LinearDiscriminantAnalysis(), QuadraticDiscriminantAnalysis()],
    ids=lambda model: type(model).__name__,
)
def test_boundary_rows_stand_where_the_prior_decides(model: Any, tmp_path: Path) -> None:
    table, target = training(400)
    fitted = make_pipeline(StandardScaler(), model).fit(table, target)
    artifact = export_pipeline(fitted, table, repository=tmp_path, name="model")
    boundary = boundary_of(artifact)
    features = fitted[:-1].transform(boundary[np.abs(boundary).max(axis=1) < 1e6])
    for lead in evidence_and_posterior(fitted[-1], features):
        assert ((lead > 0) & (lead < 1e-6)).any()
        assert ((lead < 0) & (lead > -1e-6)).any()
    assert artifact.certificate["boundary"]["priors"] >= 4 * 3


def test_counts_have_rows_where_the_prior_decides(tmp_path: Path) -> None:
    table, target = training(400)
    counts = np.floor(np.abs(table))
    fitted = MultinomialNB().fit(counts, target)
    artifact = export_pipeline(fitted, counts, repository=tmp_path, name="model")
    assert artifact.certificate["boundary"]["priors"] >= 8


def with_spoiled_prior(scope: Scope, fitted: GaussianNB, table: Table) -> tuple[Answer, ...]:
    """Make the first class more probable by a millionth."""
    wrong = copy(fitted)
    wrong.class_prior_ = fitted.class_prior_ * [1 + 1e-6, 1, 1]
    return MODELS[GaussianNB](scope, wrong, table)


def with_spoiled_offset(
    scope: Scope, fitted: LinearDiscriminantAnalysis, table: Table
) -> tuple[Answer, ...]:
    """Make the first class more probable by a millionth; its logarithm is in the offset."""
    wrong = copy(fitted)
    wrong.intercept_ = fitted.intercept_ + np.array([1e-6, 0, 0])
    return MODELS[LinearDiscriminantAnalysis](scope, wrong, table)


def without_a_vector(scope: Scope, fitted: SVC, table: Table) -> tuple[Answer, ...]:
    """Let the last support vector have no weight."""
    wrong = copy(fitted)
    wrong._dual_coef_ = fitted._dual_coef_.copy()
    wrong._dual_coef_[:, -1] = 0.0
    return MODELS[SVC](scope, wrong, table)


@pytest.mark.parametrize(
    ("model", "wrong", "source"),
    [
        (GaussianNB(), with_spoiled_prior, "prior_rows"),
        (LinearDiscriminantAnalysis(), with_spoiled_offset, "prior_rows"),
        (SVC(gamma=1e5), without_a_vector, "anchors_in"),
    ],
    ids=["prior", "offset", "vector"],
)
def test_a_wrong_model_is_found_out_by_these_rows_alone(
    model: Any, wrong: Any, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, target = training(1000)
    fitted = make_pipeline(StandardScaler(), model).fit(table, target)
    monkeypatch.setattr(models, "MODELS", {**MODELS, type(model): wrong})
    silent: dict[str, Callable[..., Any]] = {
        "decision_pairs": lambda _: np.zeros((0, 2), np.int64),
        "boundary_rows": lambda _, base, __: rows_of(base, [0]),
        "anchors_in": lambda *_: None,
        "prior_rows": lambda *_: [],
    }
    speaking = getattr(candidates, source)
    for name, instead in silent.items():
        monkeypatch.setattr(candidates, name, instead)

    def export(name: str) -> None:
        export_pipeline(fitted, table, repository=tmp_path, name=name, outputs=["label"])

    export("missed")
    monkeypatch.setattr(candidates, source, speaking)
    with pytest.raises(ProofError, match=r"vectors 'boundary'"):
        export("found")
