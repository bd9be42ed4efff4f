"""Plots of windows and of distributions: what alarmed when, and what training and traffic hold."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.drift import State, Verdict
from preproc.page.drawing import SMALL, WIDTH, drawing, name_windows, shortened
from preproc.page.style import LIGHT
from preproc.skew.distributions import Distribution

MAX_STREAMS: Final = 12
MAX_CATEGORIES: Final = 8
MAX_LETTERS: Final = 16
MAX_POWERS: Final = 6
FEW: Final = 4
"""Bins that are named one by one."""
GAP: Final = 0.15
"""Share of the width between the last number and the nulls."""
LOUD: Final = 5
"""Thresholds from which on the axis of scores goes by powers of ten."""
COLOURS: Final[dict[State, str]] = {
    "QUIET": LIGHT["now"],
    "ALARM": LIGHT["breach"],
    "INSUFFICIENT": LIGHT["warn"],
    "INVALID": LIGHT["c3"],
}
SERIES: Final = {"train": LIGHT["past"], "live": LIGHT["now"], "alarming": LIGHT["breach"]}
_MEANING: Final[dict[State, str]] = {
    "QUIET": "quiet",
    "ALARM": "alarm",
    "INSUFFICIENT": "INSUFFICIENT, not judged",
    "INVALID": "INVALID calibration",
}


def timeline_plot(starts: Sequence[str], verdicts: Sequence[Verdict], onset: str = "") -> str:
    """Draw the score of each window against its threshold, and below, which streams alarmed.

    Parameters
    ----------
    starts, verdicts
        Of each window, at least one.
    onset
        Start of the window since which all is different; empty where that is not told.

    Returns
    -------
    str
        An ``<svg>`` element; the bar of window i has the id ``window-i``.
    """
    streams = loudest(verdicts)
    height = 2.3 + (0.35 + 0.2 * len(streams) if streams else 0.0)
    ratios = [1.9, 0.2 + 0.2 * len(streams)] if streams else [1.0]
    with drawing(WIDTH, height, rows=len(ratios), heights=ratios) as made:
        scores = made.axes[0, 0]
        _scores(scores, verdicts)
        if streams:
            _marks(made.axes[1, 0], verdicts, streams)
        if onset in starts:
            for axes in made.axes[:, 0]:
                at = starts.index(onset) - 0.5
                axes.axvline(at, color=LIGHT["ink"], linewidth=1, linestyle=(0, (1, 1.5)))
        name_windows(made.axes[-1, 0], starts)
    return made.svg


def loudest(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Name the streams that alarmed in most windows, at most `MAX_STREAMS`."""
    times = Counter(str(alarm.stream) for verdict in verdicts for alarm in verdict.alarms)
    return tuple(name for name, _ in times.most_common(MAX_STREAMS))


def _scores(axes: Any, verdicts: Sequence[Verdict]) -> None:
    thresholds = np.array([verdict.threshold for verdict in verdicts])
    heights = np.array([verdict.score for verdict in verdicts])
    places = np.arange(len(verdicts))
    for state, colour in COLOURS.items():
        chosen = np.flatnonzero([verdict.state == state for verdict in verdicts])
        if not chosen.size:
            continue
        if state in {"INSUFFICIENT", "INVALID"}:  # over the whole height, so that it is no quiet
            for at in chosen.tolist():
                axes.axvspan(at - 0.5, at + 0.5, color=colour, alpha=0.3, linewidth=0)
        label = f"{_MEANING[state]}: {chosen.size}"
        bars = axes.bar(chosen, heights[chosen], 0.82, color=colour, label=label)
        _identify(bars, "window", chosen.tolist())
    if (thresholds > 0).any():
        steps = np.where(thresholds > 0, thresholds, np.nan)
        sides = np.repeat(places, 2) + np.tile([-0.5, 0.5], len(places))
        style: Any = {"color": LIGHT["ink"], "linewidth": 1.1, "linestyle": (0, (4, 2))}
        (line,) = axes.plot(sides, np.repeat(steps, 2), **style, label="alarms above")
        line.set_gid("threshold")
        least = float(np.nanmin(steps))
        if heights.max() > LOUD * least:
            axes.set_yscale("symlog", linthresh=least)
            powers = np.arange(np.ceil(np.log10(2 * least)), np.log10(heights.max()))
            axes.set_yticks([0, *10.0 ** powers[:: 1 + len(powers) // MAX_POWERS]])
            axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set_ylim(0, max(heights.max(), thresholds.max()) * 1.12 or 1)
    axes.set_ylabel("score")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, borderaxespad=0.2, fontsize=8)
    axes.grid(axis="y", color=LIGHT["line"], linewidth=0.6)
    axes.set_axisbelow(True)


def _marks(axes: Any, verdicts: Sequence[Verdict], streams: Sequence[str]) -> None:
    points = [
        (at, streams.index(str(alarm.stream)))
        for at, verdict in enumerate(verdicts)
        for alarm in verdict.alarms
        if str(alarm.stream) in streams
    ]
    across, down = np.array(points).T
    axes.scatter(across, down, s=22, color=LIGHT["breach"], linewidths=0, gid="alarms")
    for at, verdict in enumerate(verdicts):
        if verdict.state in {"INSUFFICIENT", "INVALID"}:
            colour = COLOURS[verdict.state]
            axes.axvspan(at - 0.5, at + 0.5, color=colour, alpha=0.3, linewidth=0)
    axes.set_yticks(range(len(streams)), [shortened(name, 34) for name in streams], fontsize=8)
    axes.set_ylim(len(streams) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=LIGHT["line"], linewidth=0.6)
    axes.set_axisbelow(True)


def distribution_plot(found: Distribution) -> str:
    """Draw shares of rows: training filled, traffic as lines or marks; nulls stand beside.

    Returns
    -------
    str
        An ``<svg>`` element; bars have the ids ``train-0``, …, the others ``live`` and
        ``alarming``.
    """
    return _numbers(found) if found.edges else _texts(found)


def _numbers(found: Distribution) -> str:
    """Draw the bins that hold anything, in their order, and nulls apart."""
    series = {"train": found.train, "live": found.live, "alarming": found.alarming}
    shares = {name: shares_of(counts) for name, counts in series.items() if counts is not None}
    is_held = np.sum(list(shares.values()), axis=0)[:-1] > 0
    kept = np.append(np.flatnonzero(is_held), len(found.bins) - 1)
    places = np.arange(len(kept), dtype=float)
    places[-1] += max(1, round(GAP * len(kept)))
    with drawing(SMALL, 1.55) as made:
        axes = made.axes[0, 0]
        train = axes.bar(places, shares.pop("train")[kept], 1.0, color=SERIES["train"])
        _identify(train, "train")
        for name, some in shares.items():
            _outline(axes, places, some[kept], name)
        ticks = _ticks(found, kept[:-1].tolist())
        axes.set_xticks([*ticks, places[-1]], [*ticks.values(), "null"])
        axes.set_xlim(-0.8, places[-1] + 0.8)
        _share_axis(axes, "y")
    return made.svg


def _outline(
    axes: Any, places: NDArray[np.float64], shares: NDArray[np.float64], name: str
) -> None:
    edges = np.arange(len(places)) - 0.5
    style: Any = {"color": SERIES[name], "linewidth": 1.5}
    axes.stairs(shares[:-1], edges, baseline=None, **style).set_gid(name)
    axes.plot(places[-1] + np.array([-0.5, 0.5]), shares[[-1, -1]], **style)


def _ticks(found: Distribution, kept: Sequence[int]) -> dict[float, str]:
    """Name a few bins: a single value below its bar, others by an end."""
    chosen = range(len(kept)) if len(kept) <= FEW else (0, len(kept) // 2, len(kept) - 1)
    ticks = {}
    for place in chosen:
        at = kept[place]
        low, high = ((0.0, *found.edges, 0.0)[end] for end in (at, at + 1))
        if at == 0:
            ticks[float(place)] = f"<{_number(high)}"
        elif at == len(found.edges):
            ticks[float(place)] = f">{_number(low)}"
        elif high == np.nextafter(low, np.inf):
            ticks[float(place)] = _number(low)
        else:
            is_last = place == len(kept) - 1
            ticks[place + 0.5 if is_last else place - 0.5] = _number(high if is_last else low)
    return ticks


def _number(value: float) -> str:
    """Write a number in a few letters."""
    text = f"{value:.4g}"
    return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-") if "e" in text else text


def _texts(found: Distribution) -> str:
    series = {"train": found.train, "live": found.live, "alarming": found.alarming}
    shares = {name: shares_of(counts) for name, counts in series.items() if counts is not None}
    names, pooled = _pooled(found.bins, shares)
    with drawing(SMALL, 0.45 + 0.2 * len(names)) as made:
        axes = made.axes[0, 0]
        places = np.arange(len(names), dtype=float)
        _identify(axes.barh(places, pooled["train"], 0.74, color=SERIES["train"]), "train")
        for name in ("live", "alarming"):
            if name in pooled:
                style: Any = {"color": SERIES[name], "linewidth": 2.2}
                low, high = places - 0.37, places + 0.37
                axes.vlines(pooled[name], low, high, **style).set_gid(name)
        axes.set_yticks(
            places, [shortened(name, MAX_LETTERS) or "(empty)" for name in names], fontsize=8
        )
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        _share_axis(axes, "x")
    return made.svg


def _pooled(
    bins: Sequence[str], shares: dict[str, NDArray[np.float64]]
) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """Keep the categories with the largest share in any series; add the others up."""
    listed = len(bins) - 3
    largest = np.max(list(shares.values()), axis=0)[:listed]
    kept = np.sort(np.argsort(-largest, kind="stable")[:MAX_CATEGORIES])
    rest = np.setdiff1d(np.arange(listed + 1), kept)
    is_rest = bool(sum(some[rest].sum() for some in shares.values()))
    names = [bins[at] for at in kept] + ["others"] * is_rest + list(bins[-2:])
    pooled = {
        name: np.concatenate([some[kept], [some[rest].sum()] if is_rest else [], some[-2:]])
        for name, some in shares.items()
    }
    return names, pooled


def shares_of(counts: Sequence[int]) -> NDArray[np.float64]:
    """Turn counts into shares of their sum; 0 of no rows."""
    some = np.array(counts, np.float64)
    shares: NDArray[np.float64] = some / max(some.sum(), 1.0)
    return shares


def _identify(bars: Sequence[Any], name: str, numbers: Sequence[int] | None = None) -> None:
    for at, bar in zip(numbers or range(len(bars)), bars, strict=True):
        bar.set_gid(f"{name}-{at}")


def _share_axis(axes: Any, which: str) -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.tick_params(axis=which, labelsize=8, labelcolor=LIGHT["muted"])
    axes.locator_params(axis=which, nbins=4)
    axes.grid(axis=which, color=LIGHT["line"], linewidth=0.6)
    axes.set_axisbelow(True)
    (axes.set_ylim if which == "y" else axes.set_xlim)(0)
