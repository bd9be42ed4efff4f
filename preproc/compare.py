"""Two arrays → ULP, absolute error, where; named tolerances with their reasons.

ULP here is the distance of two floats in the order of all floats of their dtype: 0 for equal bits,
1 for neighbours, +0 and -0 one point. NaN equals NaN and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import ParityError


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two values may lie apart.

    An element passes when its ULP distance, its absolute error, or its error as a share of the
    largest magnitude in its row is within the limit.

    Attributes
    ----------
    name
        What decides the value, such as ``bitwise`` or ``exponential``.
    max_ulp
        Largest ULP distance.
    max_abs
        Largest absolute error, in the unit of the output.
    reason
        Why not less.
    max_row
        Largest error over the largest finite magnitude of the wanted row.
    exact_columns
        Positions along the second axis where bits must be equal all the same.
    """

    name: str
    max_ulp: int
    max_abs: float
    reason: str
    max_row: float = 0.0
    exact_columns: Sequence[int] = ()


BITWISE: Final = Tolerance("bitwise", 0, 0.0, "IEEE arithmetic in the oracle's own order")
LAST_BITS: Final = Tolerance(
    "last bits",
    max_ulp=4,
    max_abs=1e-300,
    max_row=2.0**-40,
    reason="a step that the C library or BLAS decides has no bound of its own in the certificate",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one comparison.

    Attributes
    ----------
    rows, elements
        What was compared.
    equal
        Elements that agree bit for bit, zero signs apart.
    zero_signs
        Elements that are +0 on one side and -0 on the other.
    max_ulp, max_abs
        Largest distance over all elements; for text and integers 0 or 1 and the difference.
    breaches
        Elements beyond the tolerance.
    worst
        Index of the first element with the largest distance.
    """

    rows: int
    elements: int
    equal: int
    zero_signs: int
    max_ulp: int
    max_abs: float
    breaches: int
    worst: tuple[int, ...]

    @property
    def is_pass(self) -> bool:
        """Whether no element lies beyond the tolerance."""
        return self.breaches == 0

    @property
    def bitwise_share(self) -> float:
        """Share of equal elements, from 0 to 1."""
        return self.equal / self.elements


def ulp_distance(want: NDArray[Any], got: NDArray[Any]) -> NDArray[np.uint64]:
    """Count the floats between two arrays, element by element.

    Parameters
    ----------
    want, got
        Arrays of one shape and one float dtype.

    Returns
    -------
    numpy.ndarray
        uint64 of the same shape; the largest uint64 where exactly one side is NaN.
    """
    bits = np.int64 if want.dtype == np.float64 else np.int32
    ordered = [_ordered(side.view(bits)) for side in (want, got)]
    high, low = np.maximum(*ordered), np.minimum(*ordered)
    distance = high.view(np.uint64) - low.view(np.uint64)
    want_nan, got_nan = np.isnan(want), np.isnan(got)
    distance[want_nan & got_nan] = 0
    distance[want_nan ^ got_nan] = np.iinfo(np.uint64).max
    return distance


def _ordered(bits: NDArray[Any]) -> NDArray[np.int64]:
    """Map sign-and-magnitude bits to integers in the order of the floats."""
    wide = bits.astype(np.int64)
    return np.where(wide < 0, np.int64(np.iinfo(bits.dtype).min) - wide, wide)


def row_scale(want: NDArray[Any]) -> NDArray[np.float64]:
    """Largest finite magnitude of each row, shaped to broadcast over the rows' elements."""
    finite = np.where(np.isfinite(want), np.abs(want), 0.0)
    axes = tuple(range(1, want.ndim))
    scale: NDArray[np.float64] = finite.max(axis=axes, keepdims=True) if axes else finite
    return scale


def compare(
    want: NDArray[Any],
    got: NDArray[Any],
    tolerance: Tolerance = BITWISE,
    *,
    slack: NDArray[np.float64] | float = 0.0,
) -> Comparison:
    """Compare what the oracle says with what was computed.

    Parameters
    ----------
    want, got
        Arrays of any one shape (rows, ...) and dtype; text as object.
    tolerance
        Applies to floats; text, integers and booleans must be equal.
    slack
        Absolute error that each float may have on top; of the same shape, or one for all.

    Returns
    -------
    Comparison
        Counts, distances and the worst element.

    Raises
    ------
    ParityError
        When shapes or dtypes differ, or when there is nothing to compare.
    """
    if want.shape != got.shape:
        raise ParityError(f"shape: expected {want.shape}, got {got.shape}")
    if want.dtype != got.dtype:
        raise ParityError(f"dtype: expected {want.dtype}, got {got.dtype}")
    if want.size == 0:
        raise ParityError(f"nothing to compare: shape {want.shape} holds no element")
    if want.dtype.kind == "f":
        sides = np.ascontiguousarray(want), np.ascontiguousarray(got)
        return _compare_floats(*sides, tolerance, slack)
    differs = np.asarray(want != got, dtype=bool)
    worst = np.unravel_index(int(np.argmax(differs)), want.shape)
    is_number = want.dtype.kind in "iu"
    off = want[differs].astype(float) - got[differs].astype(float) if is_number else differs
    return Comparison(
        rows=len(want),
        elements=want.size,
        equal=int(want.size - differs.sum()),
        zero_signs=0,
        max_ulp=int(differs.any()),
        max_abs=float(np.max(np.abs(off), initial=0)) if is_number else float(differs.any()),
        breaches=int(differs.sum()),
        worst=tuple(int(i) for i in worst),
    )


def breaches(
    want: NDArray[Any],
    got: NDArray[Any],
    tolerance: Tolerance = BITWISE,
    *,
    slack: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.bool_]:
    """Mark the elements of two arrays of one shape and dtype that lie beyond a tolerance.

    `slack` is as for `compare`.
    """
    if want.dtype.kind != "f":
        return np.asarray((want != got) & ~np.isinf(slack), dtype=bool)
    distance = ulp_distance(np.ascontiguousarray(want), np.ascontiguousarray(got))
    return _breaches(distance, absolute_error(want, got, distance), want, tolerance, slack)


def absolute_error(
    want: NDArray[Any], got: NDArray[Any], distance: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Subtract; 0 where the distance is, infinity where exactly one side is NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        absolute: NDArray[np.float64] = np.abs(want - got)
    absolute[distance == 0] = 0.0
    absolute[np.isnan(absolute)] = np.inf
    return absolute


def _breaches(
    distance: NDArray[np.uint64],
    absolute: NDArray[np.float64],
    want: NDArray[Any],
    tolerance: Tolerance,
    slack: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.bool_]:
    allowed = np.maximum(tolerance.max_abs, tolerance.max_row * row_scale(want)) + slack
    found: NDArray[np.bool_] = (distance > tolerance.max_ulp) & ~(absolute <= allowed)
    if tolerance.exact_columns:
        exact = list(tolerance.exact_columns)
        found[:, exact] = distance[:, exact] > 0
    return found


def _compare_floats(
    want: NDArray[Any],
    got: NDArray[Any],
    tolerance: Tolerance,
    slack: NDArray[np.float64] | float,
) -> Comparison:
    distance = ulp_distance(want, got)
    absolute = absolute_error(want, got, distance)
    beyond = _breaches(distance, absolute, want, tolerance, slack)
    rank = np.where(beyond, distance, 0) if beyond.any() else distance
    worst = np.unravel_index(int(np.argmax(rank)), want.shape)
    signs = (want == 0) & (got == 0) & (np.signbit(want) != np.signbit(got))
    return Comparison(
        rows=len(want),
        elements=want.size,
        equal=int((distance == 0).sum()),
        zero_signs=int(signs.sum()),
        max_ulp=int(distance.max()),
        max_abs=float(absolute.max()),
        breaches=int(beyond.sum()),
        worst=tuple(int(i) for i in worst),
    )
