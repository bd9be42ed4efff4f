"""Rows on both sides of where a label changes, found without knowing any model."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.batches import Columns, joined, rows_of
from preproc.signature import Signature

MAX_DECISIONS: Final = 24
"""Pairs of rows between which a change of the label is looked for."""
_STEPS: Final = 54
"""Halvings until the share of the way is as exact as float64 is."""


def decision_rows(
    signature: Signature, base: Columns, label: Callable[[Columns], NDArray[Any]]
) -> Columns:
    """Make rows on both sides of where a label changes.

    Between two real rows with different labels the label changes somewhere; bisection of the way
    from one to the other, along all numbers at once, finds where.

    Parameters
    ----------
    signature
        Columns of the rows.
    base
        Real rows.
    label
        Rows → label (n,) or (n, targets).

    Returns
    -------
    dict
        Column → array (2 * changes found, width).
    """
    found = label(base)
    found = found.reshape(len(found), -1)
    pairs = [
        (row, other)
        for row in range(min(MAX_DECISIONS, len(found)))
        for other in np.flatnonzero((found != found[row]).any(axis=1))[:1].tolist()
    ]
    ways = [
        column.name
        for column in signature.columns
        if column.dtype.startswith("float") and not column.is_whole
    ]
    end = rows_of(base, [other for _, other in pairs])
    start = {**end, **{name: base[name][[row for row, _ in pairs]] for name in ways}}
    low, high = np.zeros(len(pairs)), np.ones(len(pairs))
    if not pairs:
        return end
    before = label(start).reshape(len(pairs), -1)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        is_same = (label(_between(start, end, ways, middle)).reshape(before.shape) == before).all(1)
        low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
    sides = [_between(start, end, ways, at) for at in (low, high)]
    is_change = high < 1.0
    return joined([rows_of(side, is_change) for side in sides])


def _between(
    start: Columns, end: Columns, ways: Sequence[str], share: NDArray[np.float64]
) -> Columns:
    """Go a share of the way, (rows,), in some columns; where either end is NaN, to the end."""
    rows = dict(end)
    for name in ways:
        at = share[:, np.newaxis].astype(end[name].dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            value = start[name] * (1 - at) + end[name] * at
        rows[name] = np.where(np.isfinite(value), value, end[name])
    return rows
