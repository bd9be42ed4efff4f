"""Blocks of training data become a baseline in the profile and a line of the certificate."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from preproc.artifact import Artifact, read_artifact
from preproc.contract import FORMAT
from preproc.drift import baseline_from_json, outcomes_from_json
from preproc.drift.cadence import Cadence
from preproc.errors import ExportError
from preproc.export import export_pipeline
from preproc.export.monitoring import divide
from preproc.runtime import open_session

DAYS, ROWS = 60, 60
NUMBER = DAYS * ROWS
OLD = Path(__file__).parents[1] / "golden" / "format_2" / "model" / "1"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    day = np.repeat(np.arange(DAYS), ROWS)
    return pd.DataFrame(
        {
            "age": draw.normal(40, 10, NUMBER),
            "debt": draw.normal(0, 1, NUMBER),
            "day": pd.Timestamp("2026-01-01", tz="Europe/Oslo") + pd.to_timedelta(day, unit="D"),
        }
    )


@pytest.fixture(scope="module")
def pipeline(people: pd.DataFrame) -> Pipeline:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(people[["age", "debt"]], people["debt"] > 0.3)


def export(folder: Path, pipeline: Pipeline, people: Any, **options: Any) -> Artifact:
    late = np.asarray(people["debt"]) > 0.3
    if not isinstance(options["blocks"], str):
        people = people[["age", "debt"]]
    return export_pipeline(pipeline, people, late, repository=folder, name="m", **options)


def test_a_column_of_days_is_calibrated_on(
    tmp_path: Path, pipeline: Pipeline, people: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    written = export(tmp_path, pipeline, people, blocks="day", unwatched=["age"])
    assert written.path is not None
    profile = read_artifact(written.path).profile
    baseline = baseline_from_json(profile["monitor"])
    assert (baseline.status, baseline.unit) == ("VALID", "days")
    assert baseline.cadence == Cadence(86400.0, zone="Europe/Oslo")
    assert {place.name for place in baseline.places} == {"debt", "label", "probabilities"}
    worth = written.certificate["monitor"]
    assert (worth["false_alarms"], worth["blocks"], worth["calibrating"]) == (0.05, DAYS, 30)
    assert [replay["windows"] for replay in worth["replays"]] == [12, 12]
    assert "monitor: VALID, 5 % false alarms stated, 60 blocks of days; " in capsys.readouterr().out
    outcomes = outcomes_from_json(profile["outcomes"])
    assert outcomes.rows.sum() == NUMBER
    assert (outcomes.kind, len(outcomes.rows)) == ("class", DAYS)


def test_residuals_are_those_of_scikit_learn(
    tmp_path: Path, pipeline: Pipeline, people: pd.DataFrame
) -> None:
    written = export(tmp_path, pipeline, people, blocks="day")
    outcomes = outcomes_from_json(written.profile["outcomes"])
    expected = pipeline.predict_proba(people[["age", "debt"]])[:, 1]
    wanted = ((people["debt"] > 0.3) - expected).groupby(people["day"]).sum()
    np.testing.assert_allclose(outcomes.residuals.sum(axis=1), wanted, atol=1e-9)


def test_held_out_rows_tell_what_the_model_is_worth(tmp_path: Path, people: pd.DataFrame) -> None:
    """A model that learned its rows by heart expects them exactly, and others not at all."""
    draw = np.random.default_rng(1)
    late = pd.Series(draw.random(NUMBER) < 0.5)
    fitted = people["day"] < people["day"].iloc[NUMBER // 2]
    columns = ["age", "debt"]
    tree = DecisionTreeClassifier(random_state=0).fit(people.loc[fitted, columns], late[fitted])
    others = people.loc[~fitted, [*columns, "day"]]
    shared: dict[str, Any] = {
        "repository": tmp_path,
        "name": "m",
        "blocks": "day",
        "false_alarms": 0.2,
    }
    training = people.loc[fitted, [*columns, "day"]], late[fitted]
    bare = export_pipeline(tree, *training, **shared)
    assert bare.path is not None
    own = outcomes_from_json(read_artifact(bare.path).profile["outcomes"])
    assert own.is_in_sample
    assert np.abs(own.residuals).max() == 0
    written = export_pipeline(tree, *training, **shared, held_out=(others, late[~fitted]))
    assert written.path is not None
    outcomes = outcomes_from_json(read_artifact(written.path).profile["outcomes"])
    assert not outcomes.is_in_sample
    expected = tree.predict_proba(others[columns])[:, 1]
    wanted = (late[~fitted] - expected).groupby(others["day"]).sum()
    np.testing.assert_allclose(outcomes.residuals.sum(axis=1), wanted, atol=1e-9)
    assert written.profile["monitor"] == bare.profile["monitor"]


@pytest.mark.parametrize(
    ("held_out", "blocks", "message"),
    [
        ("rows", "day", "held_out: expected (X, y), or (X, y, blocks), got something else"),
        (
            lambda people: (people, people["debt"] > 0),
            np.repeat(np.arange(DAYS), ROWS),
            "held_out: expected (X, y, blocks), since blocks= is neither a column nor a number",
        ),
        (
            lambda people: (people, [1, 0]),
            "day",
            f"held_out: expected {NUMBER} labels, one a row, got others",
        ),
        (
            lambda people: (people, people["debt"] > 0),
            None,
            "held_out: expected blocks= beside it, got none",
        ),
    ],
    ids=["no pair", "no blocks", "labels", "nothing watched"],
)
def test_what_cannot_be_held_out_is_refused(
    held_out: Any,
    blocks: Any,
    message: str,
    tmp_path: Path,
    pipeline: Pipeline,
    people: pd.DataFrame,
) -> None:
    given = held_out(people) if callable(held_out) else held_out
    with pytest.raises(ExportError) as caught:
        export_pipeline(
            pipeline, people, repository=tmp_path, name="m", blocks=blocks, held_out=given
        )
    assert str(caught.value) == f"step .: {message}"


@pytest.mark.parametrize(
    ("blocks", "want"),
    [
        (lambda day: day, Cadence(86400.0, zone="Europe/Oslo")),
        (lambda day: day + pd.Timedelta(hours=6), Cadence(86400.0, 0, "Europe/Oslo", 21600.0)),
        (lambda day: day.dt.tz_convert("+02:00"), Cadence(86400.0, offset_s=82800.0)),
        (lambda day: day.dt.tz_localize(None).dt.date, Cadence(86400.0)),
        (lambda day: day.dt.strftime("%Y-%m-%d"), None),
        (lambda _: 500, Cadence(None, rows=500)),
    ],
    ids=["zone", "from six", "offset", "dates", "text", "rows"],
)
def test_blocks_say_how_live_traffic_is_cut(
    blocks: Any, want: Cadence | None, people: pd.DataFrame
) -> None:
    given = blocks(people["day"])
    assert divide(given, NUMBER, np.random.default_rng(0)).cadence == want


@pytest.mark.parametrize(
    "blocks",
    [
        lambda people: people["day"].dt.date,
        lambda people: people["day"].dt.strftime("%Y-%m-%d").to_numpy(),
        lambda people: pl.from_pandas(people)["day"],
        lambda _: [dt.date(2026, 1, 1 + at // ROWS % 30) for at in range(NUMBER)],
        lambda _: ROWS,
    ],
    ids=["dates", "text", "polars", "list", "number of rows"],
)
def test_blocks_come_in_many_forms(
    blocks: Any, tmp_path: Path, pipeline: Pipeline, people: pd.DataFrame
) -> None:
    written = export(tmp_path, pipeline, people[["age", "debt"]], blocks=blocks(people))
    assert written.certificate["monitor"]["blocks"] in {DAYS, 30}


def test_the_same_blocks_give_the_same_bytes(
    tmp_path: Path, pipeline: Pipeline, people: pd.DataFrame
) -> None:
    digests = {export(tmp_path, pipeline, people, blocks="day").digest for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": "week"}, "blocks: expected a column of the data, got 'week'"),
        ({"blocks": np.arange(3)}, f"blocks: expected {NUMBER} labels, one a row, got 3"),
        (
            {"blocks": np.arange(NUMBER)},
            (
                "blocks: expected at least 30 rows in a block, got 1 at most in 3600 blocks; "
                "bring times down to days, say"
            ),
        ),
        ({"blocks": 10}, "blocks: expected at least 30 rows in a block, got 10"),
        (
            {"blocks": NUMBER + 1},
            f"blocks: expected at least {NUMBER + 1} rows, one block, got 3600",
        ),
        (
            {"blocks": pd.Series([None] * NUMBER, dtype=object)},
            "blocks: expected a label for each row, got nulls",
        ),
        ({"blocks": "day", "false_alarms": 0}, "false_alarms: expected a share above 0, got 0"),
        (
            {"blocks": "day", "unwatched": ["day"]},
            "unwatched: expected columns that are read, got ['day']",
        ),
    ],
    ids=["column", "length", "too fine", "too small", "too large", "nulls", "rate", "unwatched"],
)
def test_what_is_no_block_is_refused(
    options: dict[str, Any],
    message: str,
    tmp_path: Path,
    pipeline: Pipeline,
    people: pd.DataFrame,
) -> None:
    with pytest.raises(ExportError) as caught:
        export(tmp_path, pipeline, people, **options)
    assert str(caught.value) == f"step .: {message}"
    assert not (tmp_path / "m").exists()


def test_too_few_blocks_are_written_as_insufficient(
    tmp_path: Path, pipeline: Pipeline, people: pd.DataFrame
) -> None:
    written = export(tmp_path, pipeline, people, blocks="day", false_alarms=0.01)
    assert written.certificate["monitor"]["status"] == "INSUFFICIENT"
    assert written.certificate["monitor"]["why"].startswith("expected at least 249 blocks")


def test_an_artifact_of_format_2_is_read_and_served() -> None:
    old = read_artifact(OLD)
    assert "monitor" not in old.profile
    with open_session(OLD) as session:
        row = {"income": np.array([3.75]), "age": np.array([4.75])}
        assert session.run(row)["features"].tolist() == [[0.0, 0.0]]
    assert FORMAT == 3
