"""Since when, and for whom: what tells a change of code from a change of the world.

Code changes at once, with a release, for those who run it; the world changes for all, and as a rule
slowly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import fisher_exact

from preproc.skew.traffic import Traffic, Windows

SURE: Final = 0.01
MOST: Final = 0.8
"""Share of the windows of those concerned that alarm since the onset."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Where a series of windows changes.

    Attributes
    ----------
    window, start
        The first one after.
    before, after
        Share of the windows that alarm.
    """

    window: int
    start: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Who alone is concerned.

    Attributes
    ----------
    kind, name
        ``client``, ``host`` or ``artifact``, and which.
    concerned, of
        Faulty rows or windows of theirs, of how many.
    others, of_others
        The same of all others.
    p
        Fisher's exact test, times the groups that were tried.
    is_new
        Whether they came with the onset.
    """

    kind: str
    name: str
    concerned: int
    of: int
    others: int
    of_others: int
    p: float
    is_new: bool

    def __str__(self) -> str:
        new = ", which came at that time" if self.is_new else ""
        return (
            f"{self.kind} {self.name!r}{new}: {self.concerned} of {self.of}, "
            f"elsewhere {self.others} of {self.of_others}"
        )


def onset_of(is_alarm: NDArray[np.bool_], windows: Windows) -> Onset | None:
    """Find the window from which on alarms are most unlike before; None where nothing alarms.

    The likeliest point at which the rate of a Bernoulli series changes.
    """
    if not is_alarm.any():
        return None
    number = len(is_alarm)
    before = np.concatenate([[0], np.cumsum(is_alarm)[:-1]])
    length = np.arange(number)
    after, rest = is_alarm.sum() - before, number - length
    likelihood = _likelihood(before, length) + _likelihood(after, rest)
    likelihood[after / rest <= before / np.maximum(length, 1)] = -np.inf
    likelihood[0] = _likelihood(after[:1], rest[:1])[0]
    at = int(likelihood.argmax())
    return Onset(
        window=at,
        start=windows.starts[at],
        before=float(before[at] / max(length[at], 1)),
        after=float(after[at] / rest[at]),
    )


def scope_of_rows(
    is_faulty: NDArray[np.bool_], is_compared: NDArray[np.bool_], traffic: Traffic
) -> Scope | None:
    """Find the one group to which faulty rows, (n,), are confined; None where they are not."""
    first = traffic.at[is_faulty].min() if is_faulty.any() else None
    tried = [
        (kind, name, names == name)
        for kind, names in traffic.groups.items()
        for name in np.unique(names.astype(str)).tolist()
        if len(set(names.tolist())) > 1
    ]
    best: Scope | None = None
    for kind, name, is_theirs in tried:
        mine, rest = is_compared & is_theirs, is_compared & ~is_theirs
        bad = int((is_faulty & is_theirs).sum()), int((is_faulty & ~is_theirs).sum())
        sizes = int(mine.sum()), int(rest.sum())
        p = _fisher(bad[0], sizes[0], bad[1], sizes[1]) * len(tried)
        if bad[1] == 0 and p < SURE and first is not None and (best is None or p < best.p):
            began = traffic.at[is_theirs].min()
            is_new = bool(began > traffic.at[0] and began <= first)
            best = Scope(kind, name, bad[0], sizes[0], bad[1], sizes[1], p, is_new)
    return best


def scope_of_windows(
    judge: Callable[[NDArray[np.int64]], str], traffic: Traffic, windows: Windows, onset: Onset
) -> Scope | None:
    """Find the one group whose windows alarm since the onset, while those of all others do not.

    Parameters
    ----------
    judge
        Rows → state of the window that they make.
    traffic, windows
        What was judged as a whole.
    onset
        Since when.
    """
    since = windows.codes >= onset.window
    found = None
    tried = [
        (kind, names) for kind, names in traffic.groups.items() if len(set(names.tolist())) > 1
    ]
    for kind, names in tried:
        for name in np.unique(names[since].astype(str)).tolist():
            is_theirs = names == name
            mine = _states(judge, windows, onset, is_theirs)
            rest = _states(judge, windows, onset, ~is_theirs)
            p = _fisher(mine.count("ALARM"), len(mine), rest.count("ALARM"), len(rest))
            is_confined = mine.count("ALARM") >= MOST * len(mine) > 0 and p < SURE
            if is_confined and (found is None or p < found.p):
                began = windows.codes[is_theirs & (windows.codes >= 0)].min()
                is_new = bool(onset.window > 0 and abs(int(began) - onset.window) <= 1)
                found = Scope(
                    kind,
                    name,
                    mine.count("ALARM"),
                    len(mine),
                    rest.count("ALARM"),
                    len(rest),
                    p,
                    is_new,
                )
    return found


def _states(
    judge: Callable[[NDArray[np.int64]], str],
    windows: Windows,
    onset: Onset,
    is_theirs: NDArray[np.bool_],
) -> list[str]:
    """Judge the windows of a group; those of few rows together with the next."""
    states = []
    waiting = np.zeros(0, np.int64)
    for at in range(onset.window, len(windows)):
        waiting = np.concatenate([waiting, np.flatnonzero(is_theirs & (windows.codes == at))])
        state = judge(waiting)
        if state != "INSUFFICIENT":
            states.append(state)
            waiting = waiting[:0]
    return states


def _likelihood(hits: NDArray[np.int64], trials: NDArray[np.int64]) -> NDArray[np.float64]:
    rate = hits / np.maximum(trials, 1)
    found: NDArray[np.float64] = xlogy(hits, rate) + xlogy(trials - hits, 1 - rate)
    return found


def _fisher(bad: int, size: int, other_bad: int, other_size: int) -> float:
    table = [[bad, size - bad], [other_bad, other_size - other_bad]]
    return float(fisher_exact(table, alternative="greater").pvalue)
