"""Distributions of each place on its frozen bins: training, quiet windows, windows that alarmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from preproc.drift import Verdict, Window
from preproc.drift.places import Numbers, Place, Texts
from preproc.drift.streams import TOP, binned


@dataclass(frozen=True, slots=True)
class Distribution:
    """Counts of one place.

    Attributes
    ----------
    part, name, at
        Which place.
    bins
        Names of the cells: below all edges, between two of them, above them all, ``null``; or each
        category, ``other known``, ``unseen``, ``null``.
    edges
        Of numbers: ends of the bins, ascending; else empty.
    train, live, alarming
        Of each cell: rows of training; of the windows that did not alarm; of those that did. The
        last two are None where the place was not logged, or there is no such window.
    """

    part: str
    name: str
    at: int
    bins: tuple[str, ...]
    edges: tuple[float, ...]
    train: tuple[int, ...]
    live: tuple[int, ...] | None
    alarming: tuple[int, ...] | None

    def __str__(self) -> str:
        place = f"[{self.at}]" if self.at else ""
        return f"{self.part} {self.name}{place}"


def distributions_of(
    places: Sequence[Place], windows: Sequence[Window], verdicts: Sequence[Verdict]
) -> tuple[Distribution, ...]:
    """Add up windows by what became of them.

    Parameters
    ----------
    places
        Of the baseline.
    windows, verdicts
        In the same order.
    """
    is_alarm = [verdict.state == "ALARM" for verdict in verdicts]
    found = []
    for at, place in enumerate(places):
        counts = [window.counts[at] for window in windows]
        pairs = list(zip(counts, is_alarm, strict=True))
        found.append(
            Distribution(
                part=place.part,
                name=place.name,
                at=place.at,
                bins=_names(place),
                edges=tuple(place.edges.tolist()) if isinstance(place, Numbers) else (),
                train=_cells(place, place.counts),
                live=_added(place, [c for c, alarms in pairs if not alarms and c is not None]),
                alarming=_added(place, [c for c, alarms in pairs if alarms and c is not None]),
            )
        )
    return tuple(found)


def _added(place: Place, counts: Sequence[NDArray[np.int64]]) -> tuple[int, ...] | None:
    return _cells(place, np.sum(counts, axis=0)) if counts else None


def _cells(place: Place, counts: NDArray[np.int64]) -> tuple[int, ...]:
    cells: list[int] = binned(place, counts[None])[0].tolist()
    if isinstance(place, Texts):
        *known, none, nan = cells
        return (*known, none + nan)
    return tuple(cells)


def _names(place: Place) -> tuple[str, ...]:
    if isinstance(place, Texts):
        return (*place.values[:TOP], "other known", "unseen", "null")
    edges = place.edges.tolist()
    if not edges:  # training holds no number
        return ("any number", *("",) * (place.cuts[0] - 2), "null")
    bins = [
        f"{low:.4g}" if high == np.nextafter(low, np.inf) else f"{low:.4g} to {high:.4g}"
        for low, high in pairwise(edges)
    ]
    return (f"below {edges[0]:.4g}", *bins, f"{edges[-1]:.4g} and above", "null")
