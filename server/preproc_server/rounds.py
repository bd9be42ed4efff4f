"""Calls that came together, answered together: all are read, one run of the graph computes them.

Why: a graph of forty nodes costs hardly more for eight rows than for one, and what reads a request
is still in the processor's caches when the next one is read. No call waits for others to come: a
round is what is there. What takes long is not for a round, which all others would wait for; it
goes to threads that have time.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import grpc

from preproc_server.calls import Call, Ended, Guard
from preproc_server.intake import Taken
from preproc_server.loading import Model
from preproc_server.steps import Job, Method, Steps
from preproc_server.threads import Threads

MAX_BYTES: Final = 64 * 2**10
"""Of a request that is read in a round."""
MAX_NS: Final = 1_000_000
"""That a call of a round may compute."""

_LOG: Final = logging.getLogger(__name__)
_ABSENT: Final = Ended(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


class Turn:
    """One call under way.

    Attributes
    ----------
    taken, method, request
        What was asked.
    read_ns
        When it began to be read, on the monotonic clock.
    steps
        That answer it.
    job
        What it waits for.
    """

    __slots__ = ("job", "method", "read_ns", "request", "steps", "taken")

    job: Job

    def __init__(self, taken: Taken, method: Method) -> None:
        self.taken = taken
        self.method = method
        self.read_ns = time.perf_counter_ns()
        self.request: Any = method.read(taken.content)
        self.steps: Steps = method.steps(self.request, Call(taken, taken.arrived_ns, self.read_ns))


class Rounds:
    """Answers calls, round by round.

    Parameters
    ----------
    find
        Path → its method, None where there is none now.
    guard
        Counts calls and words their errors.
    threads
        For what takes long.
    """

    def __init__(
        self, find: Callable[[str], Method | None], guard: Guard, threads: Threads
    ) -> None:
        self._find = find
        self._guard = guard
        self._threads = threads

    def answer(self, taken: Sequence[Taken]) -> None:
        """Answer the calls of a round, or have threads answer those that take long."""
        waiting: defaultdict[Model, list[Turn]] = defaultdict(list)
        for call in taken:
            if len(call.content) > MAX_BYTES:
                self._threads.submit(self._answer_alone, call)
                continue
            turn = self._begin(call)
            if turn is None:
                continue
            model, prepared = turn.job
            if model.expected_ns(prepared.rows) > MAX_NS:
                self._threads.submit(self._compute, turn)
            else:
                waiting[model].append(turn)
        for model, turns in waiting.items():
            if len(turns) > 1 and model.is_joinable:
                self._compute_joined(model, turns)
            else:
                for turn in turns:
                    self._compute(turn)

    def _answer_alone(self, call: Taken) -> None:
        turn = self._begin(call)
        if turn is not None:
            self._compute(turn)

    def _begin(self, call: Taken) -> Turn | None:
        """Read a call as far as it needs a graph; None where it has ended before."""
        method = self._find(call.path)
        if method is None:
            call.end(_ABSENT)
            return None
        turn = Turn(call, method)
        return turn if self._move(turn, partial(next, turn.steps)) else None

    def _compute_joined(self, model: Model, turns: Sequence[Turn]) -> None:
        try:
            answers = model.run_joined([turn.job.prepared for turn in turns])
        except Exception:  # noqa: BLE001  # whose fault it was shows when each computes alone
            _LOG.warning(
                "model %r: the rows of %d calls cannot be computed at once, so each is alone",
                model.name,
                len(turns),
                exc_info=True,
            )
            for turn in turns:
                self._compute(turn)
            return
        for turn, found in zip(turns, answers, strict=True):
            self._move(turn, partial(turn.steps.send, found))

    def _compute(self, turn: Turn) -> None:
        try:
            answers = turn.job.model.run(turn.job.prepared)
        except Exception as error:  # noqa: BLE001  # the call itself tells what became of it
            self._move(turn, partial(turn.steps.throw, error))
        else:
            self._move(turn, partial(turn.steps.send, answers))

    def _move(self, turn: Turn, move: Callable[[], Job]) -> bool:
        """Take a call one step on; true where it needs a graph, else it has been answered."""
        told = turn.method.name, turn.request
        try:
            try:
                turn.job = move()
            except StopIteration as end:
                turn.taken.answer(self._guard.written(*told, end.value, turn.read_ns))
                return False
        except Exception as error:  # noqa: BLE001  # the client gets a status, whatever happens
            turn.taken.end(self._guard.ended(*told, error, turn.read_ns))
            return False
        return True
