"""The command line."""

from preproc.cli.app import app, main

__all__ = ["app", "main"]
