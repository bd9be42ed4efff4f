"""Batches of several calls as one, and their answers taken apart again."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.runtime import Prepared


class Pace:
    """How long a model computes on a row, by its last run; safe to ask from several threads."""

    __slots__ = ("_ns_a_row",)

    def __init__(self) -> None:
        self._ns_a_row = inf

    def note(self, rows: int, took_ns: int) -> None:
        """Take down a run: its rows, and the processor's time, nanoseconds."""
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
