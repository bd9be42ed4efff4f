"""What a server answered in place of an answer, a branch of the library's tree.

::

    PreprocError
    └── ServerError                any status; each of these has a status of its own
        ├── InvalidRequestError    INVALID_ARGUMENT, OUT_OF_RANGE: rows or columns are refused
        ├── ContractChangedError   FAILED_PRECONDITION, reason CONTRACT: made for another one
        ├── NotFoundError          NOT_FOUND: no such model or version
        ├── CredentialsError       UNAUTHENTICATED, PERMISSION_DENIED
        ├── OverloadedError        RESOURCE_EXHAUSTED: too many calls
        ├── MessageTooLargeError   RESOURCE_EXHAUSTED: beyond a limit of size
        ├── UnavailableError       UNAVAILABLE: not reached, or a model that is not ready
        └── DeadlineError          DEADLINE_EXCEEDED: no answer in time
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from grpc import StatusCode

from preproc.errors import PreprocError


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request.

    Attributes
    ----------
    field
        What is at fault, such as a column, as the server names it.
    description
        What was expected and what came.
    """

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Details:
    """What a status carries beside its code and text; all of it may be absent.

    Attributes
    ----------
    violations
        In the order of the server, which may stop at a number of them.
    reason
        Constant name of the cause.
    facts
        What belongs to the reason, such as a limit.
    retry_after_s
        Time to wait before the call is sent again; None where the server says nothing.
    """

    violations: Sequence[Violation] = ()
    reason: str = ""
    facts: Mapping[str, str] | None = None
    retry_after_s: float | None = None


NO_DETAILS: Final = Details()


class ServerError(PreprocError):
    """What a server answered in place of an answer.

    Parameters
    ----------
    code
        gRPC status.
    message
        The server's text, which suffices alone.
    details
        The same for programs, where the server gives it.
    """

    def __init__(self, code: StatusCode, message: str, details: Details = NO_DETAILS) -> None:
        self.code = code
        self.message = message
        self.violations = tuple(details.violations)
        self.reason = details.reason
        self.facts = dict(details.facts or {})
        self.retry_after_s = details.retry_after_s
        super().__init__(f"server: {code.name}: {message}")


class InvalidRequestError(ServerError):
    """A batch that the server refuses; `violations` name fields and rules."""


class ContractChangedError(ServerError):
    """A batch that was made for another contract than the one that is served."""


class NotFoundError(ServerError):
    """A model or version that the server does not hold."""


class CredentialsError(ServerError):
    """A caller that is not known, or may not call this."""


class OverloadedError(ServerError):
    """A server that takes no more calls at the moment; `retry_after_s` may say when it will."""


class MessageTooLargeError(ServerError):
    """A batch or an answer beyond a limit of size."""


class UnavailableError(ServerError):
    """A server that cannot be reached, or a model that is not ready."""


class DeadlineError(ServerError):
    """No answer in time."""


BY_CODE: Final[Mapping[StatusCode, type[ServerError]]] = {
    StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    StatusCode.OUT_OF_RANGE: InvalidRequestError,
    StatusCode.NOT_FOUND: NotFoundError,
    StatusCode.UNAUTHENTICATED: CredentialsError,
    StatusCode.PERMISSION_DENIED: CredentialsError,
    StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
    StatusCode.UNAVAILABLE: UnavailableError,
    StatusCode.DEADLINE_EXCEEDED: DeadlineError,
}
"""Other statuses are a plain `ServerError`."""
BY_REASON: Final[Mapping[tuple[StatusCode, str], type[ServerError]]] = {
    (StatusCode.FAILED_PRECONDITION, "CONTRACT"): ContractChangedError,
    (StatusCode.RESOURCE_EXHAUSTED, "ANSWER_SIZE"): MessageTooLargeError,
}
"""What the details of a status tell apart where its code does not."""
