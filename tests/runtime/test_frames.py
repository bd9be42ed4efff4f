"""The quick way into a frame gives what narwhals, which knows every dtype, gives."""

from collections.abc import Callable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray

from preproc import SignatureError
from preproc.runtime import Session
from preproc.runtime.feeding import _from_series, columns_of
from preproc.runtime.frames import FEW_ROWS, plain_columns
from preproc.signature import NULL_NAN, NULL_NONE, Column, Signature

Series = Callable[[int], Any]
WORDS = ["Oslo", "", "nan", "Zürich", "\N{SNOWMAN}"]
COLUMN = {
    "number": Column("x", "float64"),
    "whole": Column("x", "float64", domain={"whole": True}),
    "integer": Column("x", "int64"),
    "flag": Column("x", "bool"),
    "text": Column("x", "string", "nan"),
    "nones": Column("x", "string", "none"),
    "time": Column("x", "int64", "nat", domain={"time": "datetime64[us]"}),
    "extra": Column("y", "float64"),
}


def words(rows: int, null: object = "") -> list[Any]:
    return [null if at % 7 == 3 else WORDS[at % len(WORDS)] for at in range(rows)]


def numbers(rows: int) -> NDArray[np.float64]:
    odd = np.resize([np.nan, -0.0, 5e-324, np.inf, 0.1], rows)
    return np.where(np.arange(rows) % 2, odd, np.arange(rows) / 3)


def holes(rows: int) -> list[int | None]:
    return [None if at % 5 == 2 else at for at in range(rows)]


def times(rows: int) -> Any:
    return pd.date_range("2020-01-01", periods=rows, freq="h").as_unit("us")


def mixed(rows: int) -> Any:
    cells = words(rows, None)
    cells[-1] = np.nan
    return pd.Series(cells, dtype=object)


PANDAS: Mapping[str, Series] = {
    "float64": lambda rows: pd.Series(numbers(rows)),
    "float32": lambda rows: pd.Series(numbers(rows), dtype="float32"),
    "int64": lambda rows: pd.Series(2**62 + np.arange(rows)),
    "uint8": lambda rows: pd.Series(np.arange(rows), dtype="uint8"),
    "bool": lambda rows: pd.Series(np.arange(rows) % 2 == 0),
    "Int64": lambda rows: pd.Series(holes(rows), dtype="Int64"),
    "Float64": lambda rows: pd.Series(np.arange(rows) / 7, dtype="Float64"),
    "str": lambda rows: pd.Series(words(rows), dtype="str"),
    "str, nulls": lambda rows: pd.Series(words(rows, None), dtype="str"),
    "object": lambda rows: pd.Series(words(rows), dtype=object),
    "object, nulls": mixed,
    "object, numbers": lambda rows: pd.Series(words(rows, 3), dtype=object),
    "object, reserved": lambda rows: pd.Series(words(rows, NULL_NONE), dtype=object),
    "category": lambda rows: pd.Series(words(rows), dtype="category"),
    "datetime": lambda rows: pd.Series(times(rows)),
    "datetime, zone": lambda rows: pd.Series(times(rows).tz_localize("Europe/Oslo")),
}
POLARS: Mapping[str, Series] = {
    "Float64": lambda rows: pl.Series(numbers(rows)),
    "Float64, nulls": lambda rows: pl.Series([None, *numbers(rows)[1:]], dtype=pl.Float64),
    "Int64": lambda rows: pl.Series(2**62 + np.arange(rows)),
    "Int64, nulls": lambda rows: pl.Series(holes(rows)),
    "Boolean": lambda rows: pl.Series(np.arange(rows) % 2 == 0),
    "Boolean, nulls": lambda rows: pl.Series([None, *[True] * (rows - 1)]),
    "String": lambda rows: pl.Series(words(rows)),
    "String, nulls": lambda rows: pl.Series(words(rows, None)),
    "String, reserved": lambda rows: pl.Series(words(rows, NULL_NAN)),
    "Categorical": lambda rows: pl.Series(words(rows), dtype=pl.Categorical),
    "Datetime": lambda rows: pl.Series(times(rows).to_numpy()),
    "Null": lambda rows: pl.Series([None] * rows),
}


def frames() -> list[Any]:
    made = []
    for rows in (4, FEW_ROWS + 6):
        made += [
            pytest.param(pd.DataFrame({"x": make(rows)}), id=f"pandas {name}, {rows}")
            for name, make in PANDAS.items()
        ]
        for name, make in POLARS.items():
            made += [
                pytest.param(frame, id=f"{kind} {name}, {rows}")
                for frame, kind in (
                    (pl.DataFrame({"x": make(rows)}), "polars"),
                    (pl.DataFrame({"x": make(rows)}).to_arrow(), "pyarrow"),
                )
            ]
    return made


def answer(take: Callable[[], Any]) -> tuple[str, Any]:
    """What a way gives, nan as text so that it is equal to itself, or what it raises."""
    try:
        values = take()
    except (SignatureError, TypeError, ValueError) as error:
        return type(error).__name__, str(error)
    return str(values.dtype), [repr(cell) for cell in values.tolist()]


@pytest.mark.parametrize("frame", frames())
def test_both_ways_give_the_same_cells_and_the_same_errors(frame: Any) -> None:
    for column in COLUMN.values():
        signature = Signature("frame", (column,))
        known = {column.name: column}
        series = nw.from_native(frame, eager_only=True)["x"]
        want = answer(lambda s=series, k=known: _from_series(s, k.get("x")))  # type: ignore[misc]
        got = answer(lambda f=frame, s=signature: columns_of(f, s)["x"])  # type: ignore[misc]
        assert got == want


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_frame_of_plain_dtypes_goes_the_quick_way_whole(
    session: Session, served: pd.DataFrame, library: str, rows: int
) -> None:
    frame: Any = served.head(rows)
    if library != "pandas":
        frame = pl.from_pandas(frame)
        frame = frame.to_arrow() if library == "pyarrow" else frame
    known = {column.name: column for column in session.signature.columns}
    found = plain_columns(frame, known)
    assert list(found) == list(served.columns)
    assert all(values is not None for values in found.values())


def test_a_column_that_is_not_plain_leaves_the_others_quick() -> None:
    frame = pd.DataFrame({"x": [1.0], "y": pd.Series([1], dtype="Int64"), "z": ["a"]})
    found = plain_columns(frame, {"z": Column("z", "string")})
    assert [name for name, values in found.items() if values is None] == ["y"]


def test_names_that_are_no_text_or_occur_twice_are_left_to_narwhals() -> None:
    assert plain_columns(pd.DataFrame({1: [1.0]}), {}) == {}
    assert plain_columns(pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]), {}) == {}


def test_columns_of_one_name_are_refused() -> None:
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["x", "y", "x"])
    with pytest.raises(SignatureError) as caught:
        columns_of(frame, Signature("frame", (Column("x", "float64"),)))
    assert str(caught.value) == "batch: expected names that differ as text, got ['x', 'x']"


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": pd.Series([1, None, None], dtype="Int64")}),
        pl.DataFrame({"x": [1, None, None]}),
        pl.DataFrame({"x": [1, None, None]}).to_arrow(),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_a_null_of_whole_numbers_is_told_as_one(frame: Any) -> None:
    with pytest.raises(SignatureError) as caught:
        columns_of(frame, Signature("frame", (Column("x", "int64"),)))
    problem = "row 1: expected a value, got null; the column has no null"
    assert str(caught.value) == f"field 'x': {problem}"
