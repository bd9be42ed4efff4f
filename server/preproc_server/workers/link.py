"""A line between two processes: each asks, each answers, and both hear when the other is gone.

A message is JSON after its length, four bytes, the highest first: ``["ask", number, kind, body]``,
then ``["answer", number, value]``, or ``["error", number, kind, text]`` with an error of `STATUS`.

Why a pair of sockets without a name, which a child inherits: nobody else can speak on it, so that
nothing needs a password, a folder, or its rights. And no pickles: what comes in can only be data.
"""

import json
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from threading import Lock, Thread
from typing import Any, Final

from preproc.errors import PreprocError
from preproc_server.errors import LinkError
from preproc_server.status import STATUS

MAX_BYTES: Final = 2**28
"""Of a message; more can only be a fault."""

_LOG: Final = logging.getLogger(__name__)
_LENGTH: Final = struct.Struct(">I")
_ERRORS: Final[Mapping[str, type[PreprocError]]] = {kind.__name__: kind for kind in STATUS}

Answer = Callable[[str, Mapping[str, Any]], Any]
"""Answers one question, kind and body, on a thread of its own; errors of `STATUS` travel."""
Hear = Callable[[Any], None]
"""Is told an answer, on the thread that reads: it must be quick and must not ask."""


class Link:
    """One end of the line; safe to call from several threads.

    Parameters
    ----------
    end
        A connected socket, which it closes.
    answer
        Answers what the other side asks.
    name
        Of the other side, for texts.
    on_end
        Called once, when the other side is gone; what was asked has failed by then.
    """

    def __init__(
        self, end: socket.socket, answer: Answer, *, name: str, on_end: Callable[[], None]
    ) -> None:
        self._socket = end
        self._answer = answer
        self._name = name
        self._on_end = on_end
        self._numbers = count(1)
        self._writing = Lock()
        self._waiting: dict[int, tuple[Future[Any], Hear | None]] = {}
        self._is_over = False
        self._reader = Thread(target=self._read, name=f"link to {name}", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._reader.start()

    def ask(self, kind: str, timeout_s: float | None = None, **body: Any) -> Any:
        """Ask and wait for the answer.

        Raises
        ------
        LinkError
            When the other side is gone, or does not answer in time.
        PreprocError
            What the other side raised, with its text alone.
        """
        return self.answer_of(self.send(kind, **body), timeout_s)

    def send(self, kind: str, hear: Hear | None = None, **body: Any) -> "Future[Any]":
        """Ask without waiting; `hear` is given the answer, even a late one, before who waits is."""
        number, answer = next(self._numbers), Future[Any]()
        with self._writing:
            self._waiting[number] = answer, hear
            is_over = self._is_over
        if is_over or not self._write(["ask", number, kind, body]):
            self._fail(number)
        return answer

    def answer_of(self, asked: "Future[Any]", timeout_s: float | None = None) -> Any:
        """Wait for what was asked; raises as `ask` does."""
        try:
            return asked.result(timeout_s)
        except TimeoutError as error:
            raise LinkError(
                f"{self._name}: expected an answer in {timeout_s:g} s, got none"
            ) from error

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            while (message := self._next()) is not None:
                act, number, *rest = message
                if act == "ask":
                    Thread(target=self._serve, args=(number, *rest), daemon=True).start()
                else:
                    self._settle(number, *rest)
        except (OSError, ValueError) as error:
            _LOG.error("link to %s: %s", self._name, error)
        finally:
            self._end()

    def _next(self) -> Any:
        head = self._take(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        if length > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES} bytes, got {length}")
        content = self._take(length)
        return None if content is None else json.loads(content)

    def _take(self, length: int) -> bytes | None:
        content = bytearray()
        while len(content) < length:
            try:
                part = self._socket.recv(min(length - len(content), 2**20))
            except ConnectionError:  # killed while it had not read all
                return None
            if not part:
                return None
            content += part
        return bytes(content)

    def _write(self, message: Any) -> bool:
        content = json.dumps(message).encode()
        try:
            with self._writing:
                self._socket.sendall(_LENGTH.pack(len(content)) + content)
        except OSError:  # the reader will find out too
            return False
        return True

    def _serve(self, number: int, kind: str, body: Mapping[str, Any]) -> None:
        try:
            message = ["answer", number, self._answer(kind, body)]
        except Exception as error:  # noqa: BLE001  # the other side waits for some answer
            told = type(error).__name__, str(error)
            if told[0] not in _ERRORS:
                _LOG.exception("%s of %s failed", kind, self._name)
            message = ["error", number, *told]
        self._write(message)

    def _settle(self, number: int, value: Any, text: str | None = None) -> None:
        """Hand an answer, or an error and its text, to whoever waits, if somebody still does."""
        answer, hear = self._waiting.pop(number, (None, None))
        if answer is None:
            return
        if text is None:
            if hear is not None:
                hear(value)
            answer.set_result(value)
        elif value in _ERRORS:
            answer.set_exception(_relayed(_ERRORS[value], text))
        else:
            answer.set_exception(RuntimeError(f"{self._name}: {value}: {text}"))

    def _fail(self, number: int) -> None:
        answer, _ = self._waiting.pop(number, (None, None))
        if answer is not None:
            answer.set_exception(LinkError(f"{self._name}: expected an answer, but it has ended"))

    def _end(self) -> None:
        with self._writing:
            self._is_over = True
        for number in list(self._waiting):
            self._fail(number)
        self._socket.close()
        self._on_end()


def _relayed(kind: type[PreprocError], text: str) -> PreprocError:
    """Make an error of its text alone; the facts that its constructor takes did not travel."""
    error = kind.__new__(kind)
    error.args = (text,)
    return error
