"""Dictionaries and dataclass instances → columns: exact or refused."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from preproc_server.client.messages import columns_in
from preproc_server.client.rows import columns_of_rows

from preproc.errors import SignatureError
from preproc.signature import Column, Signature

SIGNATURE = Signature(
    "frame",
    (
        Column("f", "float64"),
        Column("g", "float32"),
        Column("i", "int8"),
        Column("u", "uint64"),
        Column("b", "bool"),
        Column("t", "string", null="nan"),
    ),
)
ROW: dict[str, Any] = {"f": 1.5, "g": 0.25, "i": -3, "u": 2**64 - 1, "b": True, "t": "x"}


@dataclass
class Only:
    f: float


def column_of(dtype: str, cells: list[Any]) -> Any:
    signature = Signature("frame", (Column("c", dtype),))
    return columns_of_rows([{"c": cell} for cell in cells], signature)["c"]


def test_each_dtype_is_that_of_the_contract() -> None:
    got = columns_in([ROW, ROW], SIGNATURE)
    assert {name: array.dtype.name for name, array in got.items()} == {
        column.name: "object" if column.is_text else column.dtype for column in SIGNATURE.columns
    }
    assert [array.tolist() for array in got.values()] == [[value] * 2 for value in ROW.values()]


def test_what_is_left_out_is_the_null_that_the_contract_names() -> None:
    row = {name: value for name, value in ROW.items() if name not in ("f", "t")}
    got = columns_in([row, ROW], SIGNATURE)
    assert math.isnan(got["f"][0])
    assert got["t"].tolist() == ["\0nan", "x"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": 1}, "field 'z': expected no such column, got one; leave it out"),
        ({"f": "1"}, "field 'f': row 1: expected a number that float64 holds, got str '1'"),
        ({"f": True}, "field 'f': row 1: expected a number that float64 holds, got bool True"),
        (
            {"f": 2**53 + 1},
            ("field 'f': row 1: expected a number that float64 holds, got int 9007199254740993"),
        ),
        ({"g": 0.1}, "field 'g': row 1: expected a number that float32 holds, got float 0.1"),
        ({"g": 1e300}, "field 'g': row 1: expected a number that float32 holds, got float 1e+300"),
        ({"i": 128}, "field 'i': row 1: expected an integer that int8 holds, got int 128"),
        ({"i": 1.0}, "field 'i': row 1: expected an integer that int8 holds, got float 1.0"),
        ({"i": None}, "field 'i': row 1: expected an integer that int8 holds, got NoneType None"),
        ({"u": -1}, "field 'u': row 1: expected an integer that uint64 holds, got int -1"),
        ({"b": 1}, "field 'b': row 1: expected a boolean that bool holds, got int 1"),
        ({"t": 7}, "field 't': expected dtype string, got cells of type int"),
        (
            {"t": "\0none"},
            "field 't': expected data, got '\\x00none', which is reserved for nulls",
        ),
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, dict) else "",
)
def test_a_value_that_its_column_cannot_carry_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SignatureError) as caught:
        columns_in([ROW, {**ROW, **change}], SIGNATURE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "batch: expected at least one row, got none"),
        ([ROW, 7], "batch: row 1: expected a mapping, got int"),
        ([Only(1.0), ROW], "batch: row 1: expected Only, got dict"),
        ([Only(1.0)], "field 'i': row 0: expected a value, got none"),
    ],
    ids=["none", "number", "mixed", "field"],
)
def test_rows_that_do_not_fit_together_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(SignatureError) as caught:
        columns_in(rows, SIGNATURE)
    assert str(caught.value) == message


def test_an_absent_whole_number_is_refused() -> None:
    row = {name: value for name, value in ROW.items() if name != "i"}
    with pytest.raises(SignatureError) as caught:
        columns_in([ROW, row], SIGNATURE)
    assert str(caught.value) == "field 'i': row 1: expected a value, got none"


@given(cells=st.lists(st.floats() | st.integers(-(2**53), 2**53), min_size=1, max_size=5))
def test_float64_carries_each_float_and_small_integer(cells: list[float]) -> None:
    got = column_of("float64", cells)
    want = np.array([float(cell) for cell in cells])
    assert got.tobytes() == want.tobytes()


@given(cell=st.floats(width=32))
def test_float32_carries_what_is_one_already(cell: float) -> None:
    np.testing.assert_array_equal(column_of("float32", [cell]), np.array([cell], np.float32))
