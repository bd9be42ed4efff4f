"""Monitor and diagnose from the shell, over a log that a writer wrote and over a table."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from preproc.artifact import Artifact, read_artifact
from preproc.cli.commands import app
from preproc.errors import LogError
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session
from preproc.signature import NAT, Column
from preproc.skew import Privacy, Treatment
from preproc.skew.traffic import Traffic, timed
from tests.skew.logging_rows import write_log

BLOCK, BLOCKS = 200, 60
WINDOW = ["--window", "4s"]
"""Calls of 50 rows, one a second."""


def draw_rows(seed: int, blocks: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    rows = blocks * BLOCK
    frame = pd.DataFrame({"age": draw.normal(40, 10, rows), "debt": draw.normal(0, 1, rows)})
    return frame.assign(block=np.arange(rows) // BLOCK)


def truth_of(rows: pd.DataFrame, seed: int = 0) -> pd.Series:
    noise = np.random.default_rng(seed).logistic(size=len(rows))
    return (rows["debt"] + (rows["age"] - 40) / 10 + noise > 0).astype("int64")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    rows = draw_rows(0, BLOCKS)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(rows[["age", "debt"]], truth_of(rows))


@pytest.fixture(scope="module")
def artifact(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    rows = draw_rows(0, BLOCKS)
    folder = tmp_path_factory.mktemp("watched")
    written = export_pipeline(
        pipeline, rows, truth_of(rows), repository=folder, name="m", blocks="block"
    )
    assert written.certificate["monitor"]["status"] == "VALID"
    skops.io.dump(pipeline, folder / "pipeline.skops")
    assert written.path is not None
    return read_artifact(written.path)


@pytest.fixture(scope="module")
def session(artifact: Artifact) -> Iterator[Session]:
    assert artifact.path is not None
    with open_session(artifact.path) as opened:
        yield opened


def ask(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_quiet_log_passes_and_a_spoiled_one_does_not(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    rows = draw_rows(3, 6)[["age", "debt"]]
    write_log(tmp_path / "quiet", artifact, session, rows)
    quiet = ask("monitor", tmp_path / "quiet", *WINDOW, "--json", tmp_path / "q.json")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    told = json.loads((tmp_path / "q.json").read_text())
    assert [window["state"] for window in told["windows"]] == ["QUIET"] * len(told["windows"])
    assert all(len(window["distances"]) == 5 for window in told["windows"])
    spoiled = rows.assign(debt=rows["debt"].where(rows.index % 10 > 0, 0.0))
    write_log(tmp_path / "bad", artifact, session, spoiled)
    page = tmp_path / "bad.html"
    bad = ask("monitor", tmp_path / "bad", *WINDOW, "--last", 1, "--html", page)
    assert bad.exit_code == 1
    shown = page.read_text("utf-8")
    assert '<h1>Traffic of m against training</h1><span class="badge breach">alarm</span>' in shown
    assert "Alarms: 2023-11-14T22:13:40 with" in shown
    assert re.findall(r"<h3>(.*?)</h3>", shown)[0] == "input debt"
    assert "input debt: spike +" in bad.stdout
    assert "calibration: VALID (60 blocks; " in bad.stdout


def test_what_was_not_logged_is_not_quiet(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    rows = draw_rows(3, 6)[["age", "debt"]]
    privacy = Privacy(columns={"age": Treatment("drop")})
    write_log(tmp_path / "log", artifact, session, rows, privacy=privacy)
    done = ask("monitor", tmp_path / "log", *WINDOW)
    assert done.exit_code == 2
    assert "not judged: expected all watched columns, got none of ['age']" in done.stdout


def test_an_empty_or_truncated_log_is_an_error(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    page = tmp_path / "page.html"
    assert ask("monitor", tmp_path / "none", *WINDOW, "--html", page).exit_code == 3
    assert ask("diagnose", tmp_path / "none", *WINDOW, "--html", page).exit_code == 3
    write_log(tmp_path / "log", artifact, session, draw_rows(2, 2)[["age", "debt"]])
    (file,) = (tmp_path / "log").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    cut = ask("monitor", tmp_path / "log", *WINDOW, "--html", page)
    assert cut.exit_code == 3
    assert "it was cut or altered" in cut.stderr
    assert not page.exists()


def test_a_page_that_could_not_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    for command in ("monitor", "diagnose", "replay"):
        done = ask(command, tmp_path / "no log", "--html", tmp_path / "no" / "page.html")
        assert done.exit_code == 3
        assert "page.html': expected a folder that is there, got none" in done.stderr


def test_a_log_shorter_than_a_window_is_not_judged(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    write_log(tmp_path / "log", artifact, session, draw_rows(2, 2)[["age", "debt"]])
    done = ask("monitor", tmp_path / "log", "--window", "1d")
    assert done.exit_code == 3
    assert "expected a whole window of 86400 s, by the clock of UTC, got none" in done.stderr


def test_rows_of_a_table_are_judged_by_the_artifact(artifact: Artifact, tmp_path: Path) -> None:
    rows = draw_rows(3, 4)
    rows.loc[rows["block"] == 2, "age"] *= 1.609
    rows.to_parquet(tmp_path / "rows.parquet")
    words = "--version", artifact.path, "--by", "block", "--json", tmp_path / "found.json"
    done = ask("monitor", tmp_path / "rows.parquet", *words)
    assert done.exit_code == 1
    told = json.loads((tmp_path / "found.json").read_text())
    assert [window["state"] for window in told["windows"]] == ["QUIET", "QUIET", "ALARM", "QUIET"]
    assert ask("monitor", tmp_path / "no.parquet", *words[:2]).exit_code == 3
    assert ask("monitor", tmp_path / "rows.parquet").exit_code == 3


def test_a_rate_that_does_not_hold_is_told_at_export_and_judges_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training drifts by itself, so that held-out blocks alarm more often than is stated."""
    rows = draw_rows(0, BLOCKS)
    rows["age"] += rows["block"]
    scaler = make_pipeline(StandardScaler()).fit(rows[["age", "debt"]])
    written = export_pipeline(scaler, rows, repository=tmp_path, name="drifting", blocks="block")
    assert written.path is not None
    worth = read_artifact(written.path).certificate["monitor"]
    assert worth["status"] == "INVALID"
    assert worth["replays"][1]["alarms"] > worth["replays"][1]["windows"] * worth["false_alarms"]
    assert worth["why"].startswith("replay in time: expected 0.05 of the windows to alarm, got ")
    assert "monitor: INVALID, 5 % false alarms stated" in capsys.readouterr().out
    rows.to_parquet(tmp_path / "rows.parquet")
    words = "--version", written.path, "--by", "block", "--json", tmp_path / "found.json"
    done = ask("monitor", tmp_path / "rows.parquet", *words)
    assert done.exit_code == 2
    assert "not judged: replay in time: expected 0.05 of the windows to alarm" in done.stdout
    told = json.loads((tmp_path / "found.json").read_text())
    assert {window["state"] for window in told["windows"]} == {"INVALID"}


def test_an_artifact_without_blocks_cannot_watch(
    logistic_artifact: Artifact, tmp_path: Path, table: pd.DataFrame
) -> None:
    table.drop(columns="unread").to_parquet(tmp_path / "rows.parquet")
    done = ask("monitor", tmp_path / "rows.parquet", "--version", logistic_artifact.path)
    assert done.exit_code == 3
    assert "expected a calibrated monitor, got none; export it with blocks=" in done.stderr


def test_a_log_is_diagnosed_with_pipeline_sources_and_labels(
    artifact: Artifact, session: Session, tmp_path: Path
) -> None:
    assert artifact.path is not None
    rows = draw_rows(2, 8)[["age", "debt"]]
    sent = rows.assign(debt=rows["debt"].where(rows.index % 40 > 0, 0.0))
    log = tmp_path / "log"
    write_log(log, artifact, session, sent)
    ask("log", "show", log)
    keys = requests_of(log)
    truth_of(rows).to_frame("late").assign(**keys).to_parquet(tmp_path / "labels.parquet")
    rows.assign(**keys).to_parquet(tmp_path / "sources.parquet")
    pipeline = artifact.path.parents[1] / "pipeline.skops"
    common = [log, "--pipeline", pipeline, *WINDOW]
    labels = ["--labels", tmp_path / "labels.parquet", "--label", "late"]
    full = ask(
        "diagnose",
        *common,
        *labels,
        "--as-of",
        "2030-01-01",
        "--recomputed",
        tmp_path / "sources.parquet",
        "--json",
        tmp_path / "found.json",
        "--html",
        tmp_path / "found.html",
    )
    assert full.exit_code == 1, full.output
    assert full.stdout.startswith("verdict: skew")
    told = json.loads((tmp_path / "found.json").read_text())
    assert any("column 'debt', 40 rows" in line["effect"] for line in told["evidence"])
    page = (tmp_path / "found.html").read_text("utf-8")
    assert '<h1>Diagnosis of m</h1><span class="badge breach">skew</span>' in page
    assert "Rows that differ by step or column. debt: 40." in page
    bare = ask("diagnose", log, *WINDOW, "--html", tmp_path / "bare.html")
    assert bare.exit_code in {1, 2}
    assert "skew: no logged row was answered again" in (tmp_path / "bare.html").read_text("utf-8")
    assert "open: skew: no logged row was answered again" in bare.stdout


def test_rows_are_cut_by_a_time_that_they_hold(artifact: Artifact) -> None:
    day = np.datetime64("2013-08-01") + np.array([2, 0, 1])
    times = Column("due", "int64", "nat", domain={"time": "datetime64[s, UTC]"})
    signature = replace(
        artifact.contract.signature, columns=(*artifact.contract.signature.columns, times)
    )
    due = day.astype("datetime64[s]").astype(np.int64).reshape(-1, 1)
    asked = Traffic(
        np.array(["a", "b", "c"]),
        np.full(3, np.datetime64("2030-01-01", "us")),
        {"due": due},
        {},
        {},
    )
    found = timed(asked, "due", signature)
    assert found.keys.tolist() == ["b", "c", "a"]
    assert found.at.tolist() == np.sort(day.astype("datetime64[us]")).tolist()
    with pytest.raises(LogError) as caught:
        timed(asked, "age", signature)
    assert str(caught.value) == "time: expected a logged column of times, ['due'], got 'age'"
    due[1] = NAT
    with pytest.raises(LogError) as caught:
        timed(asked, "due", signature)
    assert str(caught.value) == "time: expected one in each row of 'due', got 1 row without"


def requests_of(log: Path) -> dict[str, Any]:
    """Find the keys of the rows, in the order in which they were asked."""
    tables = [pd.read_parquet(file) for file in sorted(log.rglob("*.parquet"))]
    own = pd.concat(tables).sort_values(["at", "row"], kind="stable")
    return {"request_id": own["request_id"].tolist(), "row": own["row"].tolist()}
