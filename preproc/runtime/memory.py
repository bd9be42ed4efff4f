"""Gives back what loading a large graph took for a moment.

Why: glibc keeps freed memory for the next allocation, and loading a forest frees five times what
the loaded forest needs.
"""

import ctypes
import sys


def give_back_memory() -> None:
    """Return free memory to the system; does nothing where the C library has no way to."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
