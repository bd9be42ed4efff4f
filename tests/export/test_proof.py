"""An exporter that is wrong is found out before anything is written."""

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler, TargetEncoder

from preproc import Artifact, ProofError, compare, read_artifact
from preproc.export import export_pipeline, proof
from preproc.export.answers import Answer
from preproc.export.converters import MODELS, TRANSFORMERS, models
from preproc.export.converters import transformers as converters
from preproc.export.scope import Scope
from preproc.export.spread import Spread, spreads_of
from preproc.export.table import Table, numbers, take
from preproc.runtime import open_session


def folded_scaler(scope: Scope, fitted: StandardScaler, table: Table) -> Table:
    """What an optimiser would do: one multiplication and one addition."""
    block = numbers(scope, table)
    scaled = scope.op("Mul", block.value, scope.row(1 / fitted.scale_))
    value = scope.op("Add", scaled, scope.row(-fitted.mean_ / fitted.scale_))
    return Table((replace(block, value=value),), table.is_sparse)


def forgetful_encoder(scope: Scope, fitted: TargetEncoder, table: Table) -> Table:
    """Encode with the first two categories swapped."""
    wrong = TargetEncoder()
    wrong.__dict__ = dict(vars(fitted))
    first = np.asarray(fitted.encodings_[0]).copy()
    first[[0, 1]] = first[[1, 0]]
    wrong.encodings_ = [first]
    return TRANSFORMERS[TargetEncoder](scope, wrong, table)


@pytest.mark.parametrize(
    ("estimator", "converter", "message"),
    [
        (StandardScaler, folded_scaler, "step prep/numbers/scale: row "),
        (TargetEncoder, forgetful_encoder, "step prep/street: row "),
    ],
    ids=["folded", "swapped"],
)
def test_a_wrong_converter_is_refused_with_the_path_of_its_step(
    estimator: type,
    converter: Any,
    message: str,
    logistic: Pipeline,
    table: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = {**TRANSFORMERS, estimator: converter}
    monkeypatch.setattr(converters, "TRANSFORMERS", wrong)
    with pytest.raises(ProofError) as caught:
        export_pipeline(logistic, table, repository=tmp_path, name="wrong")
    assert str(caught.value).startswith(message)
    assert "of scikit-learn, got" in str(caught.value)
    assert not list(tmp_path.rglob("model.onnx"))


def cancelling() -> tuple[PCA, NDArray[np.float64]]:
    """A projection, and rows of which some are nearly the mean along it."""
    rows = np.random.default_rng(4).normal(size=(240, 8))
    return PCA(1, svd_solver="full").fit(rows), rows


def test_a_projection_is_bounded_by_its_summands_not_by_what_is_left_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backwards(scope: Scope, fitted: PCA, table: Table) -> Table:
        """Sum from the last feature to the first, as another BLAS may."""
        turned = copy(fitted)
        turned.components_ = fitted.components_[:, ::-1]
        turned.mean_ = fitted.mean_[::-1]
        return TRANSFORMERS[PCA](scope, turned, take(scope, table, range(8)[::-1]))

    def agreeing(*given: Any) -> dict[str, Spread]:
        """Let scikit-learn agree with itself, as it does on some fits by chance."""
        found = spreads_of(*given)
        return {name: replace(one, max_abs=0.0, max_row=0.0) for name, one in found.items()}

    monkeypatch.setattr(converters, "TRANSFORMERS", {**TRANSFORMERS, PCA: backwards})
    monkeypatch.setattr(proof, "spreads_of", agreeing)
    fitted, rows = cancelling()
    certificate = export_pipeline(fitted, rows, repository=tmp_path, name="m").certificate
    found = certificate["outputs"]["features"]
    sums = np.abs(rows) @ np.abs(fitted.components_).T
    sums += np.abs(fitted.mean_ @ fitted.components_.T)
    assert found["scale"] == pytest.approx(sums.max(), rel=1e-12)
    assert found["max_ulp"] > 2
    assert certificate["rows"]["real"] == len(rows)


@pytest.mark.parametrize("where", [(0, 0), (0, 7)], ids=["first", "last"])
def test_a_projection_with_one_weight_spoiled_is_refused(
    where: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(scope: Scope, fitted: PCA, table: Table) -> Table:
        wrong = copy(fitted)
        wrong.components_ = fitted.components_.copy()
        wrong.components_[where] += 1e-14
        return TRANSFORMERS[PCA](scope, wrong, table)

    monkeypatch.setattr(converters, "TRANSFORMERS", {**TRANSFORMERS, PCA: spoiled})
    fitted, rows = cancelling()
    with pytest.raises(ProofError, match="beyond blas"):
        export_pipeline(fitted, rows, repository=tmp_path, name="wrong")


def test_the_answers_of_each_step_travel_with_the_artifact(
    logistic_artifact: Artifact, logistic: Pipeline
) -> None:
    assert logistic_artifact.path is not None
    steps = {step.path: step for step in read_artifact(logistic_artifact.path).steps}
    assert list(steps) == [
        "prep/numbers/impute",
        "prep/numbers/scale",
        "prep/codes",
        "prep/street",
        "prep",
    ]
    with open_session(logistic_artifact.path) as session:
        names = [column.name for column in session.signature.columns]
    real = logistic_artifact.vectors[0]
    frame = pd.DataFrame({name: real.inputs[name][:32, 0] for name in names})
    frame = frame.replace({"\0nan": np.nan, "\0none": None})
    assert compare(logistic[:-1].transform(frame).toarray(), steps["prep"].answer).is_pass


def test_boundary_rows_stand_on_both_sides_of_every_threshold(
    boosting_artifact: Artifact, boosting: Pipeline
) -> None:
    (boundary,) = [v for v in boosting_artifact.vectors if v.name == "boundary"]
    frame = pd.DataFrame({name: values[:, 0] for name, values in boundary.inputs.items()})
    frame = frame.replace({"\0nan": np.nan, "\0none": None})
    with np.errstate(over="ignore"):
        features = boosting[:-1].transform(frame)
    checked = 0
    for stage in boosting[-1]._predictors:
        nodes = stage[0].nodes
        for node in nodes[~nodes["is_leaf"].astype(bool)]:
            at, threshold = int(node["feature_idx"]), float(node["num_threshold"])
            if at < 3 and np.isfinite(threshold):  # a number, scaled
                column = np.unique(features[:, at])
                below = column[column <= threshold].max()
                above = column[column > threshold].min()
                # visits are integers; the others are neighbours, to a few raw ULP
                assert at == 0 or above - below < 1e-13
                checked += 1
    assert checked > 20


def shifted_logistic(scope: Scope, fitted: LogisticRegression, table: Table) -> tuple[Answer, ...]:
    """Move every score by a thousandth."""
    wrong = copy(fitted)
    wrong.intercept_ = fitted.intercept_ + 1e-3
    return MODELS[LogisticRegression](scope, wrong, table)


def test_a_wrong_graph_does_not_hide_behind_rows_that_stand_on_edges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 5, (300, 4)).astype(float)
    target = (pixels.sum(axis=1) + draw.normal(size=300) > 8).astype(int)
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution="normal")
    fitted = make_pipeline(quantiles, LogisticRegression()).fit(pixels, target)
    artifact = export_pipeline(fitted, pixels, repository=tmp_path, name="right")
    assert artifact.certificate["left_out"]["real"] <= 3
    monkeypatch.setattr(models, "MODELS", {**MODELS, LogisticRegression: shifted_logistic})
    with pytest.raises(ProofError, match="more than rounding explains"):
        export_pipeline(fitted, pixels, repository=tmp_path, name="wrong")
