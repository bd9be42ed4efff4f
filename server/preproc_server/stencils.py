"""Requests as most clients write them, read from their bytes: no message object for each column.

Why: a column costs three objects of protobuf before its value is seen, and all but the value is
the same in every request of so many rows. A stencil holds what is the same, made once: columns in
the order of the contract, of one shape, fields in the order of their numbers. Where a request lies
under it byte for byte, what shows through are the values. Any other request, every refused one
among them, is left to `plan.decode`, which knows all that the protocol allows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Any, Final, cast

from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from preproc.errors import PreprocError
from preproc.runtime import Prepared
from preproc_server import wire
from preproc_server.packed import varint
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import MatrixPlan, Plan, interleaved, of_contents, of_raw
from preproc_server.wire import Tensor

MAX_STENCILS: Final = 128
"""Of one model; numbers of rows beyond the first so many are read the long way."""

_INPUT: Final = 0x2A
_HEAD: Final = frozenset({0x0A, 0x12, 0x1A, 0x22})
"""Tags of what stands before the inputs: name, version, id, parameters."""
_NAME, _DATATYPE, _SHAPE, _CONTENTS, _BYTES = b"\x0a", b"\x12", b"\x1a", b"\x2a", b"\x42"
_FLOATS: Final = {"float32": b"\x32", "float64": b"\x3a"}
"""dtype → tag of its field; the values of each have one size on the wire."""
_SMALL: Final = 0x80
"""A number below it is one byte."""

Cell = bytes | str | pb.InferTensorContents
"""A column's numbers as bytes, its one text, or what protobuf has to take apart."""
Step = Callable[[bytes, int, list[Cell]], int]
"""Reads columns from a place on, adds their cells, and gives the place behind; raises `_Unlike`."""


class _Unlike(Exception):  # noqa: N818  # no error: another way of reading is taken
    """A request that does not lie under the stencil."""


@dataclass(frozen=True, slots=True)
class Stencil:
    """What is the same in all requests of so many rows.

    Attributes
    ----------
    rows
        How many.
    block
        All inputs, where the values come behind them as raw contents; else empty.
    steps
        Read typed inputs, one after the other.
    """

    rows: int
    block: bytes
    steps: tuple[Step, ...]


class Stencils:
    """The stencils of one model, each made when the first request of its kind comes.

    Parameters
    ----------
    plan
        Of the model.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._made: dict[tuple[bytes, bool], Stencil | None] = {}
        self._first = _told(plan.columns[0])

    def read(self, content: bytes, at: int, head: pb.ModelInferRequest) -> Prepared | None:
        """Read a request whose inputs begin at a place; None where it is not as usual.

        Where it is None, `head` is of no more use.

        Parameters
        ----------
        content
            The request.
        at
            Where its first input begins.
        head
            What stands before; what stands behind the inputs is added to it.
        """
        asked = head.model_name, head.model_version
        try:
            stencil = self._find(content, at)
            if stencil is None:
                return None
            read = self._raw if stencil.block else self._typed
            prepared = read(stencil, content, at, head)
        except (_Unlike, IndexError, UnicodeDecodeError, DecodeError, PreprocError):
            return None
        return prepared if (head.model_name, head.model_version) == asked else None

    def _find(self, content: bytes, at: int) -> Stencil | None:
        """Find the stencil by the shape of the first input, and by whether it is raw."""
        size, start = _number(content, at + 1)
        shape = start + len(self._first)
        behind = shape + 1 + content[shape]
        if not content.startswith(self._first, start):
            return None
        key = content[shape:behind], start + size == behind
        try:
            return self._made[key]
        except KeyError:
            if len(self._made) >= MAX_STENCILS:
                return None
            made = self._made[key] = stencil_of(self._plan, key[0], is_raw=key[1])
            return made

    def _raw(
        self, stencil: Stencil, content: bytes, at: int, head: pb.ModelInferRequest
    ) -> Prepared | None:
        if not content.startswith(stencil.block, at):
            return None
        head.MergeFromString(content[at + len(stencil.block) :])
        raws = list(head.raw_input_contents)
        if head.inputs or len(raws) != len(self._plan.columns):
            return None
        plan, rows = self._plan, stencil.rows
        return Prepared(
            rows,
            {matrix.name: of_raw(matrix, plan.columns, raws, rows) for matrix in plan.matrices},
        )

    def _typed(
        self, stencil: Stencil, content: bytes, at: int, head: pb.ModelInferRequest
    ) -> Prepared | None:
        cells: list[Cell] = []
        for step in stencil.steps:
            at = step(content, at, cells)
        if at < len(content):
            head.MergeFromString(content[at:])
            if head.inputs or head.raw_input_contents:
                return None
        plan, rows = self._plan, stencil.rows
        return Prepared(
            rows,
            {matrix.name: _matrix(matrix, plan.columns, cells, rows) for matrix in plan.matrices},
        )


def start_of_inputs(content: bytes) -> int:
    """Tell where the first input of a request begins; -1 where that takes a parser."""
    at = 0
    try:
        while content[at] in _HEAD:
            size, at = _number(content, at + 1)
            at += size
    except (IndexError, _Unlike):
        return -1
    return at if content[at : at + 1] == _CONTENTS else -1


def stencil_of(plan: Plan, shape: bytes, *, is_raw: bool) -> Stencil | None:
    """Make the stencil of a shape as it stands on the wire; None where there is none.

    Parameters
    ----------
    plan
        Of the model.
    shape
        Its size in bytes, then its numbers.
    is_raw
        Whether the values come as raw contents.
    """
    numbers, at = [], 1
    while at < len(shape):
        number, at = _number(shape, at)
        numbers.append(number)
    if not plan.is_flat or not numbers or numbers[0] < 1 or numbers[1:] not in ([], [1]):
        return None
    rows = numbers[0]
    if is_raw:
        inputs = [_told(column) + shape for column in plan.columns]
        return Stencil(rows, b"".join(map(_tensor, inputs)), ())
    steps: list[Step] = []
    for is_float, group in groupby(plan.columns, lambda one: one.datatype.dtype in _FLOATS):
        columns = list(group)
        if is_float:
            steps.append(_floats(columns, shape, rows))
        else:
            steps += [
                _text(column, shape)
                if column.datatype.is_text and rows == 1
                else _contents(column, shape)
                for column in columns
            ]
    return Stencil(rows, b"", tuple(steps))


def _floats(columns: Sequence[Tensor], shape: bytes, rows: int) -> Step:
    """Read columns of floats that lie side by side: always the same bytes but for the values."""
    heads, form = [], "<"
    for column in columns:
        size = rows * column.datatype.size_bytes
        values = _FLOATS[column.datatype.dtype] + varint(size)
        told = _told(column) + shape + _CONTENTS + varint(len(values) + size) + values
        head = _CONTENTS + varint(len(told) + size) + told
        heads.append(head)
        form += f"{len(head)}s{size}s"
    struct, wanted = Struct(form), tuple(heads)
    unpack, length = struct.unpack_from, struct.size

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        if len(content) < at + length:
            raise _Unlike
        found = unpack(content, at)
        if found[::2] != wanted:
            raise _Unlike
        cells += found[1::2]
        return at + length

    return read


def _text(column: Tensor, shape: bytes) -> Step:
    """Read one text: for each short length, all that stands before it is known."""
    told = _told(column) + shape + _CONTENTS
    heads = [
        _CONTENTS
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


def _contents(column: Tensor, shape: bytes) -> Step:
    """Read a column whose contents differ in length."""
    told = _told(column) + shape + _CONTENTS

    def read(content: bytes, at: int, cells: list[Cell]) -> int:
        size, start = _number(content, at + 1)
        if content[at] != _INPUT or not content.startswith(told, start):
            raise _Unlike
        held, begin = _number(content, start + len(told))
        end = begin + held
        if end != start + size or end > len(content):
            raise _Unlike
        cells.append(pb.InferTensorContents.FromString(content[begin:end]))
        return end

    return read


def _matrix(
    matrix: MatrixPlan, columns: Sequence[Tensor], cells: Sequence[Any], rows: int
) -> NDArray[Any]:
    if matrix.datatype.dtype in _FLOATS:  # their sizes are known to be right
        numbers = [cells[position] for position in matrix.positions]
        flat = wire.numbers_of_raw(matrix.datatype, numbers)
        return interleaved(flat, matrix.widths, rows)
    if matrix.datatype.is_text and rows == 1:
        texts = [cells[position] for position in matrix.positions]
        return wire.text_array(texts, (1, len(texts)))
    return of_contents(matrix, columns, cells, rows)


def _told(column: Tensor) -> bytes:
    """Write what a tensor says of itself, up to its shape."""
    name, kind = column.name.encode(), column.datatype.wire.encode()
    return _NAME + varint(len(name)) + name + _DATATYPE + varint(len(kind)) + kind + _SHAPE


def _tensor(content: bytes) -> bytes:
    return _CONTENTS + varint(len(content)) + content


def _number(content: bytes, at: int) -> tuple[int, int]:
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
    raise _Unlike
