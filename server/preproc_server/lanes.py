"""Threads for calls that stay open, so that they take none from short calls."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import grpc

from preproc.wording import counted

Stream = Callable[[Any, grpc.ServicerContext], Iterator[Any]]


class Lane:
    """At most so many open calls of one sort, each on a thread of its own; more are refused.

    Why one thread more: it does nothing but refuse, at once, what is too much; a call that waited
    for a thread would hang unseen.

    Parameters
    ----------
    name
        Of its threads and in the refusal.
    limit
        Calls that may be open.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._open = 0
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(limit + 1, thread_name_prefix=name)

    def carry(self, behave: Stream) -> Stream:
        """Make a method of this lane from one that answers with a stream."""

        def carried(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            if not self._enter():
                context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"expected at most {counted(self._limit, 'open call')} of {self._name}, got "
                    "one more; close some, or try again",
                )
            try:
                yield from behave(request, context)
            finally:
                self._leave()

        carried.experimental_thread_pool = self._threads  # type: ignore[attr-defined]  # gRPC's way
        return carried

    def close(self) -> None:
        """Give the threads back as their calls end; the server must have stopped.

        A call that came later would find no thread, which gRPC does not survive.
        """
        self._threads.shutdown(wait=False)

    def _enter(self) -> bool:
        with self._lock:
            is_free = self._open < self._limit
            self._open += is_free
            return is_free

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1


class Idle:
    """Streams between two requests: a shutdown ends these; what has begun is answered."""

    def __init__(self) -> None:
        self._waiting: set[grpc.ServicerContext] = set()
        self._is_ended = False
        self._lock = Lock()

    def begin(self, context: grpc.ServicerContext) -> None:
        """Say that a stream waits for its next request."""
        with self._lock:
            self._waiting.add(context)
            if self._is_ended:
                context.cancel()

    def leave(self, context: grpc.ServicerContext) -> None:
        """Say that a stream has a request to answer, or is over."""
        with self._lock:
            self._waiting.discard(context)

    def end(self) -> None:
        """End the streams that wait, and from now on each that begins to."""
        with self._lock:
            self._is_ended = True
            for context in list(self._waiting):
                context.cancel()
