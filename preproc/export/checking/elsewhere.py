"""What runs in the process of a world: run as a file, it loads the user's libraries and no more.

Not as a module of this package, whose imports take longer than the questions.
"""

import os
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cloudpickle

MOVED_CLOCK = "PREPROC_CHECK_CLOCK"
"""Variable that tells the process to move its clock by time-machine."""


def main() -> None:
    """Answer the pickled question of the first argument into the file of the second."""
    question, answer = map(Path, sys.argv[1:])
    clock = os.environ.get(MOVED_CLOCK)
    moved: Any = nullcontext()
    if clock:
        import time_machine  # noqa: PLC0415  # only where nothing better is installed

        moved = time_machine.travel(clock)
    with moved:
        # Loading runs the user's imports, which may read the clock as well.
        answers = [_answer(*asked) for asked in cloudpickle.loads(question.read_bytes())]
        answer.write_bytes(cloudpickle.dumps(answers))


def _answer(fitted: Any, method: str, data: Any) -> tuple[Any, str]:
    """Ask one step; its answer, or how it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(fitted, method)(data), ""
        except Exception as error:  # noqa: BLE001  # a refusal is an answer too
            return None, f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
