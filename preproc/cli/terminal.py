"""What a shell sees: errors in one line, tables that fit."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from preproc.cli.codes import CANNOT_RUN, NOTHING_COMPARED
from preproc.errors import CheckError, ParityError, PreprocError

if TYPE_CHECKING:
    from rich.console import Console

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


def wide_console() -> "Console":
    """Open a console that cuts no table where its output is a file or a pipe."""
    from rich.console import Console  # noqa: PLC0415  # which a server need not import

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def check_files(json_file: Path | None, html: Path | None) -> None:
    """Refuse, before the work is done, reports that could not be written.

    Raises
    ------
    CheckError
        When a folder is not there, or what draws pages is not installed.
    """
    for option, file in (("--json", json_file), ("--html", html)):
        if file is not None and not file.absolute().parent.is_dir():
            raise CheckError(f"{option} {str(file)!r}: expected a folder that is there, got none")
    if html is not None:
        optional("preproc.page.drawing", "report")


def write_files(
    report: Mapping[str, Any],
    page_of: Callable[[], Any],
    json_file: Path | None,
    html: Path | None,
) -> None:
    """Write a report where it is wanted: as JSON, and as the page that is made of it."""
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if html is not None:
        from preproc.page import render_page  # noqa: PLC0415  # as above

        html.write_text(render_page(page_of()), encoding="utf-8")


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
