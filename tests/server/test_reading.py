"""Usual requests are read from their bytes as the parser reads them; all others are left to it."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from preproc_server import reading, wire
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import Plan, decode, plan_of
from preproc_server.reading import MISSING, Read, Reader, start_of_inputs

from preproc.errors import PreprocError
from preproc.runtime import Prepared
from preproc.runtime.layout import Layout
from preproc.signature import NULL_TOKENS, Column, Signature

pytestmark = pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ, reason=f"nothing compiled: {MISSING}"
)
KNOWN = ("", "red", "B", "Bb", "\x42\x03", "x" * 0x42, "x" * 150, "blåbär")
"""Words of training: some hold, or are as long as, the byte that stands before each text."""
LONG = "a name of " + "many " * 30 + "words"
SIGNATURE = Signature(
    "frame",
    (
        Column("a", "float64"),
        Column("b", "float64"),
        Column("t", "string", null="none", domain={"categories": list(KNOWN)}),
        Column("h", "float32"),
        Column("k", "int16"),
        Column(LONG, "string", null="nan"),
        Column("o", "bool"),
        Column("c", "float64"),
    ),
    (),
)
PACKED = Layout(
    {
        "b": ("f", 0),
        "c": ("f", 1),
        "a": ("f", 2),
        LONG: ("s", 0),
        "t": ("s", 1),
        "k": ("i", 0),
        "h": ("h", 0),
        "o": ("o", 0),
    },
    {"f": ("float64", 3), "s": ("string", 2), "i": ("int16", 1), "h": ("float32", 1)}
    | {"o": ("bool", 1)},
)
PLAN = plan_of("m", SIGNATURE, PACKED)
READER = Reader(PLAN)


def request_of(
    batch: dict[str, NDArray[Any]], *, is_raw: bool, name: str = "", outputs: tuple[str, ...] = ()
) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="m", id=name)
    for column, array in batch.items():
        kind = wire.datatype_of(array).wire
        tensor = request.inputs.add(name=column, datatype=kind, shape=array.shape)
        if is_raw:
            request.raw_input_contents.append(wire.raw_of(array))
        else:
            tensor.contents.CopyFrom(wire.contents_of(array))
    for output in outputs:
        request.outputs.add(name=output)
    return request


@st.composite
def usual(draw: st.DrawFn) -> pb.ModelInferRequest:
    rows = draw(st.sampled_from([1, 1, 1, 2, 40]))
    shape = draw(st.sampled_from([(rows,), (rows, 1)]))
    texts = st.text() | st.sampled_from(["\0none", "x" * 150, "\x1a\x2a\x42"])
    texts = draw(st.sampled_from([texts, st.sampled_from(KNOWN), st.sampled_from(KNOWN[:2])]))
    batch: dict[str, NDArray[Any]] = {
        column.name: draw(
            hnp.arrays(object, shape, elements=texts, fill=texts)
            if column.is_text
            else hnp.arrays(column.dtype, shape)
        )
        for column in SIGNATURE.columns
    }
    outputs = draw(st.sampled_from([(), ("label",)]))
    return request_of(batch, is_raw=draw(st.booleans()), name=draw(st.text()), outputs=outputs)


def read(reader: Reader, content: bytes) -> tuple[pb.ModelInferRequest, Read | None]:
    at = start_of_inputs(content)
    head = pb.ModelInferRequest.FromString(content[: max(at, 0)])
    return head, reader.read(content, at, head) if at > 0 else None


def same(got: Prepared, want: Prepared) -> None:
    assert got.rows == want.rows
    assert set(got.feeds) == set(want.feeds)
    for name, array in want.feeds.items():
        assert got.feeds[name].dtype == array.dtype
        np.testing.assert_array_equal(got.feeds[name], array)


@given(request=usual())
def test_usual_requests_need_no_parser(request: pb.ModelInferRequest) -> None:
    head, got = read(READER, request.SerializeToString())
    assert got is not None
    same(got.prepared, decode(PLAN, request))
    assert (head.model_name, head.id) == (request.model_name, request.id)
    assert list(head.outputs) == list(request.outputs)


@given(
    request=usual(),
    at=st.integers(0, 2**20),
    cut=st.integers(0, 3),
    put=st.binary(max_size=3) | st.sampled_from([b"\x0a\x01n", b"\x12\x011", b"\x2a\x00"]),
    is_at_the_end=st.booleans(),
)
def test_other_bytes_are_read_as_the_parser_reads_them_or_not_at_all(
    request: pb.ModelInferRequest, at: int, cut: int, put: bytes, *, is_at_the_end: bool
) -> None:
    content = request.SerializeToString()
    at = len(content) - at % 4 if is_at_the_end else at % len(content)
    spoiled = content[:at] + put + content[at + cut :]
    try:
        head, got = read(READER, spoiled)
    except DecodeError:  # in the head, which is read as a message
        return
    if got is None:
        return
    whole = pb.ModelInferRequest.FromString(spoiled)
    same(got.prepared, decode(PLAN, whole))
    del whole.inputs[:], whole.raw_input_contents[:]
    assert head == whole


def test_values_in_other_places_are_found_out() -> None:
    values = np.array([[1.0]]), np.array([[2.0]])
    columns = Column("a", "float64"), Column("b", "float64")
    layout = Layout({"a": ("f", 0), "b": ("f", 1)}, {"f": ("float64", 2)})
    plan = plan_of("m", Signature("frame", columns, ()), layout)
    (matrix,) = plan.matrices
    swapped = replace(plan, matrices=(replace(matrix, positions=(1, 0)),))
    request = request_of(dict(zip("ab", values, strict=True)), is_raw=False)
    _, got = read(Reader(swapped), request.SerializeToString())
    assert got is not None
    with pytest.raises(AssertionError):
        same(got.prepared, decode(plan, request))


def batch_of(rows: int) -> dict[str, NDArray[Any]]:
    return {
        column.name: np.full(rows, "x", object) if column.is_text else np.ones(rows, column.dtype)
        for column in SIGNATURE.columns
    }


def spoiled_plan() -> Plan:
    return replace(PLAN, is_flat=False)


@pytest.mark.parametrize(
    ("plan", "change"),
    [
        (PLAN, lambda batch: dict(reversed(batch.items()))),
        (PLAN, lambda batch: {**batch, "b": np.ones(3)}),
        (PLAN, lambda batch: {**batch, "b": np.ones(2, np.float32)}),
        (PLAN, lambda batch: {**batch, "more": np.ones(2)}),
        (PLAN, lambda batch: {name: array[:, None, None] for name, array in batch.items()}),
        (PLAN, lambda batch: {name: array[:0] for name, array in batch.items()}),
        (spoiled_plan(), lambda batch: batch),
    ],
    ids=["order", "rows", "dtype", "extra", "rank", "no rows", "wide columns"],
)
@pytest.mark.parametrize("is_raw", [False, True], ids=["typed", "raw"])
def test_unusual_requests_are_left_to_the_parser(plan: Plan, change: Any, *, is_raw: bool) -> None:
    content = request_of(change(batch_of(2)), is_raw=is_raw).SerializeToString()
    assert read(Reader(plan), content)[1] is None


def test_numbers_that_would_never_end_are_no_work() -> None:
    assert start_of_inputs(b"\x0a" + b"\xff" * 2**20) == -1


def test_rows_that_did_not_come_are_not_set_aside() -> None:
    request = request_of(batch_of(1), is_raw=False)
    for tensor in request.inputs:
        tensor.shape[0] = 2**40
    assert read(READER, request.SerializeToString())[1] is None


def test_what_was_not_compiled_is_left_to_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MISSING", "no such module")
    content = request_of(batch_of(2), is_raw=False).SerializeToString()
    assert read(Reader(PLAN), content)[1] is None


@pytest.mark.parametrize("is_raw", [False, True], ids=["typed", "raw"])
@pytest.mark.parametrize(
    ("word", "is_known"),
    [("blåbär", True), (NULL_TOKENS["none"], True), ("green", False), ("bl", False)],
)
def test_a_word_that_training_never_saw_is_told(word: str, *, is_known: bool, is_raw: bool) -> None:
    batch = batch_of(3) | {"t": np.array(["red", word, "B"], object)}
    _, got = read(READER, request_of(batch, is_raw=is_raw).SerializeToString())
    assert got is not None
    assert got.is_known == is_known


def test_a_value_that_its_dtype_does_not_hold_is_left_to_the_parser() -> None:
    request = request_of(batch_of(1), is_raw=False)
    request.inputs[4].contents.int_contents[0] = 2**15
    assert read(READER, request.SerializeToString())[1] is None
    with pytest.raises(PreprocError):
        decode(PLAN, request)


@pytest.mark.parametrize("texts", [[b"red"] * 2, [b"red"] * 3, [b"red"]], ids=len)
def test_more_or_fewer_known_texts_than_rows_are_left_to_the_parser(texts: list[bytes]) -> None:
    request = request_of(batch_of(2), is_raw=False)
    (column,) = [tensor for tensor in request.inputs if tensor.name == "t"]
    column.contents.bytes_contents[:] = texts
    got = read(READER, request.SerializeToString())[1]
    assert (got is not None) == (len(texts) == 2)
