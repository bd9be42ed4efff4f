"""Planted worlds are named as they were planted; open questions stay open."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from preproc.drift.outcomes import compare_outcomes
from preproc.errors import DriftError
from preproc.skew.case import Diagnosis
from preproc.skew.diagnose import IN_SAMPLE, diagnose
from preproc.skew.diagnose_report import diagnosis_to_json, lines_of
from preproc.skew.scope import onset_of
from preproc.skew.traffic import taken
from tests.skew.worlds import (
    ONSET,
    WORLDS,
    Trained,
    World,
    asked_wrong,
    case_of,
    new_client,
    no_labels,
    nothing_to_replay,
    other_meaning,
    other_meaning_not_yet_known,
    other_rows,
    quiet,
    train,
)

TIMES = 2


@pytest.fixture(scope="module")
def trained() -> Trained:
    made = train()
    assert (made.baseline.status, made.baseline.why) == ("VALID", "")
    return made


def found_in(
    world: Callable[[np.random.Generator], World], trained: Trained, seed: int = 0
) -> Diagnosis:
    return diagnose(case_of(world(np.random.default_rng(seed)), trained))


def test_planted_worlds_are_told_apart(trained: Trained) -> None:
    said = {
        world: Counter(found_in(world, trained, 100 + seed).verdict for seed in range(TIMES))
        for world in WORLDS
    }
    right = sum(said[world][verdict] for world, verdict in WORLDS.items())
    assert right >= 0.95 * TIMES * len(WORLDS), said


def test_a_client_bug_is_dated_and_placed(trained: Trained) -> None:
    found = found_in(new_client, trained)
    assert found.onset is not None
    assert found.onset.window == ONSET
    assert found.scope is not None
    assert (found.scope.kind, found.scope.name, found.scope.is_new) == ("client", "app/2", True)
    assert any("confined to client 'app/2', which came at that time" in t for t in lines_of(found))


def test_inputs_computed_anew_name_the_column(trained: Trained) -> None:
    found = found_in(asked_wrong, trained)
    assert any("first in column 'b'" in line.effect for line in found.evidence)
    assert found.remedies[0].startswith("mend the code")
    told = diagnosis_to_json(found)
    assert told["causes"] == ["skew"]
    assert told["onset"]["window"] == ONSET


def test_each_line_has_test_number_chance_and_effect(trained: Trained) -> None:
    found = found_in(other_rows, trained)
    assert {line.cause for line in found.evidence} == {"skew", "data drift", "concept drift"}
    for line in found.evidence:
        assert line.test
        assert line.n > 0
        assert line.p is not None
        assert line.effect
    (drift,) = (line for line in found.evidence if line.answer == "yes")
    assert drift.p is not None
    assert drift.p < 0.01
    assert "PSI" in drift.effect or "sd" in drift.effect


@pytest.mark.parametrize(
    ("world", "missing"),
    [
        (
            nothing_to_replay,
            "skew: no logged row was answered again by the training pipeline",
        ),
        (no_labels, "concept drift: no labels were given"),
        (
            other_meaning_not_yet_known,
            (
                "concept drift: no window is old enough and has its labels; "
                "24 windows younger than the 60 days of a label"
            ),
        ),
    ],
    ids=["pairs", "labels", "young"],
)
def test_what_is_missing_is_said(
    world: Callable[[np.random.Generator], World], missing: str, trained: Trained
) -> None:
    found = found_in(world, trained)
    assert (found.verdict, found.missing) == ("undetermined", (missing,))


def test_without_a_calibrated_profile_nothing_is_quiet(trained: Trained) -> None:
    case = case_of(quiet(np.random.default_rng(0)), trained)
    bare = diagnose(replace(case, baseline=None, outcomes=None))
    assert bare.verdict == "undetermined"
    assert len(bare.missing) == 2
    invalid = replace(trained.baseline, status="INVALID", why="too many")
    assert diagnose(replace(case, baseline=invalid)).missing == (
        "data drift: calibration is INVALID: too many",
    )


def test_too_few_rows_leave_drift_open(trained: Trained) -> None:
    case = case_of(quiet(np.random.default_rng(0)), trained)
    some = np.arange(len(case.traffic)) % 50 == 0
    windows = replace(case.windows, codes=case.windows.codes[some])
    found = diagnose(
        replace(case, traffic=taken(case.traffic, some), windows=windows, pairs=(), labels=None)
    )
    assert any(text.startswith("data drift: no window could be judged") for text in found.missing)


def test_quiet_labels_are_quiet_and_changed_ones_are_not(trained: Trained) -> None:
    answers = [
        [line.answer for line in found_in(world, trained, 7).evidence][-1]
        for world in (quiet, other_meaning)
    ]
    assert answers == ["no", "yes"]


def test_a_change_against_training_rows_alone_is_open(trained: Trained) -> None:
    own = replace(trained, outcomes=replace(trained.outcomes, is_in_sample=True))
    found = found_in(other_meaning, own)
    assert (found.verdict, found.missing) == ("undetermined", (IN_SAMPLE,))
    assert found_in(quiet, own).verdict == "quiet"


def test_few_labelled_blocks_are_an_error(trained: Trained) -> None:
    base = trained.outcomes
    few = replace(base, rows=base.rows[:4], residuals=base.residuals[:4])
    with pytest.raises(DriftError) as caught:
        compare_outcomes(base, few, np.random.default_rng(0))
    assert str(caught.value) == "outcomes: expected at least 5 blocks with labels, got 4"


def test_an_onset_is_where_alarms_begin(trained: Trained) -> None:
    windows = case_of(quiet(np.random.default_rng(0)), trained).windows
    series = np.arange(len(windows)) >= 17
    series[3] = True
    onset = onset_of(series, windows)
    assert onset is not None
    assert (onset.window, onset.start) == (17, "2026-03-18")
    assert onset_of(series & False, windows) is None
