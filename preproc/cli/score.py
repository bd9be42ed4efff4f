"""The part of the command line that answers files: score."""

import json
import os
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from preproc.artifact import read_artifact
from preproc.cli.terminal import clear_errors, optional
from preproc.contract import Mode
from preproc.errors import CheckError, RefusedRows
from preproc.wording import counted


def score(
    artifact: Annotated[Path, typer.Argument(help="Folder of a version: models/late/1")],
    rows: Annotated[Path, typer.Argument(help="Rows as in training: .parquet or .arrow.")],
    answers: Annotated[Path, typer.Argument(help="What is written: .parquet or .arrow.")],
    *,
    keep: Annotated[
        list[str] | None, typer.Option(help="Column to carry along, as a key; may be repeated.")
    ] = None,
    refused: Annotated[
        Literal["stop", "keep"],
        typer.Option(help="At a refused row: stop, or keep it without an answer, with a reason."),
    ] = "stop",
    mode: Annotated[Mode, typer.Option(help="Form that answers.")] = "exact",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Sessions that answer at a time; by default one a core."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as data.")] = False,
) -> None:
    """Answer the rows of a file into another, in constant memory."""
    with clear_errors():
        scoring = optional("preproc.scoring", "score,cpu")
        began = time.monotonic()
        with _progress() as progress:
            task = progress.add_task("scoring", total=None)
            try:
                done = scoring.score_file(
                    read_artifact(artifact),
                    rows,
                    answers,
                    keep=keep or (),
                    refused=refused,
                    mode=mode,
                    threads=threads or _cores(),
                    progress=lambda so_far, all_rows: progress.update(
                        task, completed=so_far, total=all_rows
                    ),
                )
            except RefusedRows as error:
                raise CheckError(f"{error}; --refused keep answers the other rows") from error
        taken_s = time.monotonic() - began
    if as_json:
        typer.echo(json.dumps({"rows": done.rows, "refused": done.refused, "seconds": taken_s}))
        return
    typer.echo(
        f"{answers}: {counted(done.rows, 'row')}, {done.refused} of them refused; "
        f"{taken_s:.1f} s, {done.rows / taken_s:,.0f} rows/s"
    )


def _cores() -> int:
    """Count the cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """Write the rate, once there is one."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f} rows/s")


def _progress() -> Progress:
    """Make a bar on standard error that vanishes; none where nobody looks."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
