"""Watches rows as they are answered: counts them, and tells each window once it is over.

It keeps counts alone, bounded whatever the traffic; a row costs a microsecond or so, on the thread
that hands it over, which is never the one that answers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from preproc.drift.baseline import Baseline
from preproc.drift.tally import Tally
from preproc.drift.window import Window, empty_window, window_of


class LiveMonitor:
    """The windows of one artifact in one process; for one thread.

    Parameters
    ----------
    baseline
        Frozen at export; its cadence says where windows end.
    report
        Called with the tally of each window that is over. The verdict is the caller's, who may add
        the tallies of other processes first: so that one alarm speaks for all.
    began_s
        Since when rows are seen, seconds since 1970, UTC; the window in which that falls is told
        too, and is not whole.
    artifact, source
        As of `Tally`.
    """

    def __init__(
        self,
        baseline: Baseline,
        report: Callable[[Tally], None],
        *,
        began_s: float,
        artifact: str = "",
        source: str = "",
    ) -> None:
        self.baseline = baseline
        self._cadence = baseline.cadence
        self._report = report
        self._artifact, self._source = artifact, source
        self._since_s = began_s
        self._start_s = began_s
        self._number = 0 if self._is_by_rows else self._cadence.number(began_s)
        self.counts = empty_window(baseline.watched)

    def observe(
        self, inputs: Mapping[str, NDArray[Any]], answers: Mapping[str, NDArray[Any]], at_s: float
    ) -> None:
        """Count some rows; a window that they end is told first.

        Rows of a window that is over count in the present one: they were late on their way.

        Raises
        ------
        DriftError
            When they do not fit the baseline.
        """
        if not self._is_by_rows:
            self.add(window_of(self.baseline.watched, inputs, answers), at_s)
            return
        rows = len(next(iter({**inputs, **answers}.values()), ()))
        done = 0
        while done < rows:
            room = self._cadence.rows - self.counts.rows
            at = slice(done, done + room)
            some = ({n: values[at] for n, values in part.items()} for part in (inputs, answers))
            self.add(window_of(self.baseline.watched, *some), at_s)
            done += room

    def add(self, counts: Window, at_s: float) -> None:
        """Take rows along that were counted elsewhere; as `observe` otherwise.

        What was counted elsewhere cannot be divided, so windows of rows may have some more.
        """
        self.tick(at_s)
        self.counts += counts
        if self._is_by_rows and self.counts.rows >= self._cadence.rows:
            self._tell(self._start_s, at_s, at_s)
            self._start_s = at_s

    def tick(self, at_s: float) -> None:
        """Tell the window if it is over, traffic or not: silence is insufficient, not quiet."""
        if self._is_by_rows:
            return
        number = self._cadence.number(at_s)
        while number > self._number:
            end_s = self._cadence.start_s(self._number + 1)
            self._tell(self._cadence.start_s(self._number), end_s, end_s)
            self._number += 1

    def close(self, at_s: float) -> None:
        """Tell what was counted of the present window, for whoever adds it to the rest.

        Windows of so many rows are each process's own: what it has of one is of no use to others.
        """
        if not self._is_by_rows:
            self.tick(at_s)
            start_s, end_s = (self._cadence.start_s(self._number + past) for past in (0, 1))
            self._tell(start_s, end_s, at_s)

    @property
    def _is_by_rows(self) -> bool:
        return self._cadence.window_s is None

    def _tell(self, start_s: float, end_s: float, until_s: float) -> None:
        tally = Tally(
            artifact=self._artifact,
            sources=(self._source,),
            start_s=start_s,
            end_s=end_s,
            since_s=self._since_s,
            until_s=until_s,
            window=self.counts,
        )
        self.counts = empty_window(self.baseline.watched)
        self._report(tally)
