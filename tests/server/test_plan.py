"""Requests → matrices: the plan agrees with the session's own way, and refuses what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.errors import WireError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import decode, encode, plan_of, wanted_outputs

from preproc.errors import PreprocError, SignatureError
from preproc.runtime.layout import Layout, matrices_of, public_layout
from preproc.signature import Column, Output, Signature

SIGNATURE = Signature(
    "frame",
    (
        Column("a", "float64"),
        Column("t", "string", null="none"),
        Column("b", "float64"),
        Column("k", "int8"),
        Column("u", "string", null="nan"),
        Column("w", "float64", width=2),
    ),
    (Output("label", "label", "string", None, ""), Output("p", "scores", "float32", 2, None)),
)
PACKED = Layout(
    {"b": ("f", 0), "w": ("f", 1), "a": ("f", 3), "u": ("s", 0), "t": ("s", 1), "k": ("i", 0)},
    {"f": ("float64", 4), "s": ("string", 2), "i": ("int8", 1)},
)
FLAT = Signature("frame", SIGNATURE.columns[:-1], SIGNATURE.outputs)


@st.composite
def batches(draw: st.DrawFn) -> dict[str, NDArray[Any]]:
    rows = draw(st.integers(1, 4))
    batch: dict[str, NDArray[Any]] = {}
    for column in draw(st.permutations(SIGNATURE.columns)):
        is_flat = column.width == 1 and draw(st.booleans())
        shape = (rows,) if is_flat else (rows, column.width)
        texts = st.text() | st.sampled_from(["\0none", "\0nan"])
        batch[column.name] = draw(
            hnp.arrays(object, shape, elements=texts, fill=st.nothing())
            if column.is_text
            else hnp.arrays(column.dtype, shape)
        )
    return batch


def request_of(batch: dict[str, NDArray[Any]], *, is_raw: bool) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest()
    for name, array in batch.items():
        datatype = wire.datatype_of(array).wire
        tensor = request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        if is_raw:
            request.raw_input_contents.append(wire.raw_of(array))
        else:
            tensor.contents.CopyFrom(wire.contents_of(array))
    return request


def good() -> dict[str, NDArray[Any]]:
    return {
        "a": np.array([1.0, 2.0]),
        "t": np.array(["x", "\0none"], object),
        "b": np.array([[3.0], [4.0]]),
        "k": np.array([-1, 1], np.int8),
        "u": np.array(["", "\0nan"], object),
        "w": np.array([[5.0, 6.0], [7.0, 8.0]]),
    }


@pytest.mark.parametrize(
    ("signature", "layout"),
    [
        (SIGNATURE, PACKED),
        (SIGNATURE, public_layout(SIGNATURE)),
        (FLAT, public_layout(FLAT)),
    ],
    ids=["packed", "public", "flat"],
)
@given(batch=batches(), is_raw=st.booleans())
def test_matrices_are_those_of_a_local_session(
    signature: Signature, layout: Layout, batch: dict[str, NDArray[Any]], *, is_raw: bool
) -> None:
    plan = plan_of("m", signature, layout)
    batch = {name: batch[name] for name in batch if name in plan.names}
    prepared = decode(plan, request_of(batch, is_raw=is_raw))
    want = matrices_of(batch, layout, signature.check(batch))
    assert prepared.rows == len(batch["a"])
    assert list(prepared.feeds) == list(want)
    for name, matrix in want.items():
        np.testing.assert_array_equal(prepared.feeds[name], matrix, strict=True)
        assert prepared.feeds[name].flags.c_contiguous


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": np.zeros(2)}, "field 'z': expected no such column, got one; leave it out"),
        ({"a": np.zeros(2, np.float32)}, "field 'a': expected dtype float64, got float32"),
        ({"t": np.zeros(2)}, "field 't': expected dtype string, got float64"),
        ({"w": np.zeros((2, 3))}, "field 'w': expected shape (n, 2), got (2, 3)"),
        ({"w": np.zeros(2)}, "field 'w': expected shape (n, 2), got (2,)"),
        ({"b": np.zeros(3)}, "field 'b': expected 2 rows, as in most columns, got 3"),
        (
            {name: array[:0] for name, array in good().items()},
            "batch: expected at least one row, got none",
        ),
    ],
    ids=["extra", "dtype", "no text", "width", "vector", "rows", "no rows"],
)
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_a_bad_batch_is_refused_in_the_words_of_the_signature(
    change: dict[str, NDArray[Any]], message: str, *, is_raw: bool
) -> None:
    batch = {**good(), **change}
    plan = plan_of("m", SIGNATURE, PACKED)
    with pytest.raises(SignatureError) as local:
        SIGNATURE.check(batch)
    with pytest.raises(SignatureError) as caught:
        decode(plan, request_of(batch, is_raw=is_raw))
    assert str(caught.value) == str(local.value) == message


def both(request: pb.ModelInferRequest) -> None:
    request.inputs[0].contents.fp64_contents.append(1.0)


def fewer_raws(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents.pop()


def twice(request: pb.ModelInferRequest) -> None:
    request.inputs.append(request.inputs[0])


def fewer_inputs(request: pb.ModelInferRequest) -> None:
    del request.inputs[2:]


def half_precision(request: pb.ModelInferRequest) -> None:
    request.inputs[0].datatype = "FP16"


def negative(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[0] = -1


def no_shape(request: pb.ModelInferRequest) -> None:
    del request.inputs[0].shape[:]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            both,
            WireError,
            (
                "contents field must not be specified when using raw_input_contents for 'a' "
                "for model 'm'"
            ),
        ),
        (
            fewer_raws,
            WireError,
            "raw_input_contents for model 'm': expected 6 elements, one an input, got 5",
        ),
        (twice, WireError, "input 'a' already exists in request"),
        (
            fewer_inputs,
            SignatureError,
            (
                "batch: expected 6 inputs but got 2 inputs for model 'm'. Got input(s) ['a', 't'], "
                "but missing required input(s) ['b', 'k', 'u', 'w']. "
                "Please provide all required input(s)."
            ),
        ),
        (half_precision, SignatureError, "field 'a': expected dtype float64, got 'FP16'"),
        (negative, SignatureError, "field 'a': expected shape (n, 1), got (-1,)"),
        (no_shape, SignatureError, "field 'a': expected shape (n, 1), got ()"),
    ],
    ids=["both", "raws", "twice", "missing", "datatype", "negative", "no shape"],
)
def test_what_only_a_wire_can_say_is_refused(
    change: Any, kind: type[PreprocError], message: str
) -> None:
    request = request_of(good(), is_raw=True)
    change(request)
    with pytest.raises(kind) as caught:
        decode(plan_of("m", SIGNATURE, PACKED), request)
    assert str(caught.value) == message


def test_shapes_that_announce_too_much_allocate_nothing() -> None:
    request = request_of(good(), is_raw=True)
    for tensor in request.inputs:
        tensor.shape[0] = 2**60
    with pytest.raises(WireError, match=r"^input byte size mismatch for input 'b' for model 'm'"):
        decode(plan_of("m", SIGNATURE, PACKED), request)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["label", "q"], "unexpected inference output 'q' for model 'm'"),
        (["label", "label"], "output 'label' already exists in request"),
    ],
    ids=["unknown", "twice"],
)
def test_bad_outputs_are_refused(names: list[str], message: str) -> None:
    request = pb.ModelInferRequest()
    for name in names:
        request.outputs.add(name=name)
    with pytest.raises(WireError) as caught:
        wanted_outputs(plan_of("m", SIGNATURE, PACKED), request)
    assert str(caught.value) == message


def test_row_error_is_given_only_when_named() -> None:
    plan, request = plan_of("m", SIGNATURE, PACKED), pb.ModelInferRequest()
    assert wanted_outputs(plan, request) == ("label", "p")
    request.outputs.add(name="row_error")
    assert wanted_outputs(plan, request) == ("row_error",)


def test_answers_are_raw_or_typed() -> None:
    answers = {"label": np.array(["a"], object), "p": np.array([[0.5, 2.0]], np.float32)}
    raw = encode(pb.ModelInferResponse(), answers, is_raw=True)
    assert list(raw.raw_output_contents) == [b"\1\0\0\0a", answers["p"].tobytes()]
    assert not raw.outputs[0].HasField("contents")
    typed = encode(pb.ModelInferResponse(), answers, is_raw=False)
    assert not typed.raw_output_contents
    assert list(typed.outputs[0].contents.bytes_contents) == [b"a"]
    assert list(typed.outputs[1].contents.fp32_contents) == [0.5, 2.0]
    assert [list(output.shape) for output in typed.outputs] == [[1], [1, 2]]
    assert [output.datatype for output in typed.outputs] == ["BYTES", "FP32"]
