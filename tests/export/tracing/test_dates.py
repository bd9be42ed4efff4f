"""Dates in each unit that pandas has, up to the first and the last that int64 tells."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from preproc.export.tracing.date_fields import RANGES
from preproc.export.tracing.zones import zone_table
from tests.export.tracing.running import graph_alone

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
LAST = 2**63 - 1
NAT = -(2**63)
WEEK = np.timedelta64(7, "D")
FIELDS = (
    "year", "month", "day", "day_of_week", "day_of_year", "quarter", "days_in_month", "hour",
    "minute", "second", "microsecond", "nanosecond", "is_leap_year", "is_month_start",
    "is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end",
)  # fmt: skip


def fields(X: pd.DataFrame) -> pd.DataFrame:
    t = X["t"].dt
    found = {name: getattr(t, name).astype(float) for name in FIELDS}
    iso = t.isocalendar()
    found |= {f"iso_{name}": iso[name].astype(float) for name in ("year", "week", "day")}
    return pd.DataFrame(found)


def times(unit: str, cells: Any) -> pd.DataFrame:
    return pd.DataFrame({"t": np.asarray(cells, np.int64).view(f"M8[{unit}]")})


def whole_range(unit: str) -> NDArray[np.int64]:
    """Moments over all that pandas gives a year for, both sides of each month's end, the edges."""
    generator = np.random.default_rng(0)
    first, last = -LAST, LAST
    if unit == "s":  # a week off, for the ISO year that begins or ends in another year
        years = np.array([-(2**31) - 1970, 2**31 - 1970]).view("M8[Y]").astype("M8[s]")
        first, last = (years + np.array([WEEK, -WEEK])).astype(np.int64).tolist()
    wide = generator.integers(first, last, 20_000)
    first_days = generator.integers(first, first + 2 * 86_400 * PER_SECOND[unit], 200)
    ends = np.arange("1677-10", "2262-04", dtype="M8[M]").astype(f"M8[{unit}]").astype(np.int64)
    edges = [first, first + 1, last - 1, last, -1, 0, 1, NAT]
    return np.concatenate([wide, first_days, ends, ends - 1, edges])


def answers(
    function: Callable[[pd.DataFrame], pd.DataFrame], data: pd.DataFrame
) -> tuple[NDArray[Any], NDArray[np.int32], list[str]]:
    """Give cells, numbers of rules and the rules of the graph of a function of one column."""
    graph = graph_alone(function, data)
    moments = data["t"]
    if isinstance(moments.dtype, pd.DatetimeTZDtype):
        moments = moments.dt.tz_convert(None)
    cells, row_error = graph.run([moments.to_numpy().astype(np.int64).reshape(-1, 1)])
    return np.concatenate(cells, axis=1), row_error, [rule.text for rule in graph.rules]


def differing(
    function: Callable[[pd.DataFrame], pd.DataFrame], data: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give pandas' own answer, and how many cells of each column the graph has otherwise."""
    want = function(data)
    got, row_error, _ = answers(function, data)
    assert not row_error.any()
    assert got.shape == want.shape
    left, right = want.to_numpy(np.float64), got.astype(np.float64)
    is_bad = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    return want, {str(n): int(c) for n, c in zip(want, is_bad.sum(axis=0), strict=True) if c}


@pytest.mark.parametrize("unit", PER_SECOND)
def test_every_field_is_that_of_pandas_over_the_whole_range(unit: str) -> None:
    want, bad = differing(fields, times(unit, whole_range(unit)))
    assert bad == {}
    years = {
        "s": (-(2**31), 2**31 - 1), "ms": (-292_275_055, 292_278_994),
        "us": (-290_308, 294_247), "ns": (1677, 2262),
    }  # fmt: skip
    assert (want["year"].min(), want["year"].max()) == years[unit]
    assert want["year"].isna().sum() == 1


def test_a_calendar_that_is_off_by_a_day_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = times("us", whole_range("us"))
    monkeypatch.setattr("preproc.graph.calendar._TO_MARCH", 719_469)
    _, bad = differing(fields, data)
    assert bad["day"] == len(data) - 1
    assert bad["year"] > 0


def test_a_year_that_int32_does_not_hold_is_refused_as_pandas_refuses_it() -> None:
    data = times("s", [-LAST, 0, NAT, LAST])

    def year(X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"t": X["t"].dt.year})

    def month(X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"t": X["t"].dt.month})

    with pytest.raises(ValueError, match="out of range for the int32"):
        year(data)
    _, row_error, rules = answers(year, data)
    assert (row_error > 0).tolist() == [True, False, False, True]
    assert rules == ["expected a date whose year int32 holds"]
    assert differing(month, data)[1] == {}


@pytest.mark.parametrize("unit", PER_SECOND)
def test_differences_are_exact_over_the_whole_range(unit: Any) -> None:
    generator = np.random.default_rng(1)
    edges = [-LAST, -LAST + 1, LAST - 1, LAST, -1, 0, 1, NAT]
    cells = np.concatenate([generator.integers(-LAST, LAST, 5000), edges])
    epoch = pd.Timestamp(0).as_unit(unit)

    def lengths(X: pd.DataFrame) -> pd.DataFrame:
        t = (X["t"] - epoch).dt
        return pd.DataFrame({"days": t.days, "seconds": t.seconds, "total": t.total_seconds()})

    data = times(unit, cells)
    want = lengths(data).to_numpy()
    got, row_error, rules = answers(lengths, data)
    fits = row_error == 0
    assert np.array_equal(got[fits], want[fits], equal_nan=True)
    seconds = PER_SECOND[unit]
    assert all(cell % seconds for cell in cells[~fits].tolist())
    assert fits.mean() > 0.8
    assert set(np.array(["", *rules])[row_error]) <= {
        "",
        f"expected a result that timedelta64[{unit}] holds",
        "expected a difference whose fraction of a second float64 holds",
    }


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_sums_that_overflow_are_refused_where_pandas_refuses_them(unit: str) -> None:
    def later(X: pd.DataFrame) -> pd.DataFrame:
        return (X["t"] + pd.Timedelta(days=1)).to_frame()

    def since(X: pd.DataFrame) -> pd.DataFrame:
        return (X["t"] - pd.Timestamp("2020-01-01")).to_frame()

    def midnight(X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"t": X["t"].dt.normalize()})

    day, start = 86_400 * PER_SECOND[unit], 1_577_836_800 * PER_SECOND[unit]
    cells = [-LAST, -LAST + day, -LAST + start - 1, -LAST + start, 0, LAST - day, LAST - day + 1]
    cells += [LAST, NAT]
    data = times(unit, cells)
    for function in (later, since, midnight):
        got, row_error, rules = answers(function, data)
        assert (row_error > 0).any()
        assert all(rule.startswith("expected a ") for rule in rules)
        for row, number in enumerate(row_error.tolist()):
            if number:
                with pytest.raises((OverflowError, ValueError)):
                    function(data.iloc[[row]])
            else:
                want = function(data.iloc[[row]])["t"].to_numpy().astype(np.int64)
                assert got[row].tolist() == want.tolist()


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_the_clock_of_a_zone_is_that_of_pandas_in_each_unit(unit: str, zone: str) -> None:
    generator = np.random.default_rng(2)
    first, end = (int(pd.Timestamp(f"{year}-01-01").timestamp()) for year in (1950, 2100))
    seconds = np.concatenate([generator.integers(first, end, 2000), [first, end - 1]])
    fine = seconds * PER_SECOND[unit] + generator.integers(0, PER_SECOND[unit], len(seconds))
    fine[-2:] = first * PER_SECOND[unit], end * PER_SECOND[unit] - 1
    data = times(unit, np.append(fine, NAT))
    data["t"] = data["t"].dt.tz_localize("UTC").dt.tz_convert(zone)

    def clock(X: pd.DataFrame) -> pd.DataFrame:
        t = X["t"].dt
        return pd.DataFrame({"day": t.day, "hour": t.hour, "minute": t.minute, "year": t.year})

    assert differing(clock, data)[1] == {}
    outside = times(unit, [first * PER_SECOND[unit] - 1, end * PER_SECOND[unit], -LAST, LAST])
    outside["t"] = outside["t"].dt.tz_localize("UTC").dt.tz_convert(zone)
    _, row_error, rules = answers(clock, outside)
    assert (row_error > 0).all()
    assert f"expected a time from 1950 to 2099, for which the offsets of {zone} are known" in rules


def cyclic(X: pd.DataFrame) -> pd.DataFrame:
    t = X["t"].dt
    turns = {
        "hour": t.hour / 24, "whole_hour": t.hour.astype(int) / 24, "minute": t.minute / 60,
        "month": (t.month - 1) / 12, "weekday": t.day_of_week / 7, "day": t.day_of_year / 365.25,
        "week": t.isocalendar().week.astype(float) / 53, "quarter": t.quarter / 4,
    }  # fmt: skip
    sines = {f"{name}_sin": np.sin(2 * np.pi * turn) for name, turn in turns.items()}
    return pd.DataFrame(
        sines | {f"{name}_cos": np.cos(2 * np.pi * turn) for name, turn in turns.items()}
    )


def test_sines_of_fields_have_the_bits_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    data = times("us", np.random.default_rng(3).integers(-(2**61), 2**61, 20_000))
    _, bad = differing(cyclic, data)
    assert bad == {}
    monkeypatch.setitem(RANGES, "hour", (1, 24))
    _, bad = differing(cyclic, data)
    assert set(bad) == {f"{name}_{of}" for name in ("hour", "whole_hour") for of in ("sin", "cos")}


def test_sines_of_fields_are_null_at_nat_and_what_is_no_field_is_computed() -> None:
    def function(X: pd.DataFrame) -> pd.DataFrame:
        hour, minute = X["t"].dt.hour, X["t"].dt.minute
        both = np.sin(2 * np.pi * (hour * 60 + minute) / 1440)
        filled = np.cos(2 * np.pi * hour.fillna(12) / 24)
        return pd.DataFrame({"hour": np.sin(hour), "both": both, "filled": filled})

    data = times("ns", [NAT, 0, 86_399 * 10**9, 3_600 * 10**9])
    got, _, _ = answers(function, data)
    assert np.isnan(got[0]).tolist() == [True, True, False]
    assert np.allclose(got, function(data), rtol=1e-15, atol=1e-16, equal_nan=True)


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "m", "h", "D"])
def test_counts_of_a_unit_become_what_pandas_makes_of_them(unit: Any) -> None:
    def moments(X: pd.DataFrame) -> pd.DataFrame:
        day = pd.Timedelta(days=1)
        return pd.DataFrame(
            {"at": pd.to_datetime(X["n"], unit=unit), "long": pd.to_timedelta(X["n"], unit=unit),
             "next": pd.to_datetime(X["n"], unit=unit) + day}
        )  # fmt: skip

    generator = np.random.default_rng(4)
    counts = np.append(generator.integers(-(10**6), 10**6, 500), [0, 1, -1, -(2**53), 2**53])
    data = pd.DataFrame({"n": counts})
    graph = graph_alone(moments, data)
    cells, row_error = graph.run([counts.reshape(-1, 1)])
    got = np.concatenate(cells, axis=1)
    assert [block.dtype for block in graph.given.blocks] == [
        str(dtype) for dtype in moments(data.iloc[:1]).dtypes
    ]
    fits = row_error == 0
    want = moments(data[fits]).apply(lambda column: column.to_numpy().astype(np.int64))
    assert np.array_equal(got[fits], want.to_numpy())
    assert fits[-2:].tolist() == [unit in ("ns", "us", "ms")] * 2
    for row in np.flatnonzero(~fits).tolist():
        with pytest.raises((OverflowError, ValueError)):
            moments(data.iloc[[row]])


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize("way", ["raise", "NaT"])
def test_clocks_are_read_as_pandas_reads_them_around_every_change(zone: str, way: Any) -> None:
    starts = zone_table(zone).starts[1:]
    near = [starts + hours * 1800 for hours in range(-30, 31)]
    seconds = np.concatenate([*near, *(one + 1799 for one in near), [0, -1]])
    data = times("us", np.append(seconds * 10**6, NAT))

    def read(X: pd.DataFrame) -> pd.DataFrame:
        moment = X["t"].dt.tz_localize(zone, ambiguous=way, nonexistent=way)
        return pd.DataFrame({"t": moment.dt.tz_convert("UTC").dt.tz_localize(None)})

    got, row_error, _ = answers(read, data)
    nulls = data["t"].dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").isna()
    odd = nulls & data["t"].notna()
    assert odd.any()
    if way == "raise":
        assert (row_error > 0).tolist() == odd.tolist()
    else:
        assert not row_error.any()
    kept = row_error == 0
    want = read(data[kept])["t"].to_numpy().astype(np.int64)
    assert np.array_equal(got[kept, 0], want)
