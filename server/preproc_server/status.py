"""The one table from error to gRPC status."""

from collections.abc import Mapping
from typing import Final

from grpc import StatusCode

from preproc.errors import PreprocError, RefusedRows, SignatureError
from preproc_server.errors import (
    AnswerSizeError,
    BusyError,
    ContractError,
    ControlError,
    ExpiredError,
    LinkError,
    LoadError,
    NotReadyError,
    RegionError,
    RequestError,
    RouteError,
    TakenError,
    UnknownModelError,
    UnknownRegionError,
    UnofferedError,
    WireError,
)

STATUS: Final[Mapping[type[PreprocError], StatusCode]] = {
    SignatureError: StatusCode.INVALID_ARGUMENT,
    RefusedRows: StatusCode.INVALID_ARGUMENT,
    WireError: StatusCode.INVALID_ARGUMENT,
    RequestError: StatusCode.INVALID_ARGUMENT,
    ContractError: StatusCode.FAILED_PRECONDITION,
    UnknownModelError: StatusCode.NOT_FOUND,
    NotReadyError: StatusCode.UNAVAILABLE,
    LoadError: StatusCode.FAILED_PRECONDITION,
    ControlError: StatusCode.UNAVAILABLE,
    RouteError: StatusCode.FAILED_PRECONDITION,
    ExpiredError: StatusCode.DEADLINE_EXCEEDED,
    BusyError: StatusCode.RESOURCE_EXHAUSTED,
    AnswerSizeError: StatusCode.RESOURCE_EXHAUSTED,
    UnofferedError: StatusCode.UNIMPLEMENTED,
    RegionError: StatusCode.INVALID_ARGUMENT,
    TakenError: StatusCode.ALREADY_EXISTS,
    UnknownRegionError: StatusCode.NOT_FOUND,
    LinkError: StatusCode.UNAVAILABLE,
}
MAX_TEXT: Final = 1500
"""Characters of a status text; it travels in a header, where 8 KiB is the usual limit and
a character outside of ASCII takes up to 12 bytes."""


def status_of(error: Exception) -> tuple[StatusCode, str]:
    """Tell a client what went wrong; errors that are not its own are an ``internal error``."""
    code = STATUS.get(type(error)) if isinstance(error, PreprocError) else None
    if code is None:
        return StatusCode.INTERNAL, "internal error"
    text = str(error)
    return code, text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
