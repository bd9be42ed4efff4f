"""Text that goes as bytes arrives as the same text, or goes as objects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from preproc import SignatureError
from preproc.runtime import Session, open_session
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.runtime.feeding import columns_of
from preproc.runtime.layout import Layout, matrices_of
from preproc.runtime.utf8 import MANY_ROWS, MAX_WIDTH
from preproc.signature import NULL_NONE, Column, Signature

WORDS = ["Oslo", "", "nan", "Zürich", "\N{SNOWMAN}", "as long as any word of these"]
ROWS = MANY_ROWS + 5
SERVED = ["city", "plan", "street"]
SIGNATURE = Signature("frame", (Column("x", "string", "nan"), Column("y", "string", "nan")))
LAYOUT = Layout({"x": ("text", 0), "y": ("text", 1)}, {"text": ("string", 2)})
LIBRARIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "pandas, string": lambda frame: frame.astype("string[pyarrow]"),
    "pyarrow": pa.Table.from_pandas,
    "pyarrow, chunks": lambda frame: pa.concat_tables(
        [pa.Table.from_pandas(frame[at : at + 100]) for at in range(0, len(frame), 100)]
    ),
}


def texts(rows: int = ROWS) -> pd.DataFrame:
    x = [WORDS[at % len(WORDS)] for at in range(rows)]
    return pd.DataFrame({"x": x, "y": x[::-1]}, dtype="str")


def without_nulls(served: pd.DataFrame) -> pd.DataFrame:
    many = pd.concat([served] * (1 + ROWS // len(served)), ignore_index=True)
    many[SERVED] = many[SERVED].ffill().bfill().astype("str")
    return many


def matrix_of(data: Any) -> NDArray[Any]:
    columns = columns_of(data, SIGNATURE, utf8=True)
    return matrices_of(columns, LAYOUT, SIGNATURE.check(columns))["text"]


def echoed(matrix: NDArray[Any]) -> Any:
    """Let the runtime give back what it reads."""
    value = [helper.make_tensor_value_info(name, TensorProto.STRING, [None, 2]) for name in "ab"]
    graph = helper.make_graph([helper.make_node("Identity", "a", "b")], "g", value[:1], value[1:])
    opset = [helper.make_opsetid("", 21)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=10)
    with open_executor(model) as executor:
        return executor.execute({"a": matrix})["b"].tolist()


@pytest.mark.parametrize("library", LIBRARIES)
def test_text_in_arrows_memory_goes_as_bytes_and_arrives(library: str) -> None:
    matrix = matrix_of(LIBRARIES[library](texts()))
    assert matrix.dtype.kind == "S"
    assert matrix.shape == (ROWS, 2)
    assert not matrix.view(np.uint8).reshape(ROWS, 2, -1)[:, :, -1].any()  # the reader's end
    assert echoed(matrix) == texts().to_numpy(object).tolist()


def test_a_byte_that_is_lost_would_be_seen() -> None:
    matrix = matrix_of(texts())
    assert echoed(matrix.astype("S5")) != texts().to_numpy(object).tolist()


@pytest.mark.parametrize(
    "cell",
    [None, "zero \0 byte", "\0", "w" * (MAX_WIDTH + 1)],
    ids=["null", "zero", "only", "long"],
)
def test_text_that_bytes_cannot_hold_goes_as_objects(cell: Any) -> None:
    frame = texts()
    frame.loc[7, "y"] = cell
    matrix = matrix_of(frame)
    assert matrix.dtype == object
    assert matrix[0].tolist() == [WORDS[0], WORDS[(ROWS - 1) % len(WORDS)]]


@pytest.mark.parametrize(
    "data",
    [
        texts(MANY_ROWS - 1),
        texts().astype(object),
        texts().astype({"y": "category"}),
        pl.from_pandas(texts()),
    ],
    ids=["few rows", "objects", "categories", "polars"],
)
def test_other_text_goes_as_objects(data: Any) -> None:
    assert matrix_of(data).dtype == object


def test_text_that_is_reserved_is_refused_as_ever() -> None:
    frame = texts()
    frame.loc[7, "x"] = NULL_NONE
    with pytest.raises(SignatureError) as caught:
        matrix_of(frame)
    assert str(caught.value) == (
        r"field 'x': expected data, got '\x00none', which is reserved for nulls"
    )


def test_bytes_of_a_caller_are_no_text() -> None:
    with pytest.raises(SignatureError) as caught:
        matrix_of({"x": np.array([b"Oslo"]), "y": np.array(["Oslo"])})
    assert str(caught.value) == "field 'x': expected dtype string, got bytes32"


def test_bytes_beside_objects_become_text() -> None:
    columns = {"x": np.array(["Zürich".encode()]), "y": np.array(["Oslo"], object)}
    assert matrices_of(columns, LAYOUT, 1)["text"].tolist() == [["Zürich", "Oslo"]]


def test_answers_are_those_of_objects(session: Session, served: pd.DataFrame) -> None:
    many = without_nulls(served)
    ready = session.prepare(many)
    plain = session.prepare(many.astype(dict.fromkeys(SERVED, object)))
    assert {one.dtype.kind for one in ready.feeds.values()} == {"S", "f", "i"}
    assert {one.dtype.kind for one in plain.feeds.values()} == {"O", "f", "i"}
    got, want = session.run_prepared(ready), session.run_prepared(plain)
    assert all(np.array_equal(got[name], want[name], equal_nan=name != "label") for name in want)
    other = session.run_prepared(session.prepare(many.assign(city=many["city"][::-1].to_numpy())))
    assert not np.array_equal(got["scores"], other["scores"], equal_nan=True)


def test_who_reads_no_bytes_gets_objects(logistic_artifact: Any, served: pd.DataFrame) -> None:
    many = without_nulls(served)
    with open_session(logistic_artifact.path, backend="reference", form="fused") as other:
        assert {one.dtype.kind for one in other.prepare(many).feeds.values()} == {"O", "f", "i"}


def test_text_that_utf8_does_not_hold_is_told_by_column_and_row(
    session: Session, served: pd.DataFrame
) -> None:
    spoiled = served.astype(dict.fromkeys(SERVED, object))
    spoiled.loc[spoiled.index[1], "plan"] = "\udcff"
    with pytest.raises(SignatureError) as caught:
        session.run(spoiled)
    problem = "row 1: expected text that UTF-8 holds, got '\\udcff'"
    assert str(caught.value) == f"field 'plan': {problem}"
