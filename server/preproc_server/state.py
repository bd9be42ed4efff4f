"""What is served at one moment, immutable and swapped whole; readers never wait.

Why a Protocol: worker processes will share this state. An `Entry` without its model and a
`Route` are plain data that can travel; each process loads its own models.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Final, Literal, Protocol

from preproc_server.loading import Model
from preproc_server.routes import Route
from preproc_server.versions import Stamp

_LOG: Final = logging.getLogger(__name__)

Snapshot = Mapping[str, Mapping[int, Model]]
"""Name → version → model, of all that is served."""
Phase = Literal["waiting", "proved", "unproved", "failed", "unloaded"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in the repository.

    Attributes
    ----------
    name, version, path
        Where it was found.
    state
        ``waiting`` until it is ``proved`` or ``failed``; ``unproved``: a plain ONNX model that is
        served by permission; ``unloaded``: in the folder, not in memory.
    model
        What is served, where it is.
    reason
        Why it failed; of a version that is served, why its reload did.
    seconds
        Time that loading and proving took.
    stamp
        State of its files when it was loaded.
    """

    name: str
    version: int
    path: Path
    state: Phase = "waiting"
    model: Model | None = None
    reason: str = ""
    seconds: float = 0.0
    stamp: Stamp = ()

    @property
    def is_served(self) -> bool:
        """Whether calls may be answered by it."""
        return self.state in {"proved", "unproved"}


Entries = Mapping[str, Mapping[int, Entry]]


@dataclass(frozen=True, slots=True)
class State:
    """All models at one moment.

    Attributes
    ----------
    entries
        Name → version → entry.
    routes
        Name → which version answers a call that names none.
    served
        The models of the entries that are served.
    """

    entries: Entries = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    served: Snapshot = field(default_factory=dict)


def state_of(entries: Entries, routes: Mapping[str, Route]) -> State:
    """Make a state that nobody can change."""
    served = {
        name: MappingProxyType(
            {
                version: entry.model
                for version, entry in sorted(versions.items())
                if entry.is_served and entry.model is not None
            }
        )
        for name, versions in entries.items()
    }
    return State(
        MappingProxyType({name: MappingProxyType(dict(of)) for name, of in entries.items()}),
        MappingProxyType(dict(routes)),
        MappingProxyType({name: models for name, models in served.items() if models}),
    )


class Models(Protocol):
    """Where the state is kept."""

    def current(self) -> State:
        """Give the state of now, without waiting."""

    def swap(self, change: Callable[[State], State]) -> State:
        """Put another state in place of the current one, one change at a time."""

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Call back with what is served, now and after each swap, in their order."""


class LocalModels:
    """The state of one process."""

    def __init__(self) -> None:
        self._state = State()
        self._lock = RLock()
        self._callbacks: list[Callable[[Snapshot], None]] = []

    def current(self) -> State:
        """Give the state of now, without waiting."""
        return self._state

    def swap(self, change: Callable[[State], State]) -> State:
        """Put another state in place of the current one and tell the subscribers."""
        with self._lock:
            self._state = state = change(self._state)
            for callback in self._callbacks:
                _tell(callback, state.served)
        return state

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Call back with what is served, now and after each swap, in their order."""
        with self._lock:
            self._callbacks.append(callback)
            _tell(callback, self._state.served)


def _tell(callback: Callable[[Snapshot], None], served: Snapshot) -> None:
    try:
        callback(served)
    except Exception:  # noqa: BLE001  # one subscriber must not keep the others in the dark
        _LOG.exception("a subscriber of the repository failed")
