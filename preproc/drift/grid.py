"""The grid of a column: how many decimals its numbers were recorded with.

Rain comes in hundredths of an inch, ages in whole years. Another unit throws nearly every number
off that grid at once, however it rains, so that a handful of rows shows what shares never do.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_DECIMALS: Final = 15
ODD: Final = 0.001
"""Share of the reference that may lie off its grid, as one broken sensor does."""
CHANCE: Final = 0.1
"""Share of arbitrary numbers of this size that would lie on a grid; beyond, it tells nothing."""
NOISE: Final = 4
"""Roundings that a number may be off by: 0.1 + 0.2 is three tenths."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers of so many decimals.

    Attributes
    ----------
    decimals
        After the point.
    slack
        How far a number may lie beside it, as a share of the number.
    """

    decimals: int
    slack: float

    def __str__(self) -> str:
        return f"{10.0**-self.decimals:g}"

    def is_off(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which numbers, (n,), lie beside the grid; NaN and infinities do not."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.abs(numbers) * 10.0**self.decimals
            is_off: NDArray[np.bool_] = np.abs(scaled - np.rint(scaled)) > self.slack * scaled
        return is_off

    def chance(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tell how much of the surroundings of each number, (n,), counts as on the grid."""
        with np.errstate(over="ignore"):
            return np.minimum(1.0, 2 * self.slack * np.abs(numbers) * 10.0**self.decimals)


def find_grid(
    distinct: NDArray[np.float64], counts: NDArray[np.int64], dtype: np.dtype[Any]
) -> Grid | None:
    """Find the coarsest grid of decimals that nearly all of the reference lies on.

    Zero lies on each grid, and says nothing.

    Parameters
    ----------
    distinct, counts
        Finite numbers, (n,), and how often each was seen.
    dtype
        In which they were given: its rounding is no decimal.

    Returns
    -------
    Grid or None
        None without a number but 0, of booleans, and of numbers with all the digits that they hold.
    """
    is_told = distinct != 0
    numbers, weights = distinct[is_told], counts[is_told]
    if not numbers.size or dtype.kind == "b":
        return None
    slack = NOISE * float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)

    def holds(decimals: int) -> bool:
        is_off = Grid(decimals, slack).is_off(numbers)
        return bool(weights[is_off].sum() <= ODD * weights.sum())

    found = Grid(bisect_left(range(MAX_DECIMALS), True, key=holds), slack)
    is_vague = np.average(found.chance(numbers), weights=weights) > CHANCE
    return None if is_vague or not holds(found.decimals) else found


def grid_to_json(grid: Grid | None) -> dict[str, Any] | None:
    """Turn a grid into plain JSON data."""
    return None if grid is None else asdict(grid)


def grid_from_json(data: Mapping[str, Any] | None) -> Grid | None:
    """Turn JSON data into a grid.

    Raises
    ------
    KeyError, TypeError, ValueError
        When it is none.
    """
    if data is None:
        return None
    grid = Grid(int(data["decimals"]), float(data["slack"]))
    if not 0 <= grid.decimals <= MAX_DECIMALS or not 0 <= grid.slack < 1:
        raise ValueError(f"expected 0 to {MAX_DECIMALS} decimals, got {grid.decimals}")
    return grid
