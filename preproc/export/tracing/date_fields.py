"""Fields of a date, as whole numbers or conditions: the coverage, as a table."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from preproc.export.tracing.tracer import INT64
from preproc.graph import Civil

if TYPE_CHECKING:
    from preproc.export.tracing.dates import DateFields

_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def weekday(dates: "DateFields") -> str:
    """Day of the week, 0 for Monday."""
    shifted = dates.tracer.op("Add", dates.day_number(), np.array(3))
    return dates.tracer.op("Mod", shifted, np.array(7))


def _quarter(dates: "DateFields") -> str:
    month = dates.tracer.op("Add", dates.civil().month, np.array(2))
    return dates.tracer.op("Div", month, np.array(3))


def _days_in_month(dates: "DateFields") -> str:
    found = dates.civil()
    at = dates.tracer.op("Sub", found.month, np.array(1))
    length = dates.tracer.op("Gather", np.array(_LENGTHS, np.int64), at)
    is_february = dates.tracer.op("Equal", found.month, np.array(2))
    longer = dates.tracer.op("And", is_february, found.is_leap)
    return dates.tracer.op("Add", length, dates.tracer.to(longer, INT64))


def _is(make: Callable[["DateFields", Civil], str]) -> Callable[["DateFields"], str]:
    return lambda dates: f"is:{make(dates, dates.civil())}"


def _month_in(dates: "DateFields", found: Civil, months: tuple[int, ...]) -> str:
    table = np.array([month in months for month in range(13)])
    return dates.tracer.op("Gather", table, found.month)


def _starts(dates: "DateFields", found: Civil, months: tuple[int, ...]) -> str:
    is_first = dates.tracer.op("Equal", found.day, np.array(1))
    return dates.tracer.op("And", is_first, _month_in(dates, found, months))


def _ends(dates: "DateFields", found: Civil, months: tuple[int, ...]) -> str:
    is_last = dates.tracer.op("Equal", found.day, _days_in_month(dates))
    return dates.tracer.op("And", is_last, _month_in(dates, found, months))


_ALL: Final = tuple(range(1, 13))

CIVIL_FIELDS: Final[Mapping[str, Callable[["DateFields"], str]]] = {
    "day": lambda dates: dates.civil().day,
    "day_of_week": weekday,
    "day_of_year": lambda dates: dates.civil().day_of_year,
    "dayofweek": weekday,
    "dayofyear": lambda dates: dates.civil().day_of_year,
    "days_in_month": _days_in_month,
    "daysinmonth": _days_in_month,
    "is_leap_year": _is(lambda _dates, found: found.is_leap),
    "is_month_end": _is(lambda dates, found: _ends(dates, found, _ALL)),
    "is_month_start": _is(lambda dates, found: _starts(dates, found, _ALL)),
    "is_quarter_end": _is(lambda dates, found: _ends(dates, found, (3, 6, 9, 12))),
    "is_quarter_start": _is(lambda dates, found: _starts(dates, found, (1, 4, 7, 10))),
    "is_year_end": _is(lambda dates, found: _ends(dates, found, (12,))),
    "is_year_start": _is(lambda dates, found: _starts(dates, found, (1,))),
    "microsecond": lambda dates: dates.fraction(6, 1_000_000),
    "month": lambda dates: dates.civil().month,
    "nanosecond": lambda dates: dates.fraction(9, 1000),
    "quarter": _quarter,
    "weekday": weekday,
    "year": lambda dates: dates.whole_year(dates.civil().year),
}
"""Name of a field → int64 value, or a condition marked ``is:``."""

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "day": (1, 31), "day_of_week": (0, 6), "day_of_year": (1, 366), "dayofweek": (0, 6),
    "dayofyear": (1, 366), "days_in_month": (28, 31), "daysinmonth": (28, 31), "hour": (0, 23),
    "minute": (0, 59), "month": (1, 12), "quarter": (1, 4), "second": (0, 59), "weekday": (0, 6),
}  # fmt: skip
"""Name of a field of few values → the least and the largest."""
