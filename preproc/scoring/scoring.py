"""The way of rows through a scoring: read, answered by several sessions, written in order.

Why parts: memory is that of a few parts, whatever the length of the file, and a part of 2048 rows
stays in the caches. Why sessions: a thread more inside one session would change the order of its
sums; a part that another session answers has the same bits, since a row's answer depends on that
row alone.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Literal

import onnx
import pyarrow as pa

from preproc.artifact import Artifact
from preproc.contract import Mode
from preproc.errors import RefusedRows, ScoreError, SignatureError
from preproc.runtime import Session, prove
from preproc.runtime.building import session_of
from preproc.runtime.feeding import columns_of
from preproc.scoring.answers import answer_columns, answer_fields
from preproc.scoring.files import Source, clear, open_source, writing
from preproc.signature import ROW_ERROR, Signature

PART_ROWS: Final = 2048
"""Rows that one call answers."""

Refused = Literal["stop", "keep"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of a file.

    Attributes
    ----------
    rows
        Rows that were read, and written.
    refused
        Rows among them that hold a reason and no answer.
    """

    rows: int
    refused: int


def score_file(
    artifact: Artifact,
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    keep: Sequence[str] = (),
    refused: Refused = "stop",
    mode: Mode = "exact",
    threads: int = 1,
    progress: Progress = lambda _done, _rows: None,
) -> Scored:
    """Answer the rows of one file into another.

    Parameters
    ----------
    artifact
        Of a frame; its golden rows are proved first.
    source
        Parquet or Arrow file with at least the columns of the contract; others are not read.
    target
        Parquet or Arrow file; replaced when all answers are there, and not before.
    keep
        Columns of the source that stand before the answers, such as a key.
    refused
        ``stop``: the first refused row ends it all. ``keep``: refused rows have null answers, and
        ``row_error`` says why, null for the others.
    mode
        Of the session.
    threads
        Sessions that answer at a time, each with one thread of its own.
    progress
        Told rows written so far, and all rows.

    Returns
    -------
    Scored
        Rows, and how many of them were refused.

    Raises
    ------
    ScoreError
        When the files cannot be read or written, or a column to keep is not there or has the name
        of an answer.
    SignatureError
        When a column of the contract is not there or has another type.
    RefusedRows
        With ``stop``, the refused rows of the first part that has some, counted from the
        beginning of the file.
    ParityError
        When this machine does not reproduce the golden rows.
    """
    read, written = Path(source), Path(target)
    table, signature = open_source(read), artifact.contract.signature
    if written.exists() and written.samefile(read):
        raise ScoreError(written, "expected another file than the rows come from")
    schema = _schema(read, table.schema, signature, keep, refused)
    done = refusals = 0
    with _sessions(artifact, mode, threads) as sessions, writing(written, schema) as write:
        work = _Work(sessions, tuple(dict.fromkeys(keep)), refused, schema)
        parts = _parts(read, table, signature, keep)
        with closing(_in_order(work, parts, threads)) as answered:
            for part, broken in answered:
                write(part)
                done, refusals = done + part.num_rows, refusals + broken
                progress(done, table.rows)
    return Scored(done, refusals)


@dataclass(frozen=True, slots=True)
class _Work:
    """What every part needs: a free session, and what is written."""

    sessions: "SimpleQueue[Session]"
    keep: tuple[str, ...]
    refused: Refused
    schema: pa.Schema

    def answer(self, start: int, part: pa.Table) -> tuple[pa.Table, int]:
        """Answer one part that begins at some row; the columns to write, and refused rows."""
        session = self.sessions.get()
        try:
            names = [column.name for column in session.signature.columns]
            answers = session.run(part.select(names), refused="report")
            if self.refused == "stop":
                session.raise_refused(answers[ROW_ERROR])
        except RefusedRows as error:
            rows = [start + row for row in error.rows]
            raise RefusedRows(rows, error.columns, error.rules) from None
        except SignatureError as error:
            last = start + part.num_rows - 1
            where = f"in rows {start} to {last}"
            raise SignatureError(error.field, f"{where}: {error.problem}") from error
        finally:
            self.sessions.put(session)
        columns = [part.column(name) for name in self.keep]
        columns += answer_columns(answers, session.signature, with_reasons=self.refused == "keep")
        return pa.table(columns, schema=self.schema), int((answers[ROW_ERROR] != 0).sum())


def _in_order(
    work: _Work, parts: Iterator[tuple[int, pa.Table]], threads: int
) -> Generator[tuple[pa.Table, int]]:
    """Answer parts at the same time; give them in order, and hold only a few of them."""
    waiting: deque[Future[tuple[pa.Table, int]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="preproc-score") as pool:
        try:
            for start, part in parts:
                waiting.append(pool.submit(work.answer, start, part))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _schema(
    path: Path, schema: pa.Schema, signature: Signature, keep: Sequence[str], refused: Refused
) -> pa.Schema:
    """Check columns before a row is read; what stands in the answers, kept columns first."""
    if signature.kind != "frame":
        problem = "expected an artifact of a frame, whose columns have names"
        raise ScoreError(path, f"{problem}, got one of kind {signature.kind!r}")
    names = [column.name for column in signature.columns]
    for name in [*names, *keep]:
        found = len(schema.get_all_field_indices(name))
        if found > 1 or (name in keep and not found):
            raise ScoreError(path, f"expected one column {name!r}, got {found or 'none'}")
    here = [name for name in names if name in schema.names]
    signature.check(columns_of(schema.empty_table().select(here), signature), min_rows=0)
    fields = answer_fields(signature, with_reasons=refused == "keep")
    for field in fields:
        if field.name in keep:
            raise ScoreError(path, f"column {field.name!r}: expected a name that no answer has")
    return pa.schema([*(schema.field(name) for name in dict.fromkeys(keep)), *fields])


def _parts(
    path: Path, table: Source, signature: Signature, keep: Sequence[str]
) -> Iterator[tuple[int, pa.Table]]:
    """Read what is needed; each part with the number of its first row."""
    names = list(dict.fromkeys([*(column.name for column in signature.columns), *keep]))
    start = 0
    with clear(path, "a table that can be read to its end"):
        for part in table.parts(names, PART_ROWS):
            yield start, part
            start += part.num_rows


@contextmanager
def _sessions(artifact: Artifact, mode: Mode, count: int) -> "Iterator[SimpleQueue[Session]]":
    """Open a session a thread, and prove the first: they run the same graph on one machine."""
    free: SimpleQueue[Session] = SimpleQueue()
    model = onnx.ModelProto.FromString(artifact.model)
    with ExitStack() as stack:
        for at in range(count):
            session = stack.enter_context(session_of(artifact.contract, model, mode=mode))
            if at == 0:
                prove(session, artifact)
            free.put(session)
        yield free
