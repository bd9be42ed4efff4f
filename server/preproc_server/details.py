"""An error → ``google.rpc.Status`` with details that a program can read.

Why a limit: details travel in a trailing header, base64 on most ways, and with the text they must
stay below the 8 KiB at which gRPC begins to refuse headers. The text alone always suffices; what
does not fit is left out from the end.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from preproc.errors import RefusedRows, SignatureError
from preproc_server.errors import AnswerSizeError, RequestError

DETAILS_KEY: Final = "grpc-status-details-bin"
DOMAIN: Final = "preproc"
MAX_BYTES: Final = 4600
"""Of the serialized status: 6 KiB in base64."""
MAX_TRAILER: Final = 7600
"""Bytes of text and details on the wire, leaving some for the other headers."""
MAX_VIOLATIONS: Final = 50
MAX_DESCRIPTION: Final = 300
RETRY_S: Final[Mapping[StatusCode, float]] = {
    StatusCode.UNAVAILABLE: 1.0,  # a model is proved in about a second
    StatusCode.RESOURCE_EXHAUSTED: 0.1,  # a queue moves on within some calls
}

_PACKING: Final = 64  # bytes of the type's address and of lengths
_HEAD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def details_of(error: Exception, code: StatusCode, text: str) -> tuple[tuple[str, bytes], ...]:
    """Give the trailing metadata that tells an error to programs.

    Parameters
    ----------
    error
        What was raised.
    code, text
        What the client is told; nothing of an error that is not its own goes further than they.

    Returns
    -------
    tuple
        One pair of key and serialized ``google.rpc.Status``; empty when the text, outside of
        ASCII, fills the header alone.
    """
    number: int = code.value[0]
    status = Status(code=number, message=text)
    is_internal = code is StatusCode.INTERNAL
    reason = "INTERNAL" if is_internal else reason_of(error)
    _pack(status, ErrorInfo(reason=reason, domain=DOMAIN))
    if code in RETRY_S and not isinstance(error, AnswerSizeError):  # it would be as large again
        _pack(status, RetryInfo(retry_delay=_duration(RETRY_S[code])))
    room = min(MAX_BYTES, (MAX_TRAILER - _encoded_size(text)) * 3 // 4)
    if status.ByteSize() > room:
        return ()
    found = [] if is_internal else list(islice(violations_of(error), MAX_VIOLATIONS))
    while found:
        bad = BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=field, description=rule[:MAX_DESCRIPTION])
                for field, rule in found
            ]
        )
        if status.ByteSize() + bad.ByteSize() + _PACKING <= room:
            _pack(status, bad)
            break
        found = found[: len(found) // 2]
    return ((DETAILS_KEY, status.SerializeToString()),)


def reason_of(error: Exception) -> str:
    """Name an error as ``ErrorInfo.reason`` does: ``UNKNOWN_MODEL`` for `UnknownModelError`."""
    return _HEAD.sub("_", type(error).__name__.removesuffix("Error")).upper()


def violations_of(error: Exception) -> Iterator[tuple[str, str]]:
    """Give each field at fault, ``inputs[age]`` or ``rows[3].age``, with the rule it breaks."""
    if isinstance(error, RequestError):
        yield from error.violations
    elif isinstance(error, RefusedRows):
        for row, column, rule in zip(error.rows, error.columns, error.rules, strict=True):
            yield f"rows[{row}].{column}", rule
    elif isinstance(error, SignatureError):
        yield f"inputs[{error.field}]" if error.field else "inputs", error.problem


def _pack(status: Status, detail: ErrorInfo | RetryInfo | BadRequest) -> None:
    packed = Packed()
    packed.Pack(detail)
    status.details.append(packed)


def _encoded_size(text: str) -> int:
    """Bytes of a text as gRPC writes it: all but printable ASCII in three bytes each."""
    return sum(1 if 32 <= byte <= 126 and byte != 37 else 3 for byte in text.encode())  # noqa: PLR2004  # space to tilde, not percent


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
