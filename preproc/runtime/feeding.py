"""Frames, dicts and arrays → one array a column, with null tokens in place of text nulls.

That is the shape in which a batch is checked, before `preproc.runtime.layout` lays it out for a
form of the graph. Loops run over columns, never over cells.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.runtime.frames import plain_columns
from preproc.runtime.nulls import check_text, with_tokens
from preproc.runtime.utf8 import utf8_columns
from preproc.signature import (
    MAX_EXACT_INTEGER,
    NAT,
    NULL_TOKENS,
    TEXT,
    Column,
    Kind,
    Signature,
)

MAX_DENSE_CELLS: Final = 2**28
"""Cells of a sparse batch that is made dense: 2 GiB of float64."""

_WANTED: Final[Mapping[Kind, str]] = {
    "frame": "a frame or a mapping of arrays",
    "array": "an array (n, k) or a sparse matrix",
    "vector": "a list, a series or an array (n,)",
}


def columns_of(data: Any, signature: Signature, *, utf8: bool = False) -> dict[str, NDArray[Any]]:
    """Take a batch apart into columns.

    Parameters
    ----------
    data
        A frame that narwhals knows (pandas, polars, pyarrow), a mapping of name → array (n,) or
        (n, width), or for an ``array`` signature one array (n, features).
    signature
        Tells which columns are text and what their null is.
    utf8
        Whether text may stay UTF-8; see `preproc.runtime.utf8`.

    Returns
    -------
    dict
        Name → array; text as object with null tokens, or all of it as bytes where that may be and
        the frame keeps it so. Names and dtypes are not checked yet.

    Raises
    ------
    SignatureError
        For data of another kind, cells of a text column that are no text, and data that equals a
        null token.
    """
    known = {column.name: column for column in signature.columns}
    if isinstance(data, Mapping):
        return {str(name): _from_array(name, data[name], known.get(name)) for name in data}
    plain = plain_columns(data, known, utf8_columns(data, known) if utf8 else {})
    if plain or nw.dependencies.is_into_dataframe(data):
        return _completed(plain, data, known)
    if signature.kind == "array" and (isinstance(data, np.ndarray) or is_sparse(data)):
        (column,) = signature.columns
        array = _densified(data) if is_sparse(data) else data
        return {column.name: _from_array(column.name, array, column)}
    if signature.kind == "vector" and is_vector(data):
        (column,) = signature.columns
        if nw.dependencies.is_into_series(data):
            series = nw.from_native(data, series_only=True)
            return {column.name: _from_series(series, column)}
        return {column.name: _from_array(column.name, array_of(data), column)}
    raise SignatureError("", f"expected {_WANTED[signature.kind]}, got {type(data).__name__}")


def _completed(
    plain: Mapping[str, NDArray[Any] | None], data: Any, known: Mapping[str, Column]
) -> dict[str, NDArray[Any]]:
    """Add to the plain columns of a frame, by narwhals, those that are not."""
    found = {name: values for name, values in plain.items() if values is not None}
    if plain and len(found) == len(plain):
        return found
    frame = frame_of(data)
    return {
        name: found[name] if name in found else _from_series(frame[name], known.get(name))
        for name in frame.columns
    }


def frame_of(data: Any) -> nw.DataFrame[Any]:
    """Wrap a frame; names that are no text, which pandas allows, become text.

    Raises
    ------
    SignatureError
        When two names are the same as text.
    """
    if hasattr(data, "set_axis"):
        names = list(data.columns)
        texts = [str(name) for name in names]
        if len(set(texts)) < len(texts):
            counts = Counter(texts)
            alike = [name for name, text in zip(names, texts, strict=True) if counts[text] > 1]
            raise SignatureError("", f"expected names that differ as text, got {alike}")
        data = data if texts == names else data.set_axis(texts, axis=1)
    return nw.from_native(data, eager_only=True)


def is_sparse(data: Any) -> bool:
    """Whether data is a scipy sparse matrix or array, told without importing scipy."""
    return hasattr(data, "toarray") and hasattr(data, "nnz")


def is_vector(data: Any) -> bool:
    """Whether data is a list, a series or an array (n,)."""
    is_array = isinstance(data, np.ndarray) and data.ndim == 1
    return is_array or isinstance(data, list) or nw.dependencies.is_into_series(data)


def array_of(cells: Any) -> NDArray[Any]:
    """Turn a list or an array (n,) into an array (n,); text, mixed cells and nulls as object."""
    if isinstance(cells, np.ndarray):
        return cells
    is_plain = set(map(type, cells)) <= {int} or set(map(type, cells)) <= {float, int}
    return np.array(cells) if is_plain and cells else np.array(cells, object)


def is_nullable_number(series: nw.Series[Any]) -> bool:
    """Whether a series holds numbers or booleans of a dtype that knows nulls of its own.

    scikit-learn takes those as float64 with NaN. polars and pyarrow give every dtype nulls, so
    there only a series that has some counts.
    """
    if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
        return False
    native = series.to_native()
    if series.implementation.is_pandas_like():
        return not isinstance(native.dtype, np.dtype)
    return not series.dtype.is_float() and bool(series.is_null().any())


def _densified(data: Any) -> NDArray[Any]:
    cells = data.shape[0] * data.shape[1]
    if cells > MAX_DENSE_CELLS:
        raise SignatureError(
            "", f"expected at most {MAX_DENSE_CELLS} cells of a sparse matrix, got {cells}"
        )
    array: NDArray[Any] = data.toarray()
    return array


def _with_nan(name: str, series: nw.Series[Any]) -> NDArray[np.float64]:
    """Carry numbers with nulls as float64 with NaN; whole ones must fit exactly."""
    native = series.to_native()
    if series.implementation.is_pandas_like() and not isinstance(native.dtype, np.dtype):
        values: NDArray[np.float64] = native.to_numpy(dtype="float64", na_value=np.nan)
    else:
        values = series.cast(nw.Float64).to_numpy().astype(np.float64)
    if series.dtype.is_integer() and not _fits(series):
        raise SignatureError(name, "expected integers of magnitude at most 2^53, got a larger one")
    return values


def _fits(series: nw.Series[Any]) -> bool:
    known = series.drop_nulls()
    if known.is_empty():  # nothing but nulls, whose least is a null as well
        return True
    return bool(known.min() >= -MAX_EXACT_INTEGER and known.max() <= MAX_EXACT_INTEGER)


def unit_of(moment: str) -> str:
    """Tell the unit of a dtype such as ``datetime64[us, UTC]``."""
    return moment.partition("[")[2].rstrip("]").partition(",")[0]


def ticks(moment: str, seconds: int = 1) -> int:
    """Count the units of a dtype such as ``timedelta64[us]`` in some seconds."""
    unit: Any = unit_of(moment)
    return int(np.timedelta64(seconds, "s") // np.timedelta64(1, unit))


def epoch_of(name: str, times: NDArray[Any], moment: str) -> NDArray[np.int64]:
    """Count times in the contract's unit since 1970; NaT is the smallest int64.

    Raises
    ------
    SignatureError
        When a time is finer than the unit, or beyond what it holds.
    """
    own = f"datetime64[{unit_of(moment)}]"
    with np.errstate(over="ignore"):
        counted = times.astype(own)
    is_null = np.isnat(times)
    back = counted.astype(times.dtype)
    if (back[~is_null] != times[~is_null]).any():
        raise SignatureError(name, f"expected times that {own} holds, got finer or later ones")
    epoch: NDArray[np.int64] = counted.astype(np.int64)
    epoch[is_null] = NAT
    return epoch


def moment_of(series: nw.Series[Any]) -> str:
    """Dtype of a series of times, such as ``datetime64[us, UTC]``; empty for anything else."""
    if series.implementation.is_pandas_like():
        # narwhals knows no zones whose names hold an underscore.
        dtype = str(series.to_native().dtype)
        return dtype if dtype.startswith("datetime64[") else ""
    if series.dtype == nw.Date:
        return "datetime64[D]"
    if not isinstance(series.dtype, nw.Datetime):
        return ""
    zone = f", {series.dtype.time_zone}" if series.dtype.time_zone else ""
    return f"datetime64[{series.dtype.time_unit}{zone}]"


def _times(series: nw.Series[Any], column: Column, moment: str) -> NDArray[np.int64]:
    """Take times of a frame, in UTC; a time zone must be there where training had one."""
    has_zone = "," in moment
    if has_zone != ("," in column.moment):
        wanted = "times with a zone" if "," in column.moment else "times without a zone"
        raise SignatureError(column.name, f"expected {wanted}, got {moment}")
    if series.implementation.is_pandas_like():
        native = series.to_native()
        times = (native.dt.tz_convert(None) if has_zone else native).to_numpy()
    else:
        if has_zone:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        times = series.to_numpy()
    return epoch_of(column.name, times, column.moment)


def _from_series(series: nw.Series[Any], column: Column | None) -> NDArray[Any]:
    if column is not None and column.moment and (moment := moment_of(series)):
        return _times(series, column, moment)
    if column is not None and column.dtype == "float64":
        is_whole = column.is_whole and not series.dtype.is_float()
        is_number = series.dtype.is_numeric() or series.dtype == nw.Boolean
        if is_number and (is_whole or is_nullable_number(series)):
            return _with_nan(column.name, series)
    if column is not None and column.null is None and is_nullable_number(series):
        _check_nulls(column, series)
    values = series.to_numpy()
    is_whole = values.dtype.kind in "iu"
    if column is not None and column.dtype == "float64" and is_whole and _is_category(series):
        # Whole numbers as categories: numpy gives float64 where some are null, and integers else.
        return _with_nan(column.name, series.cast(nw.Int64))
    if column is None or not column.is_text or values.dtype.kind not in "OUT":
        return values
    if not series.implementation.is_pandas_like() or _has_own_null(series):
        values = values.astype(object)
        nulls = series.is_null().to_numpy()
        check_text(column.name, values[~nulls])
        values[nulls] = NULL_TOKENS[column.null or "none"]
        return values
    return with_tokens(column.name, values)


def _is_category(series: nw.Series[Any]) -> bool:
    return str(getattr(series.to_native(), "dtype", "")) == "category"


def _has_own_null(series: nw.Series[Any]) -> bool:
    """Whether a series of pandas has a null that is neither None nor NaN: ``pandas.NA``."""
    null = getattr(series.to_native().dtype, "na_value", None)
    return null is not None and not isinstance(null, float)


def _check_nulls(column: Column, series: nw.Series[Any]) -> None:
    """Raise `SignatureError` for a null among whole numbers, none of which stands for it."""
    nulls = series.is_null().to_numpy()
    if nulls.any() and column.dtype.startswith(("int", "uint", "bool")):
        problem = "expected a value, got null; the column has no null"
        raise SignatureError(column.name, f"row {int(nulls.argmax())}: {problem}")


def _from_array(name: object, values: Any, column: Column | None) -> NDArray[Any]:
    if not isinstance(values, np.ndarray):
        problem = f"expected an array, got {type(values).__name__}; use numpy.asarray"
        raise SignatureError(str(name), problem)
    kind = values.dtype.kind
    if column is None:
        return values
    if kind == "S" and column.is_text:
        raise SignatureError(str(name), f"expected dtype {TEXT}, got {values.dtype.name}")
    if kind == "M" and column.moment:
        return epoch_of(column.name, values, column.moment)
    return with_tokens(column.name, values) if kind in "OUT" and column.is_text else values
