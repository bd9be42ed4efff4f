"""What becomes of files once written: made Parquet, kept for a while, rewritten without a key."""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from preproc.errors import LogError
from preproc.skew.record import INPUT, Head, counts_of, head_of
from preproc.skew.segments import (
    PART,
    STREAM,
    WHOLE,
    compact,
    is_open,
    stream_batches,
    whole_file,
    write_whole,
)
from preproc.wording import counted

_LOG: Final = logging.getLogger(__name__)
SWEEP_S: Final = 60.0
STALE_S: Final = 3600.0
"""Age at which what was never finished is taken for the remains of a crash."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a log is kept; the oldest files go first.

    Attributes
    ----------
    max_age_s
        Since a file was last written.
    max_bytes
        Of all whole files together.
    """

    max_age_s: float = 30 * 86400.0
    max_bytes: int = 10 * 2**30


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of the rows of a key.

    Attributes
    ----------
    rows, files
        Rows deleted, and the files that were rewritten for it.
    left
        Rows in files that a server still writes.
    """

    rows: int
    files: int
    left: int


class Keeper:
    """A thread that makes files Parquet and holds the limits; salvages what a crash left first."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._paths: SimpleQueue[Path | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="log keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, path: Path) -> None:
        """Have a stream that is no longer written made Parquet."""
        self._paths.put(path)

    def close(self, timeout_s: float) -> None:
        """End once all that was added is done."""
        self._paths.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        self._sweep()
        swept_s = time.monotonic()
        while True:
            try:
                path = self._paths.get(timeout=SWEEP_S)
            except Empty:
                path = self._folder
            if path is None:
                return
            if path != self._folder:
                _try_compact(path)
            if time.monotonic() - swept_s >= SWEEP_S:
                self._sweep()
                swept_s = time.monotonic()

    def _sweep(self) -> None:
        try:
            salvage(self._folder)
            removed = hold(self._folder, self._limits, time.time())
            if removed:
                _LOG.info(
                    "request log %s: %s over the limits", self._folder, counted(removed, "file")
                )
        except OSError as error:
            _LOG.warning("request log %s: %s", self._folder, error)


def salvage(folder: Path) -> int:
    """Make all streams Parquet that no process writes any more; give their number."""
    for path in files_of(folder, PART):
        if time.time() - path.stat().st_mtime > STALE_S and not is_open(path):
            path.unlink(missing_ok=True)
    return sum(_try_compact(path) for path in files_of(folder, STREAM))


def hold(folder: Path, limits: Limits, now_s: float) -> int:
    """Remove whole files over the limits, the oldest first; give their number."""
    stats = [(path, path.stat()) for path in files_of(folder, WHOLE)]
    stats.sort(key=lambda item: item[1].st_mtime)
    total = sum(stat.st_size for _, stat in stats)
    removed = 0
    for path, stat in stats:
        if now_s - stat.st_mtime <= limits.max_age_s and total <= limits.max_bytes:
            break
        path.unlink(missing_ok=True)
        total -= stat.st_size
        removed += 1
        _remove_empty(path.parent, folder)
    return removed


def delete_key(folder: Path, texts_of: Callable[[Head], Collection[str]]) -> Deletion:
    """Rewrite files without the rows of a key.

    Parameters
    ----------
    folder
        Of the log.
    texts_of
        Head of a file → the forms in which the key may stand there.

    Raises
    ------
    LogError
        When there is no log, or a file of it is damaged.
    """
    if not folder.is_dir():
        raise LogError(f"log {str(folder)!r}: expected a folder, got none")
    salvage(folder)
    rows = files = left = 0
    for path in files_of(folder, WHOLE):
        table = whole_file(path).read()
        is_kept = pc.invert(_is_key(table, head_of(table.schema, path), texts_of))
        kept = table.filter(is_kept)
        if kept.num_rows < table.num_rows:
            rows += table.num_rows - kept.num_rows
            files += 1
            counts = counts_of(table.schema.metadata)
            write_whole(path, kept, counts, path.stat().st_mtime)
    for path in files_of(folder, STREAM):
        batches = [batch for batch, _ in stream_batches(path)]
        if batches:
            table = pa.Table.from_batches(batches)
            left += pc.sum(_is_key(table, head_of(table.schema, path), texts_of)).as_py() or 0
    return Deletion(rows, files, left)


def files_of(folder: Path, suffix: str) -> Iterator[Path]:
    """Give the files of a log of one kind, by name and so by age."""
    yield from sorted(folder.glob(f"model=*/artifact=*/date=*/hour=*/*{suffix}"))


def _is_key(
    table: pa.Table, head: Head, texts_of: Callable[[Head], Collection[str]]
) -> pa.ChunkedArray:
    column = table.column(INPUT + head.key if head.key else "request_id")
    texts = pa.array(sorted(texts_of(head)), pa.string())
    return pc.is_in(
        column, value_set=texts if column.type == pa.string() else texts.cast(column.type)
    )


def _try_compact(path: Path) -> bool:
    """Make a stream Parquet, or leave it for a better time."""
    try:
        return compact(path)
    except FileNotFoundError:  # another process did it
        return False
    except (OSError, LogError) as error:
        _LOG.warning("request log %s: stays as it is: %s", path, error)
        return False


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
