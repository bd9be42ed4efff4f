"""Files that may be missing, truncated or hostile: their bytes, JSON and tensors, or an error."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from preproc.errors import ArtifactError
from preproc.messages import EXTERNAL, Tensor

MAX_JSON_BYTES: Final = 64 * 2**20
_STRING: Final = 8
_DTYPES: Final[Mapping[int, tuple[str, str]]] = {
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    4: ("uint16", "int32_data"),
    5: ("int16", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    11: ("float64", "double_data"),
    12: ("uint32", "uint64_data"),
    13: ("uint64", "uint64_data"),
}
"""Number of ONNX → dtype, and the field that holds it where there is no ``raw_data``."""
_NUMBERS: Final = {dtype: number for number, (dtype, _) in _DTYPES.items()}


def read_bytes(file: Path, most: int | None = None) -> bytes:
    """Read a file whole.

    Raises
    ------
    ArtifactError
        When it cannot be read, or holds more than `most` bytes, of which no more are read.
    """
    try:
        with file.open("rb") as source:
            content = source.read(-1 if most is None else most + 1)
    except OSError as error:
        raise ArtifactError(file, f"expected a file, got {error.strerror}") from error
    if most is not None and len(content) > most:
        raise ArtifactError(file, f"expected at most {most} bytes, got more")
    return content


def read_json(file: Path) -> Any:
    """Read JSON of at most `MAX_JSON_BYTES`.

    Raises
    ------
    ArtifactError
        When it is missing, larger, or no JSON.
    """
    try:
        return json.loads(read_bytes(file, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(file, f"expected JSON, got {error}") from error


def read_tensor(file: Path) -> tuple[str, NDArray[Any]]:
    """Read a file that holds one serialized TensorProto: its name and an array.

    Raises
    ------
    ArtifactError
        When it is missing, holds none, or points to data outside of it.
    """
    return parse_tensor(read_bytes(file), file)


def parse_tensor(content: bytes, file: Path) -> tuple[str, NDArray[Any]]:
    """Parse a serialized TensorProto into its name and an array; `file` is named in errors.

    Raises
    ------
    ArtifactError
        When it is none, or points to data outside of it.
    """
    try:
        tensor = Tensor.FromString(content)
        if tensor.data_location == EXTERNAL or tensor.external_data:
            raise ArtifactError(file, "expected data inside, got a tensor that points elsewhere")
        return tensor.name, _array_of(tensor).reshape(tensor.dims)
    except (DecodeError, ValueError, KeyError) as error:
        raise ArtifactError(file, "expected a tensor, got other bytes") from error


def render_tensor(name: str, array: NDArray[Any]) -> bytes:
    """Serialize an array, text as object, as a TensorProto: the bytes that onnx's own would be."""
    tensor = Tensor(name=name, dims=array.shape)
    if array.dtype.kind in "OU":
        tensor.data_type = _STRING
        tensor.string_data.extend(text.encode() for text in array.ravel())
    else:
        tensor.data_type = _NUMBERS[array.dtype.name]
        tensor.raw_data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    content: bytes = tensor.SerializeToString(deterministic=True)
    return content


def _array_of(tensor: Any) -> NDArray[Any]:
    if tensor.data_type == _STRING:
        return np.array([text.decode() for text in tensor.string_data], object)
    dtype, field = _DTYPES[tensor.data_type]
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, np.dtype(dtype).newbyteorder("<"))
    return np.array(getattr(tensor, field)).astype(dtype)
