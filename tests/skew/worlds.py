"""Planted worlds: traffic whose cause of change is known, for a model that is a formula."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.drift.baseline import Baseline, baseline_of
from preproc.drift.blocks import Blocks
from preproc.drift.cadence import Cadence
from preproc.drift.outcomes import Outcomes, outcomes_of
from preproc.signature import Column, Output, Signature
from preproc.skew.case import Case, Pairs
from preproc.skew.labels import Labels
from preproc.skew.traffic import Traffic, cut

NAMES: Final = ("a", "b", "c")
WEIGHTS: Final = np.array([1.0, -1.0, 0.5])
OTHER_WEIGHTS: Final = np.array([1.0, -0.5, 0.5])
DAYS, ROWS, TRAINING = 24, 250, 120
ONSET: Final = 12
SIGNATURE: Final = Signature(
    "frame",
    tuple(Column(name, "float64") for name in NAMES),
    (
        Output("label", "label", "int64", None, -1, ("0", "1")),
        Output("probabilities", "probabilities", "float64", 2, None, ("0", "1")),
    ),
)
Matrix = NDArray[np.float64]


def expected(rows: Matrix, weights: Matrix = WEIGHTS) -> Matrix:
    shares: Matrix = 1 / (1 + np.exp(-rows @ weights))
    return shares


def draw_days(draw: np.random.Generator, days: int, shift: Matrix | float = 0.0) -> Matrix:
    """Rows, (days * ROWS, 3); days differ, as days do."""
    centres = draw.normal(0, 0.15, (days, 1, 3)) + np.reshape(shift, (-1, 1, 1))
    rows: Matrix = (centres + draw.normal(0, 1, (days, ROWS, 3))).reshape(-1, 3)
    return rows


@dataclass(frozen=True, slots=True)
class Trained:
    baseline: Baseline
    outcomes: Outcomes


def train() -> Trained:
    draw = np.random.default_rng(11)
    rows = draw_days(draw, TRAINING)
    codes = np.repeat(np.arange(TRAINING), ROWS)
    answers = answers_to(rows)
    values = {("input", name, 0): column for name, column in zip(NAMES, rows.T, strict=True)}
    values["output", "label", 0] = answers["label"]
    values |= {("output", "probabilities", at): answers["probabilities"][:, at] for at in (0, 1)}
    blocks: Any = Blocks(values, codes, TRAINING)  # type: ignore[arg-type]  # keys are literals
    baseline = baseline_of(
        blocks,
        blocks,
        false_alarms=0.05,
        unit="days",
        cadence=Cadence(86400.0),
        left_out=(),
        seed=0,
    )
    truth = (draw.random(len(rows)) < expected(rows)).astype(float)
    return Trained(baseline, outcomes_of("class", "1", expected(rows), truth, codes))


def answers_to(rows: Matrix) -> dict[str, NDArray[Any]]:
    share = expected(rows)
    return {
        "label": (share > 0.5).astype(np.int64),
        "probabilities": np.stack([1 - share, share], axis=1),
    }


@dataclass(slots=True)
class World:
    """What happened, before it is looked at."""

    draw: np.random.Generator
    true: Matrix
    sent: Matrix
    weights: Matrix
    clients: NDArray[Any]
    has_pairs: bool = True
    has_sources: bool = False
    has_labels: bool = True
    maturity_days: float = 0.0
    early_are_positive: bool = False
    served_wrong: NDArray[np.bool_] | None = None

    @property
    def is_late(self) -> NDArray[np.bool_]:
        return np.repeat(np.arange(DAYS), ROWS) >= ONSET


def quiet(draw: np.random.Generator, shift: float = 0.0) -> World:
    steps = np.where(np.arange(DAYS) >= ONSET, shift, 0.0)
    rows = draw_days(draw, DAYS, steps)
    weights = np.tile(WEIGHTS, (len(rows), 1))
    clients = draw.choice(np.array(["app/1", "web/7"], object), len(rows))
    return World(draw, rows, rows.copy(), weights, clients)


def served_wrong(draw: np.random.Generator) -> World:
    world = quiet(draw)
    world.served_wrong = world.is_late & (draw.random(len(world.true)) < 0.002)
    return world


def asked_wrong(draw: np.random.Generator) -> World:
    """A default in 2 % of one column, which only the sources tell."""
    world = quiet(draw)
    world.has_sources = True
    world.sent[world.is_late & (draw.random(len(world.true)) < 0.02), 1] = 0.0
    return world


def new_client(draw: np.random.Generator) -> World:
    """A release that sends another unit, without sources to compare with."""
    world = quiet(draw)
    is_new = world.is_late & (world.clients == "app/1") & (draw.random(len(world.true)) < 0.35)
    world.clients[is_new] = "app/2"
    world.sent[is_new, 0] *= 1.609
    world.sent[is_new, 2] = -1.0
    return world


def other_rows(draw: np.random.Generator) -> World:
    return quiet(draw, 0.6)


def other_meaning(draw: np.random.Generator) -> World:
    world = quiet(draw)
    world.weights[world.is_late] = OTHER_WEIGHTS
    return world


def other_rows_and_meaning(draw: np.random.Generator) -> World:
    world = quiet(draw, 0.6)
    world.weights[world.is_late] = OTHER_WEIGHTS
    return world


def skew_and_other_rows(draw: np.random.Generator) -> World:
    world = quiet(draw, 0.6)
    world.has_sources = True
    world.sent[world.is_late & (draw.random(len(world.true)) < 0.02), 1] = 0.0
    return world


def other_meaning_not_yet_known(draw: np.random.Generator) -> World:
    """No window is old enough."""
    world = other_meaning(draw)
    world.maturity_days = 60
    return world


def quick_labels_are_positive(draw: np.random.Generator) -> World:
    """Nothing changed, and of young windows only the positive ones are known."""
    world = quiet(draw)
    world.maturity_days, world.early_are_positive = 6, True
    return world


def other_rows_before_labels(draw: np.random.Generator) -> World:
    world = other_rows(draw)
    world.maturity_days, world.early_are_positive = 60, True
    return world


def nothing_to_replay(draw: np.random.Generator) -> World:
    world = quiet(draw)
    world.has_pairs = False
    return world


def no_labels(draw: np.random.Generator) -> World:
    world = quiet(draw)
    world.has_labels = False
    return world


WORLDS: Final[dict[Callable[[np.random.Generator], World], str]] = {
    quiet: "quiet",
    served_wrong: "skew",
    asked_wrong: "skew",
    new_client: "skew",
    other_rows: "data drift",
    other_meaning: "concept drift",
    other_rows_and_meaning: "both: data drift and concept drift",
    skew_and_other_rows: "both: skew and data drift",
    other_meaning_not_yet_known: "undetermined",
    quick_labels_are_positive: "quiet",
    other_rows_before_labels: "data drift",
    nothing_to_replay: "undetermined",
    no_labels: "undetermined",
}


def case_of(world: World, trained: Trained) -> Case:
    """Look at a world as a log and its companions show it."""
    number = len(world.true)
    day = np.repeat(np.arange(DAYS), ROWS)
    seconds = (day * 86400 + np.tile(np.linspace(60, 86300, ROWS), DAYS)) * 1e6
    at = np.datetime64("2026-03-01", "us") + seconds.astype("timedelta64[us]")
    traffic = Traffic(
        keys=np.array([f"{row}#0" for row in range(number)]),
        at=at,
        inputs=dict(zip(NAMES, world.sent.T, strict=True)),
        answers=answers_to(world.sent),
        groups={"client": world.clients, "host": np.full(number, "one", object)},
    )
    windows = cut(traffic, Cadence(86400.0))
    everything, nothing = np.ones(number, bool), np.zeros(number, bool)
    pairs = []
    if world.has_pairs:
        wrong = nothing if world.served_wrong is None else world.served_wrong
        pairs.append(Pairs("served", everything, wrong, "prep/scale" if wrong.any() else ""))
    if world.has_sources:
        is_different = (world.true != world.sent).any(axis=1)
        parts = {
            name: int(some.sum())
            for name, some in zip(NAMES, (world.true != world.sent).T, strict=True)
        }
        true = dict(zip(NAMES, world.true.T, strict=True))
        pairs.append(Pairs("asked", everything, is_different, "column 'b'", parts, true))
    labels = None
    if world.has_labels:
        truth = world.draw.random(number) < expected_each(world)
        is_young = at > at[-1] - np.timedelta64(round(world.maturity_days * 86400), "s")
        is_known = ~is_young if world.early_are_positive else everything
        is_known = is_known | truth if world.early_are_positive else is_known
        labels = Labels(
            truth.astype(int).astype(object), is_known, at[-1] + np.timedelta64(1, "h"), 0.0
        )
        labels = replace(labels, maturity_s=world.maturity_days * 86400)
    return Case(
        traffic, windows, SIGNATURE, trained.baseline, trained.outcomes, tuple(pairs), labels
    )


def expected_each(world: World) -> Matrix:
    chances: Matrix = 1 / (1 + np.exp(-(world.true * world.weights).sum(axis=1)))
    return chances
