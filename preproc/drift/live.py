"""Watches rows as they are answered: counts them, and judges each window once it is over.

It keeps counts alone, the same size whatever the traffic; a row costs a microsecond or so, on the
thread that hands it over, which is never the one that answers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from preproc.drift.baseline import Baseline
from preproc.drift.monitor import Verdict, judge
from preproc.drift.window import Window, empty_window, window_of

DAY_S: Final = 86_400.0


class LiveMonitor:
    """The windows of one artifact; for one thread.

    Parameters
    ----------
    baseline
        Frozen at export.
    report
        Called with start (seconds since 1970, UTC), counts and verdict of each window that is over.
        Counts of several workers are added, and their sum is judged, so that one alarm speaks for
        all: each of them alone sees fewer rows, and alone each would have false alarms of its own.
    began_s
        Since when rows are seen; the window in which that falls is not whole, and not judged.
    window_s
        Length, by default that of training's blocks, or a day.
    """

    def __init__(
        self,
        baseline: Baseline,
        report: Callable[[float, Window, Verdict], None],
        *,
        began_s: float,
        window_s: float | None = None,
    ) -> None:
        self.baseline = baseline
        self.window_s = window_s or baseline.window_s or DAY_S
        self._report = report
        self._first = int(-(-began_s // self.window_s))
        self._number = int(began_s // self.window_s)
        self.counts = empty_window(baseline.places)

    def observe(
        self, inputs: Mapping[str, NDArray[Any]], answers: Mapping[str, NDArray[Any]], at_s: float
    ) -> None:
        """Count some rows; a window that they end is judged first.

        Rows of a window that is over count in the present one: they were late on their way.

        Raises
        ------
        DriftError
            When they do not fit the baseline.
        """
        self.add(window_of(self.baseline.places, inputs, answers), at_s)

    def add(self, counts: Window, at_s: float) -> None:
        """Take rows along that were counted elsewhere; as `observe` otherwise."""
        self.tick(at_s)
        self.counts += counts

    def tick(self, at_s: float) -> None:
        """Judge the window if it is over, traffic or not: silence is insufficient, not quiet."""
        number = int(at_s // self.window_s)
        while number > self._number:
            if self._number >= self._first:
                verdict = judge(self.baseline, self.counts)
                self._report(self._number * self.window_s, self.counts, verdict)
            self.counts = empty_window(self.baseline.places)
            self._number += 1
