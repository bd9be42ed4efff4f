"""The example's data, against a second reading of the same files that shares no code with it.

The second reading knows neither pandas nor ``time_hour`` of a flight: it takes the printed clock
time, asks the time zone for the instant, and walks through all reports of the airport.
"""

import csv
import io
import math
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from examples.flights.data import (
    CATEGORIES,
    DEPARTURE,
    DISTANCE,
    FEATURES,
    WEATHER,
    Split,
    data_folder,
    flight_delays,
    join_weather,
    read_flights,
    read_weather,
    split,
)
from examples.flights.pipelines import boosting, logistic

NEW_YORK: Final = ZoneInfo("America/New_York")
DELAY: Final = timedelta(minutes=70)
SAMPLE_ROWS: Final = 50


class Printed(NamedTuple):
    """A flight, read without pandas."""

    origin: str
    due: datetime
    arrival_delay_min: float


class Report(NamedTuple):
    """A line of the weather, read without pandas."""

    origin: str
    observed: datetime
    weather: tuple[float, ...]


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return flight_delays()


@pytest.fixture(scope="module")
def unjoined() -> pd.DataFrame:
    return read_flights(data_folder())


@pytest.fixture(scope="module")
def parts(flights: pd.DataFrame) -> Split:
    return split(flights)


@pytest.fixture(scope="module")
def printed() -> list[Printed]:
    with (
        zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive,
        archive.open("flights.csv") as stream,
    ):
        rows = csv.DictReader(io.TextIOWrapper(stream, "utf-8"))
        return [Printed(row["origin"], departure(row), number(row["arr_delay"])) for row in rows]


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    with (data_folder() / "weather.csv").open(encoding="utf-8", newline="") as stream:
        return [
            Report(
                row["origin"],
                datetime.fromisoformat(row["time_hour"]),
                tuple(number(row[name]) for name in WEATHER),
            )
            for row in csv.DictReader(stream)
        ]


def number(text: str) -> float:
    return math.nan if text == "NA" else float(text)


def departure(row: Mapping[str, str]) -> datetime:
    hour, minute = divmod(int(row["sched_dep_time"]), 100)
    year, month, day = int(row["year"]), int(row["month"]), int(row["day"])
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def same(want: tuple[float, ...], got: tuple[float, ...]) -> bool:
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(want, got, strict=True))


def sampled(joined: pd.DataFrame) -> list[int]:
    chosen = np.random.default_rng(13).choice(np.sort(joined.index), SAMPLE_ROWS, replace=False)
    return [int(row) for row in chosen]


def disagreements(joined: pd.DataFrame, printed: list[Printed], reports: list[Report]) -> list[int]:
    """Rows of a fixed sample whose weather is not the last that was available."""
    found = []
    for row in sampled(joined):
        flight = printed[row]
        want = max(
            (report.observed, report.weather)
            for report in reports
            if report.origin == flight.origin and report.observed + DELAY <= flight.due
        )[1]
        got = tuple(joined.loc[[row], list(WEATHER)].to_numpy(dtype=np.float64)[0].tolist())
        if not same(want, got):
            found.append(row)
    return found


def test_weather_is_the_last_that_was_available(
    flights: pd.DataFrame, printed: list[Printed], reports: list[Report]
) -> None:
    assert disagreements(flights, printed, reports) == []


@pytest.mark.parametrize("minutes", [0, 10, 130], ids=["observed", "hour later", "hour earlier"])
def test_another_publishing_delay_is_noticed(
    minutes: int, unjoined: pd.DataFrame, printed: list[Printed], reports: list[Report]
) -> None:
    weather = read_weather(data_folder(), publishing_delay=timedelta(minutes=minutes))
    joined = join_weather(unjoined, weather)
    assert len(disagreements(joined, printed, reports)) > SAMPLE_ROWS // 2


def test_no_report_becomes_available_after_the_departure(flights: pd.DataFrame) -> None:
    assert (flights["available_at"] <= flights["departs_at"]).all()


def test_departure_is_the_printed_time_in_new_york(
    flights: pd.DataFrame, printed: list[Printed]
) -> None:
    want = [printed[row].due for row in flights.index]
    assert flights["departs_at"].tolist() == want


def test_label_says_whether_more_than_15_minutes_late(
    flights: pd.DataFrame, printed: list[Printed]
) -> None:
    want = [int(printed[row].arrival_delay_min > 15) for row in flights.index]
    assert flights["late"].tolist() == want


def test_every_flight_that_arrived_is_kept_once(
    flights: pd.DataFrame, printed: list[Printed]
) -> None:
    want = [row for row, flight in enumerate(printed) if not math.isnan(flight.arrival_delay_min)]
    assert sorted(flights.index) == want
    assert len(want) == 327_346


def test_flights_come_by_departure(flights: pd.DataFrame) -> None:
    assert flights["departs_at"].is_monotonic_increasing


def test_dtypes_are_those_of_the_contract(flights: pd.DataFrame) -> None:
    want = {
        **dict.fromkeys(CATEGORIES, "str"),
        DISTANCE: "int64",
        DEPARTURE: "datetime64[us, UTC]",
        **dict.fromkeys(WEATHER, "float64"),
    }
    assert {name: str(flights[name].dtype) for name in FEATURES} == want


def test_nothing_but_weather_is_missing(flights: pd.DataFrame) -> None:
    holes = flights.columns[flights.isna().any()]
    assert set(holes) <= set(WEATHER)


def test_year_is_cut_after_september(parts: Split) -> None:
    assert (len(parts.X_train), len(parts.X_serve)) == (244_737, 82_609)
    for part, months in ((parts.X_train, range(1, 10)), (parts.X_serve, range(10, 13))):
        local = part[DEPARTURE].dt.tz_convert(str(NEW_YORK))
        assert set(local.dt.month) == set(months)


def test_only_features_reach_the_model(parts: Split) -> None:
    assert list(parts.X_train.columns) == list(parts.X_serve.columns) == list(FEATURES)


def test_labels_belong_to_their_rows(parts: Split) -> None:
    assert parts.X_train.index.equals(parts.y_train.index)
    assert parts.X_serve.index.equals(parts.y_serve.index)


@pytest.mark.parametrize(
    ("build", "is_sparse"), [(logistic, True), (boosting, False)], ids=["linear", "forest"]
)
def test_preparation_has_the_form_the_model_needs(
    build: Callable[[], Pipeline], is_sparse: object, parts: Split
) -> None:
    prepare = build()["prepare"].fit(parts.X_train[::50], parts.y_train[::50])
    assert prepare.sparse_output_ == is_sparse


@pytest.mark.parametrize("build", [logistic, boosting], ids=["linear", "forest"])
def test_second_fit_gives_the_same_model(build: Callable[[], Pipeline], parts: Split) -> None:
    one, two = (build().fit(parts.X_train[::100], parts.y_train[::100]) for _ in range(2))
    rows = parts.X_serve[:1000]
    np.testing.assert_array_equal(one.predict_proba(rows), two.predict_proba(rows))
