"""A file of answers holds the bits of single calls, and is there whole or not at all."""

import json
import re
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import Pipeline
from typer.testing import CliRunner

from preproc import Artifact, ParityError, PreprocError, RefusedRows
from preproc.cli.commands import app
from preproc.errors import ScoreError
from preproc.parity import spoil
from preproc.runtime import Session
from preproc.scoring import Scored, files, score_file, scoring
from tests.conftest import make_table

ROWS = 300
PART = 64
GROUP = 100


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "PART_ROWS", PART)
    monkeypatch.setattr(files, "GROUP_ROWS", GROUP)


def make_rows(rows: int = ROWS) -> pa.Table:
    """Rows that training did not see, a key, and groups that end within parts."""
    table = pa.Table.from_pandas(make_table(rows, seed=11), preserve_index=False)
    return table.append_column("key", pa.array([f"row {at}" for at in range(rows)]))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(make_rows(), path, row_group_size=150)
    return path


def spoilt(rows: Path, at: int) -> Path:
    """Put an infinity, which an imputer refuses, into one row."""
    table = pq.read_table(rows)
    heights = table["height"].to_pylist()
    heights[at] = np.inf
    pq.write_table(table.set_column(0, "height", pa.array(heights)), rows)
    return rows


@pytest.mark.parametrize("threads", [1, 3])
def test_answers_are_those_of_single_rows_and_of_scikit_learn(
    logistic_artifact: Artifact,
    logistic: Pipeline,
    session: Session,
    rows: Path,
    tmp_path: Path,
    threads: int,
) -> None:
    target = tmp_path / "answers.parquet"
    done = score_file(logistic_artifact, rows, target, keep=["key"], threads=threads)
    assert done == Scored(ROWS, 0)
    got = pq.read_table(target)
    assert got["key"].to_pylist() == [f"row {at}" for at in range(ROWS)]
    frame = make_table(ROWS, seed=11)
    assert np.array_equal(got["label"].to_numpy(), logistic.predict(frame))
    names = [column.name for column in session.signature.columns]
    borders = [0, 1, PART - 1, PART, 149, 150, 4 * PART - 1, 4 * PART, ROWS - 1]
    for at in borders:
        alone = session.run(frame[names].iloc[at : at + 1])
        assert got["label"][at].as_py() == alone["label"][0]
        assert got["scores"][at].as_py() == alone["scores"][0]
        pair = [got["probabilities_0"][at].as_py(), got["probabilities_1"][at].as_py()]
        assert pair == alone["probabilities"][0].tolist()
    assert np.allclose(
        got["probabilities_1"].to_numpy(), logistic.predict_proba(frame)[:, 1], rtol=0, atol=1e-15
    )


def test_types_are_those_of_the_outputs_and_pages_are_compressed(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "answers.parquet"
    score_file(logistic_artifact, rows, target, keep=["key", "unread"])
    written = pq.ParquetFile(target)
    assert written.schema_arrow == pa.schema(
        {
            "key": pa.string(),
            "unread": pa.int64(),
            "label": pa.int64(),
            "probabilities_0": pa.float64(),
            "probabilities_1": pa.float64(),
            "scores": pa.float64(),
        }
    )
    groups = [written.metadata.row_group(at) for at in range(written.num_row_groups)]
    assert [group.num_rows for group in groups] == [2 * PART, 2 * PART, ROWS - 4 * PART]
    assert groups[0].column(0).compression == "ZSTD"


def test_arrow_files_are_read_and_written_too(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    mapped, target = tmp_path / "rows.arrow", tmp_path / "answers.feather"
    table = pq.read_table(rows)
    with pa.ipc.new_file(str(mapped), table.schema) as sink:
        sink.write_table(table, max_chunksize=150)
    score_file(logistic_artifact, rows, tmp_path / "answers.parquet")
    assert score_file(logistic_artifact, mapped, target) == Scored(ROWS, 0)
    with pa.memory_map(str(target)) as source:
        assert pa.ipc.open_file(source).read_all() == pq.read_table(tmp_path / "answers.parquet")


def test_columns_of_categories_are_text(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    want, got = tmp_path / "text.parquet", tmp_path / "category.parquet"
    score_file(logistic_artifact, rows, want)
    table = pq.read_table(rows)
    at = table.schema.get_field_index("city")
    pq.write_table(table.set_column(at, "city", table["city"].dictionary_encode()), rows)
    score_file(logistic_artifact, rows, got)
    assert pq.read_table(got) == pq.read_table(want)


def test_a_refused_row_stops_the_scoring_and_leaves_nothing(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "answers.parquet"
    target.write_text("of yesterday")
    with pytest.raises(RefusedRows) as caught:
        score_file(logistic_artifact, spoilt(rows, 200), target, threads=2)
    assert caught.value.rows == (200,)
    assert str(caught.value).startswith("row 200, column 'height': ")
    assert target.read_text() == "of yesterday"
    assert sorted(tmp_path.iterdir()) == [target, rows]


def test_kept_refused_rows_have_no_answer_and_a_reason(
    logistic_artifact: Artifact, session: Session, rows: Path, tmp_path: Path
) -> None:
    target, whole = tmp_path / "answers.parquet", tmp_path / "whole.parquet"
    score_file(logistic_artifact, rows, whole)
    done = score_file(logistic_artifact, spoilt(rows, 200), target, refused="keep")
    assert done == Scored(ROWS, 1)
    got = pq.read_table(target)
    rule = next(rule for rule in session.signature.rules if rule.column == "height")
    reason = f"column 'height': {rule.text} (rule {rule.number}, step {rule.step})"
    assert got.slice(200, 1).to_pylist() == [
        {**dict.fromkeys(got.column_names), "row_error": reason}
    ]
    others = np.delete(np.arange(ROWS), 200)
    assert got["row_error"].null_count == ROWS - 1
    assert got.drop_columns(["row_error"]).take(others) == pq.read_table(whole).take(others)


def test_a_file_without_rows_gives_one_without_rows(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "answers.parquet"
    pq.write_table(make_rows(1).slice(0, 0), rows)
    assert score_file(logistic_artifact, rows, target) == Scored(0, 0)
    assert pq.read_table(target).column_names == [
        "label",
        "probabilities_0",
        "probabilities_1",
        "scores",
    ]


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def as_type(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        return table.set_column(at, name, table[name].cast(kind))

    return change


def with_hole(table: pa.Table) -> pa.Table:
    visits = table["visits"].to_pylist()
    visits[100] = None
    return table.set_column(
        table.schema.get_field_index("visits"), "visits", pa.array(visits, pa.int64())
    )


@pytest.mark.parametrize(
    ("change", "keep", "message"),
    [
        (without("city"), [], "field 'city': expected a column, got nothing"),
        (
            as_type("height", pa.float32()),
            [],
            "field 'height': expected dtype float64, got float32",
        ),
        (as_type("visits", pa.string()), [], "field 'visits': expected dtype int64, got string"),
        (
            with_hole,
            [],
            (
                "field 'visits': in rows 64 to 127: row 36: expected a value, got null; "
                "the column has no null"
            ),
        ),
        (
            lambda table: table.append_column("city", table["plan"]),
            [],
            "file '{rows}': expected one column 'city', got 2",
        ),
        (without("key"), ["key"], "file '{rows}': expected one column 'key', got none"),
        (
            lambda table: table.append_column("label", table["visits"]),
            ["label"],
            "file '{rows}': column 'label': expected a name that no answer has",
        ),
    ],
    ids=["missing", "float32", "text", "null", "twice", "no key", "name of an answer"],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(
    logistic_artifact: Artifact,
    rows: Path,
    tmp_path: Path,
    change: Callable[[pa.Table], pa.Table],
    keep: list[str],
    message: str,
) -> None:
    pq.write_table(change(pq.read_table(rows)), rows)
    with pytest.raises(PreprocError) as caught:
        score_file(logistic_artifact, rows, tmp_path / "answers.parquet", keep=keep)
    assert str(caught.value) == message.format(rows=rows)
    assert list(tmp_path.iterdir()) == [rows]


@pytest.mark.parametrize(
    ("read", "written", "message"),
    [
        ("gone.parquet", "answers.parquet", "expected a table that can be read, got: "),
        ("cut.parquet", "answers.parquet", "expected a table that can be read, got: Parquet magic"),
        ("torn.parquet", "answers.parquet", "expected a table that can be read to its end, got: "),
        ("rows.csv", "answers.parquet", "expected a name that ends in one of .parquet, .arrow"),
        ("rows.parquet", "answers.txt", "expected a name that ends in one of .parquet, .arrow"),
        ("rows.parquet", "no/answers.parquet", "expected a file that can be written, got: "),
        ("rows.parquet", "rows.parquet", "expected another file than the rows come from"),
    ],
)
def test_files_that_cannot_be_are_said_and_nothing_is_written(
    logistic_artifact: Artifact, rows: Path, read: str, written: str, message: str
) -> None:
    content = rows.read_bytes()
    rows.with_name("cut.parquet").write_bytes(content[:-100])
    pages = slice(len(content) // 4, len(content) // 2)
    torn = bytearray(content)
    torn[pages] = bytes(pages.stop - pages.start)
    rows.with_name("torn.parquet").write_bytes(torn)
    before = {path: path.read_bytes() for path in rows.parent.iterdir()}
    with pytest.raises(ScoreError) as caught:
        score_file(logistic_artifact, rows.with_name(read), rows.parent / written)
    named = written if read == "rows.parquet" else read
    assert str(caught.value).startswith(f"file '{rows.parent / named}': {message}")
    assert {path: path.read_bytes() for path in rows.parent.iterdir()} == before


def test_a_disk_that_fills_up_is_said_and_nothing_is_left(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    """A limit of 4 KiB a file stands for the disk."""
    target = tmp_path / "answers.parquet"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ScoreError) as caught:
            score_file(logistic_artifact, rows, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = str(caught.value)
    assert told.startswith(f"file '{target}': expected a file that can be written, got: ")
    assert "File too large" in told
    assert list(tmp_path.iterdir()) == [rows]


def ask(*words: object) -> Any:
    return CliRunner().invoke(app, ["score", *map(str, words)])


def test_the_command_tells_what_it_did(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "answers.parquet"
    done = ask(logistic_artifact.path, rows, target, "--keep", "key", "--threads", 2)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{target}: 300 rows, 0 of them refused; ")
    assert pq.read_metadata(target).num_rows == ROWS
    told = ask(logistic_artifact.path, spoilt(rows, 3), target, "--refused", "keep", "--json")
    assert {**json.loads(told.stdout), "seconds": 0} == {"rows": ROWS, "refused": 1, "seconds": 0}


def test_the_commands_of_the_page_run(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert logistic_artifact.path is not None
    page = Path(__file__).parents[2] / "docs" / "score.md"
    commands = re.findall(r"^\$ preproc score (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    (tmp_path / "models").symlink_to(logistic_artifact.path.parents[1])
    monkeypatch.chdir(rows.parent)
    for command in commands:
        assert ask(*command.split()).exit_code == 0


def test_the_command_names_a_refused_row_and_what_would_help(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    done = ask(logistic_artifact.path, spoilt(rows, 70), tmp_path / "answers.parquet")
    assert done.exit_code == 3
    assert done.stderr.startswith("preproc: row 70, column 'height': ")
    assert done.stderr.endswith("; --refused keep answers the other rows\n")


def test_an_artifact_of_an_array_has_no_names_to_look_for(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    contract = logistic_artifact.contract
    contract = replace(contract, signature=replace(contract.signature, kind="array"))
    with pytest.raises(ScoreError) as caught:
        score_file(
            replace(logistic_artifact, contract=contract), rows, tmp_path / "answers.parquet"
        )
    assert str(caught.value) == (
        f"file '{rows}': expected an artifact of a frame, whose columns have names, "
        "got one of kind 'array'"
    )


def test_a_wrong_answer_to_a_golden_row_stops_it_before_a_row_is_read(
    logistic_artifact: Artifact, rows: Path, tmp_path: Path
) -> None:
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "a wrong vocabulary")
    artifact = replace(logistic_artifact, model=model.SerializeToString())
    with pytest.raises(ParityError):
        score_file(artifact, rows, tmp_path / "answers.parquet")
    assert list(tmp_path.iterdir()) == [rows]
