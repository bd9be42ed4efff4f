"""One state for all workers, which changes in two phases.

First every worker loads and proves what is new; where one cannot, nothing changes. Then all swap; a
worker that does not is killed, since it would answer with what the others serve no longer.
"""

import logging
from collections.abc import Callable
from itertools import count
from typing import Final

from preproc.errors import PreprocError
from preproc_server.checks import Check
from preproc_server.errors import LinkError, LoadError
from preproc_server.state import Entry, Proof, State, digest_of
from preproc_server.workers.crew import Crew
from preproc_server.workers.member import ORDER_S
from preproc_server.workers.parcels import state_to_json

_LOG: Final = logging.getLogger(__name__)


class Accord:
    """Keeps the state of all workers, as `Models` does, and has them load, as a `Prover` does.

    Parameters
    ----------
    crew
        The workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._numbers = count(1)

    def current(self) -> State:
        """Give the state that all workers serve, without their models."""
        return self._crew.state

    def swap(self, change: Callable[[State], State]) -> State:
        """Have all workers serve another state: all have loaded what it needs."""
        with self._crew.lock:
            state = change(self._crew.state)
            if not self._crew.members:
                self._crew.state = state
                return state
            told, want = state_to_json(state), digest_of(state)
            for member in self._crew.members:
                try:
                    member.follow(state)  # who came while others loaded
                except (PreprocError, RuntimeError) as error:
                    self._crew.expel(member, error)
            for member, got in self._crew.ask_all("swap", ORDER_S, state=told):
                if got != want:
                    self._crew.expel(member, got)
            self._crew.state = state
        _LOG.info("generation %d, digest %s, is served", state.generation, want[:12])
        return state

    def load(self, entry: Entry) -> tuple[None, Proof]:
        """Load and prove in all workers at once.

        Raises
        ------
        LoadError
            When one of them cannot, or ends over it.
        """
        number = next(self._numbers)
        self._crew.wait_for_any()
        name, version, path = entry.name, entry.version, str(entry.path)
        told = self._crew.ask_all(
            "load", None, number=number, name=name, version=version, path=path
        )
        if not told:
            raise LoadError("expected a worker, got none")
        for member, one in told:
            if isinstance(one, Exception):
                raise LoadError(f"{member.name} ended while it loaded: {one}") from one
            if "fault" in one:
                raise LoadError(one["fault"])
        proofs = [Proof(**one["proof"]) for _, one in told]
        if len(set(proofs)) > 1:
            raise LoadError("expected one content for all workers, got another while they loaded")
        for member, _ in told:
            member.loaded.add(number)
        return None, proofs[0]

    def check(self, entry: Entry) -> Check:
        """Replay the golden vectors in one worker after another, so that the others answer.

        Raises
        ------
        LinkError
            When all of them have ended.
        """
        checks = []
        for member in self._crew.members:
            try:
                told = member.link.ask("check", name=entry.name, version=entry.version)
            except LinkError as error:
                _LOG.warning("%s", error)
                continue
            checks.append(Check(**told))
        if not checks:
            raise LinkError("expected a worker that can check, got none; try again")
        return min(checks, key=lambda check: check.is_pass)
