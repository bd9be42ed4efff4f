"""Batches of raw rows: columns by name, and the places in them where one value goes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.signature import Column, Signature

Columns = dict[str, NDArray[Any]]
"""Column → array (rows, width), null tokens in place of the nulls of text."""


def joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Columns:
    """Put batches below each other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows_of(columns: Mapping[str, NDArray[Any]], rows: Any) -> Columns:
    """Choose rows of a batch by position or mask."""
    return {name: values[rows] for name, values in columns.items()}


def spots_of(signature: Signature, *, text: bool = False) -> dict[str, Column]:
    """Places where one value goes: columns by name, features of an array as ``X[3]``."""
    spots: dict[str, Column] = {}
    for column in signature.columns:
        if column.is_text and not text:
            continue
        if signature.kind == "array":
            spots |= {f"{column.name}[{at}]": column for at in range(column.width)}
        else:
            spots[column.name] = column
    return spots


def cells_of(rows: Columns, spot: str) -> NDArray[Any]:
    """View of the cells of a spot, (rows,)."""
    if spot in rows:
        return rows[spot][:, 0]
    name, at = spot[:-1].rsplit("[", 1)
    return rows[name][:, int(at)]


def repeated(base: Columns, rows: int) -> Columns:
    """Copy rows in turns until there are as many as wanted."""
    at = np.arange(rows) % len(next(iter(base.values())))
    return rows_of(base, at)
