"""Requests as most clients write them, read from their bytes: no message object for each column.

Why: a column costs three objects of protobuf before its value is seen, and all but the value is
the same in every request of so many rows. A stencil holds what is the same, made once: columns in
the order of the contract, of one shape, fields in the order of their numbers. Where a request lies
under it byte for byte, what shows through are the values. Any other request, every refused one
among them, is left to `plan.decode`, which knows all that the protocol allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Final

from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from preproc.errors import PreprocError
from preproc.runtime import Prepared
from preproc_server import wire
from preproc_server.packed import varint
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import MatrixPlan, Plan, interleaved, of_contents, of_raw
from preproc_server.windows import (
    CONTENTS,
    FLOATS,
    Cell,
    Step,
    Unlike,
    floats,
    number_at,
    step_of,
    told_of,
)
from preproc_server.wire import Tensor

MAX_STENCILS: Final = 128
"""Of one model; numbers of rows beyond the first so many are read the long way."""

_HEAD: Final = frozenset({0x0A, 0x12, 0x1A, 0x22})
"""Tags of what stands before the inputs: name, version, id, parameters."""


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
        self._first = told_of(plan.columns[0])

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
        except (Unlike, IndexError, UnicodeDecodeError, DecodeError, PreprocError):
            return None
        return prepared if (head.model_name, head.model_version) == asked else None

    def _find(self, content: bytes, at: int) -> Stencil | None:
        """Find the stencil by the shape of the first input, and by whether it is raw."""
        size, start = number_at(content, at + 1)
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
            size, at = number_at(content, at + 1)
            at += size
    except (IndexError, Unlike):
        return -1
    return at if content[at : at + 1] == CONTENTS else -1


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
        number, at = number_at(shape, at)
        numbers.append(number)
    if not plan.is_flat or not numbers or numbers[0] < 1 or numbers[1:] not in ([], [1]):
        return None
    rows = numbers[0]
    if is_raw:
        inputs = [told_of(column) + shape for column in plan.columns]
        return Stencil(rows, b"".join(map(_tensor, inputs)), ())
    steps: list[Step] = []
    for is_float, group in groupby(plan.columns, lambda one: one.datatype.dtype in FLOATS):
        columns = list(group)
        if is_float:
            steps.append(floats(columns, shape, rows))
        else:
            steps += [step_of(column, shape, rows) for column in columns]
    return Stencil(rows, b"", tuple(steps))


def _matrix(
    matrix: MatrixPlan, columns: Sequence[Tensor], cells: Sequence[Any], rows: int
) -> NDArray[Any]:
    if matrix.datatype.dtype in FLOATS:  # their sizes are known to be right
        numbers = [cells[position] for position in matrix.positions]
        flat = wire.numbers_of_raw(matrix.datatype, numbers)
        return interleaved(flat, matrix.widths, rows)
    if matrix.datatype.is_text:
        texts = [cells[position] for position in matrix.positions]
        if rows > 1:
            texts = list(chain.from_iterable(texts))
        return interleaved(wire.text_array(texts, (len(texts),)), matrix.widths, rows)
    return of_contents(matrix, columns, cells, rows)


def _tensor(content: bytes) -> bytes:
    return CONTENTS + varint(len(content)) + content
