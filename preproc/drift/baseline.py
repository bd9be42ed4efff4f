"""The monitor's part of a profile: frozen bins, thresholds, and what they are worth."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any, Final, get_args

import numpy as np

from preproc.drift.blocks import Blocks
from preproc.drift.cadence import Cadence, cadence_from_json, cadence_to_json
from preproc.drift.calibration import (
    HELD_OUT,
    SHARES,
    Calibration,
    Replay,
    Status,
    calibrate,
    freeze_watched,
    held_out,
    replayed,
)
from preproc.drift.levels import Level
from preproc.drift.places import Place
from preproc.drift.watched import Watched, watched_from_json, watched_to_json
from preproc.errors import DriftError
from preproc.wording import counted

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
    cadence
        How live traffic is cut, as training was.
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
    cadence: Cadence
    blocks: int
    left_out: tuple[str, ...]
    status: Status
    why: str
    replays: tuple[Replay, ...]
    calibration: Calibration

    @property
    def watched(self) -> Watched:
        """What is counted of a window."""
        return self.calibration.watched

    @property
    def places(self) -> tuple[Place, ...]:
        """What is watched, one by one."""
        return self.watched.places


def baseline_of(
    blocks: Blocks,
    in_time: Blocks,
    *,
    false_alarms: float,
    unit: str,
    cadence: Cadence | None,
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
    unit, cadence, left_out
        As of `Baseline`; without a cadence, windows have as many rows as a block.
    seed
        Of all divisions.
    """
    draw = np.random.default_rng(seed)
    everything = np.arange(blocks.number)
    needed = blocks_needed(false_alarms)
    bare = Baseline(
        false_alarms=false_alarms,
        unit=unit,
        cadence=cadence or Cadence(None, rows=int(np.median(np.bincount(blocks.codes)))),
        blocks=blocks.number,
        left_out=tuple(sorted(left_out)),
        status="INSUFFICIENT",
        why="",
        replays=(),
        calibration=Calibration(Watched(()), ()),
    )
    if blocks.number < needed:
        why = (
            f"expected at least {needed} blocks for a rate of {false_alarms:.3g}, got "
            f"{blocks.number}; name shorter blocks or a larger rate"
        )
        watched = freeze_watched(blocks, everything)
        return replace(bare, why=why, calibration=Calibration(watched, ()))
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
        "cadence": cadence_to_json(baseline.cadence),
        "left_out": list(baseline.left_out),
        "replays": [asdict(replay) for replay in baseline.replays],
        **watched_to_json(baseline.watched),
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
        "cadence": str(baseline.cadence),
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
        watched = watched_from_json(data)
        levels = tuple(_level_from(level) for level in data["levels"])
        replays = tuple(Replay(**replay) for replay in data["replays"])
        told = {name: data[name] for name in _PLAIN}
        left_out = tuple(data["left_out"])
        cadence = cadence_from_json(data["cadence"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"baseline: expected the keys of a monitor: {error!r}") from error
    streams = len(watched.streams)
    for level in levels:
        _check_level(level, streams)
    if told["status"] not in get_args(Status) or (told["status"] == "VALID" and not levels):
        raise DriftError(f"baseline: expected a status that fits, got {told['status']!r}")
    return Baseline(
        **{**told, "left_out": left_out, "cadence": cadence},
        replays=replays,
        calibration=Calibration(watched, levels),
    )


_PLAIN: Final = ("false_alarms", "unit", "blocks", "status", "why")


def _broken(replay: Replay, false_alarms: float) -> str:
    loudest = ", ".join(
        f"{name} {counted(count, 'time')}" for name, count in replay.loudest.items()
    )
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
