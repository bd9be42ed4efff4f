"""Time zones as tables: the moments at which a zone's offset changes, and the offsets.

Asked of pandas itself, which asks tzdata: so the table holds what training computed with. It covers
a window of years; a moment beyond it is refused row by row, and the rule says so.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = (1950, 2100)
_STEP_S: Final = 12 * 3600
"""Between two looks at the offset; no zone has changed twice within it and back."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Offsets of one zone.

    Attributes
    ----------
    starts
        Seconds since 1970 in UTC from which an offset holds, ascending; the first is the window's.
    offsets
        Seconds to add to UTC.
    end
        End of the window, in seconds.
    """

    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    end: int


@lru_cache(maxsize=32)
def zone_table(name: str) -> Zone:
    """Find the changes of a zone within `WINDOW`."""
    first, end = (int(np.datetime64(f"{year}-01-01", "s").astype(np.int64)) for year in WINDOW)
    looks = np.arange(first, end, _STEP_S)
    offsets = _offsets(looks, name)
    at = np.flatnonzero(offsets[1:] != offsets[:-1])
    low, high = looks[at], looks[at + 1]
    while np.any(high - low > 1):
        middle = (low + high) // 2
        is_before = _offsets(middle, name) == offsets[at]
        low, high = np.where(is_before, middle, low), np.where(is_before, high, middle)
    return Zone(np.append(first, high), np.append(offsets[0], offsets[at + 1]), end)


def _offsets(seconds: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    import pandas as pd  # noqa: PLC0415  # there whenever a zone is

    moments = pd.DatetimeIndex(seconds.view("datetime64[s]")).tz_localize("UTC").tz_convert(name)
    wall = moments.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(wall - seconds, np.int64)
