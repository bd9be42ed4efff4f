"""The outcome of a check, for people and as data."""

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from preproc.export.checking.check import CheckReport
from preproc.export.checking.relations import RELATIONS
from preproc.wording import counted


def check_to_json(report: CheckReport) -> dict[str, Any]:
    """Plain JSON data of a report."""
    return {"is_pass": report.is_pass, **asdict(report)}


def print_check(report: CheckReport, console: Console) -> None:
    """Print a line a step, then every finding in words."""
    table = Table(
        "step", "relations", "verdict", box=box.SIMPLE_HEAD, title=counted(report.rows, "row")
    )
    for step in report.steps:
        broken = [finding.relation for finding in report.findings if finding.step == step]
        note = "fit_transform differs by design" if step in report.declared else "holds"
        table.add_row(
            step or ".",
            str(len(RELATIONS)),
            f"[bold red]{', '.join(broken)}[/]" if broken else note,
        )
    console.print(table)
    for name, status in report.worlds.items():
        console.print(f"{name}: {status}", highlight=False)
    for finding in report.findings:
        console.print(str(finding), highlight=False, markup=False, style="red")
