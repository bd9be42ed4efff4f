"""The part of the command line that reads request logs: replay, log."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from preproc.artifact import Artifact, read_artifact
from preproc.cli.codes import BREACH
from preproc.cli.options import (
    AllowPickle,
    Digest,
    FittedPipeline,
    HtmlFile,
    JsonFile,
    LogPath,
    Model,
    TrainedOn,
    TrainingRow,
    Trust,
    Version,
)
from preproc.cli.terminal import (
    check_files,
    clear_errors,
    optional,
    wide_console,
    write_files,
)
from preproc.errors import ArtifactError, CheckError, LogError
from preproc.runtime.gate import evidence_of
from preproc.wording import counted

log = typer.Typer(no_args_is_help=True, help="Look after a request log.")


def replay(
    folder: LogPath,
    *,
    pipeline: FittedPipeline = None,
    shadow: Annotated[
        Path | None, typer.Option(help="Folder of another version, in place of a pipeline.")
    ] = None,
    model: Model = "",
    artifact: Digest = "",
    version: Version = None,
    data: TrainingRow = None,
    frame: TrainedOn = "pandas",
    rate: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Share of faulty rows that you want to find.")
    ] = 1e-4,
    trust: Trust = None,
    allow_pickle: AllowPickle = False,
    json_file: JsonFile = None,
    html: HtmlFile = None,
) -> None:
    """Answer logged rows once more; exit 1 when one differs, 2 when nothing was compared."""
    with clear_errors():
        check_files(json_file, html)
        if (pipeline is None) == (shadow is None):
            raise CheckError("replay: expected either --pipeline or --shadow")
        replaying = optional("preproc.skew.replay", "skew")
        report = optional("preproc.skew.replay_report", "skew")
        part = part_of(folder, model, artifact)
        served = served_by(part, version)
        if shadow is not None:
            twins = optional("preproc.skew.shadowing", "skew")
            second = read_artifact(shadow)
            witness = twins.VersionWitness(second, served)
            name = f"version {shadow} ({second.digest[:12]})"
        else:
            witness = pipeline_witness(pipeline, served, data, frame, trust or [], allow_pickle)
            name = f"pipeline {pipeline}"
        with witness, progress_bar() as progress:
            task = progress.add_task("replaying", total=part.rows)
            found = replaying.replay_part(
                part,
                witness,
                served.contract.signature,
                evidence_of(served, served.contract.mode)[1],
                name=name,
                wanted_rate=rate,
                progress=lambda rows: progress.update(task, completed=rows),
            )
        report.print_replay(found, wide_console())
        told = report.replay_to_json(found)
        pages = "preproc.skew.replay_page"
        write_files(told, lambda: optional(pages, "skew").replay_page(told), json_file, html)
    if not found.is_pass:
        raise typer.Exit(BREACH)


@log.command()
def show(folder: LogPath) -> None:
    """List what a log holds: models, artifacts, rows, traffic, time."""
    with clear_errors():
        console = wide_console()
        for part in optional("preproc.skew.log", "skew").open_log(folder):
            counts = part.counts
            console.print(
                f"{part.model} {part.artifact[:12]}: {part.rows} of {counted(counts.seen, 'row')}, "
                f"{counts.dropped} dropped, {counted(len(part.files), 'file')} "
                f"({part.torn} cut off), "
                f"{part.first:%Y-%m-%d %H:%M:%S} to {part.last:%Y-%m-%d %H:%M:%S} UTC",
                soft_wrap=True,
                highlight=False,
            )


@log.command()
def delete(
    folder: LogPath,
    *,
    key: Annotated[str, typer.Option(help="Value of the key column, or id of the request.")],
    policy: Annotated[
        Path | None, typer.Option(help="Policy of the log, where the key is written as its HMAC.")
    ] = None,
    hmac_key: Annotated[
        str, typer.Option(envvar="PREPROC_LOG_HMAC_KEY", help="Its keys, by commas.")
    ] = "",
) -> None:
    """Delete the rows of a key; exit 1 while a server still writes some of them."""
    with clear_errors():
        keeping = optional("preproc.skew.keeping", "skew")
        privacy = optional("preproc.skew.privacy", "skew")
        kept = privacy.read_privacy(policy, hmac_key)
        done = keeping.delete_key(folder, lambda head: privacy.key_texts(head, key, kept))
        typer.echo(f"{counted(done.rows, 'row')} deleted from {counted(done.files, 'file')}")
        if done.left:
            typer.echo(
                f"left: {counted(done.left, 'row')} in files that a server still writes; "
                "once more when these are closed, in 5 minutes at most",
                err=True,
            )
    if done.left:
        raise typer.Exit(BREACH)


def part_of(folder: Path, model: str, artifact: str) -> Any:
    """Choose the rows of one artifact; what is left alone is told."""
    logs = optional("preproc.skew.log", "skew")
    parts = logs.open_log(folder, model=model, artifact=artifact)
    names = sorted({part.model for part in parts})
    if len(names) > 1:
        raise LogError(f"log {str(folder)!r}: expected one model, got {names}; choose by --model")
    for other in parts[:-1]:
        typer.echo(
            f"left alone: {counted(other.rows, 'row')} of artifact {other.artifact[:12]}; "
            f"see them by --artifact {other.artifact[:12]}",
            err=True,
        )
    return parts[-1]


def served_by(part: Any, version: Path | None) -> Artifact:
    """Read the artifact that served, which must be the same to the last byte."""
    path = version or Path(part.files[-1].head.path)
    served = read_artifact(path)
    if served.digest != part.artifact:
        raise ArtifactError(
            path, f"expected the digest {part.artifact[:12]} of the log, got {served.digest[:12]}"
        )
    return served


def pipeline_witness(
    path: Path | None,
    served: Artifact,
    data: Path | None,
    frame: str,
    trust: list[str],
    allow_pickle: bool,  # noqa: FBT001  # as the flag
) -> Any:
    """Load a pipeline that gives the golden answers of the artifact."""
    loading = optional("preproc.export.loading", "export,cpu")
    replaying = optional("preproc.export.replaying", "export,cpu")
    fitted = loading.load_pipeline(path, trusted=trust, allow_pickle=allow_pickle)
    sample = None if data is None else loading.load_frame(data, frame)
    witness = replaying.PipelineWitness(fitted, served, sample, frame)
    with Console(stderr=True).status("asking for the golden answers"):
        witness.prove()
    return witness


def progress_bar() -> Progress:
    """Make a bar on standard error that vanishes; none where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
