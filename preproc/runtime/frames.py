"""Columns of pandas, polars and pyarrow frames whose dtypes are plain, without a detour.

Why: narwhals hides three libraries behind one interface and asks each series what it is; for one
row of 28 columns that costs a hundred calls of the graph. Nearly all columns are numbers and text
of dtypes that mean the same everywhere, and those are asked for by the methods of their own
library. What is not plain, here, is left to `preproc.runtime.feeding`, which knows every dtype.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.runtime.nulls import check_data, with_tokens
from preproc.signature import NULL_TOKENS, Column

FEW_ROWS: Final = 64
"""Rows up to which a pandas frame is turned into objects at once: 28 columns of it cost 8 times
as much one by one, but objects cost by the cell."""

_NUMBERS: Final = frozenset("biuf")
_WHOLE: Final = frozenset("biu")
_POLARS_KINDS: Final[Mapping[str, str]] = {"Boolean": "b", "Float64": "f", "String": "T"} | {
    f"{sign}Int{bits}": kind for sign, kind in (("", "i"), ("U", "u")) for bits in (8, 16, 32, 64)
}
_ARROW_KINDS: Final[Mapping[str, str]] = {
    "bool": "b",
    "double": "f",
    "string": "T",
    "large_string": "T",
} | {f"{sign}int{bits}": kind for sign, kind in (("", "i"), ("u", "u")) for bits in (8, 16, 32, 64)}


def plain_columns(
    data: Any, known: Mapping[str, Column], taken: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, NDArray[Any] | None]:
    """Take plain columns out of a frame.

    Parameters
    ----------
    data
        Frame of any library.
    known
        Name → column of the contract.
    taken
        Columns that are there already.

    Returns
    -------
    dict
        Name → array (n,), text as object with null tokens, or None for a column that is not plain;
        in the order of the frame, and empty where the frame itself is not plain.

    Raises
    ------
    SignatureError
        For cells of a text column that are no text, and data that equals a null token.
    """
    if nw.dependencies.is_pandas_dataframe(data):
        return _of_pandas(data, known, taken or {})
    if nw.dependencies.is_polars_dataframe(data):
        return dict(_of_polars(data, known))
    if nw.dependencies.is_pyarrow_table(data):
        return dict(_of_arrow(data, known, taken or {}))
    return {}


def _of_pandas(
    frame: Any, known: Mapping[str, Column], taken: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any] | None]:
    names = frame.columns.tolist()
    if set(map(type, names)) != {str} or len(set(names)) < len(names):
        return {}
    dtypes = frame.dtypes.tolist()
    are_plain = [
        _is_plain_pandas(dtype, known.get(name)) for name, dtype in zip(names, dtypes, strict=True)
    ]
    if len(frame) <= FEW_ROWS and all(are_plain):
        return dict(_all_of_pandas(frame, names, dtypes, known))

    def cells(name: str) -> NDArray[Any]:
        return taken[name] if name in taken else _of_cells(frame[name].to_numpy(), known.get(name))

    return {
        name: cells(name) if is_plain or name in taken else None
        for name, is_plain in zip(names, are_plain, strict=True)
    }


def _is_plain_pandas(dtype: Any, column: Column | None) -> bool:
    """Whether numpy's dtype is all there is to know: a number, an object, or pandas' own text."""
    if not isinstance(dtype, np.dtype):
        return bool(dtype.kind == "O" and dtype.name == "str")
    return dtype.kind == "O" or (dtype.kind in _NUMBERS and not _is_widened(dtype.kind, column))


def _is_widened(kind: str, column: Column | None) -> bool:
    """Whether whole numbers are to become float64, which they must fit."""
    return kind in _WHOLE and column is not None and column.dtype == "float64" and column.is_whole


def _all_of_pandas(
    frame: Any, names: Sequence[str], dtypes: Sequence[Any], known: Mapping[str, Column]
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Take all cells at once, as objects, which hold every number exactly."""
    cells = frame.to_numpy(dtype=object)
    for at, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
        values = cells[:, at]
        if dtype.kind != "O":
            values = values.astype(dtype)
        yield name, _of_cells(values, known.get(name))


def _of_cells(values: NDArray[Any], column: Column | None) -> NDArray[Any]:
    is_text = values.dtype.kind == "O" and column is not None and column.is_text
    return with_tokens(column.name, values) if is_text and column is not None else values


def _of_polars(
    frame: Any, known: Mapping[str, Column]
) -> Iterator[tuple[str, NDArray[Any] | None]]:
    for series in frame.get_columns():
        kind, column = _POLARS_KINDS.get(str(series.dtype), ""), known.get(series.name)
        is_plain = _is_plain(kind, series.null_count(), column)
        if kind == "T" and is_plain:
            nulls = series.is_null().to_numpy() if series.null_count() else None
            yield series.name, _texts(series.to_numpy(), nulls, column)
        else:
            yield series.name, series.to_numpy() if is_plain else None


def _of_arrow(
    table: Any, known: Mapping[str, Column], taken: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[str, NDArray[Any] | None]]:
    for name, chunked in zip(table.column_names, table.columns, strict=True):
        if name in taken:
            yield name, taken[name]
            continue
        kind, column = _ARROW_KINDS.get(str(chunked.type), ""), known.get(name)
        is_plain = _is_plain(kind, chunked.null_count, column)
        if kind == "T" and is_plain:
            nulls = chunked.is_null().to_numpy() if chunked.null_count else None
            yield name, _texts(chunked.to_numpy(), nulls, column)
        else:
            yield name, chunked.to_numpy() if is_plain else None


def _is_plain(kind: str, nulls: int, column: Column | None) -> bool:
    """Whether a column of polars or pyarrow is what its `to_numpy` gives."""
    if kind == "T":
        return column is not None and column.is_text
    return kind == "f" or (kind in _WHOLE and not nulls and not _is_widened(kind, column))


def _texts(
    values: NDArray[Any], nulls: NDArray[np.bool_] | None, column: Column | None
) -> NDArray[Any]:
    """Put the contract's null token where there is none; the rest is text by its dtype."""
    assert column is not None
    if nulls is None:
        check_data(column.name, values.tolist())
        return values
    values = values.copy()
    check_data(column.name, values[~nulls].tolist())
    values[nulls] = NULL_TOKENS[column.null or "none"]
    return values
