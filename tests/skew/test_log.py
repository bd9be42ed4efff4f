"""Files of a log: cut anywhere they give what is whole, damaged they are an error, never a pass."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from typer.testing import CliRunner

from preproc.artifact import Artifact, read_artifact
from preproc.cli.commands import app
from preproc.errors import LogError
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session
from preproc.skew import (
    Deletion,
    Limits,
    LogFile,
    Privacy,
    Treatment,
    delete_key,
    open_log,
    rows_of,
    tables_of,
)
from preproc.skew.keeping import files_of, hold, salvage
from preproc.skew.privacy import key_texts
from preproc.skew.record import Counts
from preproc.skew.segments import Segment, compact, is_open, is_torn, stream_batches
from tests.conftest import make_table
from tests.skew.logging_rows import write_log

ROWS = 60
KEY = 4
SECRET = b"sixteen bytes or more"


@pytest.fixture(scope="module")
def small(boosting_artifact: Artifact) -> Artifact:
    return boosting_artifact


@pytest.fixture(scope="module")
def opened(small: Artifact) -> Iterator[Session]:
    assert small.path is not None
    with open_session(small.path) as session:
        yield session


def few_rows() -> pd.DataFrame:
    return make_table(ROWS, seed=5).drop(columns="unread")


def values_of(file: LogFile, name: str) -> list[Any]:
    return [value for table in tables_of(file) for value in table[name].to_pylist()]


def stream_of(tmp_path: Path, small: Artifact, opened: Session) -> Path:
    """A stream of four batches, as a kill leaves it."""
    write_log(tmp_path / "log", small, opened, few_rows())
    (path,) = files_of(tmp_path / "log", ".parquet")
    (table,) = tables_of(open_log(tmp_path / "log")[0].files[0])
    stream = path.with_name("torn.arrows")
    segment = Segment(stream, table.schema)
    for start in range(0, ROWS, 15):
        segment.append(table.slice(start, 15).combine_chunks().to_batches()[0], Counts(20, 1))
    segment.close()
    path.unlink()
    return stream


def test_a_stream_cut_anywhere_gives_its_whole_batches(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    content = stream.read_bytes()
    seen = set()
    for end in [*range(len(content) // 3, len(content), 97), len(content)]:
        stream.write_bytes(content[:end])
        rows = sum(batch.num_rows for batch, _ in stream_batches(stream))
        seen.add(rows)
        assert rows % 15 == 0
        if rows:
            (part,) = open_log(tmp_path / "log")
            assert (part.rows, part.counts) == (rows, Counts(rows // 15 * 20, rows // 15))
            assert part.torn == is_torn(stream)
    assert {0, 15, 30, 45, 60} >= seen >= {15, 30, 45, 60}
    assert not is_torn(stream)


def test_what_a_kill_left_becomes_parquet_with_its_counts(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    stream.write_bytes(stream.read_bytes()[:-200])
    before = values_of(open_log(tmp_path / "log")[0].files[0], "in.street")
    assert salvage(tmp_path / "log") == 1
    (part,) = open_log(tmp_path / "log")
    assert part.files[0].path.suffix == ".parquet"
    assert values_of(part.files[0], "in.street") == before
    assert (part.rows, part.counts, part.torn) == (45, Counts(60, 3), 0)


def test_a_stream_that_is_written_is_left_alone_and_read(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    (table,) = list(tables_of(open_log(tmp_path / "log")[0].files[0]))[:1]
    live = Segment(stream.with_name("live.arrows"), table.schema)
    live.append(table.combine_chunks().to_batches()[0], Counts(15, 0))
    assert is_open(live.path)
    assert salvage(tmp_path / "log") == 1
    assert live.path.exists()
    assert open_log(tmp_path / "log")[0].rows == ROWS + 15
    live.close()
    assert not is_open(live.path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99], ids=str)
def test_a_truncated_parquet_file_is_an_error(
    tmp_path: Path, small: Artifact, opened: Session, share: float
) -> None:
    write_log(tmp_path, small, opened, few_rows())
    (path,) = files_of(tmp_path, ".parquet")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(LogError, match=r"expected a whole Parquet file, got .*cut or altered$"):
        open_log(tmp_path)


def test_a_changed_byte_of_a_page_is_an_error(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    write_log(tmp_path, small, opened, few_rows())
    (path,) = files_of(tmp_path, ".parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 8] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LogError):
        [rows for file in open_log(tmp_path)[0].files for rows in rows_of(file)]


def test_a_log_of_nothing_is_an_error(tmp_path: Path, small: Artifact, opened: Session) -> None:
    def said(folder: Path, **options: str) -> str:
        with pytest.raises(LogError) as caught:
            open_log(folder, **options)
        return str(caught.value).replace(str(tmp_path), "")

    assert said(tmp_path / "gone") == "log '/gone': expected a folder, got none"
    assert said(tmp_path) == "log '': expected rows, got none"
    write_log(tmp_path, small, opened, few_rows(), rate=1e-9)
    assert said(tmp_path) == "log '': expected rows, got none"
    write_log(tmp_path, small, opened, few_rows())
    assert said(tmp_path, model="other") == "log '': expected rows of model 'other', got none"
    assert open_log(tmp_path, model="boosting")[0].rows == ROWS


def test_traffic_of_which_nothing_was_chosen_is_counted(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    write_log(tmp_path, small, opened, few_rows(), rate=0.5, rows_per_call=1)
    (part,) = open_log(tmp_path)
    assert part.counts.seen == ROWS
    assert 10 < part.rows < 50
    assert set(values_of(part.files[0], "weight")) == {2.0}


def test_arrays_of_several_features_come_back_in_shape(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    values[7, 1] = -0.0
    model = Ridge().fit(values, values[:, :2])
    export_pipeline(model, values, repository=tmp_path / "models", name="wide")
    artifact = read_artifact(tmp_path / "models" / "wide" / "1")
    with open_session(tmp_path / "models" / "wide" / "1") as session:
        write_log(tmp_path / "log", artifact, session, values)
        want = session.run(values)
    (rows,) = rows_of(open_log(tmp_path / "log")[0].files[0])
    assert rows.inputs["X"].tobytes() == values.tobytes()
    for name, answer in want.items():
        assert rows.answers[name].tobytes() == np.ascontiguousarray(answer).tobytes()


def test_old_and_large_logs_lose_their_oldest_files(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    for number in range(3):
        write_log(tmp_path, small, opened, few_rows().head(10 * (number + 1)))
        time.sleep(0.01)
    sizes = {file.rows: file.path.stat().st_size for file in open_log(tmp_path)[0].files}
    now_s = time.time()
    assert hold(tmp_path, Limits(60.0, 2**30), now_s) == 0
    assert hold(tmp_path, Limits(60.0, sizes[20] + sizes[30]), now_s) == 1
    assert {file.rows for file in open_log(tmp_path)[0].files} == {20, 30}
    assert hold(tmp_path, Limits(60.0, 2**30), now_s + 61.0) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("action", ["keep", "hmac"])
def test_the_rows_of_a_key_are_deleted(
    tmp_path: Path, small: Artifact, opened: Session, action: Any
) -> None:
    keys = (b"another key of old times", SECRET)
    privacy = Privacy(columns={"visits": Treatment(action)}, keys=(SECRET,))
    table = few_rows()
    write_log(tmp_path, small, opened, table, key="visits", privacy=privacy)
    known = Privacy(keys=keys)
    done = delete_key(tmp_path, lambda head: key_texts(head, str(KEY), known))
    gone = int((table["visits"] == KEY).sum())
    assert gone > 0
    assert done == Deletion(gone, 1, 0)
    (part,) = open_log(tmp_path)
    assert part.rows == ROWS - gone
    assert part.counts.seen == ROWS
    want = table["street"][table["visits"] != KEY].tolist()
    assert values_of(part.files[0], "in.street") == want
    again = delete_key(tmp_path, lambda head: key_texts(head, str(KEY), known))
    assert again == Deletion(0, 0, 0)


def test_rows_that_a_server_still_writes_are_told_and_not_called_deleted(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    (table, *_) = tables_of(open_log(tmp_path / "log")[0].files[0])
    live = Segment(stream.with_name("live.arrows"), table.schema)
    live.append(table.combine_chunks().to_batches()[0], Counts(15, 0))
    done = delete_key(tmp_path / "log", lambda _: {"call 0"})
    live.close()
    assert (done.files, done.left) == (1, 15)
    assert done.rows > 0


def test_two_processes_do_not_make_parquet_of_one_stream(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    with stream.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not compact(stream)
    assert compact(stream)
    with pytest.raises(FileNotFoundError):
        compact(stream)


def test_the_age_of_rows_survives_parquet_and_deletion(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    stream = stream_of(tmp_path, small, opened)
    os.utime(stream, (1e9, 1e9))
    done = delete_key(tmp_path / "log", lambda _: {"call 0"})
    assert done.rows == 50
    (path,) = files_of(tmp_path / "log", ".parquet")
    assert path.stat().st_mtime == 1e9


def test_what_was_never_finished_is_passed_over_and_goes_in_time(
    tmp_path: Path, small: Artifact, opened: Session
) -> None:
    write_log(tmp_path, small, opened, few_rows())
    (path,) = files_of(tmp_path, ".parquet")
    part = path.with_suffix(".0123.tmp")
    part.write_bytes(b"half")
    assert open_log(tmp_path)[0].rows == ROWS
    salvage(tmp_path)
    assert part.exists()
    os.utime(part, (1e9, 1e9))
    salvage(tmp_path)
    assert not part.exists()


def test_compacting_where_there_is_no_room_leaves_the_stream(
    tmp_path: Path, small: Artifact, opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(tmp_path, small, opened)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("preproc.skew.segments.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            compact(stream)
        assert salvage(tmp_path / "log") == 0
    assert [path.name for path in stream.parent.iterdir()] == ["torn.arrows"]
    assert compact(stream)
    assert open_log(tmp_path / "log")[0].rows == ROWS


def test_a_foreign_file_is_an_error(tmp_path: Path, small: Artifact, opened: Session) -> None:
    write_log(tmp_path, small, opened, few_rows())
    (path,) = files_of(tmp_path, ".parquet")
    few_rows().to_parquet(path)
    with pytest.raises(LogError, match="expected a file of a request log, got another"):
        open_log(tmp_path)
    shutil.rmtree(tmp_path)


def test_the_command_shows_and_deletes(tmp_path: Path, small: Artifact, opened: Session) -> None:
    write_log(tmp_path, small, opened, few_rows(), rows_per_call=10)
    shown = CliRunner().invoke(app, ["log", "show", str(tmp_path)])
    assert shown.exit_code == 0
    assert shown.stdout == (
        f"boosting {small.digest[:12]}: 60 of 60 rows, 0 dropped, 1 file (0 cut off), "
        "2023-11-14 22:13:20 to 2023-11-14 22:13:25 UTC\n"
    )
    done = CliRunner().invoke(app, ["log", "delete", str(tmp_path), "--key", "call 3"])
    assert (done.exit_code, done.stdout) == (0, "10 rows deleted from 1 file\n")
    assert open_log(tmp_path)[0].rows == 50
    gone = CliRunner().invoke(app, ["log", "delete", str(tmp_path / "no"), "--key", "x"])
    assert (gone.exit_code, gone.stderr) == (
        3,
        f"preproc: log '{tmp_path / 'no'}': expected a folder, got none\n",
    )
