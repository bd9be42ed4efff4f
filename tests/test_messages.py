"""Our part of ONNX's messages against onnx itself: the same fields, the same bytes, both ways."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc import ArtifactError
from preproc.files import parse_tensor, render_tensor
from preproc.messages import Model, Stamped, Tensor

HERE = Path("here")
ARRAYS: list[NDArray[Any]] = [
    *(np.array([[0, 1], [2, 3]], dtype) for dtype in ("int8", "uint16", "int32", "int64")),
    np.array([[0.0, -0.0], [np.nan, 5e-324]]).T,
    np.array([1.5, -np.inf], np.float32),
    np.array([[True], [False]]),
    np.zeros((0, 3)),
    np.array([["é", "\0none", ""]], object),
]
TYPED: dict[str, list[float]] = {
    "FLOAT": [1.5, -0.0],
    "DOUBLE": [1e300, -0.0],
    "INT64": [-(2**62), 3],
    "UINT32": [2**32 - 1, 0],
    "INT8": [-128, 127],
    "UINT8": [255, 0],
    "BOOL": [1, 0],
}


def fields_of(descriptor: Any) -> dict[str, tuple[int, int, bool, bool]]:
    return {
        field.name: (field.number, _wire(field.type), field.is_repeated, field.is_packed)
        for field in descriptor.fields
    }


def _wire(kind: int) -> int:
    """Messages may be left unparsed, and the numbers of an enumeration are numbers."""
    same = {
        FieldDescriptor.TYPE_MESSAGE: FieldDescriptor.TYPE_BYTES,
        FieldDescriptor.TYPE_ENUM: FieldDescriptor.TYPE_INT32,
    }
    return same.get(kind, kind)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Tensor, onnx.TensorProto),
        (Model, onnx.ModelProto),
        (Model().graph, onnx.GraphProto),
        (Stamped, onnx.ModelProto),
        (Stamped().metadata_props.add(), onnx.StringStringEntryProto),
    ],
    ids=["tensor", "model", "graph", "stamped", "entry"],
)
def test_the_fields_are_those_of_onnx(ours: Any, theirs: Any) -> None:
    own = fields_of(ours.DESCRIPTOR)
    assert own
    assert own.items() <= fields_of(theirs.DESCRIPTOR).items()


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.name}{array.shape}")
def test_tensors_are_written_as_onnx_writes_them_and_read_back(array: NDArray[Any]) -> None:
    content = render_tensor("name", array)
    theirs = numpy_helper.from_array(np.ascontiguousarray(array), "name")
    assert content == theirs.SerializeToString(deterministic=True)
    name, read = parse_tensor(content, HERE)
    assert (name, read.dtype, read.shape) == ("name", array.dtype, array.shape)
    assert read.tolist() == array.tolist() or np.isnan(array).any()
    assert render_tensor("name", read) == content


@pytest.mark.parametrize("kind", TYPED)
def test_tensors_that_hold_typed_data_are_read_as_onnx_reads_them(kind: str) -> None:
    number = onnx.TensorProto.DataType.Value(kind)
    tensor = onnx.helper.make_tensor("typed", number, [2, 1], TYPED[kind])
    want = numpy_helper.to_array(tensor)
    got = parse_tensor(tensor.SerializeToString(), HERE)[1]
    assert (got.dtype, got.shape, got.tobytes()) == (want.dtype, (2, 1), want.tobytes())


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        render_tensor("", np.zeros(3))[:-1],
        b"\x08\x05" + render_tensor("", np.zeros(3)),
        b"",
    ],
    ids=["other", "cut", "another shape", "empty"],
)
def test_what_is_no_tensor_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="expected a tensor, got other bytes"):
        parse_tensor(content, HERE)
