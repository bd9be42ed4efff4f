"""How often quiet days of real flights alarm, and how often planted faults are seen.

``python -m benchmarks.false_alarms`` draws the days of January to September at random, over and
over: most are learned from, the others are quiet by construction, since any could have been drawn.
The model whose scores are watched was fitted on October to December. Faults change the input alone,
not the score, so what is seen of them is seen in the input. ``altered`` is the share of days, two
by two, on which the fault changed any value at all: the others are the same data before and after,
and no test of whatever kind sees more. ``of altered`` is what is seen where there is anything to.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest

from examples.flights.data import CATEGORIES, DEPARTURE, FEATURES, flight_delays, split
from examples.flights.pipelines import logistic
from preproc.drift.blocks import Blocks, Chosen, Key, choose, measure, place_streams, tie_streams
from preproc.drift.calibration import calibrate
from preproc.drift.levels import Level, scored
from preproc.drift.streams import kinds_of
from preproc.drift.watched import Watched
from preproc.signature import NULL_NONE

STATED: Final = 0.05
WATCHED: Final = tuple(name for name in FEATURES if name != DEPARTURE)
HELD: Final = 41
UNIT: Final = 1.609
NULLS: Final = 0.05
DEFAULTS: Final = 0.2
TEXT_NULL: Final = np.array(NULL_NONE, object)

Fault = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


def more_nulls(values: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Lose five values for a hundred rows, by chance among those that are there."""
    is_text = values.dtype.kind == "O"
    there = 1.0 if is_text else float(np.mean(~np.isnan(values)))
    lost = draw.random(len(values)) < NULLS / there
    return np.where(lost, TEXT_NULL if is_text else np.nan, values)


def other_unit(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    """Give kilometres for miles."""
    return values.astype(float) * UNIT


def other_unit_rounded(values: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Give kilometres for miles in hundredths, as the miles are recorded: the grid is no help."""
    return np.round(other_unit(values, draw), 2)


def a_default(values: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Give 0 for one value of five."""
    return np.where(draw.random(len(values)) < DEFAULTS, 0.0, values)


def lower_case(values: NDArray[Any], _: np.random.Generator) -> NDArray[Any]:
    """Write all in small letters."""
    return np.array([word.lower() for word in values.tolist()], object)


FAULTS: Final[Mapping[str, tuple[Fault, tuple[str, ...]]]] = {
    "5 points more nulls": (more_nulls, WATCHED),
    "times 1.609": (other_unit, tuple(name for name in WATCHED if name not in CATEGORIES)),
    "times 1.609, rounded": (other_unit_rounded, ("temp", "humid", "precip")),
    "0 for one in five": (a_default, ("wind_speed", "pressure", "humid")),
    "lower case": (lower_case, CATEGORIES),
}


Days = list[NDArray[np.bool_]]


@dataclass(slots=True)
class Found:
    """What was seen; one entry a split, in the order in which its days were drawn.

    Attributes
    ----------
    quiet
        Whether each held-out day alarmed as it was.
    faults
        (fault, column) → whether it alarmed with the fault.
    touched
        (fault, column) → whether the fault changed any row, without which nobody can see it.
    """

    quiet: Days = field(default_factory=list)
    faults: dict[tuple[str, str], Days] = field(default_factory=dict)
    touched: dict[tuple[str, str], Days] = field(default_factory=dict)


def blocks_of_days() -> Blocks:
    """Load flights with the score of a model that was fitted on other days than are watched."""
    flights = flight_delays()
    data = split(flights)
    day = flights.loc[data.X_train.index, "departs_at"].dt.tz_convert("America/New_York").dt.date
    _, codes = np.unique(day.to_numpy().astype("datetime64[D]"), return_inverse=True)
    pipeline = logistic().fit(data.X_serve, data.y_serve)
    values: dict[Key, NDArray[Any]] = {
        ("input", name, 0): data.X_train[name].to_numpy(object if name in CATEGORIES else float)
        for name in WATCHED
    }
    values["output", "probabilities", 1] = pipeline.predict_proba(data.X_train)[:, 1]
    return Blocks(values, codes, int(codes.max()) + 1)


def one_split(blocks: Blocks, draw: np.random.Generator, held: int, found: Found) -> None:
    """Learn from some days, and ask the others, as they are and with each fault."""
    mixed = draw.permutation(blocks.number)
    learned, days = mixed[:-held], mixed[-held:]
    calibration = calibrate(blocks, learned, draw, (1.0,))
    (level,) = calibration.levels
    watched = calibration.watched
    values = measure(watched, blocks, days)
    found.quiet.append(alarmed(level, values))
    chosen = choose(blocks, days)
    for name, (fault, columns) in FAULTS.items():
        for at, place in enumerate(watched.places):
            if place.part == "output" or place.name not in columns:
                continue
            key = (place.part, place.name, place.at)
            spoiled = blocks.values[key].copy()
            spoiled[chosen.rows] = fault(spoiled[chosen.rows], draw)
            changed = with_fault(watched, blocks, chosen, values, at, spoiled)
            found.faults.setdefault((name, place.name), []).append(alarmed(level, changed))
            is_other = differs(spoiled, blocks.values[key])[chosen.rows]
            touched = np.bincount(chosen.block, is_other, held) > 0
            found.touched.setdefault((name, place.name), []).append(touched)


def with_fault(
    watched: Watched,
    blocks: Blocks,
    chosen: Chosen,
    values: NDArray[np.float64],
    at: int,
    spoiled: NDArray[Any],
) -> NDArray[np.float64]:
    """Compute the streams that one spoiled place moves, and take the others as they were."""
    changed = values.copy()
    ends = np.cumsum([0, *(len(kinds_of(place)) for place in watched.places)])
    changed[:, ends[at] : ends[at + 1]] = place_streams(watched.places[at], spoiled, [chosen])[0]
    concerned = [n for n, tie in enumerate(watched.ties) if at in {tie.target, *tie.keys}]
    if concerned:
        key = list(blocks.values)[at]
        other = replace(blocks, values={**blocks.values, key: spoiled})
        some = replace(watched, ties=tuple(watched.ties[n] for n in concerned))
        columns = [ends[-1] + 2 * n + kind for n in concerned for kind in (0, 1)]
        changed[:, columns] = tie_streams(some, other, [chosen])[0]
    return changed


def differs(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which values differ; NaN equals NaN."""
    other: NDArray[np.bool_] = first != second
    return other & ((first == first) | (second == second))  # noqa: PLR0124  # is no NaN


def alarmed(level: Level, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which windows alarm."""
    is_alarm: NDArray[np.bool_] = scored(level, values).max(axis=1) > level.threshold(STATED)
    return is_alarm


def run(splits: int, held: int, seed: int) -> Found:
    """Draw the days again and again."""
    blocks = blocks_of_days()
    found, draw = Found(), np.random.default_rng(seed)
    for _ in track(range(splits), description="splits", console=Console(stderr=True)):
        one_split(blocks, draw, held, found)
    return found


def within_two_days(days: Days) -> NDArray[np.bool_]:
    """Tell of which pairs of held-out days, drawn one after the other, one has it at least."""
    return np.concatenate([day[:-1] | day[1:] for day in days])


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--held", type=int, default=HELD)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = run(args.splits, args.held, args.seed)
    quiet = np.concatenate(found.quiet)
    alarms, days = int(quiet.sum()), len(quiet)
    interval = binomtest(alarms, days).proportion_ci(method="exact")
    print(
        f"quiet days: {alarms} of {days} alarmed over {args.splits} splits, "
        f"{100 * alarms / days:.1f} % where {100 * STATED:.0f} % is stated "
        f"({100 * interval.low:.1f} to {100 * interval.high:.1f} % if days were independent)"
    )
    table = Table("fault", "column", "in a day", "within two", "altered", "of altered", "pairs")
    for (fault, column), seen in found.faults.items():
        two, altered = within_two_days(seen), within_two_days(found.touched[fault, column])
        shares = (np.concatenate(seen), two, altered, two[altered])
        told = (f"{np.mean(share):.3f}" for share in shares)
        table.add_row(fault, column, *told, str(len(two)))
    Console().print(table)


if __name__ == "__main__":
    main()
