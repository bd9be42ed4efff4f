"""What stands for ``pd.to_datetime`` and ``pd.to_timedelta``."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from preproc.export.tracing.parsing import date_of_parts, parsed_text
from preproc.export.tracing.tracer import INT64, Tracer, Value

_UNITS: Final[Mapping[str, str]] = {
    "ns": "ns", "us": "us", "ms": "ms", "s": "s", "m": "m", "min": "m", "h": "h", "D": "D",
}  # fmt: skip
"""Unit of ``pd.to_datetime`` and ``pd.to_timedelta`` → numpy's."""


def parsed_dates(
    arg: Any,
    errors: str = "raise",
    format: str | None = None,
    unit: str | None = None,
    **options: Any,
) -> Any:
    """Stand for ``pd.to_datetime`` of dates, text of one format, numbers, or year, month, day."""
    if hasattr(arg, "columns_by_name"):
        return date_of_parts(arg)
    tracer: Tracer = arg.tracer
    series = tracer.series_of(arg)
    kind, is_utc = series.value.dtype.kind, bool(options.get("utc"))
    if kind == "M":
        zone = series.zone or ("UTC" if is_utc else "")
        return series.like(series.value, zone="UTC" if is_utc else zone)
    if kind in "iu":
        value = _counted(tracer, series.value, "M", unit or "ns")
        return series.like(value, zone="UTC" if is_utc else "")
    if kind != "O" or format is None:
        tracer.refuse(
            "expected pd.to_datetime(text, format='...'), got no format, which pandas guesses from "
            "the batch; name the format"
        )
    return series.like(
        parsed_text(tracer, series.value, format, errors), zone="UTC" if is_utc else ""
    )


def parsed_durations(arg: Any, unit: str | None = None, **_options: Any) -> Any:
    """Stand for ``pd.to_timedelta`` of whole numbers."""
    tracer: Tracer = arg.tracer
    series = tracer.series_of(arg)
    if series.value.dtype.kind == "m":
        return series
    if series.value.dtype.kind not in "iu" or unit is None:
        tracer.refuse("expected whole numbers and a unit, got another form of pd.to_timedelta")
    return series.like(_counted(tracer, series.value, "m", unit))


def _counted(tracer: Tracer, value: Value, kind: str, unit: str) -> Value:
    """Read whole numbers as counts of a unit, in the unit in which this pandas keeps them."""
    counted = _UNITS.get(unit)
    if counted is None:
        tracer.refuse(f"expected one of {', '.join(_UNITS)} as a unit, got {unit!r}")
    whole = replace(tracer.cast(value, INT64), dtype=np.dtype(f"{kind}8[{counted}]"))
    return tracer.cast(whole, _kept(kind, unit))


@lru_cache(maxsize=32)
def _kept(kind: str, unit: str) -> np.dtype[Any]:
    """Ask this pandas in which unit it keeps counts of a unit."""
    import pandas as pd  # noqa: PLC0415  # there whenever its functions are called

    convert: Any = pd.to_datetime if kind == "M" else pd.to_timedelta
    kept: np.dtype[Any] = convert(pd.Series([0]), unit=unit).dtype
    return kept
