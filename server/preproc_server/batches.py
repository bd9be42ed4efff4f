"""Batches of several calls as one, and their answers taken apart again."""

import time
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.compare import compare
from preproc.runtime import Prepared, Session

MAX_ALONE: Final = 16
"""Rows of a golden set that are asked one by one."""
QUICK_NS: Final = 200_000
"""A run that is timed by the clock that costs nothing."""


class Pace:
    """How long a model computes on a row, by its last run; safe to ask from several threads."""

    __slots__ = ("_ns_a_row",)

    def __init__(self) -> None:
        self._ns_a_row = inf

    def clock(self, rows: int) -> Callable[[], int]:
        """Give what times a run of so many rows: the thread's own clock, which others don't move.

        To ask it takes a system call; a run that hardly takes longer is timed by the wall's. Where
        others held that one up, the next run counts as slow, and is timed by the thread's.
        """
        return time.thread_time_ns if self.expected_ns(rows) > QUICK_NS else time.perf_counter_ns

    def note(self, rows: int, took_ns: int) -> None:
        """Take down a run: its rows, and how long it took, nanoseconds."""
        self._ns_a_row = took_ns / rows

    def expected_ns(self, rows: int) -> float:
        """Tell how long so many rows may take; infinite before the first run."""
        return self._ns_a_row * rows


def joined(batches: Sequence[Prepared]) -> Prepared:
    """Put batches of one layout below each other."""
    feeds = {
        name: np.concatenate([batch.feeds[name] for batch in batches]) for name in batches[0].feeds
    }
    return Prepared(sum(batch.rows for batch in batches), feeds)


def split(
    answers: dict[str, NDArray[Any]], batches: Sequence[Prepared]
) -> list[dict[str, NDArray[Any]]]:
    """Give each batch its rows of the answers."""
    places = pairwise(accumulate((batch.rows for batch in batches), initial=0))
    return [
        {name: values[start:stop] for name, values in answers.items()} for start, stop in places
    ]


def is_each_row_alone(session: Session, artifact: Artifact) -> bool:
    """Tell whether rows of the golden sets get the same bits alone as beside others.

    So does what an export made, on the CPU and in the exact mode; a device, the fast mode and a
    graph by other hands do not promise it.
    """
    if session.mode != "exact" or session.form not in ("fused", "packed"):
        return False
    sets = [session.pack(vectors.inputs) for vectors in artifact.vectors]
    return bool(sets) and all(_are_same(session, whole) for whole in sets)


def _are_same(session: Session, whole: Prepared) -> bool:
    rows = np.linspace(0, whole.rows - 1, min(whole.rows, MAX_ALONE)).astype(int)
    ones = [
        Prepared(1, {name: values[row : row + 1] for name, values in whole.feeds.items()})
        for row in rows.tolist()
    ]
    alone = [session.run_prepared(one) for one in ones]
    few, all_ = session.run_prepared(joined(ones)), session.run_prepared(whole)
    return all(
        compare(np.concatenate([answers[name] for answers in alone]), beside).is_pass
        for name in few
        for beside in (few[name], all_[name][rows])
    )
