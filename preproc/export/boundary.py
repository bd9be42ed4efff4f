"""Adversarial rows: where the pipeline changes its mind, where it refuses, what it never saw.

Single columns of real rows are changed, so that each odd value meets ordinary neighbours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from preproc.export.batches import Columns, cells_of, joined, repeated, spots_of
from preproc.export.crossings import Edge, Probe, crossings, key_range
from preproc.signature import NAT, Column, Signature

MAX_WORDS: Final = 200
"""Categories a column that become rows of their own; the most are met among the real rows."""
UNSEEN: Final = ("", " ", "never seen", "None", "nan", "ünseen ☃ 未見", "a" * 300)
EXTREMES: Final = (0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-8, 1e16, -1e16)


def boundary_rows(probe: Probe, base: Columns, edges: Sequence[Edge]) -> Columns:
    """Make rows at every edge of every step and at the extremes of every number.

    Parameters
    ----------
    probe
        The graph, laid open.
    base
        Real rows, the ground on which single columns are changed.
    edges
        From `edges_in`.

    Returns
    -------
    dict
        Column → array (rows, width); as many rows as the column with the most values needs.
    """
    spots = spots_of(probe.signature)
    values: dict[str, list[Any]] = {spot: [] for spot in spots}
    for spot, found in crossings(probe, base, edges).items():
        values[spot] += found.tolist()
    for spot, column in spots.items():
        values[spot] += _extremes(column)
    longest = max((len(listed) for listed in values.values()), default=0)
    rows = repeated(base, max(longest, 1))
    for spot, listed in values.items():
        cells = cells_of(rows, spot)
        # Shorter lists start over, so that each value meets other neighbours.
        cells[:] = np.resize(np.array(listed, cells.dtype), longest)
    return joined([rows, _largest_rows(spots, base)])


def _largest_rows(spots: Mapping[str, Column], base: Columns) -> Columns:
    """Make rows with the largest magnitude in one column each.

    In several columns at once a sum would overflow in one order of its summands and not in
    another, and BLAS knows no order: scikit-learn itself then says infinity, NaN or a number.
    """
    changes = [
        (spot, sign * np.finfo(column.dtype).max)
        for spot, column in spots.items()
        if column.dtype.startswith("float") and not column.is_whole
        for sign in (1, -1)
    ]
    return _changed(base, changes)


def missing_rows(
    signature: Signature, base: Columns, nulls_in: Callable[[str], Sequence[str]]
) -> Columns:
    """Make rows with one null, one unseen or one known category each.

    Parameters
    ----------
    signature
        Columns.
    base
        Real rows, the ground on which single columns are changed.
    nulls_in
        Column of text → its null tokens.
    """
    changes: list[tuple[str, Any]] = []
    for spot, column in spots_of(signature, text=True).items():
        if column.is_text:
            known = list((column.domain or {}).get("categories", ()))[:MAX_WORDS]
            changes += [(spot, word) for word in (*nulls_in(spot), *UNSEEN, *known)]
        elif column.dtype.startswith("float"):
            changes += [(spot, np.nan)]
        elif column.moment:
            changes += [(spot, NAT)]
    return _changed(base, changes)


def infinite_rows(signature: Signature, base: Columns) -> Columns:
    """Make rows with one infinity, or one integer that float64 cannot hold, each."""
    changes: list[tuple[str, Any]] = []
    for spot, column in spots_of(signature).items():
        if column.dtype.startswith("float") and not column.is_whole:
            # One sign a column, in turns: the rule is the same for both.
            changes.append((spot, np.inf if len(changes) % 2 else -np.inf))
        elif column.dtype in ("int64", "uint64") and not column.moment:
            changes += [(spot, 2**53 + 1)]
    return _changed(base, changes)


def _extremes(column: Column) -> list[Any]:
    if column.is_whole or column.dtype == "bool":
        low, high = key_range(column)
        return sorted({low, 0, 1, high})
    limit = float(np.finfo(column.dtype).max)
    return [value for value in EXTREMES if abs(value) <= limit]


def _changed(base: Columns, changes: Sequence[tuple[str, Any]]) -> Columns:
    rows = repeated(base, len(changes))
    for row, (spot, value) in enumerate(changes):
        cells_of(rows, spot)[row] = value
    return rows
