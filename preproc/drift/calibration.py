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
from math import ceil
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom, binomtest

from preproc.drift.places import Part, Place, blockwise, freeze
from preproc.drift.streams import kinds_of, statistics
from preproc.errors import DriftError

MIN_ROWS: Final = 30
"""Rows below which no window is judged."""
SHARES: Final = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
FOLDS: Final = 3
HELD_OUT: Final = 5
"""One block in so many is held out in a replay."""
LARGEST: Final = 3
"""Excursions whose mean is the unit of a stream."""
KEPT: Final = 12
"""Largest streams of each calibrating block that are kept, for attribution."""
CONFIDENCE: Final = 0.95

Status = Literal["VALID", "INVALID", "INSUFFICIENT"]


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

    values: Mapping[tuple[Part, str, int], NDArray[Any]]
    codes: NDArray[np.int64]
    number: int


@dataclass(frozen=True, slots=True)
class Level:
    """One rung: what streams do in windows of some size.

    Attributes
    ----------
    share
        Of the rows of a block.
    rows, least
        Median and smallest number of rows of the calibrating blocks.
    centre, unit
        Of each stream, (s,): median, and mean of the largest excursions from it.
    streams, scores
        Of each calibrating block, its largest streams and their scores, (b, k), the largest first.
    """

    share: float
    rows: int
    least: int
    centre: NDArray[np.float64]
    unit: NDArray[np.float64]
    streams: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def blocks(self) -> int:
        """How many calibrate."""
        return len(self.scores)

    def rank(self, false_alarms: float) -> int:
        """Tell which of the calibrating blocks, by score, is the threshold; from 1."""
        rank = ceil(round((1 - false_alarms) * (self.blocks + 1), 9))
        if rank > self.blocks:
            raise DriftError(
                f"threshold: expected at least {ceil(1 / false_alarms) - 1} calibrating blocks for "
                f"{false_alarms:.3g}, got {self.blocks}"
            )
        return rank

    def threshold(self, false_alarms: float) -> float:
        """Give the score above which a window alarms.

        Raises
        ------
        DriftError
            When there are too few blocks for the rate.
        """
        return float(np.sort(self.scores[:, 0])[self.rank(false_alarms) - 1])

    def p_value(self, score: float, without: Sequence[int] = ()) -> float:
        """Tell how often a block has a score as large, in streams other than some.

        Where all kept streams of a block are among those, its smallest kept score stands for the
        rest, which is no smaller than what is true.
        """
        is_out = np.isin(self.streams, list(without))
        rest = np.where(is_out, -np.inf, self.scores).max(axis=1)
        rest = np.where(is_out.all(axis=1), self.scores[:, -1], rest)
        return float((1 + (rest >= score).sum()) / (self.blocks + 1))


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
    places
        Frozen, of the reference.
    levels
        The most rows first; empty where blocks do not suffice.
    """

    places: tuple[Place, ...]
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
    rows = _rows(blocks, calibrating, priority, shares)
    kept = [share for share in shares if rows[share].size and rows[share].min() >= MIN_ROWS]
    places, strayed, measured = [], [], []
    for key, values in blocks.values.items():
        place, parts = _fitted(key, values, blocks, reference, calibrating, priority, kept)
        places.append(place)
        strayed.append(parts[0])
        measured.append(parts[1])
    levels = []
    for at, share in enumerate(kept):
        away = np.concatenate([one[at] for one in strayed], axis=1)
        seen = np.concatenate([one[at] for one in measured], axis=1)
        levels.append(_level(share, rows[share], away, seen))
    return Calibration(tuple(places), tuple(levels))


def measure(
    places: Sequence[Place], blocks: Blocks, chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute all streams, (m, s), of some blocks, (m,), with all of their rows."""
    everything = np.zeros(len(blocks.codes))
    parts = [
        _statistics(place, values, blocks, chosen, everything, (1.0,))[0]
        for place, values in zip(places, blocks.values.values(), strict=True)
    ]
    return np.concatenate(parts, axis=1)


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
    scores = scored(level, measure(calibration.places, blocks, held))
    is_alarm = scores.max(axis=1) > level.threshold(false_alarms)
    rank = level.rank(false_alarms)
    names = [
        f"{place.part} {place.name}: {kind}"
        for place in calibration.places
        for kind in kinds_of(place)
    ]
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
        loudest={names[leaders[at]]: int(counts[at]) for at in order},
    )


def scored(level: Level, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring streams, (m, s), to units of their excursions.

    Raises
    ------
    DriftError
        When one is NaN: a comparison with it would be quiet for ever.
    """
    if np.isnan(values).any():
        where = np.unique(np.argwhere(np.isnan(values))[:, -1]).tolist()
        raise DriftError(f"window: expected a number in each stream, got NaN in {where}")
    scores: NDArray[np.float64] = (values - level.centre) / level.unit
    return scores


def _fitted(
    key: tuple[Part, str, int],
    values: NDArray[Any],
    blocks: Blocks,
    reference: NDArray[np.int64],
    calibrating: NDArray[np.int64],
    priority: NDArray[np.float64],
    shares: Sequence[float],
) -> tuple[Place, tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]]:
    """Freeze a place; give its streams of the reference, cross-fitted, and of the calibrating."""
    part, name, at = key
    place = freeze(name, at, part, values[np.isin(blocks.codes, reference)])
    kinds = kinds_of(place)
    strayed: list[list[NDArray[np.float64]]] = [[] for _ in shares]
    for fold in np.array_split(reference, FOLDS):
        others = np.isin(blocks.codes, np.setdiff1d(reference, fold))
        other = freeze(name, at, part, values[others])
        found = _statistics(other, values, blocks, fold, priority, shares)
        for level, streams in enumerate(found):
            named = dict(zip(kinds_of(other), streams.T, strict=True))
            nothing = np.zeros(len(fold))
            strayed[level].append(np.stack([named.get(k, nothing) for k in kinds], axis=1))
    measured = _statistics(place, values, blocks, calibrating, priority, shares)
    return place, ([np.concatenate(folds) for folds in strayed], measured)


def _statistics(
    place: Place,
    values: NDArray[Any],
    blocks: Blocks,
    chosen: NDArray[np.int64],
    priority: NDArray[np.float64],
    shares: Sequence[float],
) -> list[NDArray[np.float64]]:
    """Compute a place's streams, (m, kinds), of some blocks, once a share of their rows."""
    position = np.full(blocks.number, -1)
    position[chosen] = np.arange(len(chosen))
    row_block = position[blocks.codes]
    rows = np.flatnonzero(row_block >= 0)
    codes = place.codes(values[rows])
    found = []
    for share in shares:
        is_in = priority[rows] < share
        some = [code[is_in] for code in codes]
        counts = blockwise(place, some, row_block[rows][is_in], len(chosen))
        found.append(statistics(place, counts))
    return found


def _rows(
    blocks: Blocks,
    chosen: NDArray[np.int64],
    priority: NDArray[np.float64],
    shares: Sequence[float],
) -> dict[float, NDArray[np.int64]]:
    return {
        share: np.bincount(blocks.codes[priority < share], minlength=blocks.number)[chosen]
        for share in shares
    }


def _level(
    share: float,
    rows: NDArray[np.int64],
    strayed: NDArray[np.float64],
    measured: NDArray[np.float64],
) -> Level:
    """Make a rung; one row more is the least that counts as an excursion."""
    one_row = 1.0 / np.median(rows)
    centre = np.median(strayed, axis=0)
    largest = np.sort(strayed, axis=0)[-LARGEST:].mean(axis=0)
    unit = np.maximum(largest - centre, one_row)
    scores = (measured - centre) / unit
    order = np.argsort(-scores, axis=1, kind="stable")[:, :KEPT]
    return Level(
        share=share,
        rows=int(np.median(rows)),
        least=int(rows.min()),
        centre=centre,
        unit=unit,
        streams=order,
        scores=np.take_along_axis(scores, order, axis=1),
    )
