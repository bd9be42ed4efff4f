"""Keeps a process on one CPU, where threads do not hand the interpreter across."""

import os
from contextlib import suppress
from pathlib import Path


def pin(cpu: int) -> None:
    """Keep all threads of this process on one CPU, also those to come."""
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended
            os.sched_setaffinity(int(thread.name), {cpu})
