"""Constants where a frame takes columns."""

from typing import Any

import numpy as np

from preproc.export.tracing.array import is_symbolic
from preproc.export.tracing.columns import taken
from preproc.export.tracing.kinds import is_table
from preproc.export.tracing.series import SymbolicSeries
from preproc.export.tracing.tracer import OBJECT, Tracer


def constant_series(tracer: Tracer, cell: Any) -> SymbolicSeries:
    """Make a column of one constant."""
    if np.ndim(cell) != 0:
        tracer.refuse(f"expected one constant, got {np.shape(cell)} along the rows")
    if cell is None:
        cell = np.nan
    zone = ""
    if hasattr(cell, "to_datetime64"):
        zone = str(cell.tz) if cell.tz is not None else ""
        cell = (
            cell.tz_convert("UTC").tz_localize(None).to_datetime64()
            if zone
            else cell.to_datetime64()
        )
    elif hasattr(cell, "to_timedelta64"):
        cell = cell.to_timedelta64()
    dtype = OBJECT if isinstance(cell, str) else np.asarray(cell).dtype
    return SymbolicSeries(tracer, tracer.filled(cell, dtype, 1), None, zone)


def is_listed(key: Any) -> bool:
    """Whether a key names several columns: a list, an array, an index of pandas."""
    return isinstance(key, list | np.ndarray) or (
        hasattr(key, "__array__") and hasattr(key, "tolist") and not hasattr(key, "tracer")
    )


def renamed(series: SymbolicSeries, name: Any) -> SymbolicSeries:
    """Give a column another name."""
    copy: SymbolicSeries = series.copy()
    copy.name = name
    return copy


def part_of(item: Any, name: Any, at: int) -> Any:
    """Give what belongs to one column: of a frame, a matrix, a row of constants."""
    if is_table(item):
        return item[name]
    if is_symbolic(item) and item.ndim == 2:  # noqa: PLR2004  # rows and columns
        return SymbolicSeries(item.tracer, taken(item.tracer, item.value, [at]), name)
    if hasattr(item, "to_dict") and not hasattr(item, "tracer"):
        return item[name]
    if isinstance(item, np.ndarray) and item.size > 1:
        return item.reshape(-1)[at]
    return item
