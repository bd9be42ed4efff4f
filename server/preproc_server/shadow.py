"""A second version scores the same live calls, off their path; where it disagrees is counted.

What does not fit the queue is dropped and counted: a call never waits for its shadow.
"""

import logging
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from preproc.runtime import Prepared
from preproc_server.disagreement import Disagreement, compare_answers
from preproc_server.findings import Record, Sample
from preproc_server.loading import Answers, Model

_LOG: Final = logging.getLogger(__name__)
_POLL_S: Final = 0.2
_NICENESS: Final = 10


class Tally(Protocol):
    """Counts what shadows find."""

    def count_shadow(
        self, model: str, shadow: int, bands: Mapping[tuple[str, str], int], rows: int
    ) -> None:
        """Count compared rows, and the disagreements by (kind, band)."""

    def count_unshadowed(self, model: str, reason: str, rows: int) -> None:
        """Count rows that were not compared."""


@dataclass(frozen=True, slots=True)
class _Work:
    model: Model
    shadow: Model
    prepared: Prepared
    answers: Answers


class Shadow:
    """Scores live calls a second time on a thread of its own.

    Parameters
    ----------
    find
        Gives the shadow of a model that has just answered, or None.
    tally
        Counts.
    calls, rows
        What the queue holds at most; more is dropped.
    samples
        How many disagreeing rows are kept, the latest ones.
    tolerance
        Distance of two scores, of two predictions as a share of the first, that counts as
        disagreement.
    """

    def __init__(
        self,
        find: Callable[[Model], Model | None],
        tally: Tally,
        *,
        calls: int = 64,
        rows: int = 65536,
        samples: int = 100,
        tolerance: float = 0.05,
    ) -> None:
        self._find = find
        self._tally = tally
        self._max_rows = rows
        self._tolerance = tolerance
        self._queue: Queue[_Work] = Queue(calls)
        self._queued_rows = 0
        self._lock = threading.Lock()
        self._samples: deque[Sample] = deque(maxlen=samples)
        self._records: dict[str, Record] = {}
        self._is_closed = Event()
        self._thread = Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to compare; what was taken along before is kept."""
        self._thread.start()

    def observe(self, model: Model, prepared: Prepared, answers: Answers) -> None:
        """Take an answer along if there is room; neither waits nor raises."""
        try:
            shadow = self._find(model)
            if shadow is None:
                return
            work = _Work(model, shadow, prepared, dict(answers))
            if not self._reserve(prepared.rows):
                self._miss(work, "dropped")
                return
            try:
                self._queue.put_nowait(work)
            except Full:
                self._release(prepared.rows)
                self._miss(work, "dropped")
        except Exception:  # noqa: BLE001  # the call it rides on must not suffer
            _LOG.exception("model %r: its shadow cannot follow", model.name)

    def samples(self, name: str = "") -> Sequence[Sample]:
        """Give rows on which a shadow disagreed, the oldest first; of one model or of all."""
        with self._lock:
            return [sample for sample in self._samples if name in {"", sample.name}]

    def record(self, name: str, version: int | None, shadow: int) -> Record:
        """Give the counts of a version against its shadow, since both took up their duties."""
        record = self.records().get(name)
        is_pair = record is not None and (record.version, record.shadow) == (version, shadow)
        return record if record is not None and is_pair else Record(version or 0, shadow)

    def records(self) -> Mapping[str, Record]:
        """Give the counts of all pairs: name → of its present pair."""
        with self._lock:
            return {
                name: replace(record, bands=Counter(record.bands))
                for name, record in self._records.items()
            }

    def wait_idle(self) -> None:
        """Wait until all that was taken along is compared."""
        self._queue.join()

    def close(self, timeout_s: float = 5.0) -> None:
        """Compare no more."""
        self._is_closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _reserve(self, rows: int) -> bool:
        with self._lock:
            if self._queued_rows + rows > self._max_rows:
                return False
            self._queued_rows += rows
            return True

    def _release(self, rows: int) -> None:
        with self._lock:
            self._queued_rows -= rows

    def _run(self) -> None:
        _step_back()
        while not self._is_closed.is_set():
            try:
                work = self._queue.get(timeout=_POLL_S)
            except Empty:
                continue
            try:
                self._compare(work)
            except Exception:  # noqa: BLE001  # the shadow's faults stay in the shadow
                _LOG.exception("model %r: its shadow failed", work.model.name)
                self._miss(work, "failed")
            finally:
                self._release(work.prepared.rows)
                self._queue.task_done()
                del work  # a dropped version must not stay alive until the next call

    def _compare(self, work: _Work) -> None:
        columns = _columns_of(work.model, work.prepared)
        prepared = work.prepared
        if work.shadow.session.layout != work.model.session.layout:
            prepared = work.shadow.session.pack(columns)
        got = work.shadow.session.run_prepared(prepared)
        signature = work.model.session.signature
        found = compare_answers(signature, work.answers, got, tolerance=self._tolerance)
        bands: dict[tuple[str, str], int] = {}
        for item in found:
            bands[item.kind, item.band] = bands.get((item.kind, item.band), 0) + 1
        self._tally.count_shadow(work.model.name, work.shadow.version, bands, prepared.rows)
        kept = found[: self._samples.maxlen]
        with self._lock:
            record = self._record_of(work)
            record.rows += prepared.rows
            record.bands.update(bands)
            self._samples.extend(_sample(work, columns, got, item) for item in kept)

    def _miss(self, work: _Work, reason: str) -> None:
        self._tally.count_unshadowed(work.model.name, reason, work.prepared.rows)
        with self._lock:
            self._record_of(work).missed += work.prepared.rows

    def _record_of(self, work: _Work) -> Record:
        """Find the counts of a pair; another pair of the name begins anew. Needs the lock."""
        pair = work.model.version, work.shadow.version
        record = self._records.get(work.model.name)
        if record is None or (record.version, record.shadow) != pair:
            record = self._records[work.model.name] = Record(*pair)
        return record


def _columns_of(model: Model, prepared: Prepared) -> dict[str, NDArray[Any]]:
    """Take the matrices of a session apart again."""
    places = model.session.layout.places
    columns = {}
    for column in model.session.signature.columns:
        matrix, start = places[column.name]
        columns[column.name] = prepared.feeds[matrix][:, start : start + column.width]
    return columns


def _sample(work: _Work, columns: Answers, got: Answers, found: Disagreement) -> Sample:
    row = found.row
    return Sample(
        work.model.name,
        work.model.version,
        work.shadow.version,
        found.kind,
        found.band,
        {name: np.asarray(values[row]).tolist() for name, values in columns.items()},
        {name: np.asarray(values[row]).tolist() for name, values in work.answers.items()},
        {name: np.asarray(values[row]).tolist() for name, values in got.items()},
    )


def _step_back() -> None:
    """Let calls go first where the system can tell threads apart."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
