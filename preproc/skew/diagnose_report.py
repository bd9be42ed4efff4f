"""A diagnosis for people and for programs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from preproc.drift import Baseline, Outcomes, baseline_from_json, outcomes_from_json
from preproc.skew.case import Diagnosis
from preproc.skew.scope import Onset, Scope
from preproc.skew.watching import watch_to_json


def profile_parts(profile: Mapping[str, Any]) -> tuple[Baseline | None, Outcomes | None]:
    """Find what an artifact knows of its training; None where the export was not told.

    Raises
    ------
    DriftError
        When it is damaged.
    """
    monitor, outcomes = profile.get("monitor"), profile.get("outcomes")
    return (
        None if monitor is None else baseline_from_json(monitor),
        None if outcomes is None else outcomes_from_json(outcomes),
    )


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print the verdict, a line for each piece of evidence, what is missing and what to do."""
    console.print(f"verdict: [bold]{found.verdict}[/]", highlight=False)
    table = Table("question", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("answer", "p"):
        table.add_column(heading, no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("effect")
    table.add_column("test")
    for line in found.evidence:
        p = "" if line.p is None else f"{line.p:.2g}"
        table.add_row(line.cause, line.answer, p, f"{line.n} {line.unit}", line.effect, line.test)
    console.print(table)
    for text in lines_of(found):
        console.print(text, highlight=False, markup=False)


def lines_of(found: Diagnosis) -> list[str]:
    """Say the rest in lines."""
    lines = place_of(found.onset, found.scope)
    pairs = zip(found.causes, found.remedies, strict=True)
    lines += [f"{cause}: {remedy}" for cause, remedy in pairs]
    lines += [f"open: {text}" for text in found.missing]
    return lines


def place_of(onset: Onset | None, scope: Scope | None) -> list[str]:
    """Say since when and for whom, where that is told."""
    lines = []
    if onset is not None:
        lines.append(
            f"since {onset.start}: {100 * onset.after:.3g} % of the windows are concerned, "
            f"{100 * onset.before:.3g} % before"
        )
    if scope is not None:
        lines.append(f"confined to {scope}")
    return lines


def diagnosis_to_json(found: Diagnosis) -> dict[str, Any]:
    """Turn a diagnosis into plain JSON data."""
    return {
        "verdict": found.verdict,
        "causes": list(found.causes),
        "evidence": [asdict(line) for line in found.evidence],
        "missing": list(found.missing),
        "onset": None if found.onset is None else asdict(found.onset),
        "scope": None if found.scope is None else asdict(found.scope),
        "remedies": list(found.remedies),
        "pairs": [asdict(pairs) for pairs in found.pairs],
        "change": None if found.change is None else asdict(found.change),
        "watch": None if found.watch is None else watch_to_json(found.watch),
    }
