"""Pictures of the story, from the logs and from what the commands wrote."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from examples.flights.data import DEPARTURE, LABEL, NEW_YORK
from examples.skew.clients import CLIENT
from examples.skew.months import FAULTY
from examples.skew.scores import DAY, EXPECTED
from examples.skew.verdicts import Verdict, windows_of
from preproc.page.drawing import SMALL, WIDTH, drawing
from preproc.page.style import LIGHT

WEEK: Final = 7
LOWEST: Final = 0.02
MIDDLE: Final = (0.05, 0.95)
BANDS: Final = 5


def year(verdicts: Sequence[Verdict], live: Mapping[str, pd.DataFrame], first: pd.DataFrame) -> str:
    """Draw the three questions, one below the other, day by day."""
    half = pd.Timedelta(hours=12)
    scores = pd.concat([live[one.served.month.folder] for one in verdicts])
    with drawing(WIDTH, 5.4, rows=3, heights=(1, 1.5, 1.5)) as made:
        skew, drift, concept = made.axes[:, 0]
        wrong = scores.groupby(DAY)["differ"].mean() * 100
        skew.bar(wrong.index, wrong, width=0.9, color=LIGHT["breach"])
        skew.set_ylabel("rows that differ, %")
        skew.set_title("Skew: inputs against their sources", loc="left", fontsize=9)
        _windows(drift, verdicts)
        drift.set_title("Data drift: days against training", loc="left", fontsize=9)
        _residuals(concept, scores, first)
        concept.set_title(
            "Concept drift: what came true, less what was expected", loc="left", fontsize=9
        )
        for axes in (skew, drift, concept):
            for verdict in verdicts[1:]:
                axes.axvline(_day(verdict) - half, color=LIGHT["line"], linewidth=1, zorder=0)
        ticks = [_day(one) + pd.Timedelta(days=15) for one in verdicts]
        names = [f"{one.served.month.name}\n{one.verdict}" for one in verdicts]
        concept.set_xticks(ticks, names)
        concept.tick_params(axis="x", length=0)
        concept.set_xlim(
            _day(verdicts[0]) - half, verdicts[-1].served.month.ends.tz_localize(None) - half
        )
    return made.svg


def _day(verdict: Verdict) -> pd.Timestamp:
    return verdict.served.month.begins.tz_localize(None)


def _windows(axes: Any, verdicts: Sequence[Verdict]) -> None:
    days = [window for one in verdicts for window in windows_of(one)]
    at = pd.to_datetime([window["start"] for window in days])
    ratio = np.array([window["score"] / window["threshold"] for window in days])
    is_alarm = np.array([window["state"] == "ALARM" for window in days])
    for marks, colour in ((~is_alarm, "past"), (is_alarm, "breach")):
        axes.plot(at[marks], np.maximum(ratio[marks], LOWEST), "o", ms=3, color=LIGHT[colour])
    axes.axhline(1, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_ylabel("score / threshold")


def _residuals(axes: Any, scores: pd.DataFrame, first: pd.DataFrame) -> None:
    low, high = _weekly(first).quantile(MIDDLE)
    axes.axhspan(low, high, color=LIGHT["line"], linewidth=0, alpha=0.7)
    live = _weekly(scores)
    axes.axhline(0, color=LIGHT["muted"], linewidth=0.8)
    axes.plot(live.index, live, color=LIGHT["now"], linewidth=1.6)
    axes.set_ylabel("points, week's mean")


def _weekly(scores: pd.DataFrame) -> "pd.Series[float]":
    """Mean residual of seven days, in points; each day counts alike."""
    daily = ((scores[LABEL] - scores[EXPECTED]) * 100).groupby(scores[DAY]).mean()
    return daily.rolling(WEEK, center=True, min_periods=4).mean().dropna()


def shift(column: str, first: "pd.Series[float]", then: "pd.Series[float]", name: str) -> str:
    """Draw how a column was spread in training, and in a month."""
    low, high = min(first.min(), then.min()), max(first.max(), then.max())
    edges = np.linspace(low, high, 41)
    with drawing(WIDTH, 2.3) as made:
        axes = made.axes[0, 0]
        _spread(axes, first, edges, "past", "January to June")
        _spread(axes, then, edges, "now", name)
        axes.axvline(first.max(), color=LIGHT["breach"], linewidth=1, linestyle=(0, (4, 3)))
        axes.text(
            first.max(),
            axes.get_ylim()[1],
            " highest of training ",
            color=LIGHT["breach"],
            fontsize=8,
            ha="right",
            va="top",
        )
        axes.set_xlabel(column)
        axes.set_ylabel("flights, %")
        axes.legend(loc="upper left")
    return made.svg


def _spread(
    axes: Any, values: "pd.Series[float]", edges: NDArray[Any], colour: str, name: str
) -> None:
    counts, _ = np.histogram(values.dropna(), edges)
    axes.stairs(
        100 * counts / counts.sum(), edges, fill=True, alpha=0.55, color=LIGHT[colour], label=name
    )


def look_ups(asked: pd.DataFrame, anew: pd.DataFrame, origin: str, begins: pd.Timestamp) -> str:
    """Draw two days of temperature at an airport: as it was known, and as it was sent."""
    rows = asked[DEPARTURE].between(begins, begins + pd.Timedelta(days=2)) & (
        asked["origin"] == origin
    )
    some, known = asked[rows], anew[rows]
    clock = some[DEPARTURE].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    is_faulty = some[CLIENT] == FAULTY
    with drawing(WIDTH, 2.5) as made:
        axes = made.axes[0, 0]
        axes.plot(
            clock, known["temp"], color=LIGHT["past"], linewidth=2.5, label="known at departure"
        )
        axes.plot(
            clock[is_faulty],
            some.loc[is_faulty, "temp"],
            "o",
            ms=4,
            color=LIGHT["breach"],
            label=f"sent by {FAULTY}",
        )
        axes.plot(
            clock[~is_faulty],
            some.loc[~is_faulty, "temp"],
            ".",
            ms=3,
            color=LIGHT["now"],
            label="sent by the others",
        )
        axes.set_ylabel(f"temperature at {origin}, °F")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        first = begins.tz_localize(None)
        ticks = [first + pd.Timedelta(hours=hour) for hour in range(0, 49, 6)]
        axes.set_xticks(ticks, [f"{at:%-d %b}" if at.hour == 0 else f"{at:%H:%M}" for at in ticks])
    return made.svg


def meanings(first: pd.DataFrame, live: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Draw for each month, by band of the score, how many flights were late, beside training."""
    edges = np.quantile(first[EXPECTED], np.linspace(0, 1, BANDS + 1)[1:-1])
    before = _by_band(first, edges)
    after = {name: _by_band(scores, edges) for name, scores in live.items()}
    top = 1.05 * max(float(bands.to_numpy().max()) for bands in (before, *after.values()))
    return {name: _meaning(before, bands, name, top) for name, bands in after.items()}


def _by_band(scores: pd.DataFrame, edges: NDArray[np.float64]) -> pd.DataFrame:
    band = np.searchsorted(edges, scores[EXPECTED], side="right")
    return 100 * scores.groupby(band)[[EXPECTED, LABEL]].mean()


def _meaning(before: pd.DataFrame, after: pd.DataFrame, name: str, top: float) -> str:
    with drawing(SMALL, SMALL) as made:
        axes = made.axes[0, 0]
        axes.plot([0, top], [0, top], color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (4, 3)))
        for bands, colour, label in (
            (before, "past", "January to June"),
            (after, "now", name),
        ):
            axes.plot(bands[EXPECTED], bands[LABEL], "o-", ms=4, color=LIGHT[colour], label=label)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.set_xlabel("expected late, %")
        axes.set_ylabel("late, %")
        axes.legend(loc="upper left")
    return made.svg
