"""The report of `preproc diagnose`, as it is written as JSON, in sections of a page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from preproc.drift import Band
from preproc.page import (
    Badge,
    Bullets,
    Figure,
    Heading,
    Outcome,
    Page,
    Part,
    Row,
    Section,
    Table,
    Words,
)
from preproc.skew.diagnose_report import place_of
from preproc.skew.pair_plots import bands_plot, counts_plot, differing_plot
from preproc.skew.scope import Onset, Scope
from preproc.skew.watch_page import watch_sections
from preproc.wording import counted

QUESTIONS: Final = {
    "skew": "was a row computed otherwise than training would have?",
    "data drift": "do rows come from elsewhere than those of training?",
    "concept drift": "does the same score mean something else now?",
}
_BADGES: Final[dict[str, Outcome]] = {"yes": "breach", "no": "pass", "open": "warn"}
_KINDS: Final = {
    "served": "Logged answers against the pipeline's",
    "asked": "Logged inputs against their sources",
}
MAX_PARTS: Final = 25


def diagnosis_page(report: Mapping[str, Any], name: str) -> Page:
    """Make a whole page of a report on the model `name`."""
    outcome: Outcome = "breach" if report["causes"] else "pass"
    if report["verdict"] == "undetermined":
        outcome = "warn"
    onset, scope = report["onset"], report["scope"]
    told = place_of(onset and Onset(**onset), scope and Scope(**scope))
    words = "; ".join(told) or "no onset, and nobody is concerned more than others"
    badge = Badge(outcome, report["verdict"])
    text = f"{words[0].upper()}{words[1:]}."
    return Page(f"Diagnosis of {name}", badge, (text,), diagnosis_sections(report))


def diagnosis_sections(report: Mapping[str, Any]) -> tuple[Section, ...]:
    """Give ``evidence``, what there is of the others, and the sections of its windows.

    Those others are ``causes``, ``missing``, ``pairs`` and ``bands``.

    Parameters
    ----------
    report
        As `preproc.skew.diagnose_report.diagnosis_to_json` gives it.
    """
    onset = report["onset"]["start"] if report["onset"] else ""
    watched = watch_sections(report["watch"], onset=onset) if report["watch"] else ()
    return (
        _evidence(report),
        *_causes(report),
        *_missing(report),
        *_pairs(report),
        *_bands(report),
        *watched,
    )


def _evidence(report: Mapping[str, Any]) -> Section:
    rows = [
        Row(
            (
                line["cause"],
                Badge(_BADGES[line["answer"]], line["answer"]),
                f"{line['n']:,} {line['unit']}",
                "" if line["p"] is None else f"{line['p']:.2g}",
                line["effect"],
                line["test"],
            )
        )
        for line in report["evidence"]
    ]
    said_open = {line["cause"] for line in report["evidence"] if line["answer"] == "open"}
    rows += [
        Row((cause, Badge("warn", "open"), "", "", "see what is missing", ""))
        for cause in (text.partition(": ")[0] for text in report["missing"])
        if cause not in said_open
    ]
    asked = " ".join(f"{cause.capitalize()}: {asks}" for cause, asks in QUESTIONS.items())
    heads = ("question", "answer", "n", "p", "effect", "test")
    table = Table(heads, rows, frozenset(("n", "p")), frozenset(("effect", "test")))
    return Section("evidence", "Evidence, for and against", asked, [table])


def _causes(report: Mapping[str, Any]) -> Iterator[Section]:
    if report["causes"]:
        pairs = zip(report["causes"], report["remedies"], strict=True)
        rows = [Row((Badge("breach", cause), remedy)) for cause, remedy in pairs]
        yield Section("causes", "What to do", "", [Table(("cause", "remedy"), rows)])


def _missing(report: Mapping[str, Any]) -> Iterator[Section]:
    if report["missing"]:
        items = [(text,) for text in report["missing"]]
        words = "A question that was not asked has no answer."
        yield Section("missing", "What is missing", words, [Bullets(items)])


def _pairs(report: Mapping[str, Any]) -> Iterator[Section]:
    parts = [part for pairs in report["pairs"] for part in _pairs_of(pairs)]
    if parts:
        yield Section(
            "pairs",
            "Rows that were computed twice",
            "Share of the rows of each window that differ; none may.",
            parts,
        )


def _pairs_of(pairs: Mapping[str, Any]) -> Iterator[Part]:
    compared, different = pairs["compared"], pairs["different"]
    total = f"{sum(different):,} of {counted(f'{sum(compared):,}', 'row')} differ"
    where = f", first in {pairs['where']}" if pairs["where"] else ""
    yield Heading(_KINDS[pairs["kind"]])
    if not sum(different):
        yield Words((f"{total}.",))
        return
    told = "; ".join(
        f"{start}: {count}"
        for start, count in zip(pairs["starts"], different, strict=True)
        if count
    )
    yield Words((f"{total}{where}.",))
    yield Figure(
        differing_plot(pairs["starts"], compared, different),
        f"Rows that differ by window. {total}. {told}.",
    )
    bars = sorted((bar for bar in pairs["parts"].items() if bar[1]), key=lambda bar: -bar[1])
    if pairs["kind"] == "served":  # steps have an order, columns have none
        bars = list(pairs["parts"].items())
    if bars:
        shown = bars[:MAX_PARTS]
        listed = "; ".join(f"{name}: {rows}" for name, rows in shown)
        unit = "rows that differ" if pairs["kind"] == "asked" else "rows that differ here, followed"
        yield Figure(counts_plot(shown, unit), f"Rows that differ by step or column. {listed}.")


def _bands(report: Mapping[str, Any]) -> Iterator[Section]:
    if report["change"] is None:
        return
    bands = [Band(**told) for told in report["change"]["bands"]]
    told = "; ".join(
        f"{name}: training {_number(band.then)}, now {_number(band.now)}"
        for name, band in zip(_names(bands), bands, strict=True)
    )
    yield Section(
        "bands",
        "What came true, by band of the score",
        "What came true minus what was expected, with 95 % intervals over windows: grey in "
        "training, in colour now. Points of probability, or the unit of the target.",
        [Figure(bands_plot(_names(bands), bands), f"Residuals by band. {told}.")],
    )


def _names(bands: Sequence[Band]) -> list[str]:
    return [
        " ".join(
            [
                *([] if band.low is None else [f"from {band.low:.3g}"]),
                *([] if band.high is None else [f"to {band.high:.3g}"]),
            ]
        )
        or "all"
        for band in bands
    ]


def _number(value: float | None) -> str:
    return "no rows" if value is None else f"{value:+.3g}"
