"""Which dtype holds a column and what is put into it, as pandas decides."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from preproc.export.tracing.apply import plain
from preproc.export.tracing.array import is_symbolic
from preproc.export.tracing.functions import common_dtype
from preproc.export.tracing.membership import is_null
from preproc.export.tracing.tracer import BOOL, FLOAT64


def filling(dtype: np.dtype[Any], item: Any) -> Any:
    """Bring a null or a date into what a column can hold."""
    if is_symbolic(item):
        return item
    kind = dtype.kind
    item = plain(item)
    if is_null(item):
        if kind == "O":
            return "\0nan"
        return np.array("NaT", dtype)[()] if kind in "mM" else np.nan
    return item


def common(new: Any, old: Any) -> np.dtype[Any]:
    """Dtype of both; a float that is a whole number leaves integers what they are."""
    if is_symbolic(old) and not is_symbolic(new):
        is_whole = isinstance(new, float) and float(new).is_integer() and abs(new) < 2**53
        if old.dtype.kind in "iu" and is_whole:
            kept: np.dtype[Any] = old.dtype
            return kept
        if old.dtype == BOOL and isinstance(new, bool | np.bool_):
            return BOOL
    if BOOL in (getattr(new, "dtype", None), getattr(old, "dtype", None)):
        other = old if getattr(new, "dtype", None) == BOOL else new
        if getattr(other, "dtype", np.asarray(other).dtype) != BOOL and not is_symbolic(other):
            return FLOAT64
    joint: np.dtype[Any] = common_dtype([new, old])
    return joint


NULLABLE: Final[Mapping[str, str]] = {
    "Float64": "float64", "Int8": "int8", "Int16": "int16", "Int32": "int32", "Int64": "int64",
    "boolean": "bool",
}  # fmt: skip
