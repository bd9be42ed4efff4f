"""What a number of pairs can tell: exact intervals, rates that would be found, and how soon."""

import math
from dataclasses import dataclass
from typing import Final

from scipy.stats import binomtest

CERTAINTY: Final = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with an exact interval for the rate behind it.

    Attributes
    ----------
    count, of
        Rows.
    low, high
        Clopper and Pearson's interval at `CERTAINTY`; 0 to 1 of no rows.
    """

    count: int
    of: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """The share itself, NaN of no rows."""
        return self.count / self.of if self.of else math.nan


@dataclass(frozen=True, slots=True)
class Reach:
    """What some pairs would have found, and what a rarer fault would take.

    Attributes
    ----------
    rows
        Independent rows that were compared.
    rate
        Share of faulty rows of which at least one is among them with `CERTAINTY`.
    wanted_rate, wanted_rows
        A share that one wants to find, and how many rows it takes.
    wanted_s
        How long these take at the present traffic and sample, seconds; infinite where that is
        not known.
    """

    rows: int
    rate: float
    wanted_rate: float
    wanted_rows: int
    wanted_s: float


def share_of(count: int, of: int) -> Share:
    """Count with Clopper and Pearson's exact interval (Biometrika 26, 1934)."""
    if not of:
        return Share(0, 0, 0.0, 1.0)
    interval = binomtest(count, of).proportion_ci(CERTAINTY, method="exact")
    return Share(count, of, float(interval.low), float(interval.high))


def findable_rate(rows: int) -> float:
    """Share of faulty rows that `rows` show with `CERTAINTY`: 1 - (1 - certainty)^(1 / rows)."""
    return -math.expm1(math.log1p(-CERTAINTY) / rows) if rows else 1.0


def rows_for(rate: float) -> int:
    """Rows that show a share of faulty rows with `CERTAINTY`."""
    return math.ceil(math.log1p(-CERTAINTY) / math.log1p(-rate)) if rate < 1 else 1


def reach_of(rows: int, wanted_rate: float, rows_per_s: float) -> Reach:
    """Tell what `rows` could find, and what `wanted_rate` takes at `rows_per_s` logged rows."""
    needed = rows_for(wanted_rate)
    seconds = needed / rows_per_s if rows_per_s > 0 else math.inf
    return Reach(rows, findable_rate(rows), wanted_rate, needed, seconds)
