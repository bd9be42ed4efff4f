"""Windows begin and end as the blocks of training did: by the clock of their zone, or by rows."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from preproc.drift.cadence import Cadence, cadence_from_json, cadence_of, cadence_to_json
from preproc.errors import DriftError

OSLO = Cadence(86_400.0, zone="Europe/Oslo")


def moment(text: str, zone: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("cadence", "texts"),
    [
        (OSLO, ["2026-03-28", "2026-03-29", "2026-03-30"]),  # the second has 23 hours
        (OSLO, ["2026-10-24", "2026-10-25", "2026-10-26"]),  # and here 25
        (
            Cadence(86_400.0, zone="America/New_York", offset_s=6 * 3600.0),
            ["2026-07-01T06:00", "2026-07-02T06:00"],
        ),
        (
            Cadence(7 * 86_400.0, zone="Asia/Kathmandu", offset_s=4 * 86_400.0),
            ["2026-06-01", "2026-06-08"],  # Mondays; 1970 began on a Thursday
        ),
        (Cadence(3600.0), ["2026-01-01T05:00", "2026-01-01T06:00"]),
    ],
    ids=["spring", "autumn", "late", "weeks", "hours"],
)
def test_a_window_begins_on_the_clock_of_its_zone(cadence: Cadence, texts: list[str]) -> None:
    starts = [moment(text, cadence.zone) for text in texts]
    numbers = [cadence.number(start) for start in starts]
    assert numbers == list(range(numbers[0], numbers[0] + len(starts)))
    assert [cadence.start_s(number) for number in numbers] == starts
    assert [cadence.number(start - 1e-3) for start in starts] == [n - 1 for n in numbers]
    at = np.array([round(s * 1e6) for start in starts for s in (start - 1e-3, start)])
    found = cadence.numbers(at.astype("datetime64[us]"))
    assert found.tolist() == [n for number in numbers for n in (number - 1, number)]


@pytest.mark.parametrize(
    ("labels", "zone", "want"),
    [
        (pd.date_range("2026-01-05", periods=9, freq="W-MON"), "UTC", (604_800.0, 345_600.0)),
        (pd.date_range("2026-01-01T06", periods=9, freq="D"), "Europe/Oslo", (86_400.0, 21_600.0)),
        (pd.date_range("2026-01-01", periods=9, freq="6h"), "UTC", (21_600.0, 0.0)),
        (pd.date_range("2026-01-01", periods=9, freq="MS"), "UTC", None),
        (pd.date_range("2026-01-01", periods=1), "UTC", None),
    ],
    ids=["weeks", "from six", "six hours", "months", "one block"],
)
def test_blocks_tell_their_cadence(labels: Any, zone: str, want: Any) -> None:
    found = cadence_of(labels.to_numpy(), zone)
    assert found == (want and Cadence(want[0], zone=zone, offset_s=want[1]))


@pytest.mark.parametrize("cadence", [OSLO, Cadence(None, rows=500)])
def test_a_cadence_comes_back_equal_and_a_damaged_one_is_refused(cadence: Cadence) -> None:
    told = cadence_to_json(cadence)
    assert cadence_from_json(told) == cadence
    changes: list[dict[str, Any]] = [
        {"window_s": 0.0},
        {"window_s": "a day"},
        {"window_s": None, "rows": 0},
        {"zone": "Atlantis"},
        {"offset_s": float("nan")},
    ]
    for change in changes:
        with pytest.raises(DriftError):
            cadence_from_json(told | change)
    with pytest.raises(DriftError):
        cadence_from_json({})


def test_windows_of_rows_have_no_time() -> None:
    with pytest.raises(DriftError) as caught:
        Cadence(None, rows=500).number(0.0)
    assert str(caught.value) == "windows of 500 rows: expected a length in time, got none"
    late = Cadence(86_400.0, zone="Europe/Oslo", offset_s=3600.0)
    assert str(late) == "86400 s, 3600 s late, by the clock of Europe/Oslo"
