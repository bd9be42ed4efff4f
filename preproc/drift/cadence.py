"""Where one window ends and the next begins: as the blocks of training did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from preproc.errors import DriftError
from preproc.wording import counted

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Cadence:
    """How traffic is cut.

    Attributes
    ----------
    window_s
        Length in seconds; None where windows have a number of rows.
    rows
        That number, 0 where windows have a length.
    zone
        On whose clock windows of whole days begin; shorter ones know no zone but UTC.
    offset_s
        When the first window after 1 January 1970, 00:00, begins on that clock.
    """

    window_s: float | None
    rows: int = 0
    zone: str = "UTC"
    offset_s: float = 0.0

    def __str__(self) -> str:
        if self.window_s is None:
            return counted(self.rows, "row")
        late = f", {self.offset_s:g} s late" if self.offset_s else ""
        return f"{self.window_s:g} s{late}, by the clock of {self.zone}"

    def number(self, at_s: float) -> int:
        """Find the number of the window in which a moment, seconds since 1970 in UTC, falls."""
        return int((self._local(at_s) - self.offset_s) // self._length)

    def start_s(self, number: int) -> float:
        """Give the moment, seconds since 1970 in UTC, at which a window begins."""
        local = number * self._length + self.offset_s
        if self.zone == "UTC":
            return local
        naive = datetime(1970, 1, 1) + timedelta(seconds=local)  # noqa: DTZ001  # a clock's face
        return naive.replace(tzinfo=zone_of(self.zone)).timestamp()

    def numbers(self, at: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Find the windows of many moments, (n,) datetime64 in UTC."""
        zone = zone_of(self.zone)
        quarters, codes = np.unique(
            at.astype("datetime64[s]").astype(np.int64) // 900, return_inverse=True
        )
        shifts = [datetime.fromtimestamp(at * 900, zone).utcoffset() for at in quarters.tolist()]
        seconds = np.array([shift.total_seconds() for shift in shifts if shift is not None])
        moved = at.astype("datetime64[us]").astype(np.int64) / 1e6 + seconds[codes]
        numbers: NDArray[np.float64] = (moved - self.offset_s) // self._length
        return numbers.astype(np.int64)

    @property
    def _length(self) -> float:
        if not self.window_s:
            raise DriftError(f"windows of {self}: expected a length in time, got none")
        return self.window_s

    def _local(self, at_s: float) -> float:
        if self.zone == "UTC":
            return at_s
        shift = datetime.fromtimestamp(at_s, zone_of(self.zone)).utcoffset()
        assert shift is not None  # an aware moment has one
        return at_s + shift.total_seconds()


def cadence_of(labels: NDArray[np.datetime64], zone: str) -> Cadence | None:
    """Find the cadence of the moments at which blocks begin; None where they keep none.

    Parameters
    ----------
    labels
        Distinct and ascending, (b,), as the clock of the zone shows them, or in UTC.
    zone
        Of which they are.
    """
    steps = np.diff(labels) / np.timedelta64(1, "s")
    if not steps.size:
        return None
    window_s = float(steps.min())
    moments = (labels - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")
    offsets = np.unique(moments % window_s)
    if len(offsets) > 1:
        return None
    return Cadence(window_s, zone=zone, offset_s=float(offsets[0]))


def is_zone(name: str) -> bool:
    """Tell whether a time zone has a name that is known; ``+02:00`` is none."""
    try:
        zone_of(name)
    except DriftError:
        return False
    return True


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone.

    Raises
    ------
    DriftError
        When there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DriftError(f"zone: expected a name such as 'Europe/Oslo', got {name!r}") from error


def cadence_to_json(cadence: Cadence) -> dict[str, Any]:
    """Turn a cadence into plain JSON data."""
    return asdict(cadence)


def cadence_from_json(data: Mapping[str, Any]) -> Cadence:
    """Turn JSON data into a cadence.

    Raises
    ------
    DriftError
        When a key is missing, or a number is none that windows can have.
    """
    try:
        length = data["window_s"]
        found = Cadence(
            window_s=None if length is None else float(length),
            rows=int(data["rows"]),
            zone=str(data["zone"]),
            offset_s=float(data["offset_s"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"baseline: expected the keys of a cadence: {error!r}") from error
    is_fine = found.rows > 0 if found.window_s is None else 0 < found.window_s < float("inf")
    if not is_fine or not np.isfinite(found.offset_s):
        raise DriftError(f"baseline: expected windows with a length or rows, got {found}")
    zone_of(found.zone)
    return found
