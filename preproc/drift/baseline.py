"""The monitor's part of a profile: frozen bins, thresholds, and what they are worth."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any, Final, get_args

import numpy as np

from preproc.drift.calibration import (
    HELD_OUT,
    SHARES,
    Blocks,
    Calibration,
    Level,
    Replay,
    Status,
    calibrate,
    held_out,
    replayed,
)
from preproc.drift.places import Place, freeze, place_from_json, place_to_json
from preproc.drift.streams import streams_of
from preproc.errors import DriftError

BROKEN: Final = 0.01
"""Chance of as many alarms in a replay below which the stated rate does not hold."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What live traffic is held against.

    Attributes
    ----------
    false_alarms
        Stated: the share of quiet windows that may alarm, all streams together.
    unit
        What a block is, in words: ``days``, or rows that are taken for independent.
    window_s
        Length of a block in seconds, None where it is not known.
    blocks
        Of training.
    left_out
        Columns that are not watched, as the caller said.
    status, why
        Whether the stated rate holds, and if not, why.
    replays
        How it was tried.
    calibration
        Bins and thresholds.
    """

    false_alarms: float
    unit: str
    window_s: float | None
    blocks: int
    left_out: tuple[str, ...]
    status: Status
    why: str
    replays: tuple[Replay, ...]
    calibration: Calibration

    @property
    def places(self) -> tuple[Place, ...]:
        """What is watched."""
        return self.calibration.places


def baseline_of(
    blocks: Blocks,
    in_time: Blocks,
    *,
    false_alarms: float,
    unit: str,
    window_s: float | None,
    left_out: Collection[str],
    seed: int,
) -> Baseline:
    """Calibrate on all blocks, having tried the same on parts of them.

    Parameters
    ----------
    blocks
        Training data.
    in_time
        The same for the replay in time, which holds the last fifth out.
    false_alarms
        Share of quiet windows that may alarm.
    unit, window_s, left_out
        As of `Baseline`.
    seed
        Of all divisions.
    """
    draw = np.random.default_rng(seed)
    everything = np.arange(blocks.number)
    needed = blocks_needed(false_alarms)
    bare = Baseline(
        false_alarms=false_alarms,
        unit=unit,
        window_s=window_s,
        blocks=blocks.number,
        left_out=tuple(sorted(left_out)),
        status="INSUFFICIENT",
        why="",
        replays=(),
        calibration=Calibration((), ()),
    )
    if blocks.number < needed:
        places = tuple(
            freeze(name, at, part, values) for (part, name, at), values in blocks.values.items()
        )
        why = (
            f"expected at least {needed} blocks for a rate of {false_alarms:.3g}, got "
            f"{blocks.number}; name shorter blocks or a larger rate"
        )
        return replace(bare, why=why, calibration=Calibration(places, ()))
    calibration = calibrate(blocks, everything, draw, SHARES)
    last = held_out(blocks.number)
    mixed = draw.permutation(everything)
    replays = tuple(
        replayed(source, order[:-last], order[-last:], false_alarms, how, draw)
        for how, source, order in (
            ("by chance", blocks, mixed),
            ("in time", in_time, everything),
        )
    )
    broken = [_broken(replay, false_alarms) for replay in replays if replay.p < BROKEN]
    return replace(
        bare,
        status="INVALID" if broken else "VALID",
        why="; ".join(broken),
        replays=replays,
        calibration=calibration,
    )


def blocks_needed(false_alarms: float) -> int:
    """Tell how many blocks a rate takes: half of them calibrate, a fifth is held out in replays."""
    known = 2 * ceil(round(1 / false_alarms - 1, 9))
    return ceil(known * HELD_OUT / (HELD_OUT - 1)) + 1


def baseline_to_json(baseline: Baseline) -> dict[str, Any]:
    """Turn a baseline into plain JSON data; floats are written so that they come back equal."""
    told = {name: getattr(baseline, name) for name in _PLAIN}
    return {
        **told,
        "left_out": list(baseline.left_out),
        "replays": [asdict(replay) for replay in baseline.replays],
        "places": [place_to_json(place) for place in baseline.places],
        "levels": [
            {
                "share": level.share,
                "rows": level.rows,
                "least": level.least,
                "centre": level.centre.tolist(),
                "unit": level.unit.tolist(),
                "streams": level.streams.tolist(),
                "scores": level.scores.tolist(),
            }
            for level in baseline.calibration.levels
        ],
    }


def worth_of(baseline: Baseline) -> dict[str, Any]:
    """Give what a certificate says of a baseline, as plain JSON data."""
    told = {name: getattr(baseline, name) for name in _PLAIN}
    levels = baseline.calibration.levels
    return {
        **told,
        "left_out": list(baseline.left_out),
        "calibrating": levels[0].blocks if levels else 0,
        "replays": [asdict(replay) for replay in baseline.replays],
    }


def baseline_from_json(data: Mapping[str, Any]) -> Baseline:
    """Turn JSON data into a baseline.

    Raises
    ------
    DriftError
        When a key is missing, or sizes do not fit each other.
    """
    try:
        places = tuple(place_from_json(place) for place in data["places"])
        levels = tuple(_level_from(level) for level in data["levels"])
        replays = tuple(Replay(**replay) for replay in data["replays"])
        told = {name: data[name] for name in _PLAIN}
        left_out = tuple(data["left_out"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"baseline: expected the keys of a monitor: {error!r}") from error
    streams = len(streams_of(places))
    for level in levels:
        _check_level(level, streams)
    if told["status"] not in get_args(Status) or (told["status"] == "VALID" and not levels):
        raise DriftError(f"baseline: expected a status that fits, got {told['status']!r}")
    return Baseline(
        **{**told, "left_out": left_out},
        replays=replays,
        calibration=Calibration(places, levels),
    )


_PLAIN: Final = ("false_alarms", "unit", "window_s", "blocks", "status", "why")


def _broken(replay: Replay, false_alarms: float) -> str:
    loudest = ", ".join(f"{name} {count} times" for name, count in replay.loudest.items())
    return (
        f"replay {replay.how}: expected {false_alarms:.3g} of the windows to alarm, got "
        f"{replay.alarms} of {replay.windows}, p = {replay.p:.2g} ({loudest}); "
        "leave out columns that tell the time, or train on a longer period"
    )


def _level_from(data: Mapping[str, Any]) -> Level:
    return Level(
        share=float(data["share"]),
        rows=int(data["rows"]),
        least=int(data["least"]),
        centre=np.array(data["centre"], np.float64),
        unit=np.array(data["unit"], np.float64),
        streams=np.array(data["streams"], np.int64),
        scores=np.array(data["scores"], np.float64),
    )


def _check_level(level: Level, streams: int) -> None:
    fits = (
        level.centre.shape == level.unit.shape == (streams,)
        and level.streams.shape == level.scores.shape
        and level.scores.ndim == 2  # noqa: PLR2004  # blocks and streams
        and bool(level.scores.size)
    )
    numbers = (level.centre, level.unit, level.scores)
    if not fits or not all(np.isfinite(some).all() for some in numbers) or (level.unit <= 0).any():
        raise DriftError(
            f"baseline: expected finite numbers of {streams} streams in the level of "
            f"{level.rows} rows, got others"
        )
