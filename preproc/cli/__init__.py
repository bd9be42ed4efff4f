"""The command line."""

from preproc.cli.entry import main

__all__ = ["main"]
