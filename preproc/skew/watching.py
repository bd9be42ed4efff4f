"""Windows of a log, or of a table of rows, held against the profile of the artifact."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from preproc.drift import (
    Baseline,
    Verdict,
    Window,
    baseline_from_json,
    judge,
    verdict_to_json,
    window_of,
)
from preproc.errors import DriftError
from preproc.skew.distributions import distributions_of
from preproc.skew.traffic import Traffic, Windows
from preproc.wording import counted


@dataclass(frozen=True, slots=True)
class Watch:
    """What was found, window by window.

    Attributes
    ----------
    baseline
        What was held against.
    starts, verdicts, windows
        Of each whole window, in the order of time: its name, what it is worth, what was counted.
    partial
        Windows that were not judged since they are not whole.
    """

    baseline: Baseline
    starts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    windows: tuple[Window, ...]
    partial: tuple[str, ...]

    @property
    def alarms(self) -> int:
        """Windows that alarmed."""
        return sum(verdict.state == "ALARM" for verdict in self.verdicts)

    @property
    def is_judged(self) -> bool:
        """Whether each window was found quiet or alarming, and there was one."""
        judged = {"QUIET", "ALARM"}
        return bool(self.verdicts) and all(verdict.state in judged for verdict in self.verdicts)

    @property
    def p(self) -> float:
        """How often quiet windows, were they independent, alarm as often."""
        rate = self.baseline.false_alarms
        number = len(self.verdicts)
        return float(binomtest(self.alarms, number, rate, alternative="greater").pvalue)


def baseline_of_profile(profile: Mapping[str, Any], where: object) -> Baseline:
    """Find the baseline in the profile of an artifact.

    Raises
    ------
    DriftError
        When the export named no blocks, or the baseline is damaged.
    """
    told = profile.get("monitor")
    if told is None:
        raise DriftError(
            f"artifact {str(where)!r}: expected a calibrated monitor, got none; export it with "
            "blocks=, such as the days of the training rows"
        )
    return baseline_from_json(told)


def watch(
    baseline: Baseline,
    traffic: Traffic,
    windows: Windows,
    *,
    last: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Watch:
    """Judge each whole window, or so many at the end.

    Parameters
    ----------
    baseline
        Of the artifact.
    traffic, windows
        Rows, and how they are cut.
    last
        Windows at the end that are judged; 0 for all.
    progress
        Called with the number of windows done so far.

    Raises
    ------
    DriftError
        When counts are of another artifact.
    """
    counted, verdicts = [], []
    for at in range(len(windows))[-last:]:
        window = window_at(baseline, traffic, np.flatnonzero(windows.codes == at))
        counted.append(window)
        verdicts.append(judge(baseline, window))
        progress(len(verdicts))
    starts = windows.starts[-last:]
    return Watch(baseline, starts, tuple(verdicts), tuple(counted), windows.partial)


def judged(
    baseline: Baseline, traffic: Traffic, rows: NDArray[Any], *, with_distances: bool = True
) -> Verdict:
    """Judge some rows of traffic as one window."""
    window = window_at(baseline, traffic, rows)
    return judge(baseline, window, with_distances=with_distances)


def window_at(baseline: Baseline, traffic: Traffic, rows: NDArray[Any]) -> Window:
    """Count some rows of traffic as one window."""
    inputs = {name: values[rows] for name, values in traffic.inputs.items()}
    answers = {name: values[rows] for name, values in traffic.answers.items()}
    return window_of(baseline.watched, inputs, answers)


def print_watch(found: Watch, console: Console) -> None:
    """Print a line a window, then each alarm with its effect, then what the rate is worth."""
    table = Table("window", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("rows", "score", "alarms above", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what changed most")
    for start, verdict in zip(found.starts, found.verdicts, strict=True):
        colour = {"QUIET": "green", "ALARM": "bold red"}.get(verdict.state, "yellow")
        is_judged = verdict.threshold > 0
        table.add_row(
            start,
            str(verdict.rows),
            f"{verdict.score:.2f}" if is_judged else "",
            f"{verdict.threshold:.2f}" if is_judged else "",
            f"{verdict.p:.3f}" if is_judged else "",
            f"[{colour}]{verdict.state}[/]",
            _most(verdict),
        )
    console.print(table)
    for line in summary_of(found):
        console.print(line, highlight=False, markup=False)


def summary_of(found: Watch) -> list[str]:
    """Say in lines what was found and what it is worth."""
    baseline, number = found.baseline, len(found.verdicts)
    lines = [
        f"{found.alarms} of {counted(number, 'window')} alarmed; quiet ones would "
        f"{baseline.false_alarms:.3g} of the time, p = {found.p:.2g} for as many"
        if number
        else "no whole window"
    ]
    tried = "; ".join(
        f"{replay.alarms} of {replay.windows} {replay.how}" for replay in baseline.replays
    )
    lines.append(f"calibration: {baseline.status} ({baseline.blocks} {baseline.unit}; {tried})")
    lines += [f"not judged: {why}" for why in sorted({v.why for v in found.verdicts if v.why})]
    if found.partial:
        lines.append(f"not whole, so not judged: {', '.join(found.partial)}")
    return lines


def watch_to_json(found: Watch) -> dict[str, Any]:
    """Turn what was found into plain JSON data."""
    baseline = found.baseline
    return {
        "false_alarms": baseline.false_alarms,
        "status": baseline.status,
        "replays": [asdict(replay) for replay in baseline.replays],
        "alarms": found.alarms,
        "p": found.p if found.verdicts else None,
        "partial": list(found.partial),
        "said": summary_of(found),
        "distributions": [
            asdict(one) for one in distributions_of(baseline.places, found.windows, found.verdicts)
        ],
        "windows": [
            {"start": start, **verdict_to_json(verdict)}
            for start, verdict in zip(found.starts, found.verdicts, strict=True)
        ],
    }


def _most(verdict: Verdict) -> str:
    if not verdict.alarms:
        return verdict.why
    told = [f"{a.stream} {a.effect:+.3g} {a.measure}" for a in verdict.alarms[:3]]
    rest = len(verdict.alarms) - len(told)
    return "; ".join(told) + (f"; and {rest} more" if rest else "")
