"""What several processes counted, added up: the verdict of one that saw all rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc.drift import (
    Baseline,
    LiveMonitor,
    Tally,
    judge,
    merge,
    tally_from_json,
    tally_to_json,
    window_of,
)
from preproc.drift.baseline import baseline_of
from preproc.drift.blocks import Blocks
from preproc.drift.cadence import Cadence
from preproc.errors import DriftError

DAYS, HOURS, EACH = 60, 10, 12
ROWS = HOURS * EACH
OSLO = Cadence(86_400.0, zone="Europe/Oslo")


def draw_rows(draw: np.random.Generator, days: int) -> dict[str, NDArray[Any]]:
    """Rows that share a report by the hour, and have a number of their own."""
    hours = days * HOURS
    heat, damp = (np.round(draw.normal(m, 8, hours), 4) for m in (20, 60))
    return {
        "heat": np.repeat(heat, EACH),
        "damp": np.repeat(damp, EACH),
        "age": draw.normal(40, 10, days * ROWS),
    }


def train(cadence: Cadence | None) -> Baseline:
    rows = draw_rows(np.random.default_rng(0), DAYS)
    values: Any = {("input", name, 0): column for name, column in rows.items()}
    values["output", "scores", 0] = rows["age"] / 10
    blocks = Blocks(values, np.repeat(np.arange(DAYS), ROWS), DAYS)
    return baseline_of(
        blocks, blocks, false_alarms=0.05, unit="days", cadence=cadence, left_out=(), seed=0
    )


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    made = train(OSLO)
    assert made.status == "VALID"
    assert {made.places[tie.target].name for tie in made.watched.ties} == {"heat", "damp"}
    return made


def watched_by(baseline: Baseline, workers: int, rows: dict[str, NDArray[Any]]) -> list[Tally]:
    """Let every worker answer some of the rows of three days, an hour after midnight in Oslo."""
    said: list[Tally] = []
    monitors = [
        LiveMonitor(baseline, said.append, began_s=0.0, artifact="a", source=str(number))
        for number in range(workers)
    ]
    for day in range(3):
        at_s = (day + 1) * 86_400.0  # in Oslo, one hour into the second day of 1970 and on
        for number, monitor in enumerate(monitors):
            some = {n: v[day * ROWS : (day + 1) * ROWS][number::workers] for n, v in rows.items()}
            monitor.observe(some, {"scores": some["age"] / 10}, at_s)
    for monitor in monitors:
        monitor.close(4 * 86_400.0)
    return said


@pytest.mark.parametrize("fault", [False, True], ids=["quiet", "nulls in one row of five"])
def test_the_alarm_of_merged_counts_is_that_of_one_process(
    baseline: Baseline, *, fault: bool
) -> None:
    rows = draw_rows(np.random.default_rng(1), 3)
    if fault:
        struck = (np.arange(3 * ROWS) // ROWS == 1) & (np.arange(3 * ROWS) % 5 == 0)
        rows["damp"] = np.where(struck, np.nan, rows["damp"])
    alone = watched_by(baseline, 1, rows)
    apart = watched_by(baseline, 3, rows)
    sent = [tally_from_json(tally_to_json(tally), baseline.watched) for tally in apart]
    merged = merge(sent)
    assert len(apart) == 3 * len(alone)
    assert [tally.start_s for tally in merged] == [tally.start_s for tally in alone]
    verdicts = [judge(baseline, tally.window) for tally in merged]
    assert verdicts == [judge(baseline, tally.window) for tally in alone]
    assert [tally.is_whole for tally in merged] == [False, True, True, True, False]
    second = "ALARM" if fault else "QUIET"
    states = [verdict.state for verdict in verdicts]
    assert states == ["INSUFFICIENT", "QUIET", second, "QUIET", "INSUFFICIENT"]
    if fault:
        assert str(verdicts[2].alarms[0].stream).startswith("input damp: ")


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("stray", lambda heat, struck: np.where(struck, 20.0, heat)),
        ("torn", lambda heat, struck: np.where(struck, np.nan, heat)),
    ],
    ids=["a default", "nulls"],
)
def test_rows_that_part_from_their_like_alarm(baseline: Baseline, kind: str, fault: Any) -> None:
    rows = draw_rows(np.random.default_rng(1), 1)
    struck = np.arange(ROWS) % 10 == 0
    scores = {"scores": rows["age"] / 10}
    assert judge(baseline, window_of(baseline.watched, rows, scores)).state == "QUIET"
    rows["heat"] = fault(rows["heat"], struck)
    verdict = judge(baseline, window_of(baseline.watched, rows, scores))
    assert verdict.state == "ALARM"
    named = {str(alarm.stream): alarm for alarm in verdict.alarms}
    assert named[f"input heat: {kind}"].effect == pytest.approx(11, abs=2)
    assert named[f"input heat: {kind}"].measure == "points"


def test_days_begin_at_midnight_of_their_zone(baseline: Baseline) -> None:
    rows = draw_rows(np.random.default_rng(1), 3)
    starts = [tally.start_s for tally in watched_by(baseline, 1, rows)]
    assert starts == [day * 86_400.0 - 3600.0 for day in range(5)]


def test_windows_of_rows_end_with_their_last_row() -> None:
    baseline = train(None)
    assert baseline.cadence == Cadence(None, rows=ROWS)
    said: list[Tally] = []
    monitor = LiveMonitor(baseline, said.append, began_s=5.0)
    rows = draw_rows(np.random.default_rng(1), 2)
    sizes = [50, 100, 0, 2 * ROWS - 150]
    for at_s, (end, size) in enumerate(zip(np.cumsum(sizes), sizes, strict=True), 6):
        some = {name: values[end - size : end] for name, values in rows.items()}
        monitor.observe(some, {"scores": some["age"] / 10}, float(at_s))
    monitor.close(99.0)
    assert [(tally.start_s, tally.window.rows) for tally in said] == [(5.0, ROWS), (7.0, ROWS)]
    assert [judge(baseline, tally.window).state for tally in said] == ["QUIET", "QUIET"]


def test_one_source_counts_once(baseline: Baseline) -> None:
    first = watched_by(baseline, 1, draw_rows(np.random.default_rng(1), 3))[1]
    with pytest.raises(DriftError) as caught:
        merge([first, first])
    assert str(caught.value) == "tallies of 82800: expected each source once, got ['0'] twice"
    other = replace(first, artifact="b")
    assert [tally.artifact for tally in merge([other, first])] == ["a", "b"]


def test_a_late_starter_leaves_the_window_whole_and_a_stop_for_all_does_not(
    baseline: Baseline,
) -> None:
    whole = watched_by(baseline, 1, draw_rows(np.random.default_rng(1), 3))[1]
    late = replace(whole, sources=("1",), since_s=whole.start_s + 60)
    early = replace(whole, until_s=whole.end_s - 60)
    assert not late.is_whole
    assert merge([whole, late])[0].is_whole
    assert merge([early, late])[0].is_whole
    assert not merge([early, replace(late, until_s=early.until_s)])[0].is_whole


def test_a_damaged_tally_is_refused(baseline: Baseline) -> None:
    told = tally_to_json(watched_by(baseline, 1, draw_rows(np.random.default_rng(1), 3))[1])
    with pytest.raises(DriftError, match=r"tally: expected the keys of a tally: KeyError\('since"):
        tally_from_json({k: v for k, v in told.items() if k != "since_s"}, baseline.watched)
    told["window"]["rows"] += 1
    with pytest.raises(DriftError, match="window: expected counts of ties that add up to 121 rows"):
        tally_from_json(told, baseline.watched)
