"""The server without a command line: ``python -m preproc_server 0``, settings on that descriptor.

Why: what reads a command line and checks settings takes 25 MB, which would stay for as long as the
server runs; so `preproc serve` gives way to this, in the same process.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from preproc.errors import PreprocError
from preproc.runtime.ahead import forms_ahead
from preproc_server.settings import Settings, settings_from_json
from preproc_server.versions import find_chosen, parse_policy

CANNOT_RUN: Final = 3
"""Exit code, as of the command line."""


def main(descriptor: int) -> None:
    """Serve by settings that another process has checked and written there as JSON."""
    with os.fdopen(descriptor, encoding="utf-8") as source:
        settings = settings_from_json(source.read())
    try:
        with forms_ahead(_at_start(settings), backend=settings.backend):
            from preproc_server.app import serve  # noqa: PLC0415  # meanwhile, and after the fork
        serve(settings)
    except PreprocError as error:
        sys.stderr.write(f"preproc: {error}\n")
        sys.exit(CANNOT_RUN)


def _at_start(settings: Settings) -> Iterator[Path]:
    """Name the folders of the versions that the policy chooses at the start."""
    policy = parse_policy(settings.versions)
    chosen = find_chosen(settings.repository, policy, settings.names_at_start)
    return (path for versions in chosen.values() for path in versions.values())


if __name__ == "__main__":
    main(int(sys.argv[1]))
