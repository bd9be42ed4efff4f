"""The story as one HTML page: each verdict with its evidence, its picture and what to do."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from examples.flights.data import DISTANCE, WEATHER
from examples.skew import plots
from examples.skew.months import (
    AUGUST,
    CONTROL,
    FAULTY,
    LABEL_TAKES_DAYS,
    LAST_TRAINING_MONTH,
    OCTOBER,
    RELEASED,
    SHARE,
    month_of,
)
from examples.skew.scores import Scores
from examples.skew.story import (
    CAUSES,
    august,
    effect_of,
    in_order,
    july,
    october,
    of_month,
    title_of,
)
from examples.skew.verdicts import Answers, Verdict, windows_of
from preproc.page import (
    Badge,
    Bullets,
    Cell,
    Figure,
    Gallery,
    Outcome,
    Page,
    Part,
    Row,
    Section,
    Table,
    Words,
    render_page,
)
from preproc.skew.diagnose_page import diagnosis_sections

BADGES: Final[dict[str, Outcome]] = {"quiet": "pass", "undetermined": "warn"}
INTRODUCTION: Final = (
    "A model of late arrivals learned January to June 2013 and served July to December. One fault "
    f"is planted: in August {FAULTY} asks wrongly. All else is what the year brought, month by "
    "month. Every number comes from the logs, by the commands at the end."
)
MEANING: Final = (
    "By fifths of the score: how many flights were expected to be late, and how many were. On the "
    "dashed line the two are equal."
)
SHOWN: Final = RELEASED + pd.Timedelta(days=2)
"""Midnight at which two days of look-ups begin."""


def write_page(answers: Answers, scores: Scores, flights: pd.DataFrame, path: Path) -> Path:
    """Write the page.

    Parameters
    ----------
    answers
        Of all commands.
    scores
        Of training and of the logs.
    flights
        The whole year as the model should see it.
    path
        File to write.
    """
    right = [one.is_right for one in in_order(answers)]
    page = Page(
        "Half a year of flights, served and watched",
        Badge(
            "breach" if answers.wrong else "pass",
            f"{sum(right)} of {len(right)} verdicts as expected",
        ),
        (INTRODUCTION,),
        (
            _year(answers, scores),
            _july(answers, flights),
            _august(answers, scores),
            _october(answers, scores),
            _commands(answers),
        ),
    )
    path.write_text(render_page(page), encoding="utf-8")
    return path


def _year(answers: Answers, scores: Scores) -> Section:
    rows = [
        Row(
            (
                title_of(one),
                f"{len(one.served.asked):,}",
                *(effect_of(one, cause) for cause in CAUSES),
                Cell((_badge(one), "" if one.is_right else f" not {one.expected}")),
            )
        )
        for one in in_order(answers)
    ]
    heads = ("month", "flights", *CAUSES, "verdict")
    real = [one for one in answers.verdicts if one.served.month is not CONTROL]
    picture = Figure(
        plots.year(real, scores.live, scores.training),
        "Three rows of daily marks from July to December: rows that differ stand in August only, "
        "alarms in July above all, and what came true falls below what was expected from "
        "September to November.",
        caption="Dashed: the score above which a day alarms. Grey: the middle nine tenths of the "
        "weeks of training.",
    )
    return Section(
        "year",
        "Three questions, six months",
        "Was a row computed otherwise than training would have? Do rows come from elsewhere? Does "
        "the same score mean something else? Each has evidence of its own.",
        [picture, Table(heads, rows, frozenset(("flights",)))],
    )


def _july(answers: Answers, flights: pd.DataFrame) -> Section:
    found = answers.verdicts[0]
    month = found.served.month
    parts: list[Part] = [_words(july(answers))]
    for column in _loudest(found):
        number = month_of(flights)
        first = flights.loc[number <= LAST_TRAINING_MONTH, column]
        then = flights.loc[number == month.number, column]
        beyond = f"{(then > first.max()).mean():.1%} of the flights of {month.name} lie above all "
        picture = Figure(
            plots.shift(column, first, then, month.name),
            f"Two spreads of {column}: {beyond}of training.",
            title=f"{column}, which alarms on most days",
            caption=f"{beyond}that training saw.",
        )
        parts.append(picture)
    return _section("july", f"{month.name}: another season", found, parts)


def _august(answers: Answers, scores: Scores) -> Section:
    found, control = of_month(answers, AUGUST), of_month(answers, CONTROL)
    served = found.served
    picture = Figure(
        plots.look_ups(served.asked, served.sources, "JFK", SHOWN),
        f"Temperature at JFK: what {FAULTY} sent lags the known values by four hours.",
        title="The last report, and the one that was sent",
        caption=f"{FAULTY} came on {RELEASED:%-d %B} for {SHARE:.0%} of the flights.",
    )
    said = f"The negative control, the same month with a {FAULTY} that has no fault: "
    twin = Words((said, _badge(control)))
    told, pairs = _words(august(answers, scores)), _reported(found, "pairs")
    parts: list[Part] = [told, picture, *pairs, twin]
    return _section("august", f"{AUGUST.name}: a release with a fault", found, parts)


def _october(answers: Answers, scores: Scores) -> Section:
    found = of_month(answers, OCTOBER)
    months = {
        one.served.month.name: one for one in answers.verdicts if one.served.month is not CONTROL
    }
    live = {name: scores.live[one.served.month.folder] for name, one in months.items()}
    pictures = [
        Figure(svg, f"{name}, concept drift: {said}.", title=f"{name}: {said}")
        for name, svg in plots.meanings(scores.training, live).items()
        for said in [effect_of(months[name], "concept drift")]
    ]
    words = Words((MEANING,))
    parts: list[Part] = [_words(october(answers)), words, Gallery(pictures)]
    return _section("october", f"{OCTOBER.name}: what only labels can tell", found, parts)


def _commands(answers: Answers) -> Section:
    said = [one.said for one in in_order(answers)] + [answers.replay, answers.monitor]
    rows = [Row((str(one.code), f"{one.seconds:.0f} s", one.words)) for one in said]
    numbers = frozenset(("exit code", "took"))
    table = Table(("exit code", "took", "command"), rows, numbers, frozenset(("command",)))
    words = (
        "From the root of the repository, with PYTHONPATH=. since the pipeline holds a function of "
        "the examples. Labels are told by the arrival, and come "
        f"{LABEL_TAKES_DAYS} days after the flight; inputs computed anew are the weather as it was "
        "known at the departure."
    )
    return Section("commands", "Commands", words, [table])


def _section(name: str, title: str, found: Verdict, parts: Sequence[Part]) -> Section:
    """Make a section that begins with verdict and remedy, and ends with the evidence."""
    verdict = Words((_badge(found), *(f" {text}" for text in found.said.found["remedies"])))
    return Section(name, title, "", [verdict, *parts, *_reported(found, "evidence")])


def _reported(found: Verdict, name: str) -> Sequence[Part]:
    """Take what stands in a section of the product's own report, its windows apart."""
    sections = diagnosis_sections({**found.said.found, "watch": None})
    return [part for section in sections if section.name == name for part in section.parts]


def _words(told: Iterable[tuple[str, str]]) -> Bullets:
    return Bullets([(f"{title.strip()}: {text}",) for title, text in told])


def _badge(found: Verdict) -> Badge:
    return Badge(BADGES.get(found.verdict, "breach"), found.verdict)


def _loudest(found: Verdict) -> list[str]:
    """Name the number that alarms on most days; nothing where none alarms."""
    names: list[str] = [
        window["alarms"][0]["stream"]["name"]
        for window in windows_of(found)
        if window["alarms"] and window["alarms"][0]["stream"]["name"] in (DISTANCE, *WEATHER)
    ]
    return sorted(set(names), key=lambda name: (-names.count(name), name))[:1]
