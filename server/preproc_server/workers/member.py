"""One worker as its parent sees it: a process, the line to it, and what it has loaded."""

import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any, Final, Self

from preproc_server.errors import LinkError, WorkerError
from preproc_server.settings import Settings, settings_to_json
from preproc_server.state import State
from preproc_server.workers.census import Census, census_from_json
from preproc_server.workers.link import Answer, Link

START_S: Final = 60.0
"""From the start of a process to its first answer; it takes about a second."""
ORDER_S: Final = 30.0
"""For an order that takes milliseconds, on a machine that is busy beyond measure."""
FAREWELL_S: Final = 5.0
"""For a process to end by itself that takes no more orders."""
MODULE: Final = "preproc_server.workers.worker"


class Member:
    """A worker process, from its start to its end.

    Why a new interpreter and no fork: threads of gRPC and of a session do not live on in a fork.

    Parameters
    ----------
    settings
        Of the worker.
    answer
        Answers what it asks.
    on_end
        Called when it is gone.

    Attributes
    ----------
    slot
        Which of the workers it is, from 0; None for one that is kept warm.
    loaded
        Numbers of the loads that it has at hand.
    census, generation
        What it told last.
    is_over
        Whether it is gone.
    """

    def __init__(self, settings: Settings, answer: Answer, on_end: Callable[[Self], None]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
                stdin=PIPE,
                pass_fds=[theirs.fileno()],
            )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as entrance:
            entrance.write(settings_to_json(settings).encode())
        self.slot: int | None = None
        self.loaded: set[int] = set()
        self.census = Census()
        self.generation = 0
        self._number = 0
        self.is_over = False
        self.link = Link(ours, answer, name=self.name, on_end=lambda: on_end(self))
        self.link.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def name(self) -> str:
        """How it is called in texts."""
        return f"worker {self.pid}"

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def greet(self) -> None:
        """Wait until it takes orders.

        Raises
        ------
        WorkerError
            When it does not; its own log tells why.
        """
        try:
            self.link.ask("greet", START_S)
        except LinkError as error:
            code = self.end(FAREWELL_S)
            raise WorkerError(
                f"{self.name}: expected a process that starts, got exit code {code}"
            ) from error

    def follow(self, state: State) -> None:
        """Load all that a state serves and is not at hand yet.

        Raises
        ------
        WorkerError
            When it cannot, or the folder holds another content by now.
        """
        for of in state.entries.values():
            for entry in of.values():
                if entry.proof is None or entry.proof.number in self.loaded:
                    continue
                number, name, version = entry.proof.number, entry.name, entry.version
                told = self.link.ask(
                    "load", number=number, name=name, version=version, path=str(entry.path)
                )
                fault = told.get("fault") or _difference(told["proof"], entry.proof.digest)
                if fault:
                    raise WorkerError(f"{self.name}: model {name!r} version {version}: {fault}")
                self.loaded.add(number)

    def note(self, told: Mapping[str, Any]) -> None:
        """Keep what it counted, unless something later is known: no count ever goes back."""
        if told["number"] > self._number:
            self._number, self.generation = told["number"], told["generation"]
            self.census = census_from_json(told["census"])

    def hang_up(self) -> None:
        """Let a process end that has stopped."""
        self.link.close()
        self.end(ORDER_S)

    def end(self, patience_s: float = 0.0) -> int:
        """Kill it if it still runs after so many seconds, and give its exit code."""
        with suppress(TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        return self._process.wait()


def _difference(told: dict[str, Any], digest: str) -> str:
    if told["digest"] == digest:
        return ""
    return f"expected the digest {digest[:12]} of the others, got {told['digest'][:12]}"
