"""Judges a window of live traffic: quiet, alarm, or not to be told; and by which streams."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from preproc.drift.baseline import Baseline
from preproc.drift.distance import js, kl, ks, psi, wasserstein
from preproc.drift.levels import Level, scored
from preproc.drift.places import Numbers, Place
from preproc.drift.streams import Stream, binned, kinds_of, statistics
from preproc.drift.watched import Watched
from preproc.drift.window import Window, check_sums

State = Literal["QUIET", "ALARM", "INSUFFICIENT", "INVALID"]
STATES: Final[tuple[State, ...]] = get_args(State)
MAX_ALARMS: Final = 20
"""Streams of one window that are told."""
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Alarm:
    """One stream that left its bounds.

    Attributes
    ----------
    stream
        Which.
    value, usual
        What it is now, and its median over the reference.
    score
        Distance of both, in units of the largest excursions of the reference.
    p
        Adjusted for all streams, step by step (Westfall and Young).
    effect, measure
        How large the change is, and in what: ``points`` of share, ``PSI``, or ``sd`` of the
        reference by which values have moved; of ``grid`` the step is told too.
    """

    stream: Stream
    value: float
    usual: float
    score: float
    p: float
    effect: float
    measure: str


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a place lies from the reference, in measures that people know.

    Attributes
    ----------
    part, name, at
        Which place.
    psi, js, kl
        Of the bins.
    ks, wasserstein, wasserstein_sd
        Of numbers, else None: at the edges of bins; in the column's unit; in deviations of the
        reference.
    """

    part: str
    name: str
    at: int
    psi: float
    js: float
    kl: float
    ks: float | None = None
    wasserstein: float | None = None
    wasserstein_sd: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window is worth.

    Attributes
    ----------
    state
        ``QUIET`` only where every watched stream was seen, in enough rows, against thresholds whose
        rate held in replay.
    why
        In words, where it is neither quiet nor an alarm.
    rows, block_rows
        Of the window, and of the blocks that it was held against.
    score, threshold, p
        Largest score of all streams, where it alarms, and how often a block has as much.
    alarms
        The largest first; empty unless the score is above the threshold.
    distances
        Of every place that was seen.
    """

    state: State
    why: str
    rows: int
    block_rows: int = 0
    score: float = 0.0
    threshold: float = 0.0
    p: float = 1.0
    alarms: tuple[Alarm, ...] = ()
    distances: tuple[Distance, ...] = ()


def judge(baseline: Baseline, window: Window, *, with_distances: bool = True) -> Verdict:
    """Hold a window against a baseline.

    Parameters
    ----------
    baseline
        Frozen at export.
    window
        Counts by its places.
    with_distances
        Whether distances are measured too, which people read and no verdict needs.

    Raises
    ------
    DriftError
        When its counts are of another baseline or do not add up to its rows.
    """
    check_sums(baseline.places, window)
    missing = [
        place.name
        for place, counts in zip(baseline.places, window.counts, strict=True)
        if counts is None
    ]
    level = _level_for(baseline, window.rows)
    if level is None or len(missing) == len(baseline.places):
        return Verdict("INSUFFICIENT", _too_little(baseline, window), window.rows)
    values, is_seen = _values(baseline.watched, window)
    scores = np.where(is_seen, scored(level, values[None])[0], -np.inf)
    threshold = level.threshold(baseline.false_alarms)
    best = float(scores.max())
    is_alarm = best > threshold
    alarms = _attributed(baseline, window, level, scores, values) if is_alarm else ()
    state, why = _state(baseline, missing, is_alarm=is_alarm)
    return Verdict(
        state=state,
        why=why,
        rows=window.rows,
        block_rows=level.rows,
        score=best,
        threshold=threshold,
        p=level.p_value(best),
        alarms=alarms,
        distances=distances_of(baseline.places, window) if with_distances else (),
    )


def distances_of(places: Sequence[Place], window: Window) -> tuple[Distance, ...]:
    """Measure how far each place that was seen lies from the reference."""
    pairs = zip(places, window.counts, strict=True)
    return tuple(_distance(place, counts) for place, counts in pairs if counts is not None)


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Turn a verdict into plain JSON data."""
    return asdict(verdict)


def _level_for(baseline: Baseline, rows: int) -> Level | None:
    fitting = (level for level in baseline.calibration.levels if rows >= level.least)
    return next(fitting, None)


def _too_little(baseline: Baseline, window: Window) -> str:
    levels = baseline.calibration.levels
    if not levels:
        return baseline.why
    if window.rows < levels[-1].least:
        return f"expected at least {levels[-1].least} rows, got {window.rows}"
    return "expected columns that are watched, got none"


def _state(baseline: Baseline, missing: Sequence[str], *, is_alarm: bool) -> tuple[State, str]:
    if baseline.status == "INVALID":
        return "INVALID", baseline.why
    if is_alarm:
        return "ALARM", ""
    if missing:
        return "INSUFFICIENT", f"expected all watched columns, got none of {sorted(set(missing))}"
    return "QUIET", ""


def _values(watched: Watched, window: Window) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compute all streams, (s,); 0 for those of places that were not seen, and which were."""
    values, is_seen = [], []
    for place, counts in zip(watched.places, window.counts, strict=True):
        kinds = len(kinds_of(place))
        values.append(np.zeros(kinds) if counts is None else statistics(place, counts[None])[0])
        is_seen.append(np.full(kinds, counts is not None))
    for _, knots in zip(watched.ties, window.ties, strict=True):
        values.append(np.zeros(2) if knots is None else knots.streams)
        is_seen.append(np.full(2, knots is not None))
    return np.concatenate(values), np.concatenate(is_seen)


def _attributed(
    baseline: Baseline,
    window: Window,
    level: Level,
    scores: NDArray[np.float64],
    values: NDArray[np.float64],
) -> tuple[Alarm, ...]:
    """Step down from the largest score: each is held against the rest of the streams alone.

    The family-wise rate over wrongly named streams stays what was stated, since the first wrong one
    is held against a set that holds all that are quiet.
    """
    streams = baseline.watched.streams
    by_place = {(place.part, place.name, place.at): place for place in baseline.places}
    counted = dict(zip(by_place, window.counts, strict=True))
    alarms: list[Alarm] = []
    named: list[int] = []
    worst = 0.0
    for at in np.argsort(-scores, kind="stable")[:MAX_ALARMS].tolist():
        worst = max(worst, level.p_value(float(scores[at]), named))
        if worst > baseline.false_alarms + _ROUNDING:
            break
        stream = streams[at]
        key = stream.part, stream.name, stream.at
        counts = counted[key]
        assert counts is not None  # an unseen place scores minus infinity
        effect, measure = _effect(by_place[key], counts, stream.kind, values[at] - level.centre[at])
        alarms.append(
            Alarm(
                stream=stream,
                value=float(values[at]),
                usual=float(level.centre[at]),
                score=float(scores[at]),
                p=worst,
                effect=effect,
                measure=measure,
            )
        )
        named.append(at)
    return tuple(alarms)


def _effect(
    place: Place, counts: NDArray[np.int64], kind: str, difference: float
) -> tuple[float, str]:
    if kind == "bins":
        return psi(*_bins(place, counts)), "PSI"
    if kind == "shift":
        moved = _distance(place, counts).wasserstein_sd
        return (0.0 if moved is None else moved), "sd"
    off = f" off steps of {place.grid}" if kind == "grid" and isinstance(place, Numbers) else ""
    return 100 * float(difference), f"points{off}"


def _distance(place: Place, counts: NDArray[np.int64]) -> Distance:
    want, got = _bins(place, counts)
    told = Distance(place.part, place.name, place.at, psi(want, got), js(want, got), kl(want, got))
    if not isinstance(place, Numbers) or not place.edges.size or not got[:-1].sum():
        return told
    middles = _middles(place)
    want, got = want[:-1], got[:-1]  # nulls have no order
    with np.errstate(over="ignore", invalid="ignore"):
        way = wasserstein(middles, want, got)
        mean = (middles * want).sum() / want.sum()
        spread = float(np.sqrt(((middles - mean) ** 2 * want).sum() / want.sum()))
    return Distance(
        place.part,
        place.name,
        place.at,
        told.psi,
        told.js,
        told.kl,
        ks=ks(want, got),
        wasserstein=way if np.isfinite(way) else None,
        wasserstein_sd=way / spread if spread and np.isfinite([way, spread]).all() else None,
    )


def _bins(place: Place, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return binned(place, place.counts[None])[0], binned(place, counts[None])[0]


def _middles(place: Numbers) -> NDArray[np.float64]:
    """Give a number for each bin; what lies outside is taken to lie at the next edge."""
    low, high = place.edges[1:-2], place.edges[2:-1]
    return np.concatenate([place.edges[:2], low / 2 + high / 2, place.edges[-2:]])
