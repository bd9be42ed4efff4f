"""Functions of dates, as people write them in feature engineering."""

import numpy as np
import pandas as pd


def calendar(X: pd.DataFrame) -> pd.DataFrame:
    t = X["begin"]
    return pd.DataFrame(
        {"year": t.dt.year, "month": t.dt.month, "day": t.dt.day, "weekday": t.dt.dayofweek,
         "quarter": t.dt.quarter, "doy": t.dt.dayofyear}
    )  # fmt: skip


def clock(X: pd.DataFrame) -> pd.DataFrame:
    t = X["begin"].dt
    return pd.DataFrame({"h": t.hour, "m": t.minute, "s": t.second, "us": t.microsecond})


def with_nulls(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"year": X["end"].dt.year, "missing": X["end"].isna()})


def iso_week(X: pd.DataFrame) -> pd.DataFrame:
    iso = X["begin"].dt.isocalendar()
    return pd.DataFrame({"week": iso.week.astype(float), "iso_year": iso["year"].astype(float)})


def weekend(X: pd.DataFrame) -> pd.DataFrame:
    return (X["begin"].dt.dayofweek >= 5).astype(int).to_frame("weekend")


def cyclic_hour(X: pd.DataFrame) -> pd.DataFrame:
    hour = X["begin"].dt.hour
    return pd.DataFrame(
        {"sin": np.sin(2 * np.pi * hour / 24), "cos": np.cos(2 * np.pi * hour / 24)}
    )


def duration(X: pd.DataFrame) -> pd.DataFrame:
    length = X["end"] - X["begin"]
    return pd.DataFrame({"seconds": length.dt.total_seconds(), "days": length.dt.days})


def duration_in_hours(X: pd.DataFrame) -> pd.DataFrame:
    return ((X["end"] - X["begin"]) / pd.Timedelta(hours=1)).to_frame("hours")


def since_launch(X: pd.DataFrame) -> pd.DataFrame:
    return (X["begin"] - pd.Timestamp("2019-01-01")).dt.days.to_frame("days")


def age_as_of(X: pd.DataFrame) -> pd.DataFrame:
    return ((X["end"] - X["begin"]).dt.days / 365.25).to_frame("age")


def local_hour(X: pd.DataFrame) -> pd.DataFrame:
    t = X["zoned"]
    return pd.DataFrame({"hour": t.dt.hour, "minute": t.dt.minute, "weekday": t.dt.weekday})


def other_clock(X: pd.DataFrame) -> pd.DataFrame:
    t = X["zoned"].dt.tz_convert("Europe/Zurich")
    return pd.DataFrame({"hour": t.dt.hour, "date_month": t.dt.month})


def parsed(X: pd.DataFrame) -> pd.DataFrame:
    t = pd.to_datetime(X["day"], format="%Y-%m-%d", errors="coerce")
    return pd.DataFrame({"year": t.dt.year, "month": t.dt.month, "week_day": t.dt.weekday})


def ends_of_periods(X: pd.DataFrame) -> pd.DataFrame:
    t = X["begin"].dt
    return pd.DataFrame(
        {"me": t.is_month_end, "ms": t.is_month_start, "qs": t.is_quarter_start,
         "ye": t.is_year_end, "leap": t.is_leap_year, "dim": t.days_in_month}
    )  # fmt: skip


def after_cutoff(X: pd.DataFrame) -> pd.DataFrame:
    late = X["begin"] >= pd.Timestamp("2021-06-01")
    return pd.DataFrame({"late": late, "order": X["begin"] < X["end"]})


def part_of_day(X: pd.DataFrame) -> pd.DataFrame:
    hour = X["begin"].dt.hour
    part = np.select([hour < 6, hour < 12, hour < 18], ["night", "morning", "noon"], "evening")
    return pd.DataFrame({"part": part})


def day_names(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"day": X["begin"].dt.day_name(), "month": X["begin"].dt.month_name()})


def month_key(X: pd.DataFrame) -> pd.DataFrame:
    return X["begin"].dt.strftime("%Y-%m").to_frame()


def midnight(X: pd.DataFrame) -> pd.DataFrame:
    return ((X["begin"] - X["begin"].dt.normalize()).dt.total_seconds() / 60).to_frame("minute")


def first_day(X: pd.DataFrame) -> pd.DataFrame:
    return (X["begin"] + pd.Timedelta(days=30)).dt.day.to_frame("later")


def compared_with_words(X: pd.DataFrame) -> pd.DataFrame:
    summer = X["begin"].between("2021-06-01", "2021-08-31")
    return pd.DataFrame(
        {"late": X["begin"] > "2021-05-05", "summer": summer, "day": X["begin"] == "2020-02-29",
         "local": X["zoned"] >= "2020-03-08 12:00", "long": (X["end"] - X["begin"]) > "3 days"}
    )  # fmt: skip


def later_by_an_offset(X: pd.DataFrame) -> pd.DataFrame:
    return (X["begin"] + pd.DateOffset(days=3, hours=2)).dt.day.to_frame("later")


def multiplied(X: pd.DataFrame) -> pd.DataFrame:
    return ((X["end"] - X["begin"]) * 10**9).dt.days.to_frame("days")


def local_clock(X: pd.DataFrame) -> pd.DataFrame:
    moment = X["begin"].dt.tz_localize("Europe/Zurich", ambiguous="NaT", nonexistent="NaT")
    return moment.dt.tz_convert("UTC").dt.hour.to_frame()


FUNCTIONS = [
    calendar, clock, with_nulls, iso_week, weekend, cyclic_hour, duration, duration_in_hours,
    since_launch, age_as_of, local_hour, other_clock, parsed, ends_of_periods, after_cutoff,
    part_of_day, day_names, month_key, midnight, first_day, compared_with_words,
    later_by_an_offset, multiplied, local_clock,
]  # fmt: skip
