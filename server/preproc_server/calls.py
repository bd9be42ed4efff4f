"""What is known of a call beside its message, and how its errors become a status.

Every method of every service goes through `Guard`, so that one place counts, logs and words.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Semaphore
from typing import Any, Final, Literal, NamedTuple, NoReturn, Protocol

import grpc
from google.protobuf.message import Message

from preproc_server.details import details_of
from preproc_server.errors import AnswerSizeError, ExpiredError
from preproc_server.lanes import Idle
from preproc_server.status import status_of

KEY_HEADER: Final = "x-preproc-key"
STRICT_HEADER: Final = ("triton_grpc_error", "true")
LOCAL_PEERS: Final = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")
SHORT_TEXT: Final = "refused; the log of the server tells why"

Texts = Literal["full", "short"]
"""Whether a status tells names and rules, or only its code."""
Answer = Callable[[Any, "Call"], Message | bytes]
Count = Callable[[str, Any, grpc.StatusCode, float], None]
"""Hears of each call: method, request, status, seconds."""

_ARRIVED: Final[ContextVar[int]] = ContextVar("arrived", default=0)
_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Asked:
    """A request as it came, and the model that it is for, empty until that is read."""

    content: bytes
    model_name: str = ""


class Context(Protocol):
    """What is asked of gRPC's context."""

    def time_remaining(self) -> float | None:
        """Tell the seconds to the deadline."""

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """Give the headers."""

    def peer(self) -> str:
        """Name the caller's address."""


class Call:
    """One call, asked for what is wanted of it and nothing more.

    Attributes
    ----------
    arrived_ns, read_ns
        When gRPC announced it, and when its message had been read, on the monotonic clock.
    """

    __slots__ = ("_context", "arrived_ns", "read_ns")

    def __init__(self, context: Context, arrived_ns: int, read_ns: int) -> None:
        self._context = context
        self.arrived_ns = arrived_ns
        self.read_ns = read_ns

    @property
    def headers(self) -> Sequence[tuple[str, str | bytes]]:
        """Give what was sent beside the message."""
        return self._context.invocation_metadata()

    @property
    def key(self) -> str:
        """What ties a caller to one version of a canary, empty where nothing does."""
        for name, value in self._context.invocation_metadata():
            if name == KEY_HEADER:
                return value if isinstance(value, str) else value.decode(errors="replace")
        return ""

    @property
    def is_local(self) -> bool:
        """Whether the caller runs on this machine."""
        return self._context.peer().startswith(LOCAL_PEERS)

    def check_time(self, timeout_us: int) -> None:
        """Refuse to go on when nobody waits any more.

        Parameters
        ----------
        timeout_us
            Of the request, from its arrival, microseconds; 0 for none.

        Raises
        ------
        ExpiredError
            When it, or the deadline, is over.
        """
        left_s = self._context.time_remaining()
        is_late = left_s is not None and left_s <= 0
        if timeout_us:
            is_late |= time.perf_counter_ns() - self.arrived_ns >= timeout_us * 1000
        if is_late:
            raise ExpiredError("Request timeout expired")


class Ended(NamedTuple):
    """How a call ends that is not answered.

    Attributes
    ----------
    code, text
        Its status.
    details
        Trailing metadata that tell the same to programs.
    """

    code: grpc.StatusCode
    text: str
    details: tuple[tuple[str, bytes], ...] = ()


class Guard:
    """Turns errors into statuses and counts every call.

    Parameters
    ----------
    count
        Told of each call.
    texts
        What a status tells.
    max_send_bytes
        Of an answer. gRPC would refuse a larger one too, but after the call is counted as
        answered, and in words that name no way out.
    """

    def __init__(self, count: Count, *, max_send_bytes: int, texts: Texts = "full") -> None:
        self._count = count
        self._max_send_bytes = max_send_bytes
        self._texts = texts

    def unary(self, method: str, answer: Answer) -> Callable[[Any, grpc.ServicerContext], bytes]:
        """Guard a method of one request and one response, given as bytes."""

        def behave(request: Any, context: grpc.ServicerContext) -> bytes:
            read_ns = time.perf_counter_ns()
            try:
                call = Call(context, _ARRIVED.get() or read_ns, read_ns)
                return self.written(method, request, answer(request, call), read_ns)
            except Exception as error:  # noqa: BLE001  # the client gets a status, whatever happens
                self.abort(context, method, request, error, read_ns)

        return behave

    def stream(
        self,
        method: str,
        answer: Answer,
        refuse: Callable[[Any, str], Message],
        turns: Semaphore,
        idle: Idle,
    ) -> Callable[[Iterator[Any], grpc.ServicerContext], Iterator[bytes]]:
        """Guard a method of many requests, each with one response, given as bytes.

        Parameters
        ----------
        method, answer
            As of `unary`.
        refuse
            Makes the response of a request that failed, which leaves the stream open; callers who
            say so by a header of Triton's get the status of the first error instead.
        turns
            Streams that may compute at once.
        idle
            Told when a stream waits for a request.
        """

        def behave(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[bytes]:
            try:
                idle.begin(context)
                for request in requests:
                    idle.leave(context)
                    yield respond(request, context)
                    idle.begin(context)
            finally:
                idle.leave(context)

        def respond(request: Any, context: grpc.ServicerContext) -> bytes:
            arrived_ns = read_ns = time.perf_counter_ns()
            try:
                with turns:
                    read_ns = time.perf_counter_ns()
                    response = self._written(answer(request, Call(context, arrived_ns, read_ns)))
                code = grpc.StatusCode.OK
            except Exception as error:  # noqa: BLE001  # as above
                if STRICT_HEADER in context.invocation_metadata():
                    self.abort(context, method, request, error, read_ns)
                code, text = self.word(method, error)
                response = serialize(refuse(request, text))
            self._done(method, request, code, read_ns)
            return response

        return behave

    def word(self, method: str, error: Exception) -> tuple[grpc.StatusCode, str]:
        """Tell what the client is told; the log hears what the client does not."""
        code, text = status_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _LOG.error("%s: internal error", method, exc_info=error)
        elif self._texts == "short":
            _LOG.info("%s: %s: %s", method, code.name, text)
            text = SHORT_TEXT
        return code, text

    def abort(
        self,
        context: grpc.ServicerContext,
        method: str,
        request: Any,
        error: Exception,
        started_ns: int,
    ) -> NoReturn:
        """End a call with the status of an error."""
        code, text, details = self.ended(method, request, error, started_ns)
        if details:
            context.set_trailing_metadata(details)
        context.abort(code, text)

    def ended(self, method: str, request: Any, error: Exception, started_ns: int) -> Ended:
        """Tell how a call ends that raised an error, and count it."""
        code, text = self.word(method, error)
        self._done(method, request, code, started_ns)
        details = details_of(error, code, text) if self._texts == "full" else ()
        return Ended(code, text, details)

    def written(
        self, method: str, request: Any, message: Message | bytes, started_ns: int
    ) -> bytes:
        """Write an answer, and count its call.

        Raises
        ------
        AnswerSizeError
            When it is too large to be sent.
        """
        content = self._written(message)
        self._done(method, request, grpc.StatusCode.OK, started_ns)
        return content

    def _written(self, message: Message | bytes) -> bytes:
        content = message if isinstance(message, bytes) else serialize(message)
        if len(content) > self._max_send_bytes:
            raise AnswerSizeError(len(content), self._max_send_bytes)
        return content

    def _done(self, method: str, request: Any, code: grpc.StatusCode, started_ns: int) -> None:
        self._count(method, request, code, (time.perf_counter_ns() - started_ns) / 1e9)


class Service(grpc.ServiceRpcHandler):
    """The methods of one service, which notes when a call arrives.

    Why a context variable: gRPC looks a method up as soon as the headers are there and later runs
    it in the same context, on another thread, when one is free.

    Parameters
    ----------
    name
        Of the service, with its package.
    methods
        Name of a method → its handler.
    """

    def __init__(self, name: str, methods: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
        self._name = name
        self._methods = {f"/{name}/{method}": handler for method, handler in methods.items()}

    def service_name(self) -> str:
        """Name the service."""
        return self._name

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Find a method, None where there is none of the name."""
        _ARRIVED.set(time.perf_counter_ns())
        return self._methods.get(details.method)


def serialize(message: Message) -> bytes:
    """Write a message as bytes."""
    return message.SerializeToString()
