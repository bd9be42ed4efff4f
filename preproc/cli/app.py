"""The command line: what is here, and what the modules beside it bring."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from preproc.artifact import Artifact, read_artifact, read_contract
from preproc.cli.drift import diagnose, monitor
from preproc.cli.log import log, replay
from preproc.cli.options import AllowPickle, ArtifactPath, TrainedOn, Trust
from preproc.cli.parity import parity
from preproc.cli.score import score
from preproc.cli.terminal import BREACH, clear_errors, optional, wide_console
from preproc.contract import contract_to_json
from preproc.errors import CheckError
from preproc.graph import nodes_by_step, picture_of
from preproc.parity import diff_artifacts, diff_to_json, print_diff
from preproc.runtime import DEFAULT_BACKEND

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(parity, name="parity")
app.add_typer(log, name="log")
app.command()(score)
app.command()(replay)
app.command()(monitor)
app.command()(diagnose)


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def inspect(
    artifact: ArtifactPath,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The contract as it is.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="The nodes of each step.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Draw inputs, steps and outputs: graph.svg.")
    ] = None,
) -> None:
    """Show what an artifact takes, gives and refuses."""
    with clear_errors():
        contract = read_contract(artifact)
        if as_json:
            typer.echo(json.dumps(contract_to_json(contract), indent=1))
            return
        if picture is not None:
            _draw(artifact, picture)
            return
        if steps:
            _print_steps(read_artifact(artifact))
            return
        signature = contract.signature
        table = Table("direction", "name", "dtype", "width", "null or poison", title=contract.name)
        for column in signature.columns:
            kind = f"{column.dtype}, {column.moment}" if column.moment else column.dtype
            table.add_row("in", column.name, kind, str(column.width), column.null or "")
        for output in signature.outputs:
            poison = "NaN" if output.poison is None else repr(output.poison)
            width = "" if output.width is None else str(output.width)
            table.add_row("out", output.name, output.dtype, width, poison)
        console = Console()
        console.print(table)
        console.print(f"{len(signature.rules)} refusal rules; label: {contract.label or 'untold'}")


def _draw(artifact: Path, file: Path) -> None:
    """Write the graph as a picture."""
    if file.suffix != ".svg":
        raise CheckError(f"--picture {str(file)!r}: expected a name that ends in .svg")
    shown = read_artifact(artifact)
    title = f"{shown.contract.name}, version {artifact.resolve().name}"
    try:
        file.write_text(picture_of(shown.model, title), encoding="utf-8")
    except OSError as error:
        raise CheckError(f"--picture {str(file)!r}: expected a file to write: {error}") from error
    typer.echo(f"{file}")


def _print_steps(artifact: Artifact) -> None:
    """List the nodes that each step became, with what they take."""
    console = Console()
    for step, nodes in nodes_by_step(artifact.model).items():
        table = Table("value", "operator", "takes", title=step or "inputs and refusals")
        for value, operator, inputs in nodes:
            table.add_row(value, operator, ", ".join(inputs))
        console.print(table)


@app.command()
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


@app.command()
def diff(
    first: ArtifactPath,
    second: ArtifactPath,
    *,
    backend: Annotated[str, typer.Option(help="Backend that answers.")] = DEFAULT_BACKEND,
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
) -> None:
    """Compare two versions: contract, parameters, answers; exit 1 when they differ."""
    with clear_errors():
        found = diff_artifacts(read_artifact(first), read_artifact(second), backend=backend)
        if as_json:
            typer.echo(json.dumps(diff_to_json(found), indent=1))
        else:
            print_diff(found, wide_console())
    if found:
        raise typer.Exit(BREACH)


@app.command()
def proto(artifact: ArtifactPath) -> None:
    """Print the typed service of an artifact, from which protoc makes a client."""
    from preproc_server.schema import schema_of  # noqa: PLC0415  # the server only where needed
    from preproc_server.schema_text import text_of  # noqa: PLC0415

    with clear_errors():
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
    workers: Annotated[int | None, typer.Option(help="Processes that serve on the port.")] = None,
    spare: Annotated[
        bool | None, typer.Option("--spare", help="Keep one more process warm for one that ends.")
    ] = None,
    affinity: Annotated[
        bool | None, typer.Option("--affinity", help="Keep each process on a CPU of its own.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="What computes: onnxruntime-cpu, webgpu, cuda, ….")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="none, watch or explicit.")] = None,
    versions: Annotated[str | None, typer.Option(help="latest, latest:2, all or 1,3.")] = None,
    server_name: Annotated[str | None, typer.Option(help="What clients are told.")] = None,
    log: Annotated[Path | None, typer.Option(help="Folder of the request log.")] = None,
    sample: Annotated[
        float | None, typer.Option(help="Share of the requests that are logged: 0.05.")
    ] = None,
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
        "workers": workers,
        "spare": spare,
        "affinity": affinity,
        "backend": backend,
        "mode": mode,
        "versions": versions,
        "server_name": server_name,
        "log_dir": log,
        "log_sample": sample,
        "allow_unproved": allow_unproved,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    with clear_errors():
        run_server(settings_of(given))
