"""Windows held against training, as sections of a page."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from preproc.drift import Verdict
from preproc.page import (
    Badge,
    Bullets,
    Cell,
    Figure,
    Gallery,
    Outcome,
    Page,
    Row,
    Section,
    Table,
    Words,
)
from preproc.skew.distributions import Distribution, distributions_of
from preproc.skew.drift_plots import distribution_plot, loudest, shares_of, timeline_plot
from preproc.skew.watching import Watch, summary_of

MAX_SHOWN: Final = 40
"""Distributions on a page; those that alarmed first, then those that differ most."""
MAX_ROWS: Final = 60
"""Windows that a table holds; those that are not quiet first."""
BADGES: Final[dict[str, Outcome]] = {"QUIET": "pass", "ALARM": "breach"}


def watch_page(found: Watch, name: str) -> Page:
    """Make a whole page of what `preproc monitor` found for the model `name`."""
    badge = Badge("warn", "not judged")
    if found.alarms:
        badge = Badge("breach", "alarm")
    elif found.is_judged:
        badge = Badge("pass", "quiet")
    lines = summary_of(found)
    words = f"{len(found.verdicts)} windows against the profile of training. {lines[0]}."
    return Page(f"Traffic of {name} against training", badge, (words,), watch_sections(found))


def watch_sections(found: Watch, *, onset: str = "") -> tuple[Section, ...]:
    """Give ``timeline``, ``windows``, ``distributions`` and ``calibration``; none of no window.

    Parameters
    ----------
    found
        What was judged.
    onset
        Start of a window that is marked in the timeline.
    """
    if not found.verdicts:
        return ()
    return (
        _timeline(found, onset),
        _windows(found),
        _distributions(found),
        _calibration(found),
    )


def _timeline(found: Watch, onset: str) -> Section:
    figure = Figure(
        timeline_plot(found.starts, found.verdicts, onset), _timeline_in_words(found, onset)
    )
    marked = f" The dotted line stands at the onset, {onset}." if onset in found.starts else ""
    return Section(
        "timeline",
        "Windows in time",
        "The score of a window is the largest excursion of all streams, in units of those that "
        "training's own blocks make; above the broken line it alarms. Dots below tell which "
        f"streams alarmed. A window that could not be judged is shaded; it is not quiet.{marked}",
        [figure],
    )


def _timeline_in_words(found: Watch, onset: str) -> str:
    states = Counter(verdict.state for verdict in found.verdicts)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    alarms = [
        f"{start} with {verdict.score:.2f} above {verdict.threshold:.2f}"
        for start, verdict in zip(found.starts, found.verdicts, strict=True)
        if verdict.state == "ALARM"
    ]
    words = f"Scores of {len(found.verdicts)} windows from {found.starts[0]}: {told}."
    if alarms:
        words += f" Alarms: {'; '.join(alarms)}. Loudest: {', '.join(loudest(found.verdicts))}."
    return f"{words} Onset: {onset}." if onset in found.starts else words


def _windows(found: Watch) -> Section:
    order = sorted(range(len(found.verdicts)), key=lambda at: found.verdicts[at].state == "QUIET")[
        :MAX_ROWS
    ]
    rows = [_window_row(found.starts[at], found.verdicts[at]) for at in sorted(order)]
    left = len(found.verdicts) - len(rows)
    more = f" {left} more quiet ones are in the JSON." if left else ""
    return Section(
        "windows",
        "Window by window",
        "p: how often a block of training scores as high. Effects of the three loudest streams: "
        f"points of share, PSI, or standard deviations of training.{more}",
        [
            Table(
                ("window", "rows", "score", "alarms above", "p", "verdict", "what changed most"),
                rows,
                frozenset(("rows", "score", "alarms above", "p")),
                frozenset(("what changed most",)),
            )
        ],
    )


def _window_row(start: str, verdict: Verdict) -> Row:
    is_judged = verdict.threshold > 0
    numbers = (f"{verdict.score:.2f}", f"{verdict.threshold:.2f}", f"{verdict.p:.3f}")
    return Row(
        (
            start,
            f"{verdict.rows:,}",
            *(numbers if is_judged else ("", "", "")),
            Badge(BADGES.get(verdict.state, "warn"), verdict.state),
            "; ".join(_effects(verdict)) or verdict.why,
        )
    )


def _effects(verdict: Verdict) -> Iterator[str]:
    for alarm in verdict.alarms[:3]:
        yield f"{alarm.stream} {alarm.effect:+.3g} {alarm.measure} (p {alarm.p:.2g})"
    if len(verdict.alarms) > 3:  # noqa: PLR2004  # as above
        yield f"{len(verdict.alarms) - 3} more"


def _distributions(found: Watch) -> Section:
    every = distributions_of(found.baseline.places, found.windows, found.verdicts)
    times: Counter[tuple[str, str, int]] = Counter(
        (alarm.stream.part, alarm.stream.name, alarm.stream.at)
        for verdict in found.verdicts
        for alarm in verdict.alarms
    )
    shown = sorted(every, key=lambda one: (-times[one.part, one.name, one.at], -_distance(one)))[
        :MAX_SHOWN
    ]
    left = len(every) - len(shown)
    more = f" {left} more, which differ less, are in the JSON." if left else ""
    figures = [
        Figure(
            distribution_plot(one),
            _distribution_in_words(one),
            title=str(one),
            caption=_caption(one),
        )
        for one in shown
    ]
    return Section(
        "distributions",
        "Training against traffic",
        "Share of rows in each frozen bin, those of training filled in grey, those of windows that "
        "did not alarm in blue, of windows that did in red; nulls stand beside. Bins hold equal "
        "shares of training, whatever their width, and a frequent value is a bin of its own. "
        f"Places that alarmed stand first, then those that differ most.{more}",
        [Gallery(figures)],
    )


def _distance(found: Distribution) -> float:
    """Total variation between training and what differs most from it."""
    train = shares_of(found.train)
    series = (counts for counts in (found.live, found.alarming) if counts is not None)
    return max((abs(shares_of(counts) - train).sum() / 2 for counts in series), default=0.0)


def _caption(found: Distribution) -> str:
    if found.live is None and found.alarming is None:
        return "not logged, so not judged"
    nulls = [
        f"{name} {100 * counts[-1] / max(sum(counts), 1):.3g} %"
        for name, counts in (
            ("training", found.train),
            ("traffic", found.live),
            ("alarming", found.alarming),
        )
        if counts is not None
    ]
    return f"nulls: {', '.join(nulls)}"


def _distribution_in_words(found: Distribution) -> str:
    moved = [
        f"{100 * share:.3g} % of the rows lie in other bins {when}"
        for counts, when in (
            (found.live, "in traffic"),
            (found.alarming, "in windows that alarmed"),
        )
        if counts is not None
        for share in [float(abs(shares_of(counts) - shares_of(found.train)).sum() / 2)]
    ]
    return (
        f"Distribution of {found} in training and traffic. {'; '.join((*moved, _caption(found)))}."
    )


def _calibration(found: Watch) -> Section:
    baseline = found.baseline
    rows = [
        Row(
            (
                f"replay {replay.how}",
                str(replay.windows),
                Cell((str(replay.alarms),)),
                f"{replay.p:.2g}",
            )
        )
        for replay in baseline.replays
    ]
    tried = (
        Table(("tried", "windows", "alarms", "p"), rows, frozenset(("windows", "alarms", "p")))
        if rows
        else Words(("It was not tried.",))
    )
    return Section(
        "calibration",
        "What an alarm is worth",
        f"{100 * baseline.false_alarms:.3g} % of quiet windows may alarm, all streams together. "
        "At export this was tried on held-out blocks of training; p is the chance of as many "
        "alarms, were the rate right.",
        [tried, Bullets([(line,) for line in summary_of(found)])],
    )
