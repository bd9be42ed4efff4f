"""Training data in blocks, and what streams do in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.drift.places import Part, Place, blockwise
from preproc.drift.streams import statistics
from preproc.drift.ties import cells_of, tie_statistics
from preproc.drift.watched import Watched

Key = tuple[Part, str, int]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Training data as the monitor sees it.

    Attributes
    ----------
    values
        (part, name, position) → values, (n,), null tokens in place.
    codes
        Block of each row, (n,), numbered in the order of time.
    number
        Of blocks.
    """

    values: Mapping[Key, NDArray[Any]]
    codes: NDArray[np.int64]
    number: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of the blocks, with some of their rows.

    Attributes
    ----------
    rows
        Of the data, (m,).
    block
        Of each of them, (m,), numbered in the order in which blocks were chosen.
    number
        Of blocks.
    """

    rows: NDArray[np.int64]
    block: NDArray[np.int64]
    number: int

    def thinned(self, priority: NDArray[np.float64], share: float) -> "Chosen":
        """Leave rows out by chance."""
        is_in = priority[self.rows] < share
        return Chosen(self.rows[is_in], self.block[is_in], self.number)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each block."""
        return np.bincount(self.block, minlength=self.number)


def choose(blocks: Blocks, numbers: NDArray[np.int64]) -> Chosen:
    """Take some blocks, by number."""
    position = np.full(blocks.number, -1)
    position[numbers] = np.arange(len(numbers))
    block = position[blocks.codes]
    rows = np.flatnonzero(block >= 0)
    return Chosen(rows, block[rows], len(numbers))


def place_streams(
    place: Place, values: NDArray[Any], some: Sequence[Chosen]
) -> list[NDArray[np.float64]]:
    """Compute a place's streams, (blocks, kinds), of several choices.

    Parameters
    ----------
    place
        Frozen.
    values
        Of all rows, (n,).
    some
        Of the rows; the first holds all that the others do.
    """
    codes = place.codes(values[some[0].rows])
    position = np.zeros(len(values), np.int64)
    position[some[0].rows] = np.arange(len(some[0].rows))
    found = []
    for chosen in some:
        at = position[chosen.rows]
        counts = blockwise(place, [code[at] for code in codes], chosen.block, chosen.number)
        found.append(statistics(place, counts))
    return found


def tie_streams(
    watched: Watched, blocks: Blocks, some: Sequence[Chosen]
) -> list[NDArray[np.float64]]:
    """Compute the streams of all ties, (blocks, ties), of several choices, as above."""
    values = list(blocks.values.values())
    rows = some[0].rows
    marks = {at: watched.places[at].marks(values[at][rows]) for at in sorted(watched.tied)}
    found: list[list[NDArray[np.float64]]] = [[np.zeros((chosen.number, 0))] for chosen in some]
    is_in = [np.isin(rows, chosen.rows, assume_unique=True) for chosen in some]
    for tie in watched.ties:
        cells = cells_of(tie, marks)
        order = np.lexsort((cells, some[0].block))
        for at, chosen in enumerate(some):
            kept = order[is_in[at][order]]
            ones = np.ones(len(kept), np.int64)
            found[at].append(tie_statistics(some[0].block[kept], cells[kept], ones, chosen.number))
    return [np.concatenate(parts, axis=1) for parts in found]


def measure(watched: Watched, blocks: Blocks, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute all streams, (m, s), of some blocks, (m,), with all of their rows."""
    chosen = [choose(blocks, numbers)]
    parts = [
        place_streams(place, values, chosen)[0]
        for place, values in zip(watched.places, blocks.values.values(), strict=True)
    ]
    return np.concatenate([*parts, tie_streams(watched, blocks, chosen)[0]], axis=1)
