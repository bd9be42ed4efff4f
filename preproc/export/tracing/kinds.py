"""Symbolic series and frames told from all else, without asking them anything."""

from typing import Any


def isinstance_series(item: Any) -> bool:
    """Whether an object is a symbolic series."""
    return hasattr(type(item), "is_symbolic_series")


def is_table(item: Any) -> bool:
    """Whether an object is a symbolic frame."""
    return hasattr(type(item), "columns_by_name")


def as_array(item: Any) -> Any:
    """See a symbolic series as an array (n,), anything else as it is."""
    return item.array_of() if isinstance_series(item) else item


def called(item: Any, series: Any) -> Any:
    """Give what a function makes of a series, anything else as it is."""
    is_function = callable(item) and not hasattr(item, "tracer")
    return item(series) if is_function else item
