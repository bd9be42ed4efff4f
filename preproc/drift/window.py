"""What was counted of some traffic: the same size for an hour or a year, and addable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.drift.places import Place, count
from preproc.errors import DriftError


@dataclass(frozen=True, slots=True)
class Window:
    """Counts of some rows.

    Attributes
    ----------
    rows
        How many.
    counts
        Of each place, (size,), in the order of the baseline; None for one that was not seen.
    """

    rows: int
    counts: tuple[NDArray[np.int64] | None, ...]

    def __add__(self, other: "Window") -> "Window":
        """Put the counts of two workers, or of two hours, together."""
        if len(self.counts) != len(other.counts):
            raise DriftError(
                f"window: expected counts of {len(self.counts)} places, got {len(other.counts)}; "
                "they are of another artifact"
            )
        pairs = zip(self.counts, other.counts, strict=True)
        added = tuple(None if a is None or b is None else a + b for a, b in pairs)
        return Window(self.rows + other.rows, added)


def window_of(
    places: Sequence[Place],
    inputs: Mapping[str, NDArray[Any]],
    outputs: Mapping[str, NDArray[Any]],
) -> Window:
    """Count some rows.

    Parameters
    ----------
    places
        Of the baseline.
    inputs
        Column → array (n,) or (n, width), null tokens in place; one that was not logged is missing.
    outputs
        Output → array (n,) or (n, width), likewise.

    Raises
    ------
    DriftError
        When columns differ in length or width, or a number's column holds text.
    """
    lengths = {len(values) for values in (*inputs.values(), *outputs.values())}
    if len(lengths) > 1:
        raise DriftError(f"window: expected columns of one length, got {sorted(lengths)}")
    rows = lengths.pop() if lengths else 0
    counts = []
    for place in places:
        values = (inputs if place.part == "input" else outputs).get(place.name)
        counts.append(None if values is None else count(place, column_at(values, place)))
    return Window(rows, tuple(counts))


def column_at(values: NDArray[Any], place: Place) -> NDArray[Any]:
    """Take one place, (n,), out of an array (n,) or (n, width)."""
    matrix = values[:, None] if values.ndim == 1 else values
    if place.at >= matrix.shape[1]:
        raise DriftError(
            f"window, {place.name!r}: expected more than {place.at} values a row, "
            f"got {matrix.shape[1]}"
        )
    return matrix[:, place.at]


def empty_window(places: Sequence[Place]) -> Window:
    """Give a window of no rows, to which others are added."""
    return Window(0, tuple(np.zeros(sum(place.cuts), np.int64) for place in places))


def window_to_json(window: Window) -> dict[str, Any]:
    """Turn a window into plain JSON data, for whoever adds up the workers."""
    counts = [None if one is None else one.tolist() for one in window.counts]
    return {"rows": window.rows, "counts": counts}


def window_from_json(data: Mapping[str, Any], places: Sequence[Place]) -> Window:
    """Turn JSON data into a window.

    Raises
    ------
    DriftError
        When it is of another baseline, truncated, or does not add up to its rows.
    """
    try:
        rows, told = int(data["rows"]), list(data["counts"])
        counts = tuple(None if one is None else np.array(one, np.int64) for one in told)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"window: expected rows and counts: {error!r}") from error
    if len(counts) != len(places):
        raise DriftError(f"window: expected counts of {len(places)} places, got {len(counts)}")
    for place, one in zip(places, counts, strict=True):
        if one is not None:
            check_sums(place, one, rows)
    return Window(rows, counts)


def check_sums(place: Place, counts: NDArray[np.int64], rows: int) -> None:
    """Refuse counts that lost a row on the way.

    Raises
    ------
    DriftError
        When a counting does not add up to the rows.
    """
    if counts.shape == (sum(place.cuts),) and (counts >= 0).all():
        parts = np.split(counts, np.cumsum(place.cuts)[:-1])
        if all(part.sum() == rows for part in parts):
            return
    raise DriftError(f"window, {place.name!r}: expected counts that add up to {rows} rows")
