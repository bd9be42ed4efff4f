"""Counters of each model and version since the start of the process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from threading import Lock
from typing import Final, NamedTuple

NANOSECONDS_A_MILLISECOND: Final = 10**6


class Times(NamedTuple):
    """When one request passed each stage, nanoseconds on one monotonic clock.

    A tuple, since each call makes one and a frozen dataclass takes three times as long.

    Attributes
    ----------
    arrived, read, decoded, computed, encoded
        In this order.
    """

    arrived: int
    read: int
    decoded: int
    computed: int
    encoded: int


@dataclass(slots=True)
class Totals:
    """Sums of one version.

    Attributes
    ----------
    requests, rows
        Answered.
    failures
        Requests refused or failed.
    success_ns, fail_ns
        From arrival to the end, of those answered and those not.
    queue_ns, input_ns, infer_ns, output_ns
        Of those answered, stage by stage.
    last_ms
        When the last request ended, milliseconds since 1970, UTC; 0 before the first.
    """

    requests: int = 0
    rows: int = 0
    failures: int = 0
    success_ns: int = 0
    fail_ns: int = 0
    queue_ns: int = 0
    input_ns: int = 0
    infer_ns: int = 0
    output_ns: int = 0
    last_ms: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        """Put the sums of two processes together."""
        sums = map(sum, zip(astuple(self), astuple(other), strict=True))
        return replace(Totals(*sums), last_ms=max(self.last_ms, other.last_ms))


Counted = Mapping[tuple[str, int], Totals]
"""Name and version → sums."""


class Statistics:
    """Counts requests; safe to call from several threads.

    Parameters
    ----------
    clock_ns
        Time since 1970, nanoseconds.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._lock = Lock()
        self._totals: dict[tuple[str, int], Totals] = {}

    def count(self, name: str, version: int, rows: int, times: Times) -> None:
        """Count a request that was answered."""
        with self._lock:
            totals = self._of(name, version)
            totals.requests += 1
            totals.rows += rows
            totals.success_ns += times.encoded - times.arrived
            totals.queue_ns += times.read - times.arrived
            totals.input_ns += times.decoded - times.read
            totals.infer_ns += times.computed - times.decoded
            totals.output_ns += times.encoded - times.computed
            totals.last_ms = self._clock_ns() // NANOSECONDS_A_MILLISECOND

    def count_failure(self, name: str, version: int, took_ns: int) -> None:
        """Count a request that was refused or failed."""
        with self._lock:
            totals = self._of(name, version)
            totals.failures += 1
            totals.fail_ns += took_ns
            totals.last_ms = self._clock_ns() // NANOSECONDS_A_MILLISECOND

    def totals(self) -> Counted:
        """Give the sums of all versions of which something was asked, as they are now."""
        with self._lock:
            return {place: replace(totals) for place, totals in self._totals.items()}

    def _of(self, name: str, version: int) -> Totals:
        totals = self._totals.get((name, version))
        if totals is None:
            totals = self._totals[name, version] = Totals()
        return totals
