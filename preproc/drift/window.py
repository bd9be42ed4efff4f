"""What was counted of some traffic: bounded for an hour or a year, and addable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.drift.places import Place, count
from preproc.drift.ties import NOTHING, Knots, cells_of, knots_from_json, knots_of, knots_to_json
from preproc.drift.watched import Watched
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
    ties
        Of each tie, likewise.
    """

    rows: int
    counts: tuple[NDArray[np.int64] | None, ...]
    ties: tuple[Knots | None, ...] = ()

    def __add__(self, other: "Window") -> "Window":
        """Put the counts of two workers, or of two hours, together."""
        mine, theirs = ((len(one.counts), len(one.ties)) for one in (self, other))
        if mine != theirs:
            raise DriftError(
                f"window: expected counts of {mine[0]} places and {mine[1]} ties, got "
                f"{theirs[0]} and {theirs[1]}; they are of another artifact"
            )
        return Window(
            self.rows + other.rows,
            tuple(
                None if a is None or b is None else a + b
                for a, b in zip(self.counts, other.counts, strict=True)
            ),
            tuple(
                None if a is None or b is None else a + b
                for a, b in zip(self.ties, other.ties, strict=True)
            ),
        )


def window_of(
    watched: Watched,
    inputs: Mapping[str, NDArray[Any]],
    outputs: Mapping[str, NDArray[Any]],
) -> Window:
    """Count some rows.

    Parameters
    ----------
    watched
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
    tied = watched.tied
    counts: list[NDArray[np.int64] | None] = []
    marks: dict[int, NDArray[np.int64]] = {}
    for at, place in enumerate(watched.places):
        values = (inputs if place.part == "input" else outputs).get(place.name)
        if values is None:
            counts.append(None)
            continue
        column = column_at(values, place)
        counts.append(count(place, column))
        if at in tied:
            marks[at] = place.marks(column)
    ties = tuple(
        knots_of(cells_of(tie, marks)) if {tie.target, *tie.keys} <= marks.keys() else None
        for tie in watched.ties
    )
    return Window(rows, tuple(counts), ties)


def column_at(values: NDArray[Any], place: Place) -> NDArray[Any]:
    """Take one place, (n,), out of an array (n,) or (n, width)."""
    matrix = values[:, None] if values.ndim == 1 else values
    if place.at >= matrix.shape[1]:
        raise DriftError(
            f"window, {place.name!r}: expected more than {place.at} values a row, "
            f"got {matrix.shape[1]}"
        )
    return matrix[:, place.at]


def empty_window(watched: Watched) -> Window:
    """Give a window of no rows, to which others are added."""
    counts = tuple(np.zeros(sum(place.cuts), np.int64) for place in watched.places)
    return Window(0, counts, (NOTHING,) * len(watched.ties))


def window_to_json(window: Window) -> dict[str, Any]:
    """Turn a window into plain JSON data, for whoever adds up the workers."""
    return {
        "rows": window.rows,
        "counts": [None if one is None else one.tolist() for one in window.counts],
        "ties": [None if one is None else knots_to_json(one) for one in window.ties],
    }


def window_from_json(data: Mapping[str, Any], watched: Watched) -> Window:
    """Turn JSON data into a window.

    Raises
    ------
    DriftError
        When it is of another baseline, truncated, or does not add up to its rows.
    """
    try:
        rows, told, tied = int(data["rows"]), list(data["counts"]), list(data["ties"])
        counts = tuple(None if one is None else np.array(one, np.int64) for one in told)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"window: expected rows, counts and ties: {error!r}") from error
    if (len(counts), len(tied)) != (len(watched.places), len(watched.ties)):
        raise DriftError(
            f"window: expected counts of {len(watched.places)} places and {len(watched.ties)} "
            f"ties, got {len(counts)} and {len(tied)}"
        )
    ties = tuple(None if one is None else knots_from_json(one, rows) for one in tied)
    check_sums(watched.places, Window(rows, counts, ties))
    return Window(rows, counts, ties)


def check_sums(places: Sequence[Place], window: Window) -> None:
    """Refuse counts that lost a row on the way.

    Raises
    ------
    DriftError
        When a counting does not add up to the rows.
    """
    for place, counts in zip(places, window.counts, strict=True):
        if counts is None:
            continue
        if counts.shape == (sum(place.cuts),) and (counts >= 0).all():
            parts = np.split(counts, np.cumsum(place.cuts)[:-1])
            if all(part.sum() == window.rows for part in parts):
                continue
        raise DriftError(
            f"window, {place.name!r}: expected counts that add up to {window.rows} rows"
        )
