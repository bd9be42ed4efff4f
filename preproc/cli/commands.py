"""The table of commands, each imported when it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

COMMANDS: Final[Mapping[str, str]] = {
    "inspect": "artifacts",
    "check": "checking",
    "parity": "parity",
    "diff": "artifacts",
    "proto": "artifacts",
    "score": "score",
    "serve": "serving",
    "replay": "log",
    "monitor": "drift",
    "diagnose": "drift",
    "log": "log",
}
"""Command → module of this package that has it, under its name."""
RAW: Final = frozenset({"serve"})
"""Commands that read their own arguments, and are here to be listed."""


class Commands(TyperGroup):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Click's signature
        """Name all of them, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # Click's signature
        """Import a command, None where there is none of the name."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"preproc.cli.{COMMANDS[cmd_name]}"), cmd_name)
        whole = typer.Typer(add_completion=False)
        if cmd_name in RAW:
            whole.command(
                cmd_name,
                help=found.__doc__,
                add_help_option=False,
                context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
            )(_handed_on(found))
        elif isinstance(found, typer.Typer):
            whole.add_typer(found, name=cmd_name)
        else:
            whole.command(cmd_name)(found)
        return get_group(whole).commands[cmd_name]


def _handed_on(command: Callable[[Sequence[str]], None]) -> Callable[[typer.Context], None]:
    """Make a function of Typer that hands all arguments on, unread."""

    def hand_on(ctx: typer.Context) -> None:
        command(ctx.args)

    return hand_on


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def _tell_version(is_wanted: bool) -> None:  # noqa: FBT001  # Click's call
    if is_wanted:
        typer.echo(f"preproc-runtime {version('preproc-runtime')}")
        raise typer.Exit


@app.callback()
def _preproc(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    """Take a fitted pipeline to one exact graph, prove it, serve it and watch it."""
