"""Tensors on the wire ↔ arrays, both ways."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.errors import WireError
from preproc_server.pb.open_inference_pb2 import InferTensorContents

from preproc.errors import PreprocError, SignatureError

SHAPES = st.one_of(
    hnp.array_shapes(min_dims=1, max_dims=1, max_side=5),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=4),
)
NUMBERS = st.sampled_from([kind.dtype for kind in wire.DATATYPES if not kind.is_text]).flatmap(
    lambda dtype: hnp.arrays(dtype, SHAPES)
)
TEXTS = hnp.arrays(object, SHAPES, elements=st.text(), fill=st.nothing())


def tensor_of(array: NDArray[Any]) -> wire.Tensor:
    width = array.shape[1] if array.ndim > 1 else 1
    return wire.Tensor("x", "m", wire.datatype_of(array), width)


def is_same(want: NDArray[Any], got: NDArray[Any]) -> bool:
    if want.dtype.kind == "O":
        return bool(want.shape == got.shape and want.tolist() == got.tolist())
    return want.dtype == got.dtype and want.shape == got.shape and want.tobytes() == got.tobytes()


@given(array=NUMBERS | TEXTS)
def test_raw_comes_back_bit_for_bit(array: NDArray[Any]) -> None:
    got = wire.array_of_raw(tensor_of(array), wire.raw_of(array), array.shape)
    assert is_same(array, got)
    assert got.flags.writeable


@given(array=NUMBERS)
def test_typed_numbers_come_back(array: NDArray[Any]) -> None:
    tensor, contents = tensor_of(array), wire.contents_of(array)
    values = wire.numbers_of_contents(tensor, contents, len(array))
    got = np.array(values, tensor.datatype.dtype).reshape(array.shape)
    np.testing.assert_array_equal(got, array)


@given(array=TEXTS)
def test_typed_text_comes_back(array: NDArray[Any]) -> None:
    got = wire.texts_of_contents(tensor_of(array), wire.contents_of(array), len(array))
    assert got == array.ravel().tolist()


@pytest.mark.parametrize("text", ["é", "", "a\0b", "\0"], ids=["accent", "empty", "NUL", "NULs"])
def test_many_texts_are_told_apart(text: str) -> None:
    array = np.array(["x", text, ""] * 7, object)
    tensor = tensor_of(array)
    assert wire.texts_of_raw(tensor, wire.raw_of(array), 21) == array.tolist()
    contents = InferTensorContents(bytes_contents=[b"x"] * 9 + [b"\xc3", b"\xa9"])
    with pytest.raises(SignatureError) as caught:
        wire.texts_of_contents(tensor, contents, 11)
    assert str(caught.value) == "field 'x': row 9: expected text in UTF-8, got b'\\xc3'"


def test_text_is_its_length_then_its_bytes() -> None:
    assert wire.raw_of(np.array(["é", ""], object)) == b"\x02\0\0\0\xc3\xa9\0\0\0\0"


@pytest.mark.parametrize(
    ("dtype", "raw", "kind", "message"),
    [
        (
            "float64",
            bytes(15),
            WireError,
            "input byte size mismatch for input 'x' for model 'm'. Expected 16, got 15",
        ),
        (
            "bool",
            b"\0\2",
            WireError,
            "inference input 'x' for model 'm': expected bytes 0 or 1, got 2",
        ),
        (
            "string",
            b"\1\0\0\0a",
            WireError,
            "expected 2 string elements for inference input 'x' for model 'm', got 1",
        ),
        (
            "string",
            bytes(12),
            WireError,
            (
                "unexpected number of string elements 3 for inference input 'x' for model 'm', "
                "expecting 2"
            ),
        ),
        (
            "string",
            b"\1\0\0",
            WireError,
            (
                "incomplete string length indicator for inference input 'x' for model 'm', "
                "expecting 4 bytes but only 3 bytes available"
            ),
        ),
        (
            "string",
            b"\5\0\0\0abc",
            WireError,
            (
                "incomplete string data for inference input 'x' for model 'm', "
                "expecting string of length 5 but only 3 bytes available"
            ),
        ),
        (
            "string",
            b"\0\0\0\0\1\0\0\0\xff",
            SignatureError,
            "field 'x': row 1: expected text in UTF-8, got b'\\xff'",
        ),
    ],
    ids=["short", "bool", "few", "many", "length cut", "data cut", "no utf-8"],
)
def test_bad_raw_is_refused(dtype: str, raw: bytes, kind: type[PreprocError], message: str) -> None:
    tensor = wire.Tensor("x", "m", wire.BY_DTYPE[dtype], 1)
    with pytest.raises(kind) as caught:
        wire.array_of_raw(tensor, raw, (2,))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("dtype", "contents", "message"),
    [
        (
            "int8",
            InferTensorContents(int_contents=[127, 128]),
            "field 'x': row 1: expected int8, -128 to 127, got 128",
        ),
        (
            "uint16",
            InferTensorContents(uint_contents=[65536, 0]),
            "field 'x': row 0: expected uint16, 0 to 65535, got 65536",
        ),
        (
            "float64",
            InferTensorContents(fp32_contents=[1, 2]),
            (
                "input byte size mismatch for input 'x' for model 'm'. Expected 16, got 0; "
                "FP64 travels in fp64_contents"
            ),
        ),
    ],
    ids=["int8", "uint16", "wrong field"],
)
def test_bad_typed_numbers_are_refused(
    dtype: str, contents: InferTensorContents, message: str
) -> None:
    tensor = wire.Tensor("x", "m", wire.BY_DTYPE[dtype], 1)
    with pytest.raises(PreprocError) as caught:
        wire.numbers_of_contents(tensor, contents, 2)
    assert str(caught.value) == message


MANY = st.sampled_from([kind.dtype for kind in wire.DATATYPES if not kind.is_text]).flatmap(
    lambda dtype: hnp.arrays(dtype, st.integers(60, 300))
)


@given(array=MANY)
def test_many_typed_numbers_come_back_bit_for_bit(array: NDArray[Any]) -> None:
    got = wire.numbers_of_contents(tensor_of(array), wire.contents_of(array), len(array))
    np.testing.assert_array_equal(np.array(got, array.dtype), array, strict=True)


def test_other_fields_and_those_of_a_newer_protocol_are_not_read() -> None:
    array = np.arange(100.0)
    contents = wire.contents_of(array)
    contents.bytes_contents.append(b"not read")
    contents.MergeFromString(b"\xfa\x07\x01\x00")  # field 127, which nobody knows
    got = wire.numbers_of_contents(tensor_of(array), contents, 100)
    assert np.asarray(got).tolist() == array.tolist()


def test_a_value_out_of_range_is_found_among_many() -> None:
    contents = InferTensorContents(int_contents=[0] * 99 + [-129])
    with pytest.raises(SignatureError) as caught:
        wire.numbers_of_contents(wire.Tensor("x", "m", wire.BY_DTYPE["int8"], 2), contents, 50)
    assert str(caught.value) == "field 'x': row 49: expected int8, -128 to 127, got -129"


@given(raw=st.binary(max_size=40), rows=st.integers(1, 6))
def test_any_bytes_are_read_as_they_stand_or_refused(raw: bytes, rows: int) -> None:
    tensor = wire.Tensor("x", "m", wire.BY_DTYPE["string"], 1)
    try:
        got = wire.texts_of_raw(tensor, raw, rows)
    except PreprocError:
        return
    assert wire.raw_of(np.array(got, object)) == raw
