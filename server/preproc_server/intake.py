"""Calls of one request and one response, taken from gRPC's queue by one thread, round by round.

Why: gRPC's server for Python has a thread that polls and threads that answer. A call goes back and
forth between them, each time by way of the interpreter's lock: that is more than half of what a
bare echo costs. Here the thread that polls has the calls answered as well, all that are there at a
time, so that code and data which one of them brings into the processor's caches serve the next.

What this is made of lies below gRPC's public interface: `grpc.server` is made of the same. Methods
are registered with its core, to be announced on a completion queue of their own; all other methods
stay with `grpc.server`. Where a release of grpcio has other parts, `is_offered` says so, and calls
go the usual way.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Lock, Thread
from typing import Any, Final

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # its stubs lack it

from preproc_server.calls import Ended

MAX_ROUND: Final = 32
"""Calls that are answered before the queue is asked again."""
ANNOUNCED: Final = 32
"""Calls of a method that gRPC may announce before it is asked for more."""

_LOG: Final = logging.getLogger(__name__)
_NO_FLAGS: Final = 0
_NOW: Final = 0
_PARTS: Final = ("register_completion_queue", "register_method", "request_registered_call")
_OPERATIONS: Final = (
    "ReceiveMessageOperation",
    "ReceiveCloseOnServerOperation",
    "SendInitialMetadataOperation",
    "SendMessageOperation",
    "SendStatusFromServerOperation",
)


class Taken:
    """A call with its request, which is answered once; all that `calls.Context` asks for.

    Attributes
    ----------
    path
        Method with its service, such as ``/inference.GRPCInferenceService/ModelInfer``.
    content
        The request.
    arrived_ns
        When gRPC announced it, nanoseconds on the monotonic clock.
    """

    __slots__ = ("_event", "_intake", "arrived_ns", "content", "path")

    def __init__(self, intake: "Intake", path: str, event: Any) -> None:
        self._intake = intake
        self._event = event
        self.path = path
        self.content = b""
        self.arrived_ns = time.perf_counter_ns()

    def time_remaining(self) -> float:
        """Tell the seconds to the deadline."""
        return max(self._event.call_details.deadline - time.time(), 0.0)  # type: ignore[no-any-return]

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """Give the headers."""
        return self._event.invocation_metadata  # type: ignore[no-any-return]

    def peer(self) -> str:
        """Name the caller's address."""
        return self._event.call.peer().decode()  # type: ignore[no-any-return]

    def answer(self, content: bytes) -> None:
        """Send the response."""
        self._finish(
            cygrpc.SendMessageOperation(content, _NO_FLAGS),
            cygrpc.SendStatusFromServerOperation(None, cygrpc.StatusCode.ok, b"", _NO_FLAGS),
        )

    def end(self, ended: Ended) -> None:
        """Send a status in place of a response."""
        self._finish(
            cygrpc.SendStatusFromServerOperation(
                ended.details, ended.code.value[0], ended.text.encode(), _NO_FLAGS
            )
        )

    def receive(self, told: Callable[[Any], object]) -> None:
        """Ask gRPC for the request."""
        self._intake.begin(self._event.call, (cygrpc.ReceiveMessageOperation(_NO_FLAGS),), told)

    def _finish(self, *operations: Any) -> None:
        self._intake.begin(
            self._event.call,
            (
                cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS),
                *operations,
                cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),
            ),
            self._intake.leave,
        )


class Intake:
    """Takes the calls of some methods and has them answered in rounds.

    Parameters
    ----------
    server
        Not started yet.
    paths
        Methods, each with its service.
    answer
        Is given the calls of a round, and has each answered or ended, now or later, on this thread
        or another. It must not raise.
    limit
        Calls that may be open; more are refused.
    """

    def __init__(
        self,
        server: grpc.Server,
        paths: Iterable[str],
        answer: Callable[[Sequence[Taken]], object],
        *,
        limit: int,
    ) -> None:
        self._core: Any = server._state.server  # type: ignore[attr-defined]  # noqa: SLF001  # see above
        self._queue: Any = cygrpc.CompletionQueue()
        self._core.register_completion_queue(self._queue)
        self._paths = tuple(paths)
        for path in self._paths:
            self._core.register_method(path)
        self._answer = answer
        self._limit = limit
        self._open = 0
        self._is_closed = False
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to take calls; the server must have started."""
        for path in self._paths:
            for _ in range(ANNOUNCED):
                self._request(path)
        self._thread.start()

    def close(self) -> None:
        """End the thread; the server must have stopped. What is still computed is lost."""
        with self._lock:
            self._is_closed = True
            self._queue.shutdown()
        self._thread.join()

    def begin(self, call: Any, operations: tuple[Any, ...], told: Callable[[Any], object]) -> None:
        """Have gRPC do some operations of a call, and tell when they are done."""
        with self._lock:
            if not self._is_closed:  # after it, gRPC would end the process
                call.start_server_batch(operations, told)

    def leave(self, _: Any) -> None:
        """Note that a call is over."""
        self._open -= 1

    def _run(self) -> None:
        while True:
            taken: list[Taken] = []
            event = self._queue.poll()
            while event.completion_type != cygrpc.CompletionType.queue_timeout:
                if event.completion_type == cygrpc.CompletionType.queue_shutdown:
                    return
                one = self._heard(event)
                if one is not None:
                    taken.append(one)
                del event, one  # one kept while gRPC is asked again could hold up its call
                if len(taken) == MAX_ROUND:
                    break
                event = self._queue.poll(_NOW)
            if taken:
                self._answer(taken)

    def _heard(self, event: Any) -> Taken | None:
        """Go on with the call that an event is about; give it once its request is there."""
        try:
            return event.tag(event)  # type: ignore[no-any-return]
        except Exception:  # noqa: BLE001  # the others are served
            _LOG.exception("a call broke")
            return None

    def _request(self, path: str) -> None:
        self._core.request_registered_call(
            self._queue, self._queue, path, partial(self._announced, path)
        )

    def _announced(self, path: str, event: Any) -> None:
        """Ask for the request of a new call, and for the next call."""
        if not event.success:  # the server stops
            return
        try:
            self._request(path)
        except ValueError:  # it has begun to, since
            _LOG.debug("no more calls of %s", path)
        call = Taken(self, path, event)
        self._open += 1
        if self._open > self._limit:
            call.end(Ended(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!"))
        else:
            call.receive(partial(self._received, call))

    def _received(self, call: Taken, event: Any) -> Taken | None:
        """Give a call whose request is there."""
        content = event.batch_operations[0].message()
        if content is None:
            text = f'"{call.path}" requires exactly one request message.'
            call.end(Ended(grpc.StatusCode.UNIMPLEMENTED, text))
            return None
        call.content = content
        return call


def is_offered(server: grpc.Server) -> bool:
    """Tell whether the installed grpcio has what this is made of."""
    core = getattr(getattr(server, "_state", None), "server", None)
    return all(hasattr(core, part) for part in _PARTS) and all(
        hasattr(cygrpc, part) for part in (*_OPERATIONS, "CompletionQueue", "CompletionType")
    )
