"""The story in small: what each release sends, what the log says of it, and what fails the demo."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from preproc_server.app import Server
from preproc_server.settings import Settings
from rich.console import Console
from typer.testing import CliRunner

from examples.flights.data import (
    DEPARTURE,
    NEW_YORK,
    WEATHER,
    data_folder,
    join_weather,
    read_flights,
    read_weather,
)
from examples.skew.clients import CLIENT, asked, by_local_clock, send, sources
from examples.skew.commands import Said, run
from examples.skew.months import (
    AUGUST,
    CONTROL,
    FAULTY,
    LABEL_TAKES_DAYS,
    LAST_TRAINING_MONTH,
    MONTHS,
    OCTOBER,
    RELEASED,
    SHARE,
    month_of,
)
from examples.skew.page import write_page
from examples.skew.scores import (
    EXPECTED,
    Scores,
    differing,
    harm_of,
    live_scores,
    training_scores,
)
from examples.skew.served import MODEL, TRUSTED, Trained, train
from examples.skew.story import effect_of, in_order, tell, title_of
from examples.skew.verdicts import DAYS, Answers, Served, Verdict, write_labels, write_sources
from preproc.cli.commands import app
from tests.page.looking import look_at

THINNED = 12
BEGINS, ENDS = (pd.Timestamp(f"2013-08-{day:02}", tz=NEW_YORK) for day in (9, 17))

Data = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def whole() -> Data:
    return read_flights(data_folder()), read_weather(data_folder())


@pytest.fixture(scope="module")
def data(whole: Data) -> Data:
    """Some days around the release."""
    flights, weather = whole
    return flights[flights[DEPARTURE].between(BEGINS, ENDS, inclusive="left")], weather


@pytest.fixture(scope="module")
def trained(whole: Data, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    flights, weather = whole
    first = flights[month_of(flights) <= LAST_TRAINING_MONTH].iloc[::THINNED]
    known, folder = join_weather(first, weather), tmp_path_factory.mktemp("skew")
    # One flight in twelve is too few to have seen how warm June becomes.
    return train(known, folder, unwatched=["temp", "dewp"])


def test_the_faulty_release_alone_sends_other_inputs_than_its_sources(data: Data) -> None:
    sent = asked(*data)
    is_wrong = differing(sent, sources(*data, sent))
    is_theirs = (sent[CLIENT] == FAULTY).to_numpy()
    assert not is_wrong[~is_theirs].any()
    assert is_wrong[is_theirs].mean() > 0.99
    assert (
        sent.loc[is_theirs, DEPARTURE].min().normalize() >= RELEASED.tz_convert("UTC").normalize()
    )
    late = sent[DEPARTURE] >= RELEASED
    assert is_theirs[late].mean() == pytest.approx(SHARE, abs=0.01)


def test_without_the_fault_all_inputs_are_those_of_the_sources(data: Data) -> None:
    sent = asked(*data, look_up=join_weather)
    assert (sent[CLIENT] == FAULTY).any()
    assert not differing(sent, sources(*data, sent)).any()


def test_the_fault_gives_the_report_that_was_the_last_four_hours_before(data: Data) -> None:
    flights, weather = data
    early = flights.assign(departs_at=flights[DEPARTURE] - pd.Timedelta(hours=4))
    want = join_weather(early, weather).loc[flights.index, list(WEATHER)]
    got = by_local_clock(flights, weather).loc[flights.index, [*WEATHER, DEPARTURE]]
    pd.testing.assert_frame_equal(got[list(WEATHER)], want)
    assert (got[DEPARTURE] == flights[DEPARTURE]).all()


def test_no_request_has_two_rows_of_one_number(data: Data) -> None:
    sent = asked(*data)
    assert not sent.duplicated(["request_id", "row"]).any()


def test_labels_are_those_on_record(data: Data, tmp_path: Path) -> None:
    sent = asked(*data)
    as_of = pd.Timestamp("2013-09-10", tz=NEW_YORK)
    served = Served(AUGUST, tmp_path, sent, sent)
    known = pd.read_parquet(write_labels(served, as_of, tmp_path / "labels.parquet"))
    is_old = sent[DEPARTURE] <= as_of - pd.Timedelta(days=LABEL_TAKES_DAYS)
    assert 0 < len(known) == is_old.sum() < len(sent)


def diagnosed(
    trained: Trained, data: Data, sent: pd.DataFrame, folder: Path, *words: str
) -> tuple[Served, Said]:
    """Serve some flights, and ask the product about its log."""
    assert trained.artifact.path is not None
    options: dict[str, Any] = {"log_dir": folder / "log", "log_sample": 1.0}
    repository = trained.artifact.path.parents[1]
    server = Server(Settings(repository=repository, host="localhost", port=0, **options))
    server.start()
    assert server.wait_proved(60)
    assert sum(send(sent, MODEL, server.port)) == len(sent)
    server.stop(0)
    served = Served(AUGUST, folder / "log", sent, sources(*data, sent))
    anew = write_sources(served, folder / "sources.parquet")
    tables = ["--recomputed", anew, "--json", folder / "found.json"]
    asks = ["diagnose", served.log, *DAYS, *tables, *words]
    done = CliRunner().invoke(app, [str(word) for word in asks])
    assert done.exit_code in {1, 2}, done.output
    return served, said(done.exit_code, **json.loads((folder / "found.json").read_text()))


@pytest.fixture(scope="module")
def small(data: Data) -> Data:
    flights, weather = data
    return flights.iloc[::THINNED], weather


@pytest.fixture(scope="module")
def faulty(
    trained: Trained, small: Data, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Served, Said]:
    pipeline = ["--pipeline", str(trained.saved)]
    pipeline += [word for kind in TRUSTED for word in ("--trust", kind)]
    return diagnosed(trained, small, asked(*small), tmp_path_factory.mktemp("fault"), *pipeline)


def test_pairs_name_the_faulty_release(faulty: tuple[Served, Said]) -> None:
    found = faulty[1].found
    assert found["causes"] == ["skew"]
    assert found["scope"]["name"].startswith(FAULTY)
    assert found["scope"]["others"] == 0
    assert found["onset"]["start"] == f"{RELEASED:%Y-%m-%d}"
    served, recomputed = [line for line in found["evidence"] if line["cause"] == "skew"]
    assert (served["answer"], recomputed["answer"]) == ("no", "yes")


def test_nobody_is_named_where_there_is_no_fault(
    trained: Trained, small: Data, tmp_path: Path
) -> None:
    found = diagnosed(trained, small, asked(*small, look_up=join_weather), tmp_path)[1].found
    assert found["causes"] == []
    assert found["missing"] == [
        "skew: no logged row was answered again by the training pipeline",
        "concept drift: no labels were given",
    ]
    days = [window["state"] for window in found["watch"]["windows"]]
    assert len(days) == 8
    assert days.count("QUIET") >= 6  # 5 % are stated; 99 of 100 draws of 8 days have no more


def test_the_page_tells_what_was_found_with_pictures(
    trained: Trained, whole: Data, faulty: tuple[Served, Said], tmp_path: Path
) -> None:
    served, told = faulty
    known = join_weather(whole[0].iloc[::THINNED], whole[1])
    live = live_scores(trained, served)
    assert np.array_equal(live["differ"], live[CLIENT] == FAULTY)
    assert (
        live.loc[~live["differ"], EXPECTED] - live.loc[~live["differ"], "due"]
    ).abs().max() < 1e-12
    assert harm_of(live).largest_points > 1
    verdicts = tuple(
        Verdict(replace(served, month=month), month.ends, told.found["verdict"], told)
        for month in (*MONTHS[:2], CONTROL, OCTOBER)
    )
    answers = Answers(
        verdicts, verdicts[3], said(mismatched=0, rows=7), said(p=0.2, alarms=0, windows=[])
    )
    scores = Scores(
        training_scores(trained, known), {one.served.month.folder: live for one in verdicts}
    )
    text = write_page(answers, scores, known, tmp_path / "story.html").read_text()
    assert "5 of 5 verdicts as expected" in text
    assert text.count("<svg") == 7
    assert "nan" not in text
    looks = look_at({"story": text}, tmp_path)
    assert looks.complaints == ()
    good = {"clashes": [], "cut": [], "nameless": [], "wide": 0, "pictures": 7}
    assert dict(looks.seen) == {"story wide": good, "story narrow": good}
    console = Console(width=80, record=True, file=io.StringIO())
    tell(answers, scores, console)
    printed = console.export_text()
    assert f"rows of {FAULTY}, 0 of" in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 80


def test_a_command_that_cannot_run_gives_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="expected a verdict, got exit code 3:\npreproc: log "):
        run("monitor", tmp_path, to=tmp_path / "found.json")


def said(code: int = 0, **found: Any) -> Said:
    return Said("preproc", code, found, 0.0)


def answered(**change: Any) -> Answers:
    """Make answers as they have to be, but for what is changed."""
    scope = {"name": f"{FAULTY} grpc-python"}
    empty = pd.DataFrame()
    verdicts = tuple(
        Verdict(
            Served(month, Path(), empty, empty),
            month.ends,
            month.verdict,
            said(verdict=month.verdict, scope=scope, evidence=[]),
        )
        for month in MONTHS
    )
    early = replace(verdicts[3], expected="undetermined", said=said(verdict="undetermined"))
    return replace(Answers(verdicts, early, said(), said(p=0.2)), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ()),
        ({"replay": said(1)}, ("replay of August: expected exit code 0, got 1",)),
        (
            {"monitor": said(p=0.001)},
            ("monitor of August: expected no more alarms than chance, got p = 0.001",),
        ),
        (
            {"early": replace(answered().early, said=said(verdict="quiet"))},
            ("10-october: expected 'undetermined', got 'quiet'",),
        ),
        (
            {"verdicts": (replace(answered().verdicts[1], said=said(verdict="skew", scope=None)),)},
            (f"diagnosis of August: expected {FAULTY!r}, got 'nobody'",),
        ),
    ],
    ids=["right", "replay", "monitor", "early", "nobody"],
)
def test_what_was_not_planted_fails_the_demo(
    change: Mapping[str, Any], message: tuple[str, ...]
) -> None:
    assert answered(**change).wrong == message


def test_the_table_names_months_and_effects_in_a_few_words() -> None:
    answers = answered()
    assert [title_of(one) for one in in_order(answers)][3:5] == ["October, 1 Nov", "October, 1 Nov"]
    lines = [
        {"cause": "skew", "answer": "no", "p": 1.0, "effect": "0 % differ (0 to 1 %)"},
        {"cause": "data drift", "answer": "no", "p": 0.4, "effect": "3 of 31 windows alarm"},
        {"cause": "concept drift", "answer": "yes", "p": 0.0, "effect": "-9 points (-11 to -7)"},
    ]
    some = replace(answers.verdicts[3], said=said(evidence=lines))
    assert [effect_of(some, cause) for cause in ("skew", "data drift", "concept drift")] == [
        "no",
        "no, p = 0.4",
        "-9 points",
    ]
