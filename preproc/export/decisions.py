"""Rows on both sides of where an answer changes, found without knowing any model."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.batches import Columns, joined, rows_of
from preproc.signature import Signature

MAX_DECISIONS: Final = 24
"""Pairs of real rows between which a change of the label is looked for."""
_STEPS: Final = 54
"""Halvings until the share of the way is as exact as float64 is."""
_BESIDE: Final = 2.0**-30
"""Share of the way from a change to rows beside it: of those at the change itself, rounding may
decide, and then they show nothing."""


def decision_pairs(found: NDArray[Any]) -> NDArray[np.int64]:
    """Pair the first rows with the next one behind them, in turns, that has another label.

    Parameters
    ----------
    found
        Labels, (n,) or (n, targets).

    Returns
    -------
    Array (pairs, 2) of positions.
    """
    found = found.reshape(len(found), -1)
    pairs = []
    for row in range(min(MAX_DECISIONS, len(found))):
        others = np.flatnonzero((found != found[row]).any(axis=1))
        if len(others):
            pairs.append((row, int(others[np.searchsorted(others, row) % len(others)])))
    return np.array(pairs, np.int64).reshape(-1, 2)


def change_rows(
    signature: Signature, start: Columns, end: Columns, answer: Callable[[Columns], NDArray[Any]]
) -> Columns:
    """Make rows at and beside where an answer changes on the way from one row to another.

    Bisection of the way, along all numbers at once, finds where.

    Parameters
    ----------
    signature
        Columns of the rows.
    start, end
        Rows, as many of each.
    answer
        Rows → what may change, (n,) or (n, targets).

    Returns
    -------
    dict
        Column → array (4 * changes found, width).
    """
    count = len(next(iter(end.values())))
    if not count:
        return end
    low, high = np.zeros(count), np.ones(count)
    before = answer(between(signature, start, end, low)).reshape(count, -1)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        rows = between(signature, start, end, middle)
        is_same = (answer(rows).reshape(before.shape) == before).all(axis=1)
        low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
    is_change = high < 1.0
    shares = (low - _BESIDE, low, high, high + _BESIDE)
    sides = [between(signature, start, end, np.clip(at, 0.0, 1.0)) for at in shares]
    return joined([rows_of(side, is_change) for side in sides])


def between(
    signature: Signature, start: Columns, end: Columns, share: NDArray[np.float64]
) -> Columns:
    """Go a share of the way, (rows,), in all numbers but whole ones; the rest is the end's.

    Where either end is not finite, so is the end's number.
    """
    rows = dict(end)
    for column in signature.columns:
        if not column.dtype.startswith("float") or column.is_whole:
            continue
        one, other = start[column.name], end[column.name]
        at = share[:, np.newaxis].astype(other.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            value = one * (1 - at) + other * at
        rows[column.name] = np.where(np.isfinite(value), value, other)
    return rows
