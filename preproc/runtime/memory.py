"""Asks the C library for less memory than it takes by itself.

Why: glibc keeps freed memory for the next allocation, and loading a forest frees five times what
the loaded forest needs; and it gives each thread a heap of its own, of which those of a server's
dozen threads hold 4 MB that nobody uses.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Final

_M_ARENA_MAX: Final = -8


def give_back_memory() -> None:
    """Return free memory to the system; does nothing where the C library has no way to."""
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def share_heaps(count: int) -> None:
    """Have all threads that are to come share so many heaps; else as `give_back_memory`."""
    option = _of_c_library("mallopt")
    if option is not None:
        option(_M_ARENA_MAX, count)


def _of_c_library(name: str) -> Callable[..., Any] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
