"""The threads that answer calls: a queue and little else.

Why not `ThreadPoolExecutor`: it counts idle threads and locks a result for each call, which
nobody reads; that takes as long as laying out a row.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, cast

_LOG: Final = logging.getLogger(__name__)

Done = Callable[[Any], object]
Task = tuple["Ending", Callable[..., Any], tuple[Any, ...]]


class Ending:
    """What gRPC asks of a future: to be told, once, when the call has been answered."""

    __slots__ = ("_is_over", "_told")

    def __init__(self) -> None:
        self._told: list[Done] = []
        self._is_over = False

    def add_done_callback(self, told: Done) -> None:
        """Call back at the end, or now where it is over."""
        self._told.append(told)
        if self._is_over:
            self._tell()

    def end(self) -> None:
        """Say that it is over."""
        self._is_over = True
        self._tell()

    def _tell(self) -> None:
        while self._told:
            try:
                told = self._told.pop()  # whoever takes it out calls it
            except IndexError:
                return
            told(self)


class Threads(Executor):
    """So many threads, waiting for calls.

    Parameters
    ----------
    count
        Of threads.
    name
        What theirs begin with.
    """

    def __init__(self, count: int, name: str) -> None:
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"{name}_{at}", daemon=True) for at in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, answer: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Queue a call; what it returns is lost, and what it raises goes to the log."""
        if kwargs:
            raise TypeError(f"expected no keywords, got {sorted(kwargs)}")
        ending = Ending()
        self._tasks.put((ending, answer, args))
        return cast("Future[Any]", ending)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002  # Executor's signature
        """End the threads once what is queued is answered."""
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        take = self._tasks.get
        while (task := take()) is not None:
            ending, answer, args = task
            try:
                answer(*args)
            except Exception:  # noqa: BLE001  # the thread goes on
                _LOG.exception("a call broke")
            ending.end()
            del task, ending, answer, args  # a call is not to live until the next one comes
