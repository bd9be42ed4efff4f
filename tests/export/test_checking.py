"""Relations that hold of a step which answers row by row, and faults that break them."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from preproc.errors import CheckError
from preproc.export.checking import CheckReport, check_pipeline, worlds
from preproc.export.checking.check import declared_steps
from preproc.export.checking.relations import Trial, findings_of, row_independence
from preproc.export.checking.samples import cells_of
from preproc.export.checking.stages import stages_of
from preproc.export.checking.worlds import WORLDS
from tests.export.faulty import CLEAN, FAULTY, LeaveOneOut, people, transformer

IS_CI = "CI" in os.environ


@pytest.fixture(scope="module")
def report() -> CheckReport:
    """Check all faulty and clean steps side by side; one that loses rows cannot stand there."""
    steps = [
        (name, transformer(work)) for name, (work, rel) in FAULTY.items() if rel != "row count"
    ]
    steps += [(name, transformer(work)) for name, work in CLEAN.items()]
    return check_pipeline(FeatureUnion(steps).fit(people()), people())


@pytest.mark.parametrize("name", [n for n, (_, rel) in FAULTY.items() if rel != "row count"])
def test_each_fault_is_found_and_its_step_named(name: str, report: CheckReport) -> None:
    if name == "age from numpy's now" and worlds.clock_reach() != "libfaketime" and not IS_CI:
        pytest.skip("libfaketime is absent (make hardware); time-machine leaves numpy's clock")
    found = {finding.relation for finding in report.findings if finding.step == name}
    assert FAULTY[name][1] in found


def test_clean_functions_raise_no_alarm_in_any_world(report: CheckReport) -> None:
    assert set(CLEAN) <= set(report.steps)
    assert [str(finding) for finding in report.findings if finding.step in CLEAN] == []
    tried = {name: text.split()[0] for name, text in report.worlds.items()}
    assert tried == dict.fromkeys(WORLDS, "tried")


def test_lost_rows_are_found() -> None:
    work, _ = FAULTY["duplicates dropped"]
    (found,) = findings_of(_trial(transformer(work), people()))
    assert str(found) == (
        "step .: row count: rows are lost or added; row 0: expected 120 answers, got 90"
    )


def test_there_are_at_least_twenty_faults() -> None:
    assert len(FAULTY) >= 20


def test_two_rows_prove_a_fault() -> None:
    paid = pd.DataFrame({"paid": [1.0, 2.0, 4.0, 8.0]})
    centred = FunctionTransformer(lambda frame: frame - frame.mean()).fit(paid)
    assert str(row_independence(_trial(centred, paid))) == (
        "step .: row independence: a row alone answers otherwise than in its batch, beside the "
        "other row too; row 0 and row 1: expected -2.75, got 0.0"
    )


def test_the_step_inside_a_pipeline_is_named() -> None:
    frame = people()[["age", "visits"]]
    centre = FunctionTransformer(lambda part: part - part.mean())
    parts = [("centre", centre, ["age"]), ("rest", StandardScaler(), ["visits"])]
    pipeline = make_pipeline(ColumnTransformer(parts), LogisticRegression())
    stages = stages_of(pipeline.fit(frame, np.arange(len(frame)) % 2), frame)
    faulty = {
        stage.path: bool(findings_of(Trial(stage, stage.data, cells_of(stage.ask(stage.data)))))
        for stage in stages
    }
    assert faulty == {
        "columntransformer/centre": True,
        "columntransformer/rest": False,
        "logisticregression": False,
    }


def _trial(step: Any, data: Any) -> Trial:
    (stage,) = stages_of(step, data)
    return Trial(stage, data, cells_of(stage.ask(data)))


@pytest.mark.parametrize(
    "step",
    [TargetEncoder(cv=3, target_type="binary"), LeaveOneOut()],
    ids=["scikit-learn's", "one's own"],
)
def test_cross_fitting_is_declared_and_not_alarmed(step: Any) -> None:
    frame = people()[["plan"]]
    target = np.arange(len(frame)) % 2
    trial = _trial(step.fit(frame, target), frame)
    assert findings_of(trial) == []
    assert declared_steps(step, [trial.stage], target) == ("",)


def test_a_step_that_learns_and_serves_alike_is_not_declared() -> None:
    frame = people()[["age"]]
    trial = _trial(StandardScaler().fit(frame), frame)
    assert declared_steps(trial.stage.fitted, [trial.stage], None) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (people()[:0], "nothing to check: expected rows, got none"),
        (
            people()[["age"]],
            (
                "pipeline: expected an answer to 120 rows of the data, got KeyError: 'paid'; "
                "check that the data is what it was trained on"
            ),
        ),
    ],
    ids=["no rows", "other columns"],
)
def test_what_cannot_be_checked_is_an_error_and_no_pass(data: Any, message: str) -> None:
    with pytest.raises(CheckError) as caught:
        check_pipeline(transformer(CLEAN["ratio"]), data)
    assert str(caught.value) == message


def test_a_world_that_was_not_tried_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "clock_reach", lambda: "")
    found, status = worlds.world_findings([_trial(transformer(CLEAN["ratio"]), people())])
    assert found == []
    assert status["wall clock"] == "not tried: install libfaketime or time-machine"


def test_a_process_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = worlds._started

    def seen(question: Path, world: worlds.World) -> Any:
        started.append(start(question, world))
        return started[-1]

    monkeypatch.setattr(worlds, "_started", seen)
    with worlds.begun([_trial(transformer(CLEAN["ratio"]), people())]):
        pass
    ((process, _),) = started
    assert process.returncode == -signal.SIGKILL


class Vanishing(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no types
    """Answers at home, and ends every other process that loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, ("gone",)

    def transform(self, X: Any) -> Any:  # noqa: N803  # scikit-learn's name
        return X.to_numpy()

    def __sklearn_is_fitted__(self) -> bool:
        return True


def test_a_world_that_cannot_be_asked_is_an_error_and_no_pass() -> None:
    with pytest.raises(CheckError) as caught:
        worlds.world_findings([_trial(Vanishing(), people()[["age"]])])
    assert str(caught.value) == (
        "another process: the process failed: gone; a check that cannot ask has found nothing out"
    )
