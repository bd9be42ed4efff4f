"""The smallest and the largest number of each column, over all training rows."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.sampling import rows_at
from preproc.runtime.feeding import columns_of, frame_of, is_sparse
from preproc.signature import Signature

CHUNK_ROWS: Final = 65_536

Range = list[int | float | None]
"""Lowest and highest; None where it is infinite; empty where there is no number at all."""


def ranges_of(data: Any, signature: Signature) -> dict[str, list[Range]]:
    """Tell what numbers training saw.

    Parameters
    ----------
    data
        All training rows, as given to the export; not a sample, whose ends would lie too near.
    signature
        Its columns.

    Returns
    -------
    dict
        Column of numbers → one range for each of its values a row. NaN is no number here.
    """
    found: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {}
    for columns in _chunks(data, signature):
        for name, values in columns.items():
            found.setdefault(name, []).append(_ends(values))
    return {
        name: [
            _range(np.array(lows), np.array(highs))
            for lows, highs in zip(
                np.transpose([low for low, _ in ends]),
                np.transpose([high for _, high in ends]),
                strict=True,
            )
        ]
        for name, ends in found.items()
    }


def _chunks(data: Any, signature: Signature) -> Iterator[dict[str, NDArray[Any]]]:
    """Give columns of numbers as arrays (n, width), some rows at a time."""
    numbers = {
        column.name: column.width
        for column in signature.columns
        if not column.is_text and column.dtype != "bool"
    }
    if not numbers:
        return
    is_frame = signature.kind == "frame"
    whole = frame_of(data).select(list(numbers)) if is_frame else data
    rows = whole.shape[0] if is_frame or is_sparse(data) else len(data)
    for start in range(0, rows, CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, rows)
        part = whole[start:stop].to_native() if is_frame else rows_at(whole, np.arange(start, stop))
        columns = columns_of(part, signature)
        yield {name: columns[name].reshape(-1, width) for name, width in numbers.items()}


def _ends(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lowest and highest of each place, (width,); the wrong way round where all are NaN."""
    if values.dtype.kind != "f":
        return values.min(axis=0), values.max(axis=0)
    is_nan = np.isnan(values)
    return (
        np.where(is_nan, np.inf, values).min(axis=0),
        np.where(is_nan, -np.inf, values).max(axis=0),
    )


def _range(lows: NDArray[Any], highs: NDArray[Any]) -> Range:
    low, high = lows.min().item(), highs.max().item()
    if low > high:
        return []
    return [None if np.isinf(end) else end for end in (low, high)]
