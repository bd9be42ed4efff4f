"""The part of the command line that serves: serve.

Why argparse: Typer, which reads the arguments of the other commands, takes 150 ms to import, for
which the start of a server would wait, and 10 MB that the server would keep.
"""

import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Final

from preproc.cli.codes import CANNOT_RUN
from preproc.errors import PreprocError

FLAGS: Final[Mapping[str, tuple[str, str]]] = {
    "port": ("port", "TCP port, 0 for any free one"),
    "host": ("host", "address to listen on"),
    "metrics-port": ("metrics_port", "port of the Prometheus page, 0 for any free one"),
    "workers": ("workers", "processes that serve on the port"),
    "backend": ("backend", "what computes: onnxruntime-cpu, webgpu, cuda, …"),
    "mode": ("mode", "none, watch or explicit"),
    "versions": ("versions", "latest, latest:2, all or 1,3"),
    "server-name": ("server_name", "what clients are told"),
    "log": ("log_dir", "folder of the request log"),
    "sample": ("log_sample", "share of the requests that are logged: 0.05"),
}
"""Flag → setting that it gives a value, and what that is."""
SWITCHES: Final[Mapping[str, tuple[str, str]]] = {
    "spare": ("spare", "keep one more process warm for one that ends"),
    "affinity": ("affinity", "keep each process on a CPU of its own"),
    "allow-unproved": ("allow_unproved", "serve plain ONNX models too"),
}
"""Flag → setting that it turns on, and what that does."""


def serve(arguments: Sequence[str]) -> None:
    """Prove every model, then serve it by gRPC; PREPROC_* variables set these and many more."""
    given = vars(_parser().parse_args(arguments))
    from preproc_server.configuring import settings_of  # noqa: PLC0415  # only who serves needs it
    from preproc_server.starting import run_server  # noqa: PLC0415

    try:
        run_server(settings_of(given))
    except PreprocError as error:
        sys.stderr.write(f"preproc: {error}\n")
        sys.exit(CANNOT_RUN)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("preproc serve", description=serve.__doc__, allow_abbrev=False)
    parser.add_argument("repository", help="folder of models")
    for flag, (setting, text) in FLAGS.items():
        parser.add_argument(f"--{flag}", dest=setting, default=SUPPRESS, help=text)
    for flag, (setting, text) in SWITCHES.items():
        parser.add_argument(
            f"--{flag}", dest=setting, default=SUPPRESS, help=text, action="store_true"
        )
    return parser
