"""Ties: columns that others fix within a window, so that a row that parts from its like stands out.

What is looked up together is alike together: all flights of an hour have one report of the weather,
all orders of a customer one address. Such columns move from day to day by whole groups, and their
shares of nulls do as well, so five points more of them are nothing unusual. But a fault that
strikes row by row tears groups apart, which days never do.

Ties are found in the reference, by adding columns to a key as long as it divides better: rows of
one block and one key that agree in the column are many, rows that are alone with their key few.

What is kept of a window is how often each value came with each key, for the keys that are smallest
by their hash. So it has a bound, and still adds up exactly: a key that is among the smallest of a
sum is among the smallest of each part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.drift.places import NULL
from preproc.errors import DriftError

FEW: Final = 0.02
"""Added to the share of rows that are no nulls, where shares are of these: a few are no proof."""
FOLLOWED: Final = 512
"""Keys of a window that are kept."""
LOSS: Final = 0.05
"""Share of rows struck by the fault for which a key is chosen."""
WORTH: Final = 0.5
"""A tie is kept when at least so much of that fault is seen beside what parts by itself."""
GREEDY: Final = 2
"""Columns of a key that are chosen as the best of all; the others as they come."""
SLACK: Final = 0.02
"""What a further column of a key may cost, as a part of what is seen of the fault."""
MAX_COLUMNS: Final = 40
"""Places that repeat, among which ties are looked for: the first ones."""
SAMPLE_ROWS: Final = 16_384
_VALUE_BITS: Final = 6
_NULL: Final = 2**_VALUE_BITS - 1
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tie:
    """A column and what fixes it.

    Attributes
    ----------
    target
        Number of the place that is tied.
    keys
        Numbers of the places that fix it.
    """

    target: int
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Knots:
    """How often each value came with each key.

    Attributes
    ----------
    cells
        Hash of the key, then of the value in the last bits, all of them set for a null; (k,),
        ascending.
    counts
        Rows, (k,), at least 1.
    """

    cells: Whole
    counts: Whole

    @property
    def streams(self) -> NDArray[np.float64]:
        """What is read from them, (2,), as `tie_statistics` says."""
        window = np.zeros(len(self.cells), np.int64)
        found: NDArray[np.float64] = tie_statistics(window, self.cells, self.counts, 1)[0]
        return found

    def __add__(self, other: "Knots") -> "Knots":
        """Put two windows together."""
        cells = np.concatenate([self.cells, other.cells])
        return _kept(cells, np.concatenate([self.counts, other.counts]))


NOTHING: Final = Knots(np.zeros(0, np.int64), np.zeros(0, np.int64))


def cells_of(tie: Tie, marks: Mapping[int, Whole]) -> Whole:
    """Hash key and value of every row, (n,).

    Parameters
    ----------
    tie
        Which columns are meant.
    marks
        Place → those of its values, (n,).
    """
    key = _hashed([marks[at] for at in tie.keys]) >> np.uint64(1 + _VALUE_BITS)
    value = _hashed([marks[tie.target]]) % np.uint64(_NULL)
    value[marks[tie.target] == NULL] = _NULL
    return ((key << np.uint64(_VALUE_BITS)) | value).astype(np.int64)


def knots_of(cells: Whole) -> Knots:
    """Count the rows of a window, (n,)."""
    return _kept(cells, np.ones(len(cells), np.int64))


def tie_statistics(block: Whole, cells: Whole, counts: Whole, number: int) -> NDArray[np.float64]:
    """Compute the streams of a tie for several windows, (number, 2).

    How many rows part from most of their key, and how many do so by being null or by not being
    null, as shares of the values that are no nulls; 0 where no row is.

    Parameters
    ----------
    block, cells, counts
        Of rows or of knots, (n,), ascending by block, then by cell.
    number
        Of windows.
    """
    window, sizes, most, nulls = _groups(block, cells, counts)
    begins = np.flatnonzero(np.diff(window, prepend=-1))
    rank = np.arange(len(window)) - np.repeat(begins, np.diff(begins, append=len(window)))
    is_followed = rank < FOLLOWED
    rows = np.bincount(window, sizes * is_followed, number)
    there = np.bincount(window, (sizes - nulls) * is_followed, number) + FEW * rows
    parted = (sizes - most, np.minimum(nulls, sizes - nulls))
    apart = [np.bincount(window, one * is_followed, number) for one in parted]
    return np.stack(apart, axis=1) / np.where(rows > 0, there, 1)[:, None]


def tie_sample(blocks: Whole) -> NDArray[np.bool_]:
    """Mark the rows by which ties are found: whole blocks, (n,) numbered from 0, as many as do."""
    enough = int(np.searchsorted(np.cumsum(np.bincount(blocks)), SAMPLE_ROWS)) + 1
    return blocks < enough


def find_ties(marks: Mapping[int, Whole], blocks: Whole) -> tuple[Tie, ...]:
    """Find which places are tied, and to what.

    Parameters
    ----------
    marks
        Place → those of its values, (n,), of each that may be tied or a key.
    blocks
        Of each row, (n,), from 0.
    """
    repeating = [at for at, values in marks.items() if _is_repeating(values, blocks)]
    some = {at: marks[at] for at in repeating[:MAX_COLUMNS]}
    found = (_tie_of(Tie(target, ()), some, blocks) for target in some)
    return tuple(tie for tie in found if tie is not None)


def knots_to_json(knots: Knots) -> list[list[int]]:
    """Turn knots into plain JSON data."""
    return [knots.cells.tolist(), knots.counts.tolist()]


def knots_from_json(data: Any, rows: int) -> Knots:
    """Turn JSON data into knots.

    Raises
    ------
    DriftError
        When they are damaged, or hold more rows than there were.
    """
    try:
        cells, counts = (np.array(one, np.int64) for one in data)
    except (TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"window: expected cells and counts of ties: {error!r}") from error
    is_fine = cells.ndim == 1 and cells.shape == counts.shape and bool((np.diff(cells) > 0).all())
    keys = len(np.unique(cells >> _VALUE_BITS))
    total = int(counts.sum())
    if not is_fine or (counts < 1).any() or total > rows or (keys < FOLLOWED and total != rows):
        raise DriftError(f"window: expected counts of ties that add up to {rows} rows")
    return Knots(cells, counts)


def _kept(cells: Whole, counts: Whole) -> Knots:
    """Add up equal cells, and keep the smallest keys."""
    names, at = np.unique(cells, return_inverse=True)
    totals = np.bincount(at.reshape(-1), counts, len(names)).astype(np.int64)
    keys = names >> _VALUE_BITS
    rank = np.cumsum(np.diff(keys, prepend=-1) != 0)
    is_kept = rank <= FOLLOWED
    return Knots(names[is_kept], totals[is_kept])


def _groups(block: Whole, cells: Whole, counts: Whole) -> tuple[Whole, Whole, Whole, Whole]:
    """Find block, rows, rows of the most frequent value and nulls of each key of each block."""
    if not cells.size:
        return block, counts, counts, counts
    keys = cells >> _VALUE_BITS
    is_key = np.ones(len(cells), bool)
    is_key[1:] = (np.diff(block) != 0) | (np.diff(keys) != 0)
    is_cell = is_key.copy()
    is_cell[1:] |= np.diff(cells) != 0
    begins = np.flatnonzero(is_cell)
    totals = np.add.reduceat(counts, begins)
    first = np.flatnonzero(is_key[begins])
    return (
        block[begins][first],
        np.add.reduceat(totals, first),
        np.maximum.reduceat(totals, first),
        np.add.reduceat(totals * ((cells[begins] & _NULL) == _NULL), first),
    )


def _is_repeating(values: Whole, block: Whole) -> bool:
    """Tell whether most rows share their value with another one of their block."""
    cells = cells_of(Tie(0, (0,)), {0: values})
    order = np.lexsort((cells, block))
    sizes = _groups(block[order], cells[order], np.ones(len(order), np.int64))[1]
    return bool(sizes[sizes == 1].sum() * 2 < len(values))


def _tie_of(tie: Tie, marks: Mapping[int, Whole], block: Whole) -> Tie | None:
    """Grow the key of one place: by what divides best, then by all that divides no worse.

    The rest of a lookup costs nothing, and tells apart what is alike in the first by chance.
    """
    others = [at for at in marks if at != tie.target]
    best = -np.inf
    while others:
        some = others if len(tie.keys) < GREEDY else others[:1]
        longer = {at: replace(tie, keys=(*tie.keys, at)) for at in some}
        worth = {at: _worth(one, marks, block) for at, one in longer.items()}
        ranked = sorted(worth, key=lambda at: -worth[at])
        rest = [at for at in others if at != ranked[0]]
        others = [at for at in ranked if at in rest] + [at for at in rest if at not in worth]
        if worth[ranked[0]] > best - SLACK * LOSS:
            best, tie = max(best, worth[ranked[0]]), longer[ranked[0]]
    return tie if best >= WORTH * LOSS else None


def _worth(tie: Tie, marks: Mapping[int, Whole], block: Whole) -> float:
    """Estimate how much of the fault is seen under a key, less what parts by itself."""
    cells = cells_of(tie, marks)
    order = np.lexsort((cells, block))
    _, sizes, most, _ = _groups(block[order], cells[order], np.ones(len(cells), np.int64))
    seen = LOSS * sizes[sizes > 1].sum()
    return float((seen - (sizes - most).sum()) / len(cells))


def _hashed(parts: Sequence[Whole]) -> NDArray[np.uint64]:
    mixed = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        mixed = (mixed ^ (part.astype(np.uint64) + np.uint64(1))) * _MIX
        mixed ^= mixed >> np.uint64(29)
    return mixed * _MIX
