"""Thresholds with a stated rate of false alarms, from blocks of training data, and their proof.

Blocks, such as days, are the unit: rows of a day are not independent, and a threshold made from
resampled rows alarms every day. Half of the blocks, drawn by chance, are the *reference*: their
bins are frozen, and each third of them, held against the other two, tells how far a block strays in
each stream. The other half *calibrates*: for each of its blocks, M is the largest of all streams,
in units of those excursions. The threshold is the ceil((1 - a)(B + 1))-th smallest M of B.

Split conformal prediction says what that is worth: for a window that is exchangeable with the
calibrating blocks, P(M > threshold) <= a, whatever the streams have to do with each other, for any
B of at least 1/a - 1. The premise is tried, not believed: `replayed` holds blocks out, by chance
and in the order of time, and a rate that is too high makes the calibration INVALID.

A window of fewer rows is noisier than a block. So the same is done with rows left out by chance, on
a ladder of shares, and a window is held against the highest rung whose blocks it matches in rows.

Why the largest excursions as the unit, and not the deviation: a stream that is 0 on most days and
jumps on some has a small deviation and a long tail, and the longest tail sets everyone's threshold.
On flights, five points more nulls in a column that has none are seen within a day always in this
unit, and in 7 of 10 cases in that of deviations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom, binomtest

from preproc.drift.blocks import Blocks, choose, measure, place_streams, tie_streams
from preproc.drift.levels import Level, level_of, scored
from preproc.drift.places import freeze
from preproc.drift.streams import LEAST, kinds_of
from preproc.drift.ties import find_ties, tie_sample
from preproc.drift.watched import Watched
from preproc.errors import DriftError

MIN_ROWS: Final = 30
"""Rows below which no window is judged."""
SHARES: Final = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
FOLDS: Final = 3
HELD_OUT: Final = 5
"""One block in so many is held out in a replay."""
CONFIDENCE: Final = 0.95

Status = Literal["VALID", "INVALID", "INSUFFICIENT"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a calibration did to blocks that it had not seen.

    Attributes
    ----------
    how
        How the blocks were chosen.
    windows, alarms
        Blocks that were held out, and how many alarmed.
    low, high
        Exact interval of the rate, for independent blocks.
    p
        Chance of as many, where blocks are exchangeable. The threshold is itself drawn, so their
        number is beta-binomial and not binomial.
    loudest
        Streams that led most alarms, with their number.
    """

    how: str
    windows: int
    alarms: int
    low: float
    high: float
    p: float
    loudest: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A frozen reference with its thresholds.

    Attributes
    ----------
    watched
        Frozen, of the reference.
    levels
        The most rows first; empty where blocks do not suffice.
    """

    watched: Watched
    levels: tuple[Level, ...]


def held_out(blocks: int) -> int:
    """Tell how many blocks a replay holds out."""
    return -(-blocks // HELD_OUT)


def calibrate(
    blocks: Blocks, chosen: NDArray[np.int64], draw: np.random.Generator, shares: Sequence[float]
) -> Calibration:
    """Freeze and calibrate on some of the blocks.

    Parameters
    ----------
    blocks
        The training data.
    chosen
        Blocks that may be used, (m,).
    draw
        Of the division.
    shares
        Rungs, each a share of the rows.
    """
    mixed = draw.permutation(chosen)
    reference, calibrating = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    priority = draw.random(len(blocks.codes))
    whole = choose(blocks, calibrating)
    rungs = {share: whole.thinned(priority, share) for share in shares}
    kept = [share for share in shares if rungs[share].sizes.min() >= MIN_ROWS]
    watched = freeze_watched(blocks, reference)
    strayed = _cross_fitted(watched, blocks, reference, priority, kept)
    some = [whole, *(rungs[share] for share in kept)]
    parts = [
        place_streams(place, values, some)[1:]
        for place, values in zip(watched.places, blocks.values.values(), strict=True)
    ]
    parts.append(tie_streams(watched, blocks, some)[1:])
    least = np.array([LEAST[stream.kind] for stream in watched.streams])
    levels = (
        level_of(share, rungs[share].sizes, strayed[at], _joined_at(parts, at), least)
        for at, share in enumerate(kept)
    )
    return Calibration(watched, tuple(levels))


def freeze_watched(blocks: Blocks, reference: NDArray[np.int64]) -> Watched:
    """Make the bins of each place, and find the ties of inputs, from some of the blocks."""
    chosen = choose(blocks, reference)
    places = tuple(
        freeze(name, at, part, values[chosen.rows])
        for (part, name, at), values in blocks.values.items()
    )
    enough = tie_sample(chosen.block)
    rows, block = chosen.rows[enough], chosen.block[enough]
    marks = {
        at: place.marks(values[rows])
        for at, (place, values) in enumerate(zip(places, blocks.values.values(), strict=True))
        if place.part == "input"
    }
    return Watched(places, find_ties(marks, block))


def replayed(
    blocks: Blocks,
    known: NDArray[np.int64],
    held: NDArray[np.int64],
    false_alarms: float,
    how: str,
    draw: np.random.Generator,
) -> Replay:
    """Calibrate on some blocks and count the alarms on others, which ought to be quiet.

    Raises
    ------
    DriftError
        When the known blocks do not suffice for the rate.
    """
    calibration = calibrate(blocks, known, draw, (1.0,))
    if not calibration.levels:
        raise DriftError(f"replay {how}: expected blocks of {MIN_ROWS} rows, got smaller ones")
    (level,) = calibration.levels
    scores = scored(level, measure(calibration.watched, blocks, held))
    is_alarm = scores.max(axis=1) > level.threshold(false_alarms)
    rank = level.rank(false_alarms)
    streams = calibration.watched.streams
    leaders, counts = np.unique(scores[is_alarm].argmax(axis=1), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    interval = binomtest(int(is_alarm.sum()), len(held)).proportion_ci(CONFIDENCE, method="exact")
    return Replay(
        how=how,
        windows=len(held),
        alarms=int(is_alarm.sum()),
        low=float(interval.low),
        high=float(interval.high),
        p=float(betabinom.sf(is_alarm.sum() - 1, len(held), level.blocks + 1 - rank, rank)),
        loudest={str(streams[leaders[at]]): int(counts[at]) for at in order},
    )


def _cross_fitted(
    watched: Watched,
    blocks: Blocks,
    reference: NDArray[np.int64],
    priority: NDArray[np.float64],
    shares: Sequence[float],
) -> list[NDArray[np.float64]]:
    """Tell how far blocks of the reference stray, (blocks, streams), once a share.

    Each third of the blocks is held against bins of the other two; ties hold no counts of the
    reference, and need none.
    """
    folds = []
    for fold in np.array_split(reference, FOLDS):
        others = choose(blocks, np.setdiff1d(reference, fold)).rows
        whole = choose(blocks, fold)
        some = [whole, *(whole.thinned(priority, share) for share in shares)]
        parts = []
        for place, ((part, name, at), values) in zip(
            watched.places, blocks.values.items(), strict=True
        ):
            other = freeze(name, at, part, values[others])
            found = place_streams(other, values, some)[1:]
            columns = [_in_order(kinds_of(place), kinds_of(other), one) for one in found]
            parts.append(columns)
        parts.append(tie_streams(watched, blocks, some)[1:])
        folds.append(parts)
    return [np.concatenate([_joined_at(parts, at) for parts in folds]) for at in range(len(shares))]


def _in_order(
    wanted: Sequence[str], got: Sequence[str], streams: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bring streams into another order; one that is not there is 0."""
    named = dict(zip(got, streams.T, strict=True))
    return np.stack([named.get(kind, np.zeros(len(streams))) for kind in wanted], axis=1)


def _joined_at(parts: Sequence[Sequence[NDArray[np.float64]]], at: int) -> NDArray[np.float64]:
    """Put the streams of all parts, of one share, side by side."""
    return np.concatenate([part[at] for part in parts], axis=1)
