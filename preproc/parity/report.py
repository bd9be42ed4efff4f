"""Findings for people (tables) and for programs (JSON)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from preproc.parity.bisecting import StepFinding, culprit
from preproc.parity.causes import Explanation, differences
from preproc.parity.judging import NAN_ULP, Finding, Judged
from preproc.parity.recording import Recording
from preproc.parity.worst import Row
from preproc.wording import counted

HUGE_ULP: Final = 10**6
"""From here on a distance in ULP is shown as a power of ten."""


@dataclass(frozen=True, slots=True)
class Line:
    """One output on one backend: all settings, golden sets and batch sizes together.

    Attributes
    ----------
    runs
        Pairs of setting, set and size that were compared.
    rows, bitwise_share, max_ulp, max_abs, zero_signs, label_flips
        Of the answered rows; flips are None where the output is no label. `zero_signs` counts +0
        that came as -0 and the other way round, which no bound forbids.
    poisoned
        Refused rows that hold the poison, of `refused`.
    alone
        Rows that were asked again in other batches, and `moved` the values that then differed.
    bounds
        Names of the tolerances for answered rows.
    reasons
        Why these and not less.
    is_pass
        Whether nothing is wrong.
    """

    backend: str
    output: str
    runs: int
    rows: int
    bitwise_share: float
    max_ulp: int
    max_abs: float
    zero_signs: int
    label_flips: int | None
    poisoned: int
    refused: int
    alone: int
    moved: int
    bounds: tuple[str, ...]
    reasons: tuple[str, ...]
    is_pass: bool


def lines_of(judged: Judged, labels: frozenset[str]) -> Iterator[Line]:
    """Sum up the findings of each output; `labels` are the outputs whose mismatches are flips."""
    for backend in judged.backends:
        mine = [one for one in judged.findings if one.setting.backend == backend]
        for output in dict.fromkeys(one.output for one in mine if one.output):
            found = [one for one in mine if one.output == output]
            yield _line(backend, output, found, is_label=output in labels)


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no colours, no line breaks that a search would miss."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def labels_of(recording: Recording) -> frozenset[str]:
    """Names of the outputs that are labels."""
    outputs = recording.contract.signature.outputs
    return frozenset(output.name for output in outputs if output.role == "label")


def print_report(judged: Judged, labels: frozenset[str], console: Console) -> None:
    """Print a table a backend, a line an output; then what did not run, widened and wrong.

    ``shown`` counts refused rows without their poison, ``moved`` values that differ from the same
    row's in another batch.
    """
    lines = list(lines_of(judged, labels))
    for backend in judged.backends:
        settings = {str(one.setting) for one in judged.findings if one.setting.backend == backend}
        many = f", {len(settings)} settings" if len(settings) > 1 else ""
        table = Table(
            title=f"{judged.name} {judged.digest[:12]} on {backend}{many}",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        table.add_column("output", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        for heading in ("rows", "bitwise", "ULP", "max abs", "±0", "flips", "shown", "moved"):
            table.add_column(heading, justify="right", no_wrap=True)
        for line in lines:
            if line.backend == backend:
                table.add_row(*_cells(line))
        console.print(table)
    for one in judged.unrun:
        must = " (required)" if one.backend in judged.required else ""
        say(console, f"{one.word}{must}: {one.problem}")
    for name in sorted(set(judged.missing) - {one.backend for one in judged.unrun}):
        console.print(f"absent (required): backend {name!r} is not in the recording")
    for widening in judged.widenings:
        console.print(
            f"[bold yellow]widened[/]: output {widening.output!r} may be off by {widening}, "
            "as the command line says, instead of its declared bound",
            highlight=False,
            soft_wrap=True,
        )
    for finding, others in grouped(judged.breaches):
        more = f"; and {others} more like it" if others else ""
        say(console, f"{finding}{more}")
    compared = sum(finding.part == "answers" for finding in judged.findings)
    where = counted(len(judged.backends), "backend")
    console.print(f"{judged.outcome}: {counted(compared, 'comparison')} on {where}")


def grouped(breaches: Sequence[Finding]) -> tuple[tuple[Finding, int], ...]:
    """Give the first breach of each backend, output and part, and how many more there are."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in breaches:
        groups.setdefault((one.setting.backend, one.output, one.part), []).append(one)
    return tuple((found[0], len(found) - 1) for found in groups.values())


def print_steps(found: Sequence[StepFinding], backend: str, console: Console) -> None:
    """Print where a pipeline goes wrong: the steps, then the culprit's worst rows."""
    table = Table(
        title=f"steps on {backend}", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for heading in ("step", "values", "wrong", "first column", "fault"):
        table.add_column(heading)
    for one in found:
        fault = {"locally wrong": "[bold red]locally wrong[/]", "propagated": "propagated"}
        table.add_row(
            one.path,
            str(one.comparison.elements),
            str(one.comparison.breaches),
            one.column,
            fault.get(one.fault or "", "right"),
        )
    console.print(table)
    guilty = culprit(found)
    if guilty is None:
        console.print("every recorded step is right on the rows that were kept of it")
        return
    say(console, f"first diverging: {guilty}")
    for worst in guilty.worst:
        inputs = ", ".join(f"{name}={value}" for name, value in worst.inputs.items())
        say(console, f"  real row {worst.row}: want {worst.want}, got {worst.got}; {inputs}")


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print the worst rows of breaches: inputs, want, got."""
    for row in rows:
        inputs = ", ".join(f"{name}={value}" for name, value in row.inputs.items())
        say(
            console,
            f"  {row.vectors} row {row.row}, {row.output!r} on {row.backend}: want {row.want}, "
            f"got {row.got}; {inputs}",
        )


def print_causes(explanation: Explanation, console: Console) -> None:
    """Print which settings moved bits since export, and what explains it."""
    for change in explanation.changes:
        say(console, f"since export: {change}")
    for moved in explanation.moved:
        say(console, str(moved))
    settings = counted(len(explanation.moved), "setting")
    where = f"in {settings}" if explanation.moved else "nowhere"
    answers = counted(explanation.compared, "answer")
    console.print(f"bits moved {where}; {answers} compared with the export's")


def print_differences(first: Recording, second: Recording, console: Console) -> None:
    """Print what differs between the environments of two recordings."""
    for name, one in {trial.setting.backend: trial for trial in first.trials}.items():
        other = next((t for t in second.trials if t.setting.backend == name), second.trials[0])
        for change in differences(other.environment, one.environment):
            say(console, f"{name}: {change}")


def report_to_json(judged: Judged, labels: frozenset[str]) -> dict[str, Any]:
    """Plain JSON data: the outcome, the lines of the table, every finding with its bound."""
    return {
        "name": judged.name,
        "digest": judged.digest,
        "outcome": judged.outcome,
        "is_pass": judged.outcome == "pass",
        "required": sorted(judged.required),
        "unrun": [asdict(one) for one in judged.unrun],
        "widened": [asdict(one) for one in judged.widenings],
        "outputs": [asdict(line) for line in lines_of(judged, labels)],
        "findings": [asdict(finding) for finding in judged.findings],
    }


def _line(backend: str, output: str, mine: Sequence[Finding], *, is_label: bool) -> Line:
    def compared(part: str) -> list[Finding]:
        return [one for one in mine if one.part == part and one.comparison is not None]

    answers = compared("answers")
    found = [one.comparison for one in answers if one.comparison]
    poison = [one.comparison for one in compared("poison") if one.comparison]
    alone = [one.comparison for one in compared("alone") if one.comparison]
    elements = sum(one.elements for one in found)
    equal = sum(one.equal for one in found)
    return Line(
        backend=backend,
        output=output,
        runs=len(answers),
        rows=sum(one.rows for one in found),
        bitwise_share=equal / elements if elements else 0.0,
        max_ulp=max((one.max_ulp for one in found), default=0),
        max_abs=max((one.max_abs for one in found), default=0.0),
        zero_signs=sum(one.zero_signs for one in found),
        label_flips=elements - equal if is_label else None,
        poisoned=sum(one.rows for one in poison if one.is_pass),
        refused=sum(one.rows for one in poison),
        alone=sum(one.rows for one in alone),
        moved=sum(one.elements - one.equal for one in alone),
        bounds=tuple(dict.fromkeys(one.tolerance.name for one in answers)),
        reasons=tuple(dict.fromkeys(one.tolerance.reason for one in answers)),
        is_pass=all(one.is_pass for one in mine),
    )


def ulp_text(distance: int) -> str:
    """Write a distance in ULP so that it fits a column."""
    if distance > NAN_ULP:
        return "NaN"
    return str(distance) if distance < HUGE_ULP else f"{distance:.0e}"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.output,
        "pass" if line.is_pass else "[bold red]BREACH[/]",
        str(line.rows),
        f"{int(1e5 * line.bitwise_share) / 1e3:g} %",
        ulp_text(line.max_ulp),
        f"{line.max_abs:.2g}",
        str(line.zero_signs),
        "" if line.label_flips is None else str(line.label_flips),
        str(line.refused - line.poisoned) if line.refused else "",
        str(line.moved) if line.alone else "",
    )
