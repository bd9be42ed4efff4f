"""What a shell sees: exit codes, errors in one line, tables that fit."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import typer
from rich.console import Console

from preproc.errors import CheckError, ParityError, PreprocError

BREACH: Final = 1
NOTHING_COMPARED: Final = 2
CANNOT_RUN: Final = 3
PIPED_WIDTH: Final = 160
"""Characters of a line that no terminal limits."""


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn our own errors into one line and an exit code."""
    try:
        yield
    except ParityError as error:
        typer.echo(f"preproc: {error}", err=True)
        raise typer.Exit(NOTHING_COMPARED) from error
    except PreprocError as error:
        typer.echo(f"preproc: {error}", err=True)
        raise typer.Exit(CANNOT_RUN) from error


def wide_console() -> Console:
    """Open a console that cuts no table where its output is a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def optional(module: str, extra: str) -> Any:
    """Import what an extra of the distribution brings.

    Raises
    ------
    CheckError
        When it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise CheckError(f"{error}; install preproc-runtime[{extra}]") from error
