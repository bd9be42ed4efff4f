"""The part of the command line that reads versions: inspect, diff, proto."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from preproc.artifact import Artifact, read_artifact, read_contract
from preproc.cli.codes import BREACH
from preproc.cli.options import ArtifactPath
from preproc.cli.terminal import clear_errors, wide_console
from preproc.contract import contract_to_json
from preproc.errors import CheckError
from preproc.graph import nodes_by_step, picture_of
from preproc.parity import diff_artifacts, diff_to_json, print_diff
from preproc.runtime import DEFAULT_BACKEND
from preproc.wording import counted


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
        console.print(
            f"{counted(len(signature.rules), 'refusal rule')}; label: {contract.label or 'untold'}"
        )


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


def proto(artifact: ArtifactPath) -> None:
    """Print the typed service of an artifact, from which protoc makes a client."""
    from preproc_server.schema import schema_of  # noqa: PLC0415  # the server only where needed
    from preproc_server.schema_text import text_of  # noqa: PLC0415

    with clear_errors():
        typer.echo(text_of(schema_of(read_contract(artifact))), nl=False)
