"""The command line: inspect, check, parity, diff, proto, serve."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from preproc.artifact import Artifact, read_artifact, read_contract
from preproc.contract import Mode, contract_to_json
from preproc.errors import CheckError, ParityError, PreprocError
from preproc.parity import (
    diff_artifacts,
    diff_to_json,
    print_diff,
    print_report,
    report_to_json,
    run_parity,
)
from preproc.runtime import DEFAULT_BACKEND

BREACH: Final = 1
NOTHING_COMPARED: Final = 2
CANNOT_RUN: Final = 3
PIPED_WIDTH: Final = 160
"""Characters of a line that no terminal limits."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

ArtifactPath = Annotated[Path, typer.Argument(help="Folder of a version: models/flight_delay/1")]


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def inspect(
    artifact: ArtifactPath,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The contract as it is.")] = False,
) -> None:
    """Show what an artifact takes, gives and refuses."""
    with _clear_errors():
        contract = read_contract(artifact)
        if as_json:
            typer.echo(json.dumps(contract_to_json(contract), indent=1))
            return
        signature = contract.signature
        table = Table("direction", "name", "dtype", "width", "null or poison", title=contract.name)
        for column in signature.columns:
            table.add_row("in", column.name, column.dtype, str(column.width), column.null or "")
        for output in signature.outputs:
            poison = "NaN" if output.poison is None else repr(output.poison)
            width = "" if output.width is None else str(output.width)
            table.add_row("out", output.name, output.dtype, width, poison)
        console = Console()
        console.print(table)
        console.print(f"{len(signature.rules)} refusal rules; label: {contract.label or 'untold'}")


@app.command()
def check(
    pipeline: Annotated[Path, typer.Argument(help="Fitted pipeline: a .skops file.")],
    *,
    data: Annotated[Path, typer.Option(help="Rows as in training: .parquet or .csv.")],
    frame: Annotated[
        str, typer.Option(help="What it was trained on: pandas or polars.")
    ] = "pandas",
    rows: Annotated[int, typer.Option(min=1, help="Rows to try.")] = 200,
    trust: Annotated[
        list[str] | None, typer.Option(help="Type of one's own that may load; may be repeated.")
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Load pickles too, which runs their code.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
) -> None:
    """Ask each step the same in other ways; exit 1 when an answer depends on more than its row."""
    with _clear_errors():
        checking = _training_side("preproc.export.checking")
        loading = _training_side("preproc.export.loading")
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


@app.command()
def parity(
    artifact: ArtifactPath,
    *,
    backend: Annotated[
        list[str] | None, typer.Option(help="Backend to run; may be repeated.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="Form of the graph: exact or fast.")] = "exact",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there too.")
    ] = None,
) -> None:
    """Replay the golden vectors; exit 1 on a breach, 2 when nothing was compared."""
    with _clear_errors():
        loaded = read_artifact(artifact)
        console = Console()
        with console.status("replaying golden vectors") as status:
            run = run_parity(
                loaded,
                backend or [DEFAULT_BACKEND, "reference"],
                mode=mode,
                progress=lambda name: status.update(f"replaying golden vectors on {name}"),
            )
        labels = label_names(loaded)
        print_report(run, labels, console)
        if json_file is not None:
            report: dict[str, Any] = report_to_json(run, labels)
            json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not run.is_pass:
        raise typer.Exit(BREACH)


@app.command()
def diff(
    first: ArtifactPath,
    second: ArtifactPath,
    *,
    backend: Annotated[str, typer.Option(help="Backend that answers.")] = DEFAULT_BACKEND,
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
) -> None:
    """Compare two versions: contract, parameters, answers; exit 1 when they differ."""
    with _clear_errors():
        found = diff_artifacts(read_artifact(first), read_artifact(second), backend=backend)
        if as_json:
            typer.echo(json.dumps(diff_to_json(found), indent=1))
        else:
            print_diff(found, Console(width=None if sys.stdout.isatty() else PIPED_WIDTH))
    if found:
        raise typer.Exit(BREACH)


@app.command()
def proto(artifact: ArtifactPath) -> None:
    """Print the typed service of an artifact, from which protoc makes a client."""
    from preproc_server.schema import schema_of  # noqa: PLC0415  # the server only where needed
    from preproc_server.schema_text import text_of  # noqa: PLC0415

    with _clear_errors():
        typer.echo(text_of(schema_of(read_contract(artifact))), nl=False)


@app.command()
def serve(
    repository: Annotated[Path, typer.Argument(help="Folder of models.")],
    *,
    port: Annotated[int | None, typer.Option(help="TCP port, 0 for any free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of the Prometheus page, 0 for any free one.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="What computes: onnxruntime-cpu, webgpu, cuda, ….")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="none, watch or explicit.")] = None,
    versions: Annotated[str | None, typer.Option(help="latest, latest:2, all or 1,3.")] = None,
    server_name: Annotated[str | None, typer.Option(help="What clients are told.")] = None,
    allow_unproved: Annotated[
        bool | None, typer.Option("--allow-unproved", help="Serve plain ONNX models too.")
    ] = None,
) -> None:
    """Prove every model, then serve it by gRPC; PREPROC_* variables set these and many more."""
    from preproc_server.app import serve as run_server  # noqa: PLC0415  # grpc only where needed
    from preproc_server.settings import settings_of  # noqa: PLC0415

    flags: dict[str, Any] = {
        "repository": repository,
        "port": port,
        "host": host,
        "metrics_port": metrics_port,
        "backend": backend,
        "mode": mode,
        "versions": versions,
        "server_name": server_name,
        "allow_unproved": allow_unproved,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    with _clear_errors():
        run_server(settings_of(given))


def label_names(artifact: Artifact) -> frozenset[str]:
    """Names of the outputs that are labels."""
    outputs = artifact.contract.signature.outputs
    return frozenset(output.name for output in outputs if output.role == "label")


def _training_side(module: str) -> Any:
    """Import what needs scikit-learn, which a serving machine does not have."""
    try:
        return import_module(module)
    except ImportError as error:
        raise CheckError(f"{error}; install preproc-runtime[export,cpu]") from error


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn our own errors into one line and an exit code."""
    try:
        yield
    except ParityError as error:
        typer.echo(f"preproc: {error}", err=True)
        raise typer.Exit(NOTHING_COMPARED) from error
    except PreprocError as error:
        typer.echo(f"preproc: {error}", err=True)
        raise typer.Exit(CANNOT_RUN) from error
