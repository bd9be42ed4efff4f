"""Tables in files, Parquet and Arrow, read in parts and written whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from preproc.errors import ScoreError

PARQUET: Final = (".parquet",)
ARROW: Final = (".arrow", ".feather", ".ipc")
GROUP_ROWS: Final = 2**17
"""Rows of a row group, or of a batch of an Arrow file: what is kept before it is written."""
BUFFER_BYTES: Final = 2**20
"""Bytes of a column that are read ahead; without a bound, a whole column of a row group is."""

Write = Callable[[pa.Table], None]


class Source(Protocol):
    """A table in a file."""

    schema: pa.Schema
    rows: int

    def parts(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time, in order."""


class ParquetSource:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        # Read before it is asked for, a row group would stay in memory until the end.
        self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
        self.schema = self._file.schema_arrow
        self.rows = self._file.metadata.num_rows

    def parts(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time, in order."""
        for batch in self._file.iter_batches(batch_size=rows, columns=list(names)):
            yield pa.Table.from_batches([batch]).select(names)


class ArrowSource:
    """An Arrow file, also known as Feather, mapped into memory rather than read."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        self.schema = self._file.schema
        self.rows = sum(
            self._file.get_batch(at).num_rows for at in range(self._file.num_record_batches)
        )

    def parts(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Read some columns, at most so many rows at a time, in order."""
        for at in range(self._file.num_record_batches):
            table = pa.Table.from_batches([self._file.get_batch(at)]).select(names)
            for start in range(0, table.num_rows, rows):
                yield table.slice(start, rows)


def open_source(path: Path) -> Source:
    """Open a table by the ending of its name.

    Raises
    ------
    ScoreError
        For another ending, and for a file that is missing, truncated or no table.
    """
    kind = _kind(path)
    with clear(path, "a table that can be read"):
        return ParquetSource(path) if kind in PARQUET else ArrowSource(path)


@contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Write a table in parts; it takes its name at the end, when all of it is there.

    Raises
    ------
    ScoreError
        For another ending than those of `open_source`, and where it cannot be written. Whatever
        is raised, no part of it stays.
    """
    kind = _kind(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    wanted = "a file that can be written"
    kept: list[pa.Table] = []
    with clear(path, wanted):
        sink = _parquet(part, schema) if kind in PARQUET else pa.ipc.new_file(str(part), schema)

    def write(table: pa.Table) -> None:
        kept.append(table)
        if sum(one.num_rows for one in kept) >= GROUP_ROWS:
            flush()

    def flush() -> None:
        with clear(path, wanted):
            sink.write_table(pa.concat_tables(kept).combine_chunks())
        kept.clear()

    try:
        yield write
        if kept:
            flush()
        with clear(path, wanted):
            sink.close()
            part.replace(path)
    finally:
        with suppress(OSError, pa.ArrowException):
            sink.close()
        part.unlink(missing_ok=True)


@contextmanager
def clear(path: Path, wanted: str) -> Iterator[None]:
    """Say what is wrong with a file in our own words.

    Raises
    ------
    ScoreError
        Where a system call or pyarrow fails.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0]
        raise ScoreError(path, f"expected {wanted}, got: {reason}") from error


def _parquet(path: Path, schema: pa.Schema) -> Any:
    return pq.ParquetWriter(path, schema, compression="zstd")


def _kind(path: Path) -> str:
    if path.suffix not in PARQUET + ARROW:
        endings = ", ".join(PARQUET + ARROW)
        raise ScoreError(path, f"expected a name that ends in one of {endings}")
    return path.suffix
