"""The only conversions between tensors on the wire and numpy arrays; pure, both ways.

On the wire a tensor is either raw (little-endian bytes, texts after their lengths) or typed (a
repeated field of `InferTensorContents`). In numpy it is a native array, text as object of str.
"""

import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.signature import TEXT
from preproc_server.errors import WireError
from preproc_server.packed import numbers_of_field
from preproc_server.pb.open_inference_pb2 import InferTensorContents

_LENGTH: Final = struct.Struct("<I")
_LENGTHS: Final = tuple(_LENGTH.pack(length) for length in range(256))
"""Most texts are short; looking their lengths up takes half of the time."""
_SHOWN_BYTES: Final = 20
_FEW: Final = 8
_MANY: Final = 64
"""Values from which on an array of their own is worth its making."""


@dataclass(frozen=True, slots=True)
class Datatype:
    """One dtype of a contract and how it travels.

    Attributes
    ----------
    dtype
        Name in the contract.
    wire
        Name in the protocol.
    field
        Field of `InferTensorContents` that holds typed values.
    size_bytes
        Of one raw value; 0 for text, whose values differ in length.
    """

    dtype: str
    wire: str
    field: str
    size_bytes: int

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.dtype == TEXT

    @property
    def is_narrow(self) -> bool:
        """Whether typed values travel in a field that is wider than they are."""
        return self.dtype in {"int8", "int16", "uint8", "uint16"}


DATATYPES: Final[tuple[Datatype, ...]] = (
    Datatype("bool", "BOOL", "bool_contents", 1),
    Datatype("int8", "INT8", "int_contents", 1),
    Datatype("int16", "INT16", "int_contents", 2),
    Datatype("int32", "INT32", "int_contents", 4),
    Datatype("int64", "INT64", "int64_contents", 8),
    Datatype("uint8", "UINT8", "uint_contents", 1),
    Datatype("uint16", "UINT16", "uint_contents", 2),
    Datatype("uint32", "UINT32", "uint_contents", 4),
    Datatype("uint64", "UINT64", "uint64_contents", 8),
    Datatype("float32", "FP32", "fp32_contents", 4),
    Datatype("float64", "FP64", "fp64_contents", 8),
    Datatype(TEXT, "BYTES", "bytes_contents", 0),
)
BY_DTYPE: Final[Mapping[str, Datatype]] = {kind.dtype: kind for kind in DATATYPES}
BY_WIRE: Final[Mapping[str, Datatype]] = {kind.wire: kind for kind in DATATYPES}
_BY_NUMPY: Final[Mapping[np.dtype[Any], Datatype]] = {
    np.dtype(object if kind.is_text else kind.dtype): kind for kind in DATATYPES
}
_IS_LITTLE: Final = sys.byteorder == "little"
# of all but text, the last
_LITTLE: Final = {kind.dtype: np.dtype(kind.dtype).newbyteorder("<") for kind in DATATYPES[:-1]}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is known of a tensor before it comes; named in errors.

    Attributes
    ----------
    name
        Of the input or output.
    model
        Whose it is.
    datatype
        Of its values.
    width
        Values a row.
    words
        Texts that training saw, in UTF-8 → as text: sooner found here than decoded.
    """

    name: str
    model: str
    datatype: Datatype
    width: int
    words: Mapping[bytes, str] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """The words by which clients know a tensor at fault."""
        return f"inference input {self.name!r} for model {self.model!r}"


def datatype_of(array: NDArray[Any]) -> Datatype:
    """Tell how an array travels; object, str and StringDType are text."""
    found = _BY_NUMPY.get(array.dtype)  # asking numpy for a name takes 5 us
    return found or BY_DTYPE[TEXT if array.dtype.kind in "OUT" else array.dtype.name]


def raw_of(array: NDArray[Any]) -> bytes:
    """Write an array of any shape as raw content, row-major."""
    if datatype_of(array).is_text:
        pieces: list[bytes] = []
        for text in array.ravel().tolist():
            piece = text.encode()
            size = len(piece)
            pieces.append(_LENGTHS[size] if size < len(_LENGTHS) else _LENGTH.pack(size))
            pieces.append(piece)
        return b"".join(pieces)
    if _IS_LITTLE and array.dtype.isnative:
        return array.tobytes()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def contents_of(array: NDArray[Any]) -> InferTensorContents:
    """Write an array of any shape as typed content, row-major."""
    datatype = datatype_of(array)
    values = array.ravel().tolist()
    if datatype.is_text:
        values = [text.encode() for text in values]
    contents = InferTensorContents()
    getattr(contents, datatype.field).extend(values)
    return contents


def check_raw(tensor: Tensor, raw: bytes, rows: int) -> None:
    """Check the size of raw numbers, and that raw booleans are 0 or 1.

    Raises
    ------
    WireError
        Otherwise.
    """
    want = rows * tensor.width * tensor.datatype.size_bytes
    if len(raw) != want:
        raise _size_error(tensor, want, len(raw))
    if tensor.datatype.dtype == "bool" and raw.count(0) + raw.count(1) != len(raw):
        raise WireError(f"{tensor.title}: expected bytes 0 or 1, got {max(raw)}")


def numbers_of_raw(datatype: Datatype, raws: Sequence[bytes]) -> NDArray[Any]:
    """Read checked raw tensors of one datatype as one flat array; it may be read-only."""
    found = np.frombuffer(b"".join(raws), _LITTLE[datatype.dtype])
    return found if _IS_LITTLE else found.astype(datatype.dtype)


def texts_of_raw(tensor: Tensor, raw: bytes, rows: int) -> list[str]:
    """Read a raw tensor of text.

    Raises
    ------
    WireError
        When it holds another number of values, or ends within one.
    SignatureError
        When a value is no UTF-8.
    """
    want = rows * tensor.width
    size = len(raw) - _LENGTH.size
    if want == 1 and 0 <= size < len(_LENGTHS) and raw.startswith(_LENGTHS[size]):
        return _texts(tensor, [raw[_LENGTH.size :]])
    pieces: list[bytes] = []
    at = 0
    head, length_at, add = _LENGTH.size, _LENGTH.unpack_from, pieces.append
    try:
        for _ in range(want):
            (length,) = length_at(raw, at)
            start = at + head
            at = start + length
            add(raw[start:at])
    except struct.error:
        raise _cut_error(tensor, raw, want) from None
    if at != len(raw):
        raise _cut_error(tensor, raw, want)
    return _texts(tensor, pieces)


def texts_of_contents(tensor: Tensor, contents: InferTensorContents, rows: int) -> list[str]:
    """Read a typed tensor of text; raises as `texts_of_raw` does."""
    pieces = list(contents.bytes_contents)
    want = rows * tensor.width
    if len(pieces) != want:
        raise _count_error(tensor, want, len(pieces))
    return _texts(tensor, pieces)


def numbers_of_contents(
    tensor: Tensor, contents: InferTensorContents, rows: int
) -> Sequence[Any] | NDArray[Any]:
    """Read a typed tensor of numbers; many as an array, which may be read-only.

    Raises
    ------
    WireError
        When it holds another number of values.
    SignatureError
        When a value does not fit the datatype.
    """
    datatype = tensor.datatype
    values: Sequence[Any] | NDArray[Any] = getattr(contents, datatype.field)
    want = rows * tensor.width
    if len(values) != want:
        size = datatype.size_bytes
        error = _size_error(tensor, want * size, len(values) * size)
        raise WireError(f"{error}; {datatype.wire} travels in {datatype.field}")
    if want >= _MANY:
        values = numbers_of_field(contents, datatype.field, want)
    if datatype.is_narrow and want:
        _check_range(tensor, values)
    return values


def array_of_raw(tensor: Tensor, raw: bytes, shape: Sequence[int]) -> NDArray[Any]:
    """Read one raw tensor of a shape (rows, ...) as a writable array."""
    if tensor.datatype.is_text:
        return text_array(texts_of_raw(tensor, raw, shape[0]), shape)
    check_raw(tensor, raw, shape[0])
    return numbers_of_raw(tensor.datatype, [raw]).reshape(shape).copy()


def text_array(texts: Sequence[str], shape: Sequence[int]) -> NDArray[Any]:
    """Lay texts out as an object array."""
    return np.fromiter(texts, object, len(texts)).reshape(shape)


def _check_range(tensor: Tensor, values: Sequence[Any] | NDArray[Any]) -> None:
    limits = np.iinfo(tensor.datatype.dtype)
    flat = np.asarray(values)
    beyond = np.flatnonzero((flat < limits.min) | (flat > limits.max))
    if beyond.size:
        at = int(beyond[0])
        raise SignatureError(
            tensor.name,
            f"row {at // tensor.width}: expected {tensor.datatype.dtype}, "
            f"{limits.min} to {limits.max}, got {flat[at]}",
        )


def _cut_error(tensor: Tensor, raw: bytes, want: int) -> WireError:
    """Tell how a raw tensor of text is not what its shape announces, as Triton words it."""
    count, at, end = 0, 0, len(raw)
    while at < end and count < want:
        start = at + _LENGTH.size
        if start > end:
            return WireError(
                f"incomplete string length indicator for {tensor.title}, "
                f"expecting {_LENGTH.size} bytes but only {end - at} bytes available"
            )
        (length,) = _LENGTH.unpack_from(raw, at)
        at = start + length
        if at > end:
            return WireError(
                f"incomplete string data for {tensor.title}, "
                f"expecting string of length {length} but only {end - start} bytes available"
            )
        count += 1
    return _count_error(tensor, want, count + (at < end))


def _count_error(tensor: Tensor, want: int, got: int) -> WireError:
    if got < want:
        return WireError(f"expected {want} string elements for {tensor.title}, got {got}")
    return WireError(
        f"unexpected number of string elements {got} for {tensor.title}, expecting {want}"
    )


def _texts(tensor: Tensor, pieces: Sequence[bytes]) -> list[str]:
    with suppress(KeyError):  # mostly all are known
        return list(map(tensor.words.__getitem__, pieces))
    if len(pieces) > _FEW:  # all at once takes a fifth of the time
        with suppress(UnicodeDecodeError):  # which is told below
            texts = b"\0".join(pieces).decode().split("\0")
            if len(texts) == len(pieces):  # else a text holds a NUL
                return texts
    try:
        return [piece.decode() for piece in pieces]
    except UnicodeDecodeError as error:
        at = pieces.index(error.object)
        shown = pieces[at][:_SHOWN_BYTES]
        raise SignatureError(
            tensor.name, f"row {at // tensor.width}: expected text in UTF-8, got {shown!r}"
        ) from None


def _size_error(tensor: Tensor, want: int, got: int) -> WireError:
    return WireError(
        f"input byte size mismatch for input {tensor.name!r} for model {tensor.model!r}. "
        f"Expected {want}, got {got}"
    )
