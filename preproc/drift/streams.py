"""Streams: the few numbers of each place in which faults and changes show.

======== ====================================================================================
bins     deviance over the frozen bins; below, above, unseen and null are bins of their own
null     share of nulls
below    share of the values that are below all of the reference
above    share above all of it
far      share farther outside than the reference is wide, as another unit has it
unseen   share of values or categories that the reference does not hold (or does not list)
spike    by how much the most favoured single value has gained, as a default value does
grid     share of the values that have more decimals than the reference was recorded with
shift    how far the mean rank among the reference lies from its middle
stray    of a tied column, share of rows that part from those with which they agree elsewhere
torn     of these, the ones that part by a null, or by having none
======== ====================================================================================

Why several: 20 bins of equal mass do not see a value that is repeated inside one bin, nor a few
gross outliers in the last; shares do not see a form that changes, nor a fault that strikes row by
row what else comes and goes by groups. Rain in another unit is a wetter day to all but the grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.drift.distance import deviance
from preproc.drift.places import Numbers, Part, Place, Texts
from preproc.drift.ties import FEW, Tie

LEAST: Final[Mapping[str, float]] = {
    "bins": 0.1,
    "null": 0.02,
    "below": 0.1,
    "above": 0.1,
    "far": 0.02,
    "unseen": 0.1,
    "spike": 0.02,
    "grid": 0.001,
    "shift": 0.05,
    "stray": 0.02,
    "torn": 0.01,
}
"""What counts as an excursion at the least, as a share, or G a row.

Without it, what never happened in the reference and once elsewhere, a fog or a record of heat, is
an excursion without measure; a few such days, each of another column, would set the threshold. The
larger ones are of streams that records move by nature; what is new shows in ``bins`` as well.
"""
TOP: Final = 40
"""Categories that are bins of their own; the rest is one."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Name of one number of one place."""

    part: Part
    name: str
    at: int
    kind: str

    def __str__(self) -> str:
        place = f"[{self.at}]" if self.at else ""
        return f"{self.part} {self.name}{place}: {self.kind}"


def streams_of(places: Sequence[Place], ties: Sequence[Tie]) -> tuple[Stream, ...]:
    """Name all streams, place by place, then tie by tie."""
    tied = [places[tie.target] for tie in ties]
    return tuple(
        Stream(place.part, place.name, place.at, kind)
        for some, kinds in ((places, kinds_of), (tied, lambda _: ("stray", "torn")))
        for place in some
        for kind in kinds(place)
    )


def kinds_of(place: Place) -> tuple[str, ...]:
    """Tell which streams a place has."""
    if isinstance(place, Texts):
        return ("bins", "null", "unseen", "spike")
    unseen = ("unseen",) if place.values.size else ()
    grid = () if place.grid is None else ("grid",)
    return ("bins", "null", "below", "above", "far", *unseen, "spike", *grid, "shift")


def statistics(place: Place, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the streams of one place.

    Parameters
    ----------
    place
        With the counts of the reference.
    counts
        Of some windows, (b, size).

    Returns
    -------
    numpy.ndarray
        Shape (b, streams), in the order of `kinds_of`; NaN for windows without rows.
    """
    columns = _texts(place, counts) if isinstance(place, Texts) else _numbers(place, counts)
    return np.stack([columns[kind] for kind in kinds_of(place)], axis=1)


def binned(place: Place, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take the bins whose shares are compared, (b, k), out of counts (b, size)."""
    if isinstance(place, Numbers):
        return counts[:, : place.cuts[0]]
    listed, rest = counts[:, : len(place.values)], counts[:, len(place.values) :]
    pooled = listed[:, TOP:].sum(axis=1, keepdims=True)
    return np.concatenate([listed[:, :TOP], pooled, rest], axis=1)


def _texts(place: Texts, counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    want, got = place.counts[None], counts
    listed = len(place.values)
    share = _shares(got)
    return {
        "bins": deviance(binned(place, want)[0], binned(place, got)),
        "null": share[:, listed + 1 :].sum(axis=1),
        "unseen": share[:, listed] / (1 - share[:, listed + 1 :].sum(axis=1) + FEW),
        "spike": _gain(_shares(want)[:, :listed], share[:, :listed]),
    }


def _numbers(place: Numbers, counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    first, second, *_ = place.cuts
    want, got = (_shares(some[:, :first]) for some in (place.counts[None], counts))
    want_value, got_value = (
        _shares(some[:, first : first + second]) for some in (place.counts[None], counts)
    )
    there = 1 - got[:, -1] + FEW
    single = len(place.values) or second - 1
    return {
        "bins": deviance(place.counts[:first], counts[:, :first]),
        "null": got[:, -1],
        "below": got[:, :2].sum(axis=1) / there,
        "above": got[:, -3:-1].sum(axis=1) / there,
        "far": (got[:, 0] + got[:, -2]) / there,
        "unseen": got_value[:, -2] / there,
        "spike": _gain(want_value[:, :single], got_value[:, :single]),
        "grid": _shares(counts[:, -3:])[:, 1] / there,
        "shift": _shift(want[0, :-1], got[:, :-1]),
    }


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _gain(want: NDArray[np.float64], got: NDArray[np.float64]) -> NDArray[np.float64]:
    if not want.shape[1]:
        return np.zeros(len(got))
    gain: NDArray[np.float64] = (got - want).max(axis=1)
    return gain


def _shift(want: NDArray[np.float64], got: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compare mean ranks of numbers; a window that has none does not shift, its nulls tell."""
    ranks = np.cumsum(want) - want / 2
    mass = got.sum(axis=1)
    middle = want @ ranks / max(want.sum(), np.finfo(float).tiny)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = got @ ranks / mass
    moved = np.where(mass == 0, 0.0, np.abs(mean - middle))
    return np.where(np.isnan(mass), np.nan, moved)
