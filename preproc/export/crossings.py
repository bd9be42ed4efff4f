"""Where raw values take a feature across an edge of a fitted step.

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

from preproc.export.batches import Columns, cells_of, repeated, rows_of, spots_of
from preproc.export.edges import edges_of
from preproc.export.scope import Step
from preproc.signature import Column, Signature

_DTYPE_RANGE: Final = {
    f"{sign}int{bits}": (np.iinfo(f"{sign}int{bits}").min, np.iinfo(f"{sign}int{bits}").max)
    for sign in ("", "u")
    for bits in (8, 16, 32)
}
_STEPS: Final = 64
"""Halvings until two neighbours among all float64 are left."""


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


def crossings(probe: Probe, base: Columns, edges: Sequence[Edge]) -> Mapping[str, NDArray[Any]]:
    """Raw column → values on both sides of each edge, and the next ones beyond."""
    spots = spots_of(probe.signature)
    by_spot: dict[str, list[Edge]] = {}
    for edge in edges:
        by_spot.setdefault(edge.spot, []).append(edge)
    keys = _bisect(probe, base, by_spot) if edges else {}
    return {
        spot: np.unique(_values_at(np.concatenate([at + i for i in (-2, -1, 0, 1)]), spots[spot]))
        for spot, at in keys.items()
    }


def _bisect(
    probe: Probe, base: Columns, edges: Mapping[str, Sequence[Edge]]
) -> dict[str, NDArray[np.int64]]:
    """Find, for each edge of each raw column, the smallest raw value that lies beyond it, as a key.

    A row serves an edge of every column at once: no feature with an edge depends on two columns.
    """
    spots = spots_of(probe.signature)
    rows = repeated(rows_of(base, [0]), max(map(len, edges.values())))
    tests = {spot: _tests(group) for spot, group in edges.items()}
    ends = {spot: key_range(spots[spot]) for spot in edges}
    low = {spot: np.full(len(group), ends[spot][0]) for spot, group in edges.items()}
    high = {spot: np.full(len(group), ends[spot][1]) for spot, group in edges.items()}
    for _ in range(_STEPS):
        middle = {
            spot: low[spot] // 2 + high[spot] // 2 + (low[spot] % 2 + high[spot] % 2) // 2
            for spot in edges
        }
        for spot, keys in middle.items():
            cells_of(rows, spot)[: len(keys)] = _values_at(keys, spots[spot])
        values = probe.run(rows)
        for spot, keys in middle.items():
            is_beyond = np.zeros(len(keys), bool)
            for (value, at), (mine, limits) in tests[spot].items():
                is_beyond[mine] = values[value][mine, at] > limits
            high[spot] = np.where(is_beyond, keys, high[spot])
            low[spot] = np.where(is_beyond, low[spot], keys)
    return high


def _tests(
    edges: Sequence[Edge],
) -> dict[tuple[str, int], tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Graph value and its column → rows whose edges are tested there, and the thresholds."""
    found: dict[tuple[str, int], list[int]] = {}
    for row, edge in enumerate(edges):
        found.setdefault((edge.value, edge.at), []).append(row)
    return {
        place: (np.array(rows), np.array([edges[row].limit for row in rows]))
        for place, rows in found.items()
    }


def key_range(column: Column) -> tuple[int, int]:
    """First and last key of the values that a column can hold."""
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


def _values_at(keys: NDArray[np.int64], column: Column) -> NDArray[Any]:
    """Turn keys into values of a column's dtype; whole numbers are their own keys."""
    if column.is_whole or column.dtype == "bool":
        return np.clip(keys, *key_range(column)).astype(column.dtype)
    bits = np.where(keys >= 0, keys, np.iinfo(np.int64).min - keys)
    return bits.view(np.float64).astype(column.dtype)
