"""The matrix: which settings of a backend are tried, and in batches of which sizes."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Mode
from preproc.parity.recording import WHOLE, Setting

OPTIMISATIONS: Final = ("none", "basic", "extended", "all")
THREADS: Final = (1, 2)
SIZES: Final = (WHOLE, "1", "3", "64", "4096", "0")
"""Rows a call: one, few, more than a vector register holds, more than a block of a BLAS, none."""

_SIZES: Final[Mapping[str, Sequence[str]]] = {"reference": (WHOLE, "1", "3")}
"""Of backends that take a millisecond a row; onnx's own tree operator does not take 0 rows."""
_CALLS: Final[Mapping[str, int]] = {"onnxruntime-cpu": 48}
_CALLS_ELSEWHERE: Final = 8


def settings_of(backend: str, mode: Mode = "exact") -> tuple[Setting, ...]:
    """List the settings of a backend, the one that serves first.

    ONNX Runtime on the CPU has each of its optimisation levels with one thread and with two: they
    rewrite the graph and split sums. Other backends have no such switches, or none that is safe.
    """
    if backend != "onnxruntime-cpu":
        return (Setting(backend, mode),)
    served = ("all", 1)
    pairs = sorted(product(OPTIMISATIONS, THREADS), key=lambda pair: pair != served)
    return tuple(
        Setting(backend, mode, {"optimisation": level, "threads": threads})
        for level, threads in pairs
    )


def sizes_of(backend: str) -> Sequence[str]:
    """List the batch sizes that a backend is tried with."""
    return _SIZES.get(backend, SIZES)


def calls_of(backend: str) -> int:
    """Most calls for one golden set in batches of one size."""
    return _CALLS.get(backend, _CALLS_ELSEWHERE)


def cut(rows: int, size: str, most_calls: int) -> Sequence[NDArray[np.int64]]:
    """Choose the rows of each call.

    Parameters
    ----------
    rows
        Rows of the golden set, at least 1.
    size
        ``whole`` or a number of rows.
    most_calls
        Where the set needs more, calls are spread evenly over it.

    Returns
    -------
    sequence of numpy.ndarray
        Positions int64 (size,), the set repeated from its start where a call is longer than what
        is left, so that a row comes with other neighbours than its own.
    """
    everything = np.arange(rows, dtype=np.int64)
    if size == WHOLE:
        return [everything]
    wanted = int(size)
    if wanted == 0:
        return [everything[:0]]
    calls = -(-rows // wanted)
    padded = np.resize(everything, calls * wanted).reshape(calls, wanted)
    chosen = np.unique(np.linspace(0, calls - 1, min(calls, most_calls)).astype(np.int64))
    return list(padded[chosen])
