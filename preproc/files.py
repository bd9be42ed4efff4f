"""Files that may be missing, truncated or hostile: their bytes, JSON and tensors, or an error."""

import json
from pathlib import Path
from typing import Any, Final

import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.errors import ArtifactError

MAX_JSON_BYTES: Final = 64 * 2**20


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
        tensor = onnx.TensorProto.FromString(content)
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ArtifactError(file, "expected data inside, got a tensor that points elsewhere")
        return tensor.name, numpy_helper.to_array(tensor)
    except (DecodeError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(file, "expected a tensor, got other bytes") from error
