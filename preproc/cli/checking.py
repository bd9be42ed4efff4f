"""The part of the command line that tries a pipeline before it is exported: check."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from preproc.cli.codes import BREACH
from preproc.cli.options import AllowPickle, TrainedOn, Trust
from preproc.cli.terminal import clear_errors, optional


def check(
    pipeline: Annotated[Path, typer.Argument(help="Fitted pipeline: a .skops file.")],
    *,
    data: Annotated[Path, typer.Option(help="Rows as in training: .parquet or .csv.")],
    frame: TrainedOn = "pandas",
    rows: Annotated[int, typer.Option(min=1, help="Rows to try.")] = 200,
    trust: Trust = None,
    allow_pickle: AllowPickle = False,
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
) -> None:
    """Ask each step the same in other ways; exit 1 when an answer depends on more than its row."""
    with clear_errors():
        checking = optional("preproc.export.checking", "export,cpu")
        loading = optional("preproc.export.loading", "export,cpu")
        fitted = loading.load_pipeline(pipeline, trusted=trust or (), allow_pickle=allow_pickle)
        sample = loading.load_frame(data, frame)
        with Console(stderr=True).status("checking") as status:
            report = checking.check_pipeline(
                fitted,
                sample,
                rows=rows,
                progress=lambda step: status.update(f"checking {step or 'the pipeline'}"),
            )
        if as_json:
            typer.echo(json.dumps(checking.check_to_json(report), indent=1))
        else:
            checking.print_check(report, Console())
    if not report.is_pass:
        raise typer.Exit(BREACH)
