"""Reads columns of typed contents from the bytes of a request, past what is always the same.

Each reader is made for columns of one shape. It gives the place behind them, or raises `Unlike`
where the bytes are not those that it knows.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from struct import Struct
from typing import Final, cast

from preproc_server import wire
from preproc_server.packed import varint
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.wire import Tensor

CONTENTS: Final = b"\x2a"
"""Tag of an input in a request, and of the contents in an input."""
FLOATS: Final = {"float32": b"\x32", "float64": b"\x3a"}
"""dtype → tag of its field; the values of each have one size on the wire."""

_INPUT: Final = 0x2A
_NAME, _DATATYPE, _SHAPE, _BYTES = b"\x0a", b"\x12", b"\x1a", b"\x42"
_SMALL: Final = 0x80
"""A number below it is one byte."""

Cell = bytes | str | list[str] | pb.InferTensorContents
"""A column's numbers as bytes, its one text or its texts, or what protobuf has to take apart."""
Step = Callable[[bytes, int, list[Cell]], int]
"""Reads columns from a place on, adds their cells, and gives the place behind; raises `Unlike`."""


class Unlike(Exception):  # noqa: N818  # no error: another way of reading is taken
    """Bytes that are not as usual."""


def floats(columns: Sequence[Tensor], shape: bytes, rows: int) -> Step:
    """Read columns of floats that lie side by side: always the same bytes but for the values."""
    heads, form = [], "<"
    for column in columns:
        size = rows * column.datatype.size_bytes
        values = FLOATS[column.datatype.dtype] + varint(size)
        told = told_of(column) + shape + CONTENTS + varint(len(values) + size) + values
        head = CONTENTS + varint(len(told) + size) + told
        heads.append(head)
        form += f"{len(head)}s{size}s"
    struct, wanted = Struct(form), tuple(heads)
    unpack, length = struct.unpack_from, struct.size

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        if len(content) < at + length:
            raise Unlike
        found = unpack(content, at)
        if found[::2] != wanted:
            raise Unlike
        cells += found[1::2]
        return at + length

    return read


def step_of(column: Tensor, shape: bytes, rows: int) -> Step:
    """Read a column that is no float."""
    if not column.datatype.is_text:
        return _contents(column, shape)
    return _text(column, shape) if rows == 1 else _texts(column, shape, rows)


def _text(column: Tensor, shape: bytes) -> Step:
    """Read one text: for each short length, all that stands before it is known."""
    told = told_of(column) + shape + CONTENTS
    heads = [
        CONTENTS
        + bytes((len(told) + 3 + size,))
        + told
        + bytes((size + 2,))
        + _BYTES
        + bytes((size,))
        for size in range(_SMALL - len(told) - 3)
    ]
    count, length, read_long = len(heads), len(told) + 5, _contents(column, shape)

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        start = at + length
        size = content[start - 1]
        end = start + size
        if size < count and content.startswith(heads[size], at) and end <= len(content):
            cells.append(content[start:end].decode())
            return end
        end = read_long(content, at, cells)
        (text,) = wire.texts_of_contents(column, cast("pb.InferTensorContents", cells.pop()), 1)
        cells.append(text)
        return end

    return read


def _texts(column: Tensor, shape: bytes, rows: int) -> Step:
    """Read a text a row: by their bytes, tag and length in front, where training saw them all.

    Cut at each tag, a message of known texts falls into its texts, each with its length; where a
    text or a length holds that byte too, a piece is none that is known, and protobuf reads it.
    """
    find = _place(column, shape)
    known = {varint(len(word)) + word: text for word, text in column.words.items()}

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        begin, end = find(content, at)
        empty, *pieces = content[begin:end].split(_BYTES)
        if not empty and len(pieces) == rows:
            with suppress(KeyError):
                cells.append(list(map(known.__getitem__, pieces)))
                return end
        contents = pb.InferTensorContents.FromString(content[begin:end])
        cells.append(wire.texts_of_contents(column, contents, rows))
        return end

    return read


def _contents(column: Tensor, shape: bytes) -> Step:
    """Read a column whose contents differ in length."""
    find = _place(column, shape)

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        begin, end = find(content, at)
        cells.append(pb.InferTensorContents.FromString(content[begin:end]))
        return end

    return read


def _place(column: Tensor, shape: bytes) -> Callable[[bytes, int], tuple[int, int]]:
    """Make what finds the contents of a column that begins at a place: from where to where."""
    told = told_of(column) + shape + CONTENTS

    def find(content: bytes, at: int) -> tuple[int, int]:
        size, start = number_at(content, at + 1)
        if content[at] != _INPUT or not content.startswith(told, start):
            raise Unlike
        held, begin = number_at(content, start + len(told))
        end = begin + held
        if end != start + size or end > len(content):
            raise Unlike
        return begin, end

    return find


def told_of(column: Tensor) -> bytes:
    """Write what a tensor says of itself, up to its shape."""
    name, kind = column.name.encode(), column.datatype.wire.encode()
    return _NAME + varint(len(name)) + name + _DATATYPE + varint(len(kind)) + kind + _SHAPE


def number_at(content: bytes, at: int) -> tuple[int, int]:
    """Read a number as protobuf writes it; give it and the place behind."""
    number = content[at]
    at += 1
    if number < _SMALL:
        return number, at
    number &= 0x7F
    for shift in range(7, 64, 7):
        piece = content[at]
        at += 1
        number |= (piece & 0x7F) << shift
        if piece < _SMALL:
            return number, at
    raise Unlike
