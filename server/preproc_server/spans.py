"""What numbers training saw, laid out as the matrices are, so that a batch is checked at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.runtime.layout import Layout
from preproc.signature import Column, Signature

_ENDS: Final = 2


@dataclass(frozen=True, slots=True)
class Span:
    """Ranges of one matrix.

    Attributes
    ----------
    matrix
        Its name.
    columns
        Column that each place along its second axis belongs to.
    texts
        Range of each place in words.
    low, high
        Ends, both in the range, (width,), of the matrix's dtype; the ends of the dtype where
        nothing is known, and the wrong way round where training saw no number.
    ends
        The same as pairs.
    """

    matrix: str
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    low: NDArray[Any]
    high: NDArray[Any]
    ends: tuple[tuple[Any, Any], ...]


def spans_of(signature: Signature, layout: Layout, profile: Mapping[str, Any]) -> tuple[Span, ...]:
    """Lay the ranges of a profile out; none for matrices of which nothing is known."""
    known: Mapping[str, Any] = profile.get("columns", {})
    spans = []
    for matrix, (dtype, width) in layout.inputs.items():
        if dtype in {"string", "bool"}:
            continue
        least, most = _extremes(dtype)
        low, high = np.full(width, least, dtype), np.full(width, most, dtype)
        columns, texts = [""] * width, [""] * width
        for column in signature.columns:
            place, start = layout.places[column.name]
            if place != matrix:
                continue
            for at, found in enumerate(_ranges(known, column), start=start):
                columns[at], texts[at] = column.name, _text(column, at - start, found)
                low[at], high[at] = _limits(found, least, most)
        if any(texts):
            ends = tuple(zip(low.tolist(), high.tolist(), strict=True))
            spans.append(Span(matrix, tuple(columns), tuple(texts), low, high, ends))
    return tuple(spans)


def is_within(span: Span, row: Sequence[Any]) -> bool:
    """Tell whether one row lies in the ranges; three times as fast as arrays of one row."""
    for value, (low, high) in zip(row, span.ends, strict=True):
        if value < low or value > high:  # false for NaN, which is a null
            return False
    return True


def _ranges(known: Mapping[str, Any], column: Column) -> Sequence[Sequence[Any]]:
    """Ranges of a column's places; none where the profile, of another kind or older, has none."""
    described = known.get(column.name, ())
    ranges = [place["range"] for place in described if "range" in place]
    return ranges if len(ranges) == column.width else ()


def _limits(ends: Sequence[Any], least: Any, most: Any) -> tuple[Any, Any]:
    if len(ends) != _ENDS:
        return most, least
    return least if ends[0] is None else ends[0], most if ends[1] is None else ends[1]


def _extremes(dtype: str) -> tuple[Any, Any]:
    if dtype.startswith("float"):
        return -np.inf, np.inf
    kind = np.iinfo(dtype)
    return kind.min, kind.max


def _text(column: Column, at: int, ends: Sequence[Any]) -> str:
    place = f" at position {at}" if column.width > 1 else ""
    if len(ends) != _ENDS:
        return f"no number{place}, since training saw none"
    low, high = ends
    if low is None or high is None:
        limit = f"of at least {low!r}" if high is None else f"of at most {high!r}"
        return f"a number {limit}{place}, as in training"
    return f"a number from {low!r} to {high!r}{place}, as in training"
