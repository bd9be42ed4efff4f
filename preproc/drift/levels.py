"""Thresholds of windows of some size, and the units in which streams are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import DriftError

LARGEST: Final = 3
"""Excursions whose mean is the unit of a stream."""
KEPT: Final = 12
"""Largest streams of each calibrating block that are kept, for attribution."""


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


def level_of(
    share: float,
    rows: NDArray[np.int64],
    strayed: NDArray[np.float64],
    measured: NDArray[np.float64],
    least: NDArray[np.float64],
) -> Level:
    """Make a rung; one row more is the least that counts as an excursion."""
    one_row = 1.0 / np.median(rows)
    centre = np.median(strayed, axis=0)
    largest = np.sort(strayed, axis=0)[-LARGEST:].mean(axis=0)
    unit = np.maximum(largest - centre, np.maximum(least, one_row))
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
