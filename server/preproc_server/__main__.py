"""The server without a command line: ``python -m preproc_server repository=models port=8001``.

Why: what reads a command line takes 11 MB, which would stay for as long as the server runs; so
`preproc serve` gives way to this, in the same process.
"""

import sys
from collections.abc import Sequence
from typing import Final

from preproc.errors import PreprocError
from preproc_server.app import serve
from preproc_server.settings import settings_of

CANNOT_RUN: Final = 3
"""Exit code, as of the command line."""


def main(arguments: Sequence[str]) -> None:
    """Serve by settings as ``name=value``, over those of environment and file."""
    given = {name: value for name, _, value in (one.partition("=") for one in arguments)}
    try:
        serve(settings_of(given))
    except PreprocError as error:
        sys.stderr.write(f"preproc: {error}\n")
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(sys.argv[1:])
