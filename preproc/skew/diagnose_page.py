"""A diagnosis, as sections of a page."""

from collections.abc import Iterator
from typing import Final

from preproc.page import Badge, Bullets, Outcome, Page, Row, Section, Table
from preproc.skew.case import Answer, Cause, Diagnosis
from preproc.skew.diagnose_report import place_of
from preproc.skew.watch_page import watch_sections

MEANING: Final[dict[Cause, str]] = {
    "skew": "was a row computed otherwise than training would have?",
    "data drift": "do rows come from elsewhere than those of training?",
    "concept drift": "does the same score mean something else now?",
}
_BADGES: Final[dict[Answer, Outcome]] = {"yes": "breach", "no": "pass", "open": "warn"}


def diagnosis_page(found: Diagnosis, name: str) -> Page:
    """Make a whole page of what `preproc diagnose` found for the model `name`."""
    outcome: Outcome = "breach" if found.causes else "pass"
    if found.verdict == "undetermined":
        outcome = "warn"
    words = ". ".join(place_of(found)) or "No onset, and nobody in particular is concerned"
    badge = Badge(outcome, found.verdict)
    return Page(f"Diagnosis of {name}", badge, (f"{words}.",), diagnosis_sections(found))


def diagnosis_sections(found: Diagnosis) -> tuple[Section, ...]:
    """Give ``evidence``, what there is of ``causes`` and ``missing``, and those of its windows."""
    onset = "" if found.onset is None else found.onset.start
    watched = () if found.watch is None else watch_sections(found.watch, onset=onset)
    return (_evidence(found), *_causes(found), *_missing(found), *watched)


def _evidence(found: Diagnosis) -> Section:
    rows = [
        Row(
            (
                line.cause,
                Badge(_BADGES[line.answer], line.answer),
                f"{line.n:,} {line.unit}",
                "" if line.p is None else f"{line.p:.2g}",
                line.effect,
                line.test,
            )
        )
        for line in found.evidence
    ]
    asked = {line.cause for line in found.evidence}
    rows += [
        Row((cause, Badge("warn", "open"), "", "", "not asked; see what is missing", ""))
        for cause in MEANING
        if cause not in asked
    ]
    told = "; ".join(f"{cause}: {question}" for cause, question in MEANING.items())
    heads = ("question", "answer", "n", "p", "effect", "test")
    table = Table(heads, rows, frozenset(("n", "p")), frozenset(("effect", "test")))
    return Section("evidence", "Evidence, for and against", f"{told}", [table])


def _causes(found: Diagnosis) -> Iterator[Section]:
    if not found.causes:
        return
    pairs = zip(found.causes, found.remedies, strict=True)
    rows = [Row((Badge("breach", cause), remedy)) for cause, remedy in pairs]
    yield Section("causes", "What to do", "", [Table(("cause", "remedy"), rows)])


def _missing(found: Diagnosis) -> Iterator[Section]:
    if found.missing:
        words = "A question that was not asked has no answer. It takes:"
        yield Section("missing", "What is missing", words, [Bullets([(t,) for t in found.missing])])
