"""Windows of served rows as gauges: alarms, quiet, and what is not watched."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from preproc_server.drift import DriftCounts, DriftWatch
from prometheus_client import CollectorRegistry
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from preproc.artifact import Artifact, read_artifact
from preproc.cli.commands import app
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session
from preproc.skew import Privacy
from preproc.skew.batching import Offer, Source, source_of
from preproc.skew.record import Head
from preproc.skew.tallies import prune_tallies

DAY_S = 86400.0
ROWS, DAYS = 100, 60


def draw_rows(seed: int, rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame({"age": draw.normal(40, 10, rows), "debt": draw.normal(0, 1, rows)})


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    rows = draw_rows(0, ROWS * DAYS)
    days = np.datetime64("2026-01-01") + np.repeat(np.arange(DAYS), ROWS)
    folder = tmp_path_factory.mktemp("watched")
    pipeline = make_pipeline(StandardScaler()).fit(rows)
    written = export_pipeline(pipeline, rows, repository=folder, name="m", blocks=days)
    assert written.path is not None
    return read_artifact(written.path)


@pytest.fixture(scope="module")
def session(artifact: Artifact) -> Iterator[Session]:
    assert artifact.path is not None
    with open_session(artifact.path) as opened:
        yield opened


def source(artifact: Artifact, session: Session, path: Path) -> Source:
    head = Head("m", 1, artifact.digest, "", str(path), "one", 1, "", 1.0)
    return source_of(head, session.signature, session.layout.places, Privacy())


def offer(session: Session, rows: pd.DataFrame, at_s: float, *, is_sampled: bool = True) -> Offer:
    prepared = session.prepare(rows)
    answers: Any = session.run_prepared(prepared)
    feeds = prepared.feeds
    return Offer(len(rows), feeds, answers, "id", is_sampled, frozenset(), at_s, 0, (), {})


def gauge(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(
        f"preproc_drift_{name}", {"model": "m", "version": "1"} | labels
    )


def states(registry: CollectorRegistry) -> list[str]:
    names = ("QUIET", "ALARM", "INSUFFICIENT", "INVALID")
    return [name for name in names if gauge(registry, "state", state=name)]


def test_a_day_is_told_when_it_is_over(artifact: Artifact, session: Session) -> None:
    assert artifact.path is not None
    registry = CollectorRegistry()
    watch = DriftWatch(registry, clock_s=lambda: 0.0)
    lane = source(artifact, session, artifact.path)
    watch.observe(lane, [offer(session, draw_rows(1, ROWS), 10.0)])
    assert states(registry) == ["INSUFFICIENT"]
    assert gauge(registry, "window_rows") == ROWS
    bad = draw_rows(2, ROWS)
    bad.loc[::10, "age"] = np.nan
    unsampled = offer(session, bad, DAY_S + 5, is_sampled=False)
    watch.observe(lane, [unsampled, offer(session, bad, DAY_S + 10)])
    assert states(registry) == ["QUIET"]
    watch.observe(lane, [offer(session, draw_rows(3, ROWS), 2 * DAY_S + 10)])
    assert states(registry) == ["ALARM"]
    assert gauge(registry, "alarms_total") == 1
    score, threshold = gauge(registry, "score"), gauge(registry, "threshold")
    assert score is not None
    assert threshold is not None
    assert score > threshold
    where = {"part": "input", "column": "age", "stream": "null", "measure": "points"}
    assert gauge(registry, "effect", **where) == pytest.approx(10)
    watch.observe(lane, [offer(session, draw_rows(4, ROWS), 3 * DAY_S + 10)])
    assert states(registry) == ["QUIET"]
    assert gauge(registry, "effect", **where) is None


def counted_by(
    folder: Path, artifact: Artifact, session: Session, days: list[pd.DataFrame]
) -> list[str]:
    """Let one process see a day after the other, then stop in the next; tell what it said."""
    assert artifact.path is not None
    registry, now = CollectorRegistry(), [0.0]
    watch = DriftWatch(registry, folder, source=folder.name, clock_s=lambda: now[0])
    said = []
    for day, rows in enumerate(days):
        now[0] = day * DAY_S + 60
        watch.observe(source(artifact, session, artifact.path), [offer(session, rows, now[0])])
        now[0] = (day + 1) * DAY_S + 60
        watch.tick(False)
        said += states(registry)
    watch.tick(True)
    return said


def test_several_hosts_speak_as_one_that_saw_all(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    days = [draw_rows(seed, ROWS) for seed in (1, 2)]
    days[1].loc[::10, "age"] = np.nan
    whole, first, second = (tmp_path / name for name in ("whole", "first", "second"))
    assert counted_by(whole, artifact, session, days) == ["QUIET", "ALARM"]
    counted_by(first, artifact, session, [rows[::2] for rows in days])
    counted_by(second, artifact, session, [rows[1::2] for rows in days])
    found = [tmp_path / "whole.json", tmp_path / "merged.json"]
    words = ["monitor", whole, "--counted", "--json", found[0]]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 1
    words = ["monitor", first, "--merge", second, "--json", found[1]]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 1, done.output
    alone, merged = (json.loads(file.read_text()) for file in found)
    assert [window["start"] for window in alone["windows"]] == ["1970-01-01", "1970-01-02"]
    assert merged == alone
    assert alone["partial"] == ["1970-01-03"]


def test_counts_of_nobody_or_damaged_ones_are_an_error(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    nobody = CliRunner().invoke(app, ["monitor", str(tmp_path), "--counted"])
    assert nobody.exit_code == 3
    assert "expected what servers counted, got none" in nobody.stderr
    counted_by(tmp_path, artifact, session, [draw_rows(1, ROWS)])
    for file in (tmp_path / "windows").rglob("*.json"):
        file.write_text(file.read_text()[:-20])
    cut = CliRunner().invoke(app, ["monitor", str(tmp_path), "--counted"])
    assert cut.exit_code == 3
    assert "expected counts, got JSONDecodeError" in cut.stderr


def test_silence_is_insufficient(artifact: Artifact, session: Session) -> None:
    assert artifact.path is not None
    registry, now = CollectorRegistry(), [0.0]
    watch = DriftWatch(registry, clock_s=lambda: now[0])
    watch.observe(
        source(artifact, session, artifact.path), [offer(session, draw_rows(1, ROWS), 10.0)]
    )
    now[0] = DAY_S + 60
    watch.tick(False)
    assert states(registry) == ["QUIET"]
    now[0] = 2 * DAY_S + 60
    watch.tick(False)
    assert states(registry) == ["INSUFFICIENT"]


def test_old_counts_are_deleted(artifact: Artifact, session: Session, tmp_path: Path) -> None:
    counted_by(tmp_path, artifact, session, [draw_rows(1, ROWS)])
    files = sorted((tmp_path / "windows").rglob("*.json"))
    assert len(files) == 2
    os.utime(files[0], (0, 0))
    prune_tallies(tmp_path, 1.0)
    assert sorted((tmp_path / "windows").rglob("*.json")) == files[1:]


def test_an_artifact_that_is_not_calibrated_is_insufficient(
    artifact: Artifact, session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    watch = DriftWatch(registry, clock_s=lambda: 0.0)
    watch.observe(source(artifact, session, tmp_path), [offer(session, draw_rows(1, 9), 1.0)])
    assert states(registry) == ["INSUFFICIENT"]
    assert "model 'm' is not watched: artifact" in caplog.text
    assert threading.current_thread() is threading.main_thread()


def test_one_alarm_speaks_for_all_that_count(artifact: Artifact, session: Session) -> None:
    assert artifact.path is not None
    lane = source(artifact, session, artifact.path)
    registries = [CollectorRegistry(), CollectorRegistry()]
    alone, together = (DriftWatch(registry, clock_s=lambda: 0.0) for registry in registries)
    workers = [DriftCounts(), DriftCounts()]
    bad = draw_rows(2, ROWS)
    bad.loc[::10, "age"] = np.nan
    for day, rows in enumerate((draw_rows(1, ROWS), bad, draw_rows(3, ROWS)), start=1):
        offers = [offer(session, part, day * DAY_S + 10) for part in (rows[:30], rows[30:])]
        alone.observe(lane, offers)
        for worker, one in zip(workers, offers, strict=True):
            worker.observe(lane, [one])
            for counted in worker.take():
                together.add(json.loads(json.dumps(counted)))
    assert [states(registry) for registry in registries] == [["ALARM"], ["ALARM"]]
    for name in ("score", "window_rows", "alarms_total"):
        assert gauge(registries[0], name) == gauge(registries[1], name)
    assert gauge(registries[1], "window_rows") == ROWS
    assert workers[0].take() == []


def test_what_is_not_watched_is_told_by_all(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    registry, worker = CollectorRegistry(), DriftCounts()
    worker.observe(source(artifact, session, tmp_path), [offer(session, draw_rows(1, 9), 1.0)])
    (counted,) = worker.take()
    DriftWatch(registry).add(counted)
    assert states(registry) == ["INSUFFICIENT"]
