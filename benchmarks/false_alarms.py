"""How often quiet days of real flights alarm, and how often planted faults are seen.

``python -m benchmarks.false_alarms`` draws the days of January to September at random, over and
over: most are learned from, the others are quiet by construction, since any could have been drawn.
The model whose scores are watched was fitted on October to December. Faults change the input alone,
not the score, so what is seen of them is seen in the input.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from examples.flights.data import CATEGORIES, DEPARTURE, FEATURES, flight_delays, split
from examples.flights.pipelines import logistic
from preproc.drift.calibration import Blocks, Level, calibrate, measure, scored
from preproc.drift.places import Part, blockwise
from preproc.drift.streams import kinds_of, statistics
from preproc.signature import NULL_NONE

STATED: Final = 0.05
WATCHED: Final = tuple(name for name in FEATURES if name != DEPARTURE)
HELD: Final = 41
UNIT: Final = 1.609
NULLS: Final = 0.05
TEXT_NULL: Final = np.array(NULL_NONE, object)

Fault = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


def more_nulls(values: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Lose five values of a hundred."""
    lost = draw.random(len(values)) < NULLS
    return np.where(lost, TEXT_NULL if values.dtype.kind == "O" else np.nan, values)


def other_unit(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    """Give kilometres for miles."""
    return values.astype(float) * UNIT


def lower_case(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    """Write all in small letters."""
    return np.array([word.lower() for word in values.tolist()], object)


FAULTS: Final[Mapping[str, tuple[Fault, tuple[str, ...]]]] = {
    "5 points more nulls": (more_nulls, WATCHED),
    "times 1.609": (other_unit, tuple(name for name in WATCHED if name not in CATEGORIES)),
    "lower case": (lower_case, CATEGORIES),
}


@dataclass(slots=True)
class Tally:
    """What was seen; one entry a held-out day, in the order in which days were drawn."""

    quiet: list[bool] = field(default_factory=list)
    faults: dict[tuple[str, str], list[NDArray[np.bool_]]] = field(default_factory=dict)


def blocks_of_days() -> Blocks:
    """Load flights with the score of a model that was fitted on other days than are watched."""
    flights = flight_delays()
    data = split(flights)
    day = flights.loc[data.X_train.index, "departs_at"].dt.tz_convert("America/New_York").dt.date
    _, codes = np.unique(day.to_numpy().astype("datetime64[D]"), return_inverse=True)
    pipeline = logistic().fit(data.X_serve, data.y_serve)
    values: dict[tuple[Part, str, int], NDArray[Any]] = {
        ("input", name, 0): data.X_train[name].to_numpy(object if name in CATEGORIES else float)
        for name in WATCHED
    }
    values["output", "probabilities", 1] = pipeline.predict_proba(data.X_train)[:, 1]
    return Blocks(values, codes, int(codes.max()) + 1)


def one_split(blocks: Blocks, draw: np.random.Generator, held: int, tally: Tally) -> None:
    """Learn from some days, and ask the others, as they are and with each fault."""
    mixed = draw.permutation(blocks.number)
    learned, days = mixed[:-held], mixed[-held:]
    calibration = calibrate(blocks, learned, draw, (1.0,))
    (level,) = calibration.levels
    values = measure(calibration.places, blocks, days)
    tally.quiet.extend(alarmed(level, values).tolist())
    ends = np.cumsum([0, *(len(kinds_of(place)) for place in calibration.places)])
    row_day = np.full(blocks.number, -1)
    row_day[days] = np.arange(held)
    at = row_day[blocks.codes]
    for name, (fault, columns) in FAULTS.items():
        for number, place in enumerate(calibration.places):
            if place.part == "output" or place.name not in columns:
                continue
            spoiled = fault(blocks.values["input", place.name, 0][at >= 0], draw)
            counts = blockwise(place, place.codes(spoiled), at[at >= 0], held)
            changed = values.copy()
            changed[:, ends[number] : ends[number + 1]] = statistics(place, counts)
            found = tally.faults.setdefault((name, place.name), [])
            found.append(alarmed(level, changed))


def alarmed(level: Level, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which windows alarm."""
    is_alarm: NDArray[np.bool_] = scored(level, values).max(axis=1) > level.threshold(STATED)
    return is_alarm


def run(splits: int, held: int, seed: int) -> Tally:
    """Draw the days again and again."""
    blocks = blocks_of_days()
    tally, draw = Tally(), np.random.default_rng(seed)
    for _ in track(range(splits), description="splits", console=Console(stderr=True)):
        one_split(blocks, draw, held, tally)
    return tally


def within_two_days(days: list[NDArray[np.bool_]]) -> float:
    """Share of pairs of held-out days, drawn one after the other, of which one alarms at least."""
    return float(np.mean([np.mean(day[:-1] | day[1:]) for day in days]))


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--held", type=int, default=HELD)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tally = run(args.splits, args.held, args.seed)
    alarms, days = sum(tally.quiet), len(tally.quiet)
    interval = binomtest(alarms, days).proportion_ci(method="exact")
    print(
        f"quiet days: {alarms} of {days} alarmed over {args.splits} splits, "
        f"{100 * alarms / days:.1f} % where {100 * STATED:.0f} % is stated "
        f"({100 * interval.low:.1f} to {100 * interval.high:.1f} % if days were independent)"
    )
    table = Table("fault", "column", "in a day", "within two", "days")
    for (fault, column), found in tally.faults.items():
        share = np.mean(np.concatenate(found))
        two = within_two_days(found)
        table.add_row(fault, column, f"{share:.2f}", f"{two:.2f}", str(sum(map(len, found))))
    Console().print(table)


if __name__ == "__main__":
    main()
