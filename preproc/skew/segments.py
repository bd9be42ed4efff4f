"""One file of a log: written batch by batch, read up to the last whole batch, made Parquet.

Why two formats: a stream that is cut anywhere gives all batches before the cut, while Parquet
without its end gives nothing; but Parquet is a fifth of the size and what other tools read.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from preproc.errors import LogError
from preproc.skew.record import Counts, counts_of

STREAM: Final = ".arrows"
WHOLE: Final = ".parquet"
PART: Final = ".tmp"
"""What is being made and has no name yet; a reader passes it over."""
_ROW_GROUP: Final = 65536


class Segment:
    """A stream that is being written; a lock tells other processes so.

    Parameters
    ----------
    path
        New file; its folder is made.
    schema
        Of all batches.

    Raises
    ------
    OSError
        When it cannot be made.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rows = 0
        self.counts = Counts()
        part = part_of(path)
        self._file: BinaryIO = part.open("xb", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._sink = _Sink(self._file)
            self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, "w"), schema)
            self._sink.flush()
            part.rename(path)  # never a file without a lock, or without its schema
        except OSError:
            self._file.close()
            part.unlink(missing_ok=True)
            raise

    @property
    def size_bytes(self) -> int:
        """What is on disk."""
        return self._sink.whole_bytes

    def append(self, batch: pa.RecordBatch, counts: Counts) -> None:
        """Hand a batch to the system, whole or not at all: a kill does not lose it.

        Nothing waits for the disk itself, which may take seconds; a power cut loses what the
        system has not written yet, until the file is made Parquet.

        Raises
        ------
        OSError
            When it cannot be written; the file ends with the batch before.
        """
        self._writer.write_batch(batch, custom_metadata=counts.to_metadata())
        self._sink.flush()
        self.rows += batch.num_rows
        self.counts += counts

    def close(self) -> None:
        """Let go of the file; it may be made Parquet then."""
        self._file.close()


class _Sink:
    """Gathers what Arrow writes and puts it into a file at once, so that none is cut halfway."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parts: list[bytes] = []
        self.whole_bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Gather."""
        content = bytes(data)
        self._parts.append(content)
        return len(content)

    def flush(self) -> None:
        """Write what is gathered, or leave the file as it was."""
        content = b"".join(self._parts)
        self._parts.clear()
        if not content:
            return
        try:
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self.whole_bytes)
                self._file.seek(self.whole_bytes)
            raise
        self.whole_bytes += len(content)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def close(self) -> None:
        """Do nothing: the segment closes the file."""


def is_open(path: Path) -> bool:
    """Tell whether a process still writes a stream."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stream_batches(path: Path) -> Iterator[tuple[pa.RecordBatch, Counts]]:
    """Give the batches of a stream up to its end or to where it is torn.

    Raises
    ------
    LogError
        When not even its schema can be read.
    """
    with pa.OSFile(str(path)) as file, open_stream(file, path) as reader:
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                batch.validate(full=True)
            except (StopIteration, pa.ArrowInvalid, OSError):
                return
            yield batch, counts_of(_plain(metadata))


def open_stream(file: Any, path: Path) -> Any:
    """Open a stream.

    Raises
    ------
    LogError
        When its schema cannot be read.
    """
    try:
        return pa.ipc.open_stream(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise LogError(f"log {str(path)!r}: expected an Arrow stream, got {error}") from error


def is_torn(path: Path) -> bool:
    """Tell whether a stream ends within a batch; one that is being written may, for a moment."""
    with pa.OSFile(str(path)) as file:
        try:
            reader = pa.ipc.open_stream(file)
            while True:
                reader.read_next_batch()
        except StopIteration:
            return False
        except (pa.ArrowInvalid, OSError):
            return True


def compact(path: Path) -> bool:
    """Make a stream that is no longer written Parquet, and remove it; false where it is held.

    Raises
    ------
    OSError
        When there is no room, or no such stream any more; what there is stays.
    LogError
        When the stream cannot be read.
    """
    with path.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        modified_s = path.stat().st_mtime  # of one that another process has removed meanwhile, none
        with pa.OSFile(str(path)) as file:
            schema = open_stream(file, path).schema
        found = list(stream_batches(path))
        counts = sum((counts for _, counts in found), Counts())
        if counts.seen or any(batch.num_rows for batch, _ in found):
            table = pa.Table.from_batches([batch for batch, _ in found], schema)
            write_whole(path.with_suffix(WHOLE), table, counts, modified_s)
        path.unlink()
    return True


def write_whole(target: Path, table: pa.Table, counts: Counts, modified_s: float) -> None:
    """Write a Parquet file, whole or not at all.

    Parameters
    ----------
    target
        Where it will stand; what stands there is replaced.
    table, counts
        What it holds.
    modified_s
        When its rows were written, seconds since 1970, from which its age counts.

    Raises
    ------
    OSError
        When there is no room.
    """
    part = part_of(target)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **counts.to_metadata()})
    try:
        with part.open("xb") as file:
            pq.write_table(
                table,
                file,
                compression="zstd",
                row_group_size=_ROW_GROUP,
                write_page_checksum=True,
            )
            file.flush()
            os.fsync(file.fileno())
        os.utime(part, (modified_s, modified_s))
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def part_of(path: Path) -> Path:
    """Name what will become a file, otherwise than any other process does."""
    return path.with_suffix(f".{token_hex(4)}{PART}")


def whole_file(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises
    ------
    LogError
        When it is truncated or altered.
    """
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise LogError(
            f"log {str(path)!r}: expected a whole Parquet file, got {error}; it was cut or altered"
        ) from error


def _plain(metadata: Any) -> Mapping[bytes, bytes]:
    return dict(metadata.items()) if metadata is not None else {}


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
