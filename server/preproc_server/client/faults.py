"""A failed call → a typed error, read with suspicion: a status may come from a proxy.

Details travel in the trailing header ``grpc-status-details-bin`` as google.rpc.Status. What cannot
be read there is passed over, since the text suffices alone.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from preproc_server.client.errors import (
    BY_CODE,
    BY_REASON,
    NO_DETAILS,
    Details,
    MessageTooLargeError,
    ServerError,
    Violation,
)

DETAILS_HEADER: Final = "grpc-status-details-bin"

_TOO_LARGE: Final = re.compile(
    r"(CLIENT|SERVER): (Received|Sent) message larger than max \((\d+) vs\. (\d+)\)"
)
_ADVICE: Final = {
    ("SERVER", "Received"): (
        "the request has {size} bytes and the server takes {limit}; send fewer rows at once, or "
        "raise max_receive_bytes of the server (PREPROC_MAX_RECEIVE_BYTES)"
    ),
    ("SERVER", "Sent"): (
        "the answer has {size} bytes and the server sends {limit}; send fewer rows or ask for "
        "fewer outputs, or raise max_send_bytes of the server (PREPROC_MAX_SEND_BYTES)"
    ),
    ("CLIENT", "Received"): (
        "the answer has {size} bytes and this client takes {limit}; send fewer rows or ask for "
        "fewer outputs, or raise max_receive_bytes of the client's Connection"
    ),
    ("CLIENT", "Sent"): (
        "the request has {size} bytes and this client sends {limit}; send fewer rows at once, or "
        "raise max_send_bytes of the client's Connection"
    ),
}
_UNPACKED: Final = "Decompressed message larger than max"
_UNPACKED_ADVICE: Final = (
    "the message is larger than its receiver takes once it is decompressed; send fewer rows at "
    "once, or raise max_receive_bytes of the server (PREPROC_MAX_RECEIVE_BYTES) or, for an answer, "
    "of the client's Connection"
)


def error_of(
    code: grpc.StatusCode, text: str | None, trailers: Iterable[Any] | None
) -> ServerError:
    """Turn the outcome of a failed call into the error of its status.

    Parameters
    ----------
    code
        Status.
    text
        The server's words, or gRPC's own.
    trailers
        Pairs of a header's name and value, sent after the answer.
    """
    text = text or "no text"
    if text.startswith(_UNPACKED):
        return MessageTooLargeError(code, _UNPACKED_ADVICE)
    if found := _TOO_LARGE.search(text):
        advice = _ADVICE[found[1], found[2]].format(size=found[3], limit=found[4])
        return MessageTooLargeError(code, advice)
    details = details_of(trailers)
    kind = BY_REASON.get((code, details.reason)) or BY_CODE.get(code, ServerError)
    return kind(code, text, details)


def details_of(trailers: Iterable[Any] | None) -> Details:
    """Read the details of a status; what is absent, broken or unknown is passed over."""
    content = next((value for name, value in trailers or () if name == DETAILS_HEADER), b"")
    try:
        packed = Status.FromString(content).details
    except (DecodeError, TypeError):
        return NO_DETAILS
    request, info, retry = BadRequest(), ErrorInfo(), RetryInfo()
    for detail in packed:
        for message in (request, info, retry):
            if detail.Is(message.DESCRIPTOR):
                try:
                    message.MergeFromString(detail.value)
                except DecodeError:
                    message.Clear()
    violations = tuple(Violation(each.field, each.description) for each in request.field_violations)
    pause = retry.retry_delay
    after_s = pause.seconds + pause.nanos / 1e9 if retry.HasField("retry_delay") else None
    return Details(violations, info.reason, dict(info.metadata) or None, after_s)
