"""Requests as most clients write them, read from their bytes by compiled code.

As usual is: columns in the order of the contract, all of one shape and all typed or all raw,
fields in the order of their numbers. Any other request, every refused one among them, is left to
`plan.decode`, which knows all that the protocol allows; so is each where nothing was compiled.
"""

import sys
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from preproc.runtime import Prepared
from preproc_server import wire
from preproc_server.packed import varint
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import MatrixPlan, Plan
from preproc_server.wire import Datatype, Tensor

try:
    from preproc_server import cells
except ImportError as error:  # built where no compiler was
    MISSING = str(error)
else:
    MISSING = "" if sys.byteorder == "little" else "the bytes of numbers are turned round here"
"""Why no compiled code reads; empty where it does."""

_HEAD: Final = frozenset({0x0A, 0x12, 0x1A, 0x22})
"""Tags of what stands before the inputs: name, version, id, parameters."""
_INPUT: Final = b"\x2a"
_NAME, _DATATYPE, _SHAPE = b"\x0a", b"\x12", b"\x1a"
"""Tags of what an input says of itself."""
_LAST_BYTE: Final = 0x80
"""Of a number on the wire the last byte is below it."""
_PACKED: Final = 2


class Read(NamedTuple):
    """The inputs of a request.

    Attributes
    ----------
    prepared
        Laid out.
    is_known
        Whether each text is one that training saw, where the words of its column are known.
    """

    prepared: Prepared
    is_known: bool


class Reader:
    """Reads the usual requests to one model.

    Parameters
    ----------
    plan
        Of the model.
    """

    def __init__(self, plan: Plan) -> None:
        self._matrices = plan.matrices
        self._cells = None if MISSING or not plan.is_flat else cells_of(plan)

    def read(self, content: bytes, at: int, head: pb.ModelInferRequest) -> Read | None:
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
        if self._cells is None:
            return None
        try:
            rows, found, rest, is_known = self._cells.read(content, at)
            if rest and not _add(rest, head):
                return None
        except (cells.Unlike, UnicodeDecodeError, DecodeError):
            return None
        feeds = {
            matrix.name: _array(matrix, values, rows)
            for matrix, values in zip(self._matrices, found, strict=True)
        }
        return Read(Prepared(rows, feeds), is_known)


def start_of_inputs(content: bytes) -> int:
    """Tell where the first input of a request begins; -1 where that takes a parser."""
    at = 0
    try:
        while content[at] in _HEAD:
            size = content[at + 1]
            if size >= _LAST_BYTE:
                return -1
            at += 2 + size
    except IndexError:
        return -1
    return at if content[at : at + 1] == _INPUT else -1


def cells_of(plan: Plan) -> "cells.Cells":
    """Make what reads the requests to a model whose columns have one value a row each."""
    places = {
        position: (number, place, len(matrix.positions))
        for number, matrix in enumerate(plan.matrices)
        for place, position in enumerate(matrix.positions)
    }
    columns = [_column(tensor, *places[position]) for position, tensor in enumerate(plan.columns)]
    sizes = [(matrix.datatype.size_bytes, len(matrix.positions)) for matrix in plan.matrices]
    return cells.Cells(columns, sizes)


def _column(tensor: Tensor, matrix: int, place: int, width: int) -> "cells.Column":
    kind = tensor.datatype
    low, high = 0, 1
    if kind.dtype.startswith(("int", "uint")):
        limits = np.iinfo(kind.dtype)
        low, high = int(limits.min), int(limits.max)
    return cells.Column(
        told_of(tensor),
        _tag(kind),
        kind.size_bytes,
        low,
        high,
        tensor.words or None,
        matrix,
        place,
        width,
    )


def told_of(column: Tensor) -> bytes:
    """Write what a tensor says of itself, up to the tag of its shape."""
    name, kind = column.name.encode(), column.datatype.wire.encode()
    return _NAME + varint(len(name)) + name + _DATATYPE + varint(len(kind)) + kind + _SHAPE


def _tag(kind: Datatype) -> int:
    """Tell with which byte the typed contents of a datatype begin."""
    return pb.InferTensorContents.DESCRIPTOR.fields_by_name[kind.field].number << 3 | _PACKED


def _add(rest: bytes, head: pb.ModelInferRequest) -> bool:
    """Add what stands behind the inputs to what stands before; false where it holds more."""
    asked = head.model_name, head.model_version
    head.MergeFromString(rest)
    is_more = head.inputs or head.raw_input_contents
    return not is_more and (head.model_name, head.model_version) == asked


def _array(matrix: MatrixPlan, values: bytearray | list[str], rows: int) -> NDArray[Any]:
    shape = rows, len(matrix.positions)
    if isinstance(values, list):
        return wire.text_array(values, shape)
    return np.frombuffer(values, matrix.datatype.dtype).reshape(shape)
