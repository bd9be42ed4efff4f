"""Rows as Python writes them, dictionaries or dataclass instances → one array a column.

No value is converted: an integer is no text, a float is no integer, a boolean is no number. What a
column can carry exactly is taken, everything else is refused by row and column.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.runtime.feeding import epoch_of
from preproc.signature import NAT, Column, Signature

COLUMN_KEY: Final = "column"
"""Key in the metadata of a dataclass field whose column has a name that is no identifier."""

_ABSENT: Final = object()
_WANTED: Final[Mapping[str, str]] = {
    "b": "a boolean",
    "i": "an integer",
    "u": "an integer",
    "f": "a number",
}


def is_rows(data: Any) -> bool:
    """Whether data is a sequence of dictionaries or dataclass instances, or has no rows."""
    if not isinstance(data, list | tuple):
        return False
    return not data or isinstance(data[0], Mapping) or _is_record(data[0])


def columns_of_rows(rows: Sequence[Any], signature: Signature) -> dict[str, NDArray[Any]]:
    """Turn rows into columns.

    Parameters
    ----------
    rows
        Mappings of name → value, or instances of one dataclass; None and NaN are nulls. A name
        that is left out is a null too, where the column is text with a null or a float.
    signature
        Columns that are wanted.

    Returns
    -------
    dict
        Name → array (n,); text as object, its nulls not yet replaced.

    Raises
    ------
    SignatureError
        At the first row that holds a name which is no column, or a value that its column cannot
        carry exactly; and for no rows.
    """
    if not rows:
        raise SignatureError("", "expected at least one row, got none")
    cells = _cells_of_records(rows) if _is_record(rows[0]) else _cells_of_mappings(rows)
    known = {column.name: column for column in signature.columns}
    for name in cells:
        if name not in known:
            raise SignatureError(str(name), "expected no such column, got one; leave it out")
    absent = [_ABSENT] * len(rows)
    return {name: _array(column, cells.get(name, absent)) for name, column in known.items()}


def _is_record(row: Any) -> bool:
    return is_dataclass(row) and not isinstance(row, type)


def _cells_of_records(rows: Sequence[Any]) -> dict[str, list[Any]]:
    kind = type(rows[0])
    for at, row in enumerate(rows):
        if type(row) is not kind:
            got = type(row).__name__
            raise SignatureError("", f"row {at}: expected {kind.__name__}, got {got}")
    return {
        each.metadata.get(COLUMN_KEY, each.name): list(map(attrgetter(each.name), rows))
        for each in fields(kind)
    }


def _cells_of_mappings(rows: Sequence[Any]) -> dict[str, list[Any]]:
    names: dict[str, None] = {}
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise SignatureError("", f"row {at}: expected a mapping, got {type(row).__name__}")
        names.update(dict.fromkeys(row))
    return {name: [row.get(name, _ABSENT) for row in rows] for name in names}


def _array(column: Column, cells: list[Any]) -> NDArray[Any]:
    if column.width != 1:
        raise SignatureError(
            column.name, f"expected shape (n, {column.width}), got rows; use arrays"
        )
    missing = [at for at, cell in enumerate(cells) if cell is _ABSENT]
    if missing:
        has_null = column.null is not None and (column.is_text or column.moment)
        if not has_null and "float" not in column.dtype:
            raise SignatureError(column.name, f"row {missing[0]}: expected a value, got none")
        null = math.nan if column.null == "nan" else NAT if column.null == "nat" else None
        cells = [null if cell is _ABSENT else cell for cell in cells]
    if column.is_text:
        texts = np.empty(len(cells), object)
        texts[:] = cells
        return texts
    if column.moment:
        cells = [_epoch(column, cell) for cell in cells]
    dtype = np.dtype(column.dtype)
    for at, cell in enumerate(cells):
        if not _is_exact(cell, dtype):
            got = f"{type(cell).__name__} {cell!r}"
            raise SignatureError(
                column.name,
                f"row {at}: expected {_WANTED[dtype.kind]} that {dtype.name} holds, got {got}",
            )
    return np.array(cells, dtype)


def _epoch(column: Column, cell: Any) -> Any:
    """Count a time of Python or numpy in the contract's unit; a number is one already."""
    if cell is None:
        return NAT
    if isinstance(cell, datetime):
        has_zone = cell.tzinfo is not None
        if has_zone != ("," in column.moment):
            wanted = "with" if "," in column.moment else "without"
            raise SignatureError(column.name, f"expected times {wanted} a zone, got {cell!r}")
        cell = np.datetime64(cell.astimezone(UTC).replace(tzinfo=None) if has_zone else cell)
    if isinstance(cell, np.datetime64):
        return int(epoch_of(column.name, np.array([cell]), column.moment)[0])
    return cell


def _is_exact(cell: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a number of the dtype is the same as a cell; None is the NaN of floats."""
    is_boolean = isinstance(cell, bool | np.bool_)
    if is_boolean or dtype.kind == "b":
        return is_boolean and dtype.kind == "b"
    is_whole = isinstance(cell, int | np.integer)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return is_whole and bool(limits.min <= cell <= limits.max)
    if is_whole:
        return bool(abs(int(cell)) <= 2 ** (np.finfo(dtype).nmant + 1))
    if cell is None:
        return True
    if not isinstance(cell, float | np.floating):
        return False
    with np.errstate(over="ignore"):
        return bool(cell != cell or float(dtype.type(cell)) == cell)  # noqa: PLR0124  # NaN alone differs
