"""What stands for ``pd.to_datetime`` and ``pd.to_timedelta``."""

from dataclasses import replace
from typing import Any

import numpy as np

from preproc.export.tracing.parsing import date_of_parts, parsed_text
from preproc.export.tracing.tracer import INT64, Tracer


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
        value = replace(
            tracer.cast(series.value, INT64), dtype=np.dtype(f"datetime64[{unit or 'ns'}]")
        )
        if unit == "D":
            tracer.refuse("expected unit='s', 'ms', 'us' or 'ns', got days; multiply by 86400")
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
    seconds = {"s": 1, "m": 60, "min": 60, "h": 3600, "D": 86_400, "d": 86_400}.get(unit)
    if seconds is None:
        tracer.refuse(f"expected unit s, min, h or D, got {unit!r}")
    value = tracer.cast(series.value, INT64)
    name = tracer.op("Mul", value.name, np.array(seconds)) if seconds > 1 else value.name
    return series.like(replace(value, name=name, dtype=np.dtype("timedelta64[s]")))
