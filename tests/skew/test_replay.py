"""Logged rows through the training pipeline: what is planted is found, what is not is quiet."""

import copy
import json
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from typer.testing import CliRunner

from preproc.artifact import Artifact, read_artifact
from preproc.cli.commands import app
from preproc.errors import CheckError, ParityError
from preproc.export import export_pipeline
from preproc.export.replaying import PipelineWitness
from preproc.runtime import Session, open_session
from preproc.runtime.gate import tolerances_of
from preproc.skew import Privacy, Treatment, open_log
from preproc.skew.replay import Replay, replay_part
from preproc.skew.replay_report import lines_of
from preproc.skew.shadowing import VersionWitness
from preproc.testimony import Witness
from tests.conftest import make_table
from tests.skew.logging_rows import spoil_rows, write_log

ROWS = 10_000
PLANTED = list(range(3, ROWS, 1000))
"""0.1 % of the rows."""
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
TRUST = ["--trust", TREES, "--trust", "numpy.dtype"]


@pytest.fixture(scope="module")
def traffic() -> pd.DataFrame:
    return make_table(ROWS, seed=7).drop(columns="unread")


@pytest.fixture(scope="module")
def artifact(boosting_artifact: Artifact) -> Artifact:
    assert boosting_artifact.path is not None
    return read_artifact(boosting_artifact.path)


@pytest.fixture(scope="module")
def opened(artifact: Artifact) -> Iterator[Session]:
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        yield session


@pytest.fixture(scope="module")
def witness(boosting: Pipeline, artifact: Artifact) -> Iterator[PipelineWitness]:
    with PipelineWitness(boosting, artifact) as asked:
        assert asked.prove() > 500
        yield asked


def replayed(log: Path, artifact: Artifact, witness: Witness) -> Replay:
    (part,) = open_log(log, artifact=artifact.digest)
    bounds = tolerances_of(artifact.certificate)
    return replay_part(part, witness, artifact.contract.signature, bounds, name="the pipeline")


def test_an_untouched_log_is_quiet_and_tells_what_it_could_have_found(
    tmp_path: Path,
    artifact: Artifact,
    opened: Session,
    witness: PipelineWitness,
    traffic: pd.DataFrame,
) -> None:
    write_log(tmp_path, artifact, opened, traffic)
    found = replayed(tmp_path, artifact, witness)
    assert found.is_pass
    assert (found.rows, found.mismatched, found.undecided, found.sampled.of) == (ROWS, 0, 0, ROWS)
    assert found.divergence is None
    assert (found.sampled.low, round(found.sampled.high, 6)) == (0.0, 0.000369)
    assert round(found.reach.rate, 6) == 0.0003
    assert (found.reach.wanted_rows, found.seconds) == (29956, 199.0)
    assert round(found.reach.wanted_s) == round(29956 * 199 / ROWS)
    assert list(lines_of(found))[-1] == (
        "10000 sampled rows can show a fault of 0.0300% of the rows or more with 95% certainty; "
        "0.0100% takes 29956 rows, 9.94 minutes at this traffic and sample"
    )


@pytest.mark.parametrize("output", ["label", "scores"])
def test_a_change_in_one_row_of_a_thousand_is_found_and_laid_at_the_serving_machine(
    tmp_path: Path,
    artifact: Artifact,
    opened: Session,
    witness: PipelineWitness,
    traffic: pd.DataFrame,
    output: str,
) -> None:
    write_log(tmp_path, artifact, opened, traffic, spoil=spoil_rows(output, PLANTED))
    found = replayed(tmp_path, artifact, witness)
    assert not found.is_pass
    assert found.mismatched == len(PLANTED)
    assert found.sampled.low < 0.001 < found.sampled.high
    assert {one.outputs for one in found.mismatches} == {(output,)}
    assert [one.request_id for one in found.mismatches[:2]] == ["call 0", "call 20"]
    beyond = {pairs.output: pairs.beyond for pairs in found.outputs}
    assert beyond == {"label": 0, "probabilities": 0, "scores": 0} | {output: len(PLANTED)}
    flips = {pairs.output: sum(pairs.flips.values()) for pairs in found.outputs}
    assert flips["label"] == (len(PLANTED) if output == "label" else 0)
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.rows) == ("", 0)


class Rarely(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    """Goes wrong where the income is 13."""

    def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803  # scikit-learn's name
        given = np.array(X, float)
        done = super().transform(X, copy)
        done[given[:, 2] == 13.0, 2] += 1.0
        return done


def test_the_first_step_and_column_that_diverge_are_named(
    tmp_path: Path, artifact: Artifact, opened: Session, boosting: Pipeline, traffic: pd.DataFrame
) -> None:
    rows = traffic.copy()
    rows.loc[PLANTED, "income"] = 13.0
    write_log(tmp_path, artifact, opened, rows)
    faulty = copy.deepcopy(boosting)
    faulty["prep"].named_transformers_["numbers"]["scale"].__class__ = Rarely
    with PipelineWitness(faulty, artifact) as asked:
        asked.prove()
        found = replayed(tmp_path, artifact, asked)
    assert 0 < found.mismatched <= len(PLANTED)
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.column) == ("prep/numbers/scale", "income")
    assert found.divergence.rows == found.divergence.asked == found.mismatched
    parting = {step.step: step for step in found.divergence.steps}
    assert next(iter(parting)) == "prep/numbers/impute"
    assert parting["prep/numbers/impute"].rows == 0
    assert parting["prep/numbers/scale"].columns == {"income": found.mismatched}
    assert {"output label", "output scores"} < set(parting)


def test_another_pipeline_is_told_from_a_fault_of_serving(
    boosting: Pipeline, artifact: Artifact
) -> None:
    other = copy.deepcopy(boosting)
    other["prep"].named_transformers_["numbers"]["scale"].mean_ += 1e-3
    with (
        PipelineWitness(other, artifact) as asked,
        pytest.raises(CheckError, match=r"^pipeline: expected the golden answers of 'boosting'"),
    ):
        asked.prove()


def test_a_pipeline_that_refuses_what_was_served_is_a_mismatch(
    tmp_path: Path, artifact: Artifact, opened: Session, boosting: Pipeline, traffic: pd.DataFrame
) -> None:
    rows = traffic.head(200).copy()
    rows.loc[7, "income"] = 13.0
    write_log(tmp_path, artifact, opened, rows)
    faulty = copy.deepcopy(boosting)
    faulty["prep"].named_transformers_["numbers"]["scale"].__class__ = Refusing
    with PipelineWitness(faulty, artifact) as asked:
        found = replayed(tmp_path, artifact, asked)
    assert (found.mismatched, dict(found.refusals)) == (1, {"only served": 0, "only witness": 1})
    assert found.mismatches[0].said == "answered, the witness refuses"


class Refusing(StandardScaler):  # type: ignore[misc]  # likewise
    """Refuses an income of 13."""

    def transform(self, X: Any, copy: Any = None) -> Any:  # noqa: N803  # scikit-learn's name
        if (np.array(X, float)[:, 2] == 13.0).any():
            raise ValueError("no 13")
        return super().transform(X, copy)


def test_refused_rows_are_compared_with_what_scikit_learn_refuses(
    tmp_path: Path, artifact: Artifact, opened: Session, witness: PipelineWitness
) -> None:
    rows = make_table(100, seed=3).drop(columns="unread")
    rows.loc[[5, 50], "income"] = np.inf
    write_log(tmp_path, artifact, opened, rows)
    found = replayed(tmp_path, artifact, witness)
    assert found.is_pass
    assert (found.rows, found.rare.of, found.sampled.of) == (100, 0, 100)

    def answer(answers: dict[str, Any]) -> None:
        answers["row_error"] = np.zeros_like(answers["row_error"])

    write_log(tmp_path / "bad", artifact, opened, rows, spoil=answer)
    found = replayed(tmp_path / "bad", artifact, witness)
    assert (found.mismatched, found.refusals["only witness"]) == (2, 2)


def test_columns_that_the_policy_changed_are_never_compared(
    tmp_path: Path,
    artifact: Artifact,
    opened: Session,
    witness: PipelineWitness,
    traffic: pd.DataFrame,
) -> None:
    privacy = Privacy(columns={"city": Treatment("truncate", characters=2)})
    write_log(tmp_path, artifact, opened, traffic.head(100), privacy=privacy)
    with pytest.raises(ParityError) as caught:
        replayed(tmp_path, artifact, witness)
    assert str(caught.value) == (
        "log of 'boosting': nothing to compare: the policy changed columns 'city' (truncate), "
        "so that no pipeline can read their rows"
    )
    write_log(tmp_path, artifact, opened, traffic.head(300))
    found = replayed(tmp_path, artifact, witness)
    assert found.rows == 300
    assert list(found.unreplayable.values()) == [100]


def test_rows_of_a_device_whose_bounds_the_certificate_does_not_hold_are_not_compared(
    tmp_path: Path,
    artifact: Artifact,
    opened: Session,
    witness: PipelineWitness,
    traffic: pd.DataFrame,
) -> None:
    write_log(tmp_path, artifact, opened, traffic.head(100), form="halves")
    with pytest.raises(ParityError) as caught:
        replayed(tmp_path, artifact, witness)
    assert str(caught.value) == (
        "log of 'boosting': nothing to compare: backend 'webgpu' computed in halves, of which the "
        "certificate tells no bound; prove it by preproc parity"
    )


def test_two_versions_are_compared_likewise(
    tmp_path: Path, artifact: Artifact, opened: Session, traffic: pd.DataFrame
) -> None:
    write_log(tmp_path, artifact, opened, traffic, spoil=spoil_rows("label", PLANTED))
    with VersionWitness(artifact, artifact) as twin:
        found = replayed(tmp_path, artifact, twin)
    assert (found.mismatched, found.rows) == (len(PLANTED), ROWS)
    assert str(found.divergence).startswith("none: on this machine the graph gives")


def test_the_first_step_in_which_two_versions_differ_is_named(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    data = pd.DataFrame(draw.normal(size=(200, 3)), columns=list("abc"))
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(data, data["a"])
    export = partial(export_pipeline, repository=tmp_path / "models", name="ridge")
    export(pipeline, data)
    pipeline["standardscaler"].mean_[1] += 0.5
    export(pipeline, data)
    pipeline["ridge"].coef_ = pipeline["ridge"].coef_ * 2
    export(pipeline, data)
    first, second, third = (read_artifact(tmp_path / "models/ridge" / str(n)) for n in (1, 2, 3))
    assert first.path is not None
    with open_session(first.path) as session:
        write_log(tmp_path / "log", first, session, data)
    with VersionWitness(second, first) as twin:
        found = replayed(tmp_path / "log", first, twin)
    assert found.mismatched == 200
    assert found.divergence is not None
    assert (found.divergence.step, found.divergence.column) == ("standardscaler", "b")
    assert found.divergence.rows == found.divergence.asked
    columns = {name: data[[name]].to_numpy() for name in "abc"}
    with VersionWitness(third, second) as twin:
        there = twin.diverge(columns)
    assert (there.step, there.column) == ("output prediction", "0")


@pytest.mark.parametrize("kind", ["polars", "array"])
def test_a_pipeline_on_other_data_is_asked_on_its_own_kind(tmp_path: Path, kind: str) -> None:
    draw = np.random.default_rng(0)
    values = draw.normal(size=(300, 3))
    data: Any = values
    if kind == "polars":
        polars = pytest.importorskip("polars")
        data = polars.DataFrame({name: values[:, at] for at, name in enumerate("abc")})
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(data, values[:, 0])
    export_pipeline(pipeline, data, repository=tmp_path / "models", name="ridge")
    artifact = read_artifact(tmp_path / "models" / "ridge" / "1")
    with open_session(tmp_path / "models" / "ridge" / "1") as session:
        write_log(tmp_path / "log", artifact, session, data)
    with PipelineWitness(pipeline, artifact, kind="polars") as asked:
        asked.prove()
        found = replayed(tmp_path / "log", artifact, asked)
    assert found.is_pass
    assert found.rows == 300


def hours_of(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"hour": frame["at"].dt.hour, "there": frame["there"].dt.hour})


def test_times_and_nullable_numbers_are_asked_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Moving clock and zone in processes of their own is slow, and tried elsewhere.
    monkeypatch.setattr("preproc.export.pipeline.check_own_code", lambda *_: nullcontext(dict))
    draw = np.random.default_rng(0)
    times = pd.Series(draw.integers(0, 2**50, 200).view("datetime64[us]"))
    there = times.dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo")
    whole = pd.Series(draw.integers(0, 9, 200)).astype("Int64")
    data = pd.DataFrame({"at": times, "there": there, "whole": whole})
    prepare = make_column_transformer(
        (FunctionTransformer(hours_of), ["at", "there"]), (SimpleImputer(), ["whole"])
    )
    tree = DecisionTreeRegressor(max_depth=3)  # adds nothing up, so that no spread is measured
    pipeline = make_pipeline(prepare, tree).fit(data, draw.normal(size=200))
    export_pipeline(pipeline, data, repository=tmp_path / "models", name="times")
    artifact = read_artifact(tmp_path / "models" / "times" / "1")
    with open_session(tmp_path / "models" / "times" / "1") as session:
        write_log(tmp_path / "log", artifact, session, data)
    with PipelineWitness(pipeline, artifact) as asked:
        asked.prove()
        found = replayed(tmp_path / "log", artifact, asked)
    assert found.is_pass
    assert found.rows == 200


def test_the_command_tells_by_its_exit_code(
    tmp_path: Path, artifact: Artifact, opened: Session, boosting: Pipeline, traffic: pd.DataFrame
) -> None:
    skops.io.dump(boosting, tmp_path / "pipeline.skops")
    few = traffic.head(200)
    write_log(tmp_path / "good", artifact, opened, few)
    write_log(tmp_path / "bad", artifact, opened, few, spoil=spoil_rows("label", [7]))
    dropped = Privacy(columns={"street": Treatment("drop")})
    write_log(tmp_path / "dropped", artifact, opened, few, privacy=dropped)
    (tmp_path / "empty").mkdir()
    codes, told = {}, {}
    for name in ("good", "bad", "dropped", "empty"):
        command = ["replay", str(tmp_path / name), "--pipeline", str(tmp_path / "pipeline.skops")]
        files = (f"--{kind}={tmp_path / name}.{kind}" for kind in ("json", "html"))
        done = CliRunner().invoke(app, [*command, *TRUST, *files])
        codes[name], told[name] = done.exit_code, done
    assert codes == {"good": 0, "bad": 1, "dropped": 2, "empty": 3}
    report = json.loads((tmp_path / "bad.json").read_text("utf-8"))
    assert (report["mismatched"], report["rows"], report["is_pass"]) == (1, 200, False)
    assert report["mismatches"][0]["request_id"] == "call 0"
    assert sum(flip["rows"] for flip in report["outputs"][0]["flips"]) == 1
    page = (tmp_path / "bad.html").read_text("utf-8")
    assert '<h1>Replay of boosting</h1><span class="badge breach">mismatch</span>' in page
    assert "1 differ" in page
    assert page.count("as it was served: 1.") == 1
    assert [name for name in codes if not (tmp_path / f"{name}.html").exists()] == [
        "dropped",
        "empty",
    ]
    assert told["empty"].stderr.endswith("empty': expected rows, got none\n")


def test_the_command_prints_a_table_and_wants_one_witness(
    tmp_path: Path, artifact: Artifact, opened: Session, traffic: pd.DataFrame
) -> None:
    write_log(tmp_path / "log", artifact, opened, traffic.head(200))
    both = CliRunner().invoke(app, ["replay", str(tmp_path / "log")])
    assert (both.exit_code, both.stderr) == (
        3,
        "preproc: replay: expected either --pipeline or --shadow\n",
    )
    done = CliRunner().invoke(
        app, ["replay", str(tmp_path / "log"), "--shadow", str(artifact.path)]
    )
    assert done.exit_code == 0
    assert "probabilities" in done.stdout
    assert "PASS: 0 of 200 rows differ" in done.stdout


def test_a_trained_model_of_other_rows_is_no_witness(
    boosting: Pipeline, artifact: Artifact, table: pd.DataFrame, target: pd.Series
) -> None:
    other = Pipeline([("prep", boosting["prep"]), ("model", LogisticRegression())])
    other["model"].fit(boosting["prep"].transform(table), target)
    with PipelineWitness(other, artifact) as asked, pytest.raises(CheckError):
        asked.prove()
