"""Writes a request log from threads of its own; whoever hands a call over neither waits nor fails.

What finds no room in the queue, or no room on the disk, is dropped and counted.
"""

import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock, Thread
from typing import Final, Protocol
from urllib.parse import quote

import pyarrow as pa

from preproc.skew.batching import Offer, Source, batch_of
from preproc.skew.keeping import Keeper, Limits
from preproc.skew.record import Counts
from preproc.skew.segments import STREAM, Segment

_LOG: Final = logging.getLogger(__name__)
DIGEST_SHOWN: Final = 16
"""Hexadecimal digits of a digest that name a folder."""


class Tally(Protocol):
    """Counts what becomes of rows."""

    def count_logged(self, model: str, fate: str, rows: int) -> None:
        """Count rows: ``written``, ``queue_full``, ``disk`` or ``failed``."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done.

    Attributes
    ----------
    flush_s
        Between two looks at the queue; what a kill loses.
    rotate_s, rotate_bytes
        Age and size at which a file is closed and made Parquet.
    """

    flush_s: float = 0.25
    rotate_s: float = 300.0
    rotate_bytes: int = 64 * 2**20


@dataclass(slots=True, eq=False)
class Lane:
    """What a writer knows of one version of a model.

    Attributes
    ----------
    source
        How its rows are written.
    seen, dropped
        Rows since the last flush; under the writer's lock.
    pending
        Counts that no file tells yet; the writing thread's own, as all below.
    segment
        File that is open, None where there is none.
    began_s
        When it was begun.
    """

    source: Source
    seen: int = 0
    dropped: int = 0
    pending: Counts = field(default_factory=Counts)
    segment: Segment | None = None
    began_s: float = 0.0


class Writer:
    """A bounded queue, the thread that empties it, and the one that keeps the folder.

    Parameters
    ----------
    folder
        Of the log; made when absent.
    tally
        Counts.
    queue_rows
        Rows that may wait; more are dropped. One call of more rows passes an empty queue.
    pace
        How often what is done.
    limits
        What is kept, and how long.
    observe
        Called with the calls of one artifact before they are written, off their path too.
    tick
        Called after each round of writing, calls or not, and whether it is the last.

    Raises
    ------
    OSError
        When the folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        tally: Tally,
        *,
        queue_rows: int = 65536,
        pace: Pace = Pace(),  # frozen
        limits: Limits = Limits(),  # noqa: B008  # frozen
        observe: Callable[[Source, Sequence[Offer]], None] | None = None,
        tick: Callable[[bool], None] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._tally = tally
        self._queue_rows = queue_rows
        self._pace = pace
        self._keeper = Keeper(folder, limits)
        self._observe = observe
        self._tick = tick
        self._offers: deque[tuple[Lane, Offer]] = deque()
        self._queued = 0
        self._lock = Lock()
        self._lanes: dict[tuple[str, int, str], Lane] = {}
        self._wake = Event()
        self._is_closed = False
        self._is_failing = False
        self._thread = Thread(target=self._run, name="request log", daemon=True)

    def start(self) -> None:
        """Begin to write; what was offered before is kept."""
        self._keeper.start()
        self._thread.start()

    def lane(self, source: Source) -> Lane:
        """Give the lane of a version; the same for the same artifact."""
        key = source.head.model, source.head.version, source.head.artifact
        with self._lock:
            return self._lanes.setdefault(key, Lane(source))

    def skip(self, lane: Lane, rows: int) -> None:
        """Count rows that are not to be logged."""
        with self._lock:
            lane.seen += rows

    def offer(self, lane: Lane, offer: Offer) -> None:
        """Take a call along if there is room; its arrays must not change any more."""
        with self._lock:
            lane.seen += offer.rows
            queued = self._queued + offer.rows
            if queued > self._queue_rows and self._queued:
                lane.dropped += offer.rows
                return
            self._queued = queued
        self._offers.append((lane, offer))
        if queued * 2 > self._queue_rows:
            self._wake.set()

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, and make the files Parquet as far as time allows."""
        self._is_closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._keeper.close(timeout_s)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait(self._pace.flush_s)
            self._wake.clear()
            is_last = self._is_closed
            try:
                self._flush(is_last=is_last)
                if self._tick is not None:
                    self._tick(is_last)
            except Exception:  # noqa: BLE001  # a log that stops is worse than one that stumbles
                _LOG.exception("request log %s: a round failed", self.folder)

    def _flush(self, *, is_last: bool) -> None:
        """Write all that waits, and close what is old or large, or everything at the end."""
        waiting = [self._offers.popleft() for _ in range(len(self._offers))]
        offers: dict[Lane, list[Offer]] = defaultdict(list)
        for lane, offer in waiting:
            offers[lane].append(offer)
        try:
            for lane in list(self._lanes.values()):
                self._take_counts(lane)
                if offers[lane]:
                    self._write(lane, offers[lane])
                if is_last or self._is_due(lane):
                    self._end(lane)
        finally:
            with self._lock:
                self._queued -= sum(offer.rows for _, offer in waiting)

    def _take_counts(self, lane: Lane) -> None:
        with self._lock:
            new = Counts(lane.seen, lane.dropped)
            lane.seen = lane.dropped = 0
        lane.pending += new
        if new.dropped:
            self._tally.count_logged(lane.source.head.model, "queue_full", new.dropped)

    def _write(self, lane: Lane, offers: Sequence[Offer]) -> None:
        """Append the rows of some calls; they are lost where that fails, and counted."""
        model = lane.source.head.model
        try:
            if self._observe is not None:
                self._observe(lane.source, offers)
        except Exception:  # noqa: BLE001  # what is not watched is logged all the same
            _LOG.exception("model %r: its calls cannot be watched", model)
        try:
            batch = batch_of(lane.source, offers)
        except Exception:  # noqa: BLE001  # a fault of the log stays in the log
            _LOG.exception("model %r: its calls cannot be logged", model)
            self._lose(lane, "failed", sum(offer.rows for offer in offers))
            return
        if not batch.num_rows:
            return
        try:
            self._append(lane, batch)
        except OSError as error:
            if not self._is_failing:
                _LOG.error(
                    "request log %s: %s; rows are dropped until it works", self.folder, error
                )
            self._is_failing = True
            self._lose(lane, "disk", batch.num_rows)
            return
        if self._is_failing:
            _LOG.warning("request log %s: rows are written again", self.folder)
        self._is_failing = False
        self._tally.count_logged(model, "written", batch.num_rows)

    def _append(self, lane: Lane, batch: pa.RecordBatch) -> None:
        if lane.segment is None:
            lane.segment = Segment(self._new_path(lane.source), lane.source.schema)
            lane.began_s = time.time()
        lane.segment.append(batch, lane.pending)
        lane.pending = Counts()

    def _lose(self, lane: Lane, fate: str, rows: int) -> None:
        lane.pending += Counts(0, rows)
        self._tally.count_logged(lane.source.head.model, fate, rows)

    def _is_due(self, lane: Lane) -> bool:
        if lane.segment is None:
            return False
        age_s = time.time() - lane.began_s
        return age_s >= self._pace.rotate_s or lane.segment.size_bytes >= self._pace.rotate_bytes

    def _end(self, lane: Lane) -> None:
        """Close a file, its last counts told, and have it made Parquet."""
        try:
            if lane.pending.seen:
                self._append(lane, pa.RecordBatch.from_pylist([], lane.source.schema))
        except OSError as error:
            _LOG.warning("request log %s: its last counts are lost: %s", self.folder, error)
        if lane.segment is not None:
            lane.segment.close()
            self._keeper.add(lane.segment.path)
            lane.segment = None

    def _new_path(self, source: Source) -> Path:
        now = datetime.now(UTC)
        host = quote(source.head.host, safe="")
        name = f"{now:%Y%m%dT%H%M%S}-{host}-{os.getpid()}-{token_hex(4)}{STREAM}"
        return folder_of(self.folder, source, now) / name


def folder_of(root: Path, source: Source, now: datetime) -> Path:
    """Name the folder of a file that is begun now."""
    head = source.head
    return (
        root
        / f"model={quote(head.model, safe='')}"
        / f"artifact={head.artifact[:DIGEST_SHOWN]}"
        / f"date={now:%Y-%m-%d}"
        / f"hour={now:%H}"
    )
