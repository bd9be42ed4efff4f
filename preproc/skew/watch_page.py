"""The report of `preproc monitor`, as it is written as JSON, in sections of a page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from preproc.drift import Alarm, Verdict
from preproc.drift.streams import Stream
from preproc.page import Badge, Bullets, Figure, Gallery, Outcome, Page, Row, Section, Table, Words
from preproc.skew.distributions import Distribution
from preproc.skew.drift_plots import distribution_plot, loudest, shares_of, timeline_plot
from preproc.wording import counted

MAX_SHOWN: Final = 40
"""Distributions on a page; those that alarmed first, then those that differ most."""
MAX_ROWS: Final = 60
"""Windows that a table holds; those that are not quiet first."""
BADGES: Final[dict[str, Outcome]] = {"QUIET": "pass", "ALARM": "breach"}


def watch_page(report: Mapping[str, Any], name: str) -> Page:
    """Make a whole page of a report on the model `name`."""
    states = {window["state"] for window in report["windows"]}
    badge = Badge("warn", "not judged")
    if report["alarms"]:
        badge = Badge("breach", "alarm")
    elif states == {"QUIET"}:
        badge = Badge("pass", "quiet")
    words = f"{counted(len(report['windows']), 'window')} against the profile of training."
    return Page(f"Traffic of {name} against training", badge, (words,), watch_sections(report))


def watch_sections(report: Mapping[str, Any], *, onset: str = "") -> tuple[Section, ...]:
    """Give ``timeline``, ``windows``, ``distributions`` and ``calibration``.

    Parameters
    ----------
    report
        As `preproc.skew.watching.watch_to_json` gives it; without windows there are no sections.
    onset
        Start of a window that is marked in the timeline.
    """
    if not report["windows"]:
        return ()
    starts = [window["start"] for window in report["windows"]]
    verdicts = [_verdict(window) for window in report["windows"]]
    return (
        _timeline(starts, verdicts, onset),
        _windows(starts, verdicts),
        _distributions(report, verdicts),
        _calibration(report),
    )


def _verdict(window: Mapping[str, Any]) -> Verdict:
    told = {name: value for name, value in window.items() if name != "start"}
    alarms = tuple(
        Alarm(**{**alarm, "stream": Stream(**alarm["stream"])}) for alarm in window["alarms"]
    )
    return Verdict(**{**told, "alarms": alarms, "distances": ()})


def _timeline(starts: Sequence[str], verdicts: Sequence[Verdict], onset: str) -> Section:
    marked = f" The dotted line stands at the onset, {onset}." if onset in starts else ""
    return Section(
        "timeline",
        "Windows in time",
        "The score of a window is the largest excursion of all streams, in units of those that "
        "training's own blocks make; above the broken line it alarms. Dots below tell which "
        f"streams alarmed. A window that could not be judged is shaded; it is not quiet.{marked}",
        [
            Figure(
                timeline_plot(starts, verdicts, onset), _timeline_in_words(starts, verdicts, onset)
            )
        ],
    )


def _timeline_in_words(starts: Sequence[str], verdicts: Sequence[Verdict], onset: str) -> str:
    states = Counter(verdict.state for verdict in verdicts)
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    alarms = [
        f"{start} with {verdict.score:.2f} above {verdict.threshold:.2f}"
        for start, verdict in zip(starts, verdicts, strict=True)
        if verdict.state == "ALARM"
    ]
    words = f"Scores of {counted(len(verdicts), 'window')} from {starts[0]}: {told}."
    if alarms:
        words += f" Alarms: {'; '.join(alarms)}. Loudest: {', '.join(loudest(verdicts))}."
    return f"{words} Onset: {onset}." if onset in starts else words


def _windows(starts: Sequence[str], verdicts: Sequence[Verdict]) -> Section:
    quiet_last = sorted(range(len(verdicts)), key=lambda at: verdicts[at].state == "QUIET")
    rows = [_window_row(starts[at], verdicts[at]) for at in sorted(quiet_last[:MAX_ROWS])]
    left = len(verdicts) - len(rows)
    more = f" {left} more are in the JSON." if left else ""
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
        yield f"{alarm.stream} {alarm.effect:+.3g} {alarm.measure}"
    if len(verdict.alarms) > 3:  # noqa: PLR2004  # as above
        yield f"{len(verdict.alarms) - 3} more"


def _distributions(report: Mapping[str, Any], verdicts: Sequence[Verdict]) -> Section:
    every = [
        Distribution(**{**told, "bins": tuple(told["bins"])}) for told in report["distributions"]
    ]
    times: Counter[tuple[str, str, int]] = Counter(
        (alarm.stream.part, alarm.stream.name, alarm.stream.at)
        for verdict in verdicts
        for alarm in verdict.alarms
    )
    shown = sorted(every, key=lambda one: (-times[one.part, one.name, one.at], -_moved_most(one)))
    left = len(shown[MAX_SHOWN:])
    more = f" {left} more, which differ less, are in the JSON." if left else ""
    figures = [
        Figure(distribution_plot(one), _distribution_in_words(one), str(one), _nulls(one))
        for one in shown[:MAX_SHOWN]
    ]
    return Section(
        "distributions",
        "Training against traffic",
        "Share of rows in each frozen bin: those of training filled in grey, those of windows that "
        "did not alarm in blue, of windows that did in red; nulls stand beside. Bins hold equal "
        "shares of training, whatever their width; a frequent value is a bin of its own, and one "
        f"that nobody ever was in is not drawn. What alarmed, or differs most, stands first.{more}",
        [Gallery(figures)],
    )


def _live(found: Distribution) -> Iterator[tuple[str, Sequence[int]]]:
    """Give what there is of traffic, by what became of its windows; no alarm is not yet quiet."""
    if found.live is not None:
        yield "without alarm", found.live
    if found.alarming is not None:
        yield "with alarm", found.alarming


def _moved(found: Distribution, counts: Sequence[int]) -> float:
    """Total variation between training and some windows: the share of rows that moved."""
    return float(abs(shares_of(counts) - shares_of(found.train)).sum() / 2)


def _moved_most(found: Distribution) -> float:
    return max((_moved(found, counts) for _, counts in _live(found)), default=0.0)


def _nulls(found: Distribution) -> str:
    live = dict(_live(found))
    if not live:
        return "not logged, so not judged"
    series = {"training": found.train, **live}
    shares = (f"{name} {100 * shares_of(counts)[-1]:.3g} %" for name, counts in series.items())
    return f"nulls: {', '.join(shares)}"


def _distribution_in_words(found: Distribution) -> str:
    moved = (
        f"{100 * _moved(found, counts):.3g} % of the rows of windows {name} lie in other bins; "
        for name, counts in _live(found)
    )
    return f"Distribution of {found}, training and traffic. {''.join(moved)}{_nulls(found)}."


def _calibration(report: Mapping[str, Any]) -> Section:
    heads = ("tried", "windows", "alarms", "p")
    rows = [
        Row((one["how"], str(one["windows"]), str(one["alarms"]), f"{one['p']:.2g}"))
        for one in report["replays"]
    ]
    tried = Table(heads, rows, frozenset(heads[1:])) if rows else Words(("It was not tried.",))
    return Section(
        "calibration",
        "What an alarm is worth",
        f"{100 * report['false_alarms']:.3g} % of quiet windows may alarm, all streams together. "
        "At export this was tried on held-out blocks of training; p is the chance of as many "
        "alarms, were the rate right.",
        [tried, Bullets([(line,) for line in report["said"]])],
    )
