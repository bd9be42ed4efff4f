"""Adversarial rows: where the pipeline changes its mind, where it refuses, what it never saw.

Edges live in the space of a step's features, rows in the space of raw columns. The way back needs
no inverse of any step: a feature that depends on one raw number is monotone in it almost always, so
bisection over all floats finds the last raw value on the left of an edge and its neighbour on the
right, to the last bit. The graph itself is asked, laid open; scikit-learn then answers the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.edges import edges_of
from preproc.export.scope import Step
from preproc.signature import Column, Signature

Columns = dict[str, NDArray[Any]]

MAX_WORDS: Final = 200
"""Categories a column that become rows of their own; the most are met among the real rows."""
UNSEEN: Final = ("", " ", "never seen", "None", "nan", "ünseen ☃ 未見", "a" * 300)
_DTYPE_RANGE: Final = {
    f"{sign}int{bits}": (np.iinfo(f"{sign}int{bits}").min, np.iinfo(f"{sign}int{bits}").max)
    for sign in ("", "u")
    for bits in (8, 16, 32)
}
MAX_DECISIONS: Final = 24
"""Pairs of rows between which a change of the label is looked for."""
EXTREMES: Final = (0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-8, 1e16, -1e16)


@dataclass(frozen=True, slots=True)
class Edge:
    """One threshold of one feature of one step.

    Attributes
    ----------
    value, at
        Graph value, (n, width), and the column of it that the step tests.
    spot
        The one raw column that this feature depends on.
    limit
        The threshold.
    """

    value: str
    at: int
    spot: str
    limit: float


@dataclass(frozen=True, slots=True)
class Probe:
    """The graph with the inputs of its steps laid open.

    Attributes
    ----------
    signature
        Columns of the raw rows.
    run
        Raw rows → graph value → array (n, width).
    """

    signature: Signature
    run: Callable[[Columns], Mapping[str, NDArray[Any]]]


def edges_in(steps: Sequence[Step], signature: Signature) -> list[Edge]:
    """List the edges of all steps whose features depend on one raw number each."""
    spots = spots_of(signature)
    edges: dict[Edge, None] = {}
    for step in steps:
        places = [(b.value, at, f) for b in step.taken.blocks for at, f in enumerate(b.features)]
        for feature, limits in edges_of(step.fitted).items():
            value, at, description = places[feature]
            if len(description.sources) == 1 and description.sources[0] in spots:
                spot = description.sources[0]
                edges |= {Edge(value, at, spot, limit): None for limit in limits.tolist()}
    return list(edges)


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
    for spot, crossings in _crossings(probe, base, edges).items():
        values[spot] += crossings.tolist()
    for spot, column in spots.items():
        values[spot] += _extremes(column)
    longest = max((len(listed) for listed in values.values()), default=0)
    rows = _repeat(base, max(longest, 1))
    for spot, listed in values.items():
        cells = _cells(rows, spot)
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
    for _ in range(54):
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


def missing_rows(signature: Signature, base: Columns, null_tokens: Sequence[str]) -> Columns:
    """Make rows with one null, one unseen or one known category each."""
    changes: list[tuple[str, Any]] = []
    for spot, column in spots_of(signature, text=True).items():
        if column.is_text:
            known = list((column.domain or {}).get("categories", ()))[:MAX_WORDS]
            changes += [(spot, word) for word in (*null_tokens, *UNSEEN, *known)]
        elif column.dtype.startswith("float"):
            changes += [(spot, np.nan)]
    return _changed(base, changes)


def infinite_rows(signature: Signature, base: Columns) -> Columns:
    """Make rows with one infinity, or one integer that float64 cannot hold, each."""
    changes: list[tuple[str, Any]] = []
    for spot, column in spots_of(signature).items():
        if column.dtype.startswith("float") and not column.is_whole:
            # One sign a column, in turns: the rule is the same for both.
            changes.append((spot, np.inf if len(changes) % 2 else -np.inf))
        elif column.dtype in ("int64", "uint64"):
            changes += [(spot, 2**53 + 1)]
    return _changed(base, changes)


def joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Columns:
    """Put batches below each other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows_of(columns: Mapping[str, NDArray[Any]], rows: Any) -> Columns:
    """Choose rows of a batch by position or mask."""
    return {name: values[rows] for name, values in columns.items()}


def _crossings(probe: Probe, base: Columns, edges: Sequence[Edge]) -> Mapping[str, NDArray[Any]]:
    """Raw column → values on both sides of each edge, and the next ones beyond."""
    if not edges:
        return {}
    spots = spots_of(probe.signature)
    keys = _bisect(probe, base, edges)
    sides: dict[str, list[NDArray[Any]]] = {}
    for offset in (-2, -1, 0, 1):
        for edge, key in zip(edges, keys + offset, strict=True):
            sides.setdefault(edge.spot, []).append(_value_at(key, spots[edge.spot]))
    return {spot: np.unique(np.array(values)) for spot, values in sides.items()}


def _bisect(probe: Probe, base: Columns, edges: Sequence[Edge]) -> NDArray[np.int64]:
    """Find the key of the smallest raw value whose feature lies beyond its edge."""
    spots = spots_of(probe.signature)
    rows = _repeat(rows_of(base, [0]), len(edges))
    ends = [_key_range(spots[edge.spot]) for edge in edges]
    low, high = (np.array(side, np.int64) for side in zip(*ends, strict=True))
    for _ in range(64):
        middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
        for row, edge in enumerate(edges):
            _cells(rows, edge.spot)[row] = _value_at(middle[row], spots[edge.spot])
        values = probe.run(rows)
        is_beyond = np.array(
            [values[edge.value][row, edge.at] > edge.limit for row, edge in enumerate(edges)]
        )
        high = np.where(is_beyond, middle, high)
        low = np.where(is_beyond, low, middle)
    return high


def _key_range(column: Column) -> tuple[int, int]:
    if not column.is_whole and column.dtype != "bool":
        # Far enough for any raw value, near enough that no step overflows on the way.
        limit = min(1e300, float(np.finfo(column.dtype).max))
        return _key(-limit), _key(limit)
    low, high = (column.domain or {}).get("range", _DTYPE_RANGE.get(column.dtype, (0, 1)))
    return int(low), int(high)


def _key(value: float) -> int:
    """Position of a float64 in the order of all float64."""
    bits = int(np.float64(value).view(np.int64))
    return bits if bits >= 0 else -(2**63) - bits


def _value_at(key: int, column: Column) -> Any:
    low, high = _key_range(column)
    if column.is_whole or column.dtype == "bool":
        return min(max(int(key), low), high)
    bits = int(key) if key >= 0 else -(2**63) - int(key)
    return np.int64(bits).view(np.float64).astype(column.dtype)


def _extremes(column: Column) -> list[Any]:
    if column.is_whole or column.dtype == "bool":
        low, high = _key_range(column)
        return sorted({low, 0, 1, high})
    limit = float(np.finfo(column.dtype).max)
    return [value for value in EXTREMES if abs(value) <= limit]


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


def _cells(rows: Columns, spot: str) -> NDArray[Any]:
    """View of the cells of a spot, (rows,)."""
    if spot in rows:
        return rows[spot][:, 0]
    name, at = spot[:-1].rsplit("[", 1)
    return rows[name][:, int(at)]


def _repeat(base: Columns, rows: int) -> Columns:
    at = np.arange(rows) % len(next(iter(base.values())))
    return rows_of(base, at)


def _changed(base: Columns, changes: Sequence[tuple[str, Any]]) -> Columns:
    rows = _repeat(base, len(changes))
    for row, (spot, value) in enumerate(changes):
        _cells(rows, spot)[row] = value
    return rows
