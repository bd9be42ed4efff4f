"""Where the command line begins: past the table of commands for the one that a start waits for."""

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        from preproc.cli.serving import serve  # noqa: PLC0415  # alone

        serve(sys.argv[2:])
    else:
        from preproc.cli.commands import app  # noqa: PLC0415  # which a server need not import

        app()
