"""The part of the command line that serves: serve."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from preproc.cli.terminal import clear_errors


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
    from preproc_server.configuring import settings_of  # noqa: PLC0415  # only who serves needs it
    from preproc_server.settings import settings_to_json  # noqa: PLC0415

    given = {name: value for name, value in flags.items() if value is not None}
    with clear_errors():
        settings = settings_of(given)
    _give_way(settings_to_json(settings))


def _give_way(settings: str) -> None:
    """Let a server take the place of the command line, and its process where the system can."""
    command = [sys.executable, "-P", "-m", "preproc_server"]
    if sys.platform == "win32":  # where the place of a process cannot be taken
        done = subprocess.run([*command, "0"], input=settings, text=True, check=False)  # noqa: S603  # ourselves
        raise typer.Exit(done.returncode)
    source, sink = os.pipe()
    with os.fdopen(sink, "w", encoding="utf-8") as written:
        written.write(settings)  # a pipe holds 64 KiB, which settings never fill
    os.set_inheritable(source, True)  # os has no keyword
    os.execv(command[0], [*command, str(source)])  # noqa: S606  # as above
