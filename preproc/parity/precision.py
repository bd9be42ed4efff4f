"""Names the arithmetic that an error looks like: float32 or bfloat16 where float64 was due.

Two tests, the first of which is proof: values that hold no more bits than a narrower format, and
errors of that format's size. Why: a runtime may compute a float64 graph in float32 and still call
its answer float64 (OpenVINO does), or multiply in TF32 or bfloat16 by default; the dtype tells
nothing, the size of the error does.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FORMATS: Final = (("bfloat16", 8), ("TF32 or float16", 11), ("float32", 24))
"""Name of a format and how many significant bits it has, narrowest first."""
_SLACK: Final = 4
"""Errors of many roundings reach 2^(bits / 4) of one: 4 of bfloat16's, 64 of float32's. Beyond
that the answer is another one, not the same with fewer bits."""
_MOST: Final = 0.9
"""Share of values that must be off, or hold no more bits: a wrong weight moves some rows only."""
_FEWEST_SIGNS: Final = 0.1
"""Share of a column's errors that must have the other sign."""
_FEWEST: Final = 8
"""Values below which a share says nothing."""


def arithmetic_of(want: NDArray[Any], got: NDArray[Any]) -> str:
    """Say in words which narrower format an answer was computed in.

    Parameters
    ----------
    want, got
        Arrays of one shape and dtype.

    Returns
    -------
    str
        Empty when want and got are no floats, or nothing speaks for a narrower format.
    """
    if want.dtype.kind != "f" or want.shape != got.shape:
        return ""
    due = np.finfo(want.dtype).nmant + 1
    is_told = np.isfinite(want) & np.isfinite(got) & (want != 0)
    first, second = want[is_told].astype(np.float64), got[is_told].astype(np.float64)
    if first.size < _FEWEST:
        return ""
    off = np.abs(first - second) / np.abs(first)
    scale = float(np.median(off))
    for name, bits in FORMATS:
        if bits >= due:
            break
        if _share(second, bits) >= _MOST > _share(first, bits):
            return f"every value has at most {bits} significant bits: computed in {name}"
        is_off = float((off > 2.0 ** (-bits - 6)).mean()) >= _MOST and _is_scattered(want, got)
        if is_off and scale <= 2.0 ** (bits // _SLACK - bits):
            return f"errors of {scale:.1g} of each value are those of {name}"
    return ""


def _is_scattered(want: NDArray[Any], got: NDArray[Any]) -> bool:
    """Whether errors of every column have both signs, as roundings do, wrong weights seldom."""
    with np.errstate(invalid="ignore"):
        off = np.sign(got - want).reshape(len(want), -1)
    ups, downs = (off > 0).sum(axis=0), (off < 0).sum(axis=0)
    return bool((np.minimum(ups, downs) >= _FEWEST_SIGNS * (ups + downs)).all())


def _share(values: NDArray[np.float64], bits: int) -> float:
    """Share of values, but for powers of two, that need no more than so many bits."""
    mantissa = np.frexp(values)[0] * 2.0**bits
    return float((mantissa == np.round(mantissa)).mean())
