"""The civil calendar in whole numbers: days since 1970-01-01 to year, month, day and back.

The Gregorian rule for all time, as numpy and pandas have it. Years are counted from March, so that
the leap day comes last, in eras of 400 years, which have 146 097 days each: then every step is a
division of a number that is not negative.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder

_ERA: Final = 146_097
_TO_MARCH: Final = 719_468
"""Days from 0000-03-01 to 1970-01-01."""


@dataclass(frozen=True, slots=True)
class Civil:
    """Names of int64 values: year, month from 1, day from 1, day of the year from 1."""

    year: str
    month: str
    day: str
    day_of_year: str
    is_leap: str


def floor_divide(graph: GraphBuilder, x: str, divisor: int, *, scope: str) -> str:
    """Divide int64 by a positive constant, rounding down, for every int64.

    ``(x - x mod d) / d`` would be shorter, but its difference falls below the least int64 within d
    of it: on the first day that a unit of time can tell.
    """
    if divisor == 1:
        return x
    toward_zero = graph.op("Div", x, np.array(divisor), scope=scope)
    whole = graph.op("Mul", toward_zero, np.array(divisor), scope=scope)
    is_above = graph.op("Greater", whole, x, scope=scope)
    one = graph.op("Where", is_above, np.array(1), np.array(0), scope=scope)
    return graph.op("Sub", toward_zero, one, scope=scope)


def civil(graph: GraphBuilder, days: str, *, scope: str) -> Civil:
    """Split days since 1970-01-01, int64 of any shape and sign, into a date."""
    op = partial(graph.op, scope=scope)
    shifted = op("Add", days, _TO_MARCH)
    day_of_era = op("Mod", shifted, _ERA)
    era = op("Div", op("Sub", shifted, day_of_era), _ERA)
    corrected = op("Sub", day_of_era, op("Div", day_of_era, 1460))
    corrected = op("Add", corrected, op("Div", day_of_era, 36_524))
    corrected = op("Sub", corrected, op("Div", day_of_era, 146_096))
    year_of_era = op("Div", corrected, 365)
    before = op("Add", op("Mul", year_of_era, 365), op("Div", year_of_era, 4))
    before = op("Sub", before, op("Div", year_of_era, 100))
    from_march = op("Sub", day_of_era, before)
    month = op("Div", op("Add", op("Mul", from_march, 5), 2), 153)
    start = op("Div", op("Add", op("Mul", month, 153), 2), 5)
    day = op("Add", op("Sub", from_march, start), 1)
    is_late = op("GreaterOrEqual", month, 10)
    month = op("Sub", op("Add", month, 3), op("Where", is_late, 12, 0))
    year = op("Add", op("Add", year_of_era, op("Mul", era, 400)), op("Where", is_late, 1, 0))
    leap = _is_leap(graph, year, scope)
    spring = op("Add", from_march, op("Where", leap, 61, 60))
    return Civil(year, month, day, op("Where", is_late, op("Sub", from_march, 305), spring), leap)


def _is_leap(graph: GraphBuilder, year: str, scope: str) -> str:
    def divides(divisor: int) -> str:
        rest = graph.op("Mod", year, np.array(divisor), scope=scope)
        return graph.op("Equal", rest, np.array(0), scope=scope)

    is_century = graph.op("Not", divides(100), scope=scope)
    either = graph.op("Or", is_century, divides(400), scope=scope)
    return graph.op("And", divides(4), either, scope=scope)


def days_of(graph: GraphBuilder, year: str, month: str, day: str, *, scope: str) -> str:
    """Count the days from 1970-01-01 to a date; inverse of `civil` for dates that exist."""
    op = partial(graph.op, scope=scope)
    is_early = op("LessOrEqual", month, 2)
    shifted = op("Sub", year, op("Where", is_early, 1, 0))
    year_of_era = op("Mod", shifted, 400)
    era = op("Div", op("Sub", shifted, year_of_era), 400)
    from_march = op("Add", month, op("Where", is_early, 9, -3))
    day_of_year = op("Div", op("Add", op("Mul", from_march, 153), 2), 5)
    day_of_year = op("Sub", op("Add", day_of_year, day), 1)
    day_of_era = op("Add", op("Mul", year_of_era, 365), op("Div", year_of_era, 4))
    day_of_era = op("Sub", day_of_era, op("Div", year_of_era, 100))
    day_of_era = op("Add", day_of_era, day_of_year)
    return op("Sub", op("Add", op("Mul", era, _ERA), day_of_era), _TO_MARCH)
