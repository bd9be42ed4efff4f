"""Errors of the server, a branch of the library's tree.

::

    PreprocError
    ├── WireError           a request that does not follow the protocol
    ├── RequestError        fields of a request that break the contract, row by row
    ├── ContractError       a caller that knows another contract than the one served
    ├── UnknownModelError   a name or version that the repository does not hold
    ├── NotReadyError       a model that is not proved, or not yet
    ├── LoadError           a version that cannot be loaded, or fails its gate
    ├── ControlError        a load or unload by hand where the repository decides itself
    ├── RouteError          a ``serving.json`` that cannot be read or written
    ├── ExpiredError        a request whose deadline or timeout is over
    ├── BusyError           more than is held at once
    ├── AnswerSizeError     an answer that is larger than the server sends
    ├── UnofferedError      an extension that is turned off
    ├── RegionError         shared memory that cannot be opened or is too small
    │   ├── TakenError      a region's name that is in use
    │   └── UnknownRegionError  a region that was not registered
    ├── SettingsError       settings that a server cannot start with
    ├── ListenError         a port that cannot be had
    ├── LinkError           another process of the server that is gone or does not answer
    ├── WorkerError         a worker process that cannot take part
    └── ServerError         what a client was answered: see `preproc_server.client.errors`

Texts that clients of the protocol compare are worded as Triton words them.
"""

from collections.abc import Sequence

from preproc.errors import PreprocError
from preproc.wording import counted


class WireError(PreprocError):
    """A request that does not follow the protocol; nothing was computed."""


class RequestError(PreprocError):
    """Fields of a request that break the contract; nothing was computed.

    Parameters
    ----------
    violations
        For each field at fault its path, such as ``rows[3].age`` or ``inputs[age]``, and the rule
        that it breaks in words.
    """

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        self.violations = tuple(violations)
        shown = [f"{field}: {rule}" for field, rule in self.violations[:5]]
        rest = len(self.violations) - len(shown)
        super().__init__(
            "; ".join(shown) + (f"; and {counted(rest, 'more violation')}" if rest else "")
        )


class ContractError(PreprocError):
    """A caller that knows another contract than the one served."""


class UnknownModelError(PreprocError):
    """A model name or version that the repository does not hold."""


class NotReadyError(PreprocError):
    """A model whose golden vectors have not passed in this process."""


class LoadError(PreprocError):
    """A version that cannot be loaded, or does not reproduce its golden vectors."""


class ControlError(PreprocError):
    """A load or unload by hand where the repository decides by itself."""

    def __init__(self) -> None:
        super().__init__("explicit model load / unload is not allowed if polling is enabled")


class RouteError(PreprocError):
    """A ``serving.json`` that cannot be read or written.

    Parameters
    ----------
    path
        The file at fault.
    problem
        What was expected, what came.
    """

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(f"route {str(path)!r}: {problem}")


class ExpiredError(PreprocError):
    """A request whose deadline or timeout is over before it is answered."""


class BusyError(PreprocError):
    """More than the server holds at once."""


class AnswerSizeError(PreprocError):
    """An answer that is larger than the server sends.

    Parameters
    ----------
    size_bytes, limit_bytes
        Of the message, and what is sent at most.
    """

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        self.size_bytes, self.limit_bytes = size_bytes, limit_bytes
        super().__init__(
            f"answer: expected at most {limit_bytes} bytes, got {size_bytes}; send fewer rows or "
            "ask for fewer outputs, or raise max_send_bytes of the server (PREPROC_MAX_SEND_BYTES)"
        )


class UnofferedError(PreprocError):
    """An extension of the protocol that is turned off, or not for this caller."""


class RegionError(PreprocError):
    """Shared memory that cannot be opened, or ends before what is asked for."""


class TakenError(RegionError):
    """A name of a region that is in use."""


class UnknownRegionError(RegionError):
    """A region that was not registered."""


class SettingsError(PreprocError):
    """Settings that a server cannot start with.

    Parameters
    ----------
    faults
        For each setting what was expected and what came.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"setting {fault}" for fault in self.faults))


class ListenError(PreprocError):
    """A port that cannot be had."""


class LinkError(PreprocError):
    """Another process of the server that is gone, or does not answer in time."""


class WorkerError(PreprocError):
    """A worker process that does not start, or cannot serve what the others serve."""
