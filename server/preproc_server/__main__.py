"""The server without a command line: ``python -m preproc_server 0``, settings on that descriptor.

Why: what reads a command line and checks settings takes 25 MB, which would stay for as long as the
server runs; so `preproc serve` gives way to this, in the same process.
"""

import os
import sys
from typing import Final

from preproc.errors import PreprocError
from preproc_server.app import serve
from preproc_server.settings import settings_from_json

CANNOT_RUN: Final = 3
"""Exit code, as of the command line."""


def main(descriptor: int) -> None:
    """Serve by settings that another process has checked and written there as JSON."""
    with os.fdopen(descriptor, encoding="utf-8") as source:
        settings = settings_from_json(source.read())
    try:
        serve(settings)
    except PreprocError as error:
        sys.stderr.write(f"preproc: {error}\n")
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main(int(sys.argv[1]))
