"""Usual answers as bytes: all but the id and the values is the same for so many rows.

Protobuf takes the fields of a message in any order, so what is the same comes first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from numpy.typing import NDArray

from preproc_server import wire
from preproc_server.packed import varint
from preproc_server.pb import open_inference_pb2 as pb

MAX_HEADS: Final = 128
"""Of one model; answers of other numbers of rows are written the long way."""

_ID, _RAW = b"\x1a", b"\x32"


class Replies:
    """What usual answers of one model begin with, by their number of rows."""

    def __init__(self) -> None:
        self._heads: dict[int, bytes] = {}

    def write(
        self,
        rows: int,
        name: str,
        outputs: Sequence[str],
        answers: Mapping[str, NDArray[Any]],
        long: Callable[[], pb.ModelInferResponse],
    ) -> bytes:
        """Write all outputs, raw.

        Parameters
        ----------
        rows
            Of the batch.
        name
            Id of the request.
        outputs
            All of the contract.
        answers
            Output → array (rows,) or (rows, width).
        long
            Makes the response as a message, with no id.
        """
        head = self._heads.get(rows)
        if head is None:
            response = long()
            del response.raw_output_contents[:]
            head = response.SerializeToString()
            if len(self._heads) < MAX_HEADS:
                self._heads[rows] = head
        pieces = [head]
        if name:
            content = name.encode()
            pieces += (_ID, varint(len(content)), content)
        for output in outputs:
            content = wire.raw_of(answers[output])
            pieces += (_RAW, varint(len(content)), content)
        return b"".join(pieces)
