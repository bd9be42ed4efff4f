"""Reads a request log: files by artifact, rows as the arrays that a pipeline takes.

A log of nothing, or one that cannot be read, is an error: nobody may take it for a good one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from preproc.errors import LogError
from preproc.signature import TEXT
from preproc.skew.keeping import files_of
from preproc.skew.record import (
    INPUT,
    OUTPUT,
    TURNED_AWAY,
    Counts,
    Field,
    Head,
    counts_of,
    head_of,
)
from preproc.skew.segments import (
    STREAM,
    WHOLE,
    is_open,
    is_torn,
    open_stream,
    stream_batches,
    whole_file,
)

CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file.

    Attributes
    ----------
    path
        Where it is.
    head
        What holds for all of its rows.
    rows
        How many it holds.
    counts
        The traffic behind them.
    is_torn
        Whether a crash cut its end off; what is left is whole.
    """

    path: Path
    head: Head
    rows: int
    counts: Counts
    is_torn: bool


@dataclass(frozen=True, slots=True)
class Part:
    """All files of one artifact.

    Attributes
    ----------
    model, artifact
        Name and digest.
    files
        By age; at least one, with at least one row among them.
    first, last
        When the earliest and the latest row were answered.
    """

    model: str
    artifact: str
    files: tuple[LogFile, ...]
    first: datetime
    last: datetime

    @property
    def rows(self) -> int:
        """Rows that are logged."""
        return sum(file.rows for file in self.files)

    @property
    def counts(self) -> Counts:
        """The traffic behind them."""
        return sum((file.counts for file in self.files), Counts())

    @property
    def torn(self) -> int:
        """Files whose end a crash cut off."""
        return sum(file.is_torn for file in self.files)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file that the graph answered or refused.

    Attributes
    ----------
    head
        Of the file.
    inputs
        Column → array (n, width), as a session takes it; columns that were dropped are missing.
    answers
        Output → array (n,) or (n, width); outputs that were dropped are missing.
    own
        The other columns, one row each.
    """

    head: Head
    inputs: dict[str, NDArray[Any]]
    answers: dict[str, NDArray[Any]]
    own: pa.Table


def open_log(folder: Path, *, model: str = "", artifact: str = "") -> tuple[Part, ...]:
    """Find what a log holds, by model and artifact; within a name, the latest artifact last.

    Parameters
    ----------
    folder
        Of the log.
    model
        Name of the one to be read, empty for all.
    artifact
        How its digest begins, empty for all.

    Raises
    ------
    LogError
        When there is no log, no row, or a file is damaged.
    """
    if not folder.is_dir():
        raise LogError(f"log {str(folder)!r}: expected a folder, got none")
    found: dict[tuple[str, str], list[LogFile]] = defaultdict(list)
    streams = list(files_of(folder, STREAM))  # first: what becomes Parquet meanwhile is in both
    wholes = [path.with_suffix(STREAM) for path in files_of(folder, WHOLE)]
    for name in dict.fromkeys([*wholes, *streams]):
        file = _file(name)
        is_wanted = not model or file.head.model == model
        if is_wanted and file.head.artifact.startswith(artifact):
            found[file.head.model, file.head.artifact].append(file)
    parts = [_part(key, files) for key, files in found.items() if sum(f.rows for f in files)]
    if not parts:
        wanted = f" of model {model!r}" if model else ""
        wanted += f" of artifact {artifact!r}" if artifact else ""
        raise LogError(f"log {str(folder)!r}: expected rows{wanted}, got none")
    return tuple(sorted(parts, key=lambda part: (part.model, part.last)))


def tables_of(file: LogFile, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Give the rows of a file in pieces: those that it held when it was opened, and no later ones.

    Parameters
    ----------
    file
        Of a part.
    columns
        Names of Arrow's columns; None for all.

    Raises
    ------
    LogError
        When the file is damaged.
    """
    left = file.rows
    for batch in _batches(file.path, columns):
        if left <= 0:
            return
        table = pa.Table.from_batches([batch.slice(0, left)])
        left -= table.num_rows
        yield table if columns is None else table.select(list(columns))


def rows_of(file: LogFile) -> Iterator[Rows]:
    """Give the rows of a file that reached the graph, in pieces, as arrays.

    Raises
    ------
    LogError
        When the file is damaged.
    """
    for table in tables_of(file):
        reached = table.filter(pc.not_equal(table["outcome"], TURNED_AWAY))
        if reached.num_rows:
            yield _rows(file.head, reached)


def _batches(path: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    whole = path.with_suffix(WHOLE)
    if not whole.exists():
        for batch, _ in stream_batches(path):
            yield batch
        return
    try:  # maybe made Parquet since it was opened
        yield from whole_file(whole).iter_batches(CHUNK, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise LogError(f"log {str(whole)!r}: expected whole pages, got {error}") from error


def _file(stream: Path) -> LogFile:
    """Open a file by its name as a stream, whatever it has become."""
    whole = stream.with_suffix(WHOLE)
    if not whole.exists():
        try:
            return _stream_file(stream)
        except FileNotFoundError:  # made Parquet meanwhile
            pass
    opened = whole_file(whole)
    schema = opened.schema_arrow
    counts = counts_of(schema.metadata)
    return LogFile(whole, head_of(schema, whole), opened.metadata.num_rows, counts, is_torn=False)


def _stream_file(path: Path) -> LogFile:
    with pa.OSFile(str(path)) as file:
        head = head_of(open_stream(file, path).schema, path)
    found = [(batch.num_rows, counts) for batch, counts in stream_batches(path)]
    counts = sum((counts for _, counts in found), Counts())
    is_cut = is_torn(path) and not is_open(path)
    return LogFile(path, head, sum(rows for rows, _ in found), counts, is_cut)


def _part(key: tuple[str, str], files: Sequence[LogFile]) -> Part:
    times = [
        pc.min_max(table["at"]).as_py()
        for file in files
        for table in tables_of(file, ["at"])
        if table.num_rows
    ]
    first, last = min(time["min"] for time in times), max(time["max"] for time in times)
    return Part(*key, tuple(sorted(files, key=lambda file: file.path.name)), first, last)


def _rows(head: Head, table: pa.Table) -> Rows:
    inputs = {
        field.name: _array(table.column(INPUT + field.name), field).reshape(table.num_rows, -1)
        for field in head.columns
        if field.action != "drop"
    }
    answers = {
        field.name: _array(table.column(OUTPUT + field.name), field)
        for field in head.outputs
        if field.action != "drop"
    }
    prefixes = (INPUT, OUTPUT)
    own = table.select([name for name in table.column_names if not name.startswith(prefixes)])
    return Rows(head, inputs, answers, own)


def _array(column: pa.ChunkedArray, field: Field) -> NDArray[Any]:
    """Turn Arrow's column into an array of the dtype that was logged."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if field.width > 1:
        flat = array.flatten().to_numpy(zero_copy_only=False)
        values = flat.reshape(len(array), field.width)
    else:
        values = array.to_numpy(zero_copy_only=False)
        values = values.reshape(-1, 1) if field.width == 1 else values
    wanted = object if field.dtype == TEXT else np.dtype(field.dtype)
    typed: NDArray[Any] = values.astype(wanted, copy=False)
    return typed
