"""The product's own commands, run as anyone would run them; what they say is kept as JSON."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TIMEOUT_S: Final = 240.0
CANNOT: Final = 3
"""Exit code of a command that cannot run at all."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said.

    Attributes
    ----------
    words
        The command line, as it may be typed.
    code
        Its exit code.
    found
        Its JSON.
    seconds
        How long it took.
    """

    words: str
    code: int
    found: Mapping[str, Any]
    seconds: float


def run(name: str, *words: object, to: Path) -> Said:
    """Run ``preproc <name> … --json <to>`` from the repository's root.

    Raises
    ------
    RuntimeError
        When it cannot run: then there is no verdict, which is no quiet one.
    """
    typed = [name, *(str(word) for word in words), "--json", str(to)]
    program = str(Path(sys.executable).with_name("preproc"))
    # The pipeline holds a function of the examples, which are no installed package.
    place = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [program, *typed], capture_output=True, text=True, check=False, env=place, timeout=TIMEOUT_S
    )
    line = f"preproc {shlex.join(typed)}"
    if done.returncode >= CANNOT or not to.is_file():
        raise RuntimeError(
            f"{line}: expected a verdict, got exit code {done.returncode}:\n{done.stderr}"
        )
    found = json.loads(to.read_text("utf-8"))
    return Said(line, done.returncode, found, time.perf_counter() - started)
