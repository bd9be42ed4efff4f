"""The part of the command line that reads request logs: log."""

from pathlib import Path
from typing import Annotated

import typer

from preproc.cli.terminal import BREACH, clear_errors, optional, wide_console

log = typer.Typer(no_args_is_help=True, help="Look after a request log.")

LogPath = Annotated[Path, typer.Argument(help="Folder of the request log.")]


@log.command()
def show(folder: LogPath) -> None:
    """List what a log holds: models, artifacts, rows, traffic, time."""
    with clear_errors():
        console = wide_console()
        for part in optional("preproc.skew.log", "skew").open_log(folder):
            counts = part.counts
            console.print(
                f"{part.model} {part.artifact[:12]}: {part.rows} of {counts.seen} rows, "
                f"{counts.dropped} dropped, {len(part.files)} files ({part.torn} cut off), "
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
        typer.echo(f"{done.rows} rows deleted from {done.files} files")
        if done.left:
            typer.echo(
                f"{done.left} rows are in files that a server still writes; "
                "once more when these are closed, in 5 minutes at most",
                err=True,
            )
    if done.left:
        raise typer.Exit(BREACH)
