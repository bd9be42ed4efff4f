"""All workers of one server: started, asked together, and replaced when they end.

A newcomer loads and proves all that the others serve, and listens then. A warm one has done so
already: it takes a place as soon as one is free.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Condition, Event, RLock, Thread
from typing import Any, Final

from preproc.errors import PreprocError
from preproc_server.errors import LinkError
from preproc_server.settings import Settings
from preproc_server.state import State
from preproc_server.workers.census import Census
from preproc_server.workers.link import Answer
from preproc_server.workers.member import ORDER_S, Member
from preproc_server.workers.parcels import state_to_json

COUNT_S: Final = 2.0
"""For a worker to tell its counts; after that those stand that it told last."""
WAIT_S: Final = 30.0
"""For a worker to be there at all, when all have ended."""
HASTE_S: Final = 10.0
"""Workers that end more than twice each in this time are replaced more slowly."""
PAUSE_S: Final = 2.0

_LOG: Final = logging.getLogger(__name__)


class Crew:
    """The workers.

    Parameters
    ----------
    settings
        Of each worker; how many there are, and whether one more is kept warm.
    answer
        Answers what a worker asks.
    hear
        Told what a worker counted of its request log.

    Attributes
    ----------
    state
        What all serve, without their models; `Accord` changes it.
    lock
        Held while all swap, or one joins.
    """

    def __init__(
        self,
        settings: Settings,
        answer: Answer,
        hear: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._answer = answer
        self._hear = hear
        self.state = State()
        self._members: list[Member] = []
        self._newcomers: list[Member] = []
        self._retired = Census()
        self._replaced = 0
        self.lock = RLock()
        self._arrived = Condition(self.lock)
        self._is_open = False
        self._is_closing = Event()
        self._ends_s: deque[float] = deque(maxlen=2 * settings.workers + 1)
        self._cpus = sorted(os.sched_getaffinity(0)) if settings.affinity else []

    @property
    def members(self) -> Sequence[Member]:
        """All workers that are in step."""
        with self.lock:
            return tuple(self._members)

    @property
    def replaced(self) -> int:
        """How many workers took the place of another."""
        return self._replaced

    def start(self, port: int) -> None:
        """Start all workers for a port, at which none listens yet.

        Raises
        ------
        WorkerError
            When one does not start.
        """
        self._settings = replace(self._settings, port=port, metrics_port=None, shared_memory=False)
        slots = [*range(self._settings.workers), *([None] if self._settings.spare else [])]
        with ThreadPoolExecutor(len(slots)) as threads:
            list(threads.map(self._add, slots))

    def open(self) -> None:
        """Let all workers listen, and those that come later."""
        with self.lock:
            self._is_open = True
            members = [member for member in self._members if member.slot is not None]
        for member in members:
            try:
                self._listen(member)
            except (PreprocError, RuntimeError) as error:
                self.expel(member, error)

    def wait_for_any(self) -> None:
        """Wait a while until there is a worker at all, where all have ended."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._members, WAIT_S)

    def drain(self) -> None:
        """Tell every prober NOT_SERVING, and replace no worker any more."""
        self._close()
        self.ask_all("drain", ORDER_S)

    def stop(self, grace_s: float) -> None:
        """Refuse new calls, wait at most `grace_s` for those under way, and end all workers."""
        self._close()
        self.ask_all("stop", grace_s + ORDER_S, grace_s=grace_s)
        for member in self.members:
            member.hang_up()

    def census(self) -> Census:
        """Give what all workers have counted, those that have ended too."""
        self.ask_all("count", COUNT_S)
        with self.lock:
            return sum((member.census for member in self._members), self._retired)

    def samples(self, name: str) -> list[Any]:
        """Give rows on which the shadow of any worker disagreed."""
        told = self.ask_all("samples", COUNT_S, name=name)
        return [one for _, some in told if not isinstance(some, Exception) for one in some]

    def ask_all(self, kind: str, timeout_s: float | None, **body: Any) -> list[tuple[Member, Any]]:
        """Ask all workers at once; who fails to answer gives the error."""
        asked = []
        for member in self.members:
            # Counts are told once, so they are noted even when nobody waits for them any more.
            hear = partial(self._note, member) if kind == "count" else None
            asked.append((member, member.link.send(kind, hear, **body)))
        told: list[tuple[Member, Any]] = []
        for member, future in asked:
            try:
                told.append((member, member.link.answer_of(future, timeout_s)))
            except (PreprocError, RuntimeError) as error:
                told.append((member, error))
        return told

    def _close(self) -> None:
        """Let nobody join any more, and end who is on the way."""
        self._is_closing.set()
        with self.lock:
            late = [member for member in self._newcomers if member not in self._members]
        for member in late:
            member.end()

    def _note(self, member: Member, told: Any) -> None:
        member.note(told)
        for counted in told["drift"]:
            self._hear(counted)

    def _add(self, slot: int | None) -> None:
        """Start a worker, bring it in step, and let it listen if the others do."""
        member = Member(self._settings, self._answer, self._part)
        self._newcomers.append(member)
        try:
            self._check_wanted(member)
            member.greet()
            while not self._is_in_step(member, slot):
                pass
        except BaseException:
            member.end()
            raise
        finally:
            self._newcomers.remove(member)

    def _is_in_step(self, member: Member, slot: int | None) -> bool:
        """Load what is served, without holding up others; then join, if it still is."""
        state = self.state
        member.follow(state)
        with self.lock:
            if self.state is not state:
                return False
            member.link.ask("swap", ORDER_S, state=state_to_json(state))
            member.slot = slot
            if self._is_open and slot is not None:
                self._listen(member)
            self._check_wanted(member)
            self._members.append(member)
            self._arrived.notify_all()
            return True

    def _check_wanted(self, member: Member) -> None:
        """Raise `LinkError` for a worker that is gone, or came after the end was told."""
        if member.is_over or self._is_closing.is_set():
            raise LinkError(f"{member.name} came too late")

    def _listen(self, member: Member) -> None:
        cpu = None
        if self._cpus and member.slot is not None:
            cpu = self._cpus[member.slot % len(self._cpus)]
        member.link.ask("listen", ORDER_S, cpu=cpu)

    def expel(self, member: Member, got: object) -> None:
        """End a worker that cannot keep step, unless all end anyway; its place is filled."""
        if member.is_running and not self._is_closing.is_set():
            _LOG.error(
                "%s is killed: expected it to serve what the others do, got %s", member.name, got
            )
            member.end()

    def _part(self, member: Member) -> None:
        """Take leave of a worker that has ended, and fill its place."""
        with self.lock:
            member.is_over = True
            if member not in self._members:
                return  # whoever started it sees to it
            self._members.remove(member)
            self._retired += member.census.retired()
        if self._is_closing.is_set():
            return
        _LOG.error("%s ended with %d; another takes its place", member.name, member.end())
        Thread(target=self._fill, args=(member.slot,), daemon=True).start()

    def _fill(self, slot: int | None) -> None:
        """Put a worker in the place of one that has ended: the warm one, or a new one."""
        now_s = time.monotonic()
        self._ends_s.append(now_s)
        is_hasty = len(self._ends_s) == self._ends_s.maxlen and now_s - self._ends_s[0] < HASTE_S
        if slot is not None and self._promote(slot):
            self._replaced += 1
            slot = None
        pause_s = PAUSE_S if is_hasty else 0.0
        while not self._is_closing.wait(pause_s):
            try:
                self._add(slot)
            except (PreprocError, OSError, RuntimeError) as error:
                if self._is_closing.is_set():
                    return  # nobody is needed any more, so nothing is amiss
                pause_s = PAUSE_S
                _LOG.error("%s; another is tried in %g s", error, pause_s)
            else:
                self._replaced += slot is not None
                return

    def _promote(self, slot: int) -> bool:
        """Let the warm worker take a place, if there is one."""
        with self.lock:
            spare = next((member for member in self._members if member.slot is None), None)
            if spare is None:
                return False
            spare.slot = slot
            if not self._is_open:
                return True
        try:
            self._listen(spare)
        except (PreprocError, RuntimeError) as error:
            self.expel(spare, error)  # its own end fills the place
        return True
