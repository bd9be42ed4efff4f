"""What is served at one moment, immutable and swapped whole; readers never wait.

Why a Protocol: worker processes share this state. An `Entry` without its model and a `Route` are
plain data that can travel; each process loads its own models.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
class Proof:
    """What is known of one load of a version, in plain data.

    Attributes
    ----------
    number
        Which load it was; no two have the same.
    digest
        SHA-256 of the artifact, hexadecimal.
    is_proved
        Whether its golden vectors passed; false for a plain ONNX model.
    backend, device, dtype
        What computes, and in which arithmetic.
    """

    number: int
    digest: str
    is_proved: bool
    backend: str
    device: str
    dtype: str


def proof_of(model: Model, number: int) -> Proof:
    """Tell of a model that was loaded."""
    session = model.session
    told = session.backend, model.device, session.dtype
    return Proof(number, model.digest, model.is_proved, *told)


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
        What is served, where this process serves it.
    proof
        What is known of the load that is served.
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
    proof: Proof | None = None
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
        The models of the entries that are served; none in a process that has other ones serve.
    versions
        Name → versions that are served, ascending.
    generation
        How many states there were before.
    """

    entries: Entries = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    served: Snapshot = field(default_factory=dict)
    versions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    generation: int = 0


def state_of(entries: Entries, routes: Mapping[str, Route], *, generation: int = 0) -> State:
    """Make a state that nobody can change."""
    versions = {
        name: tuple(sorted(version for version, entry in of.items() if entry.is_served))
        for name, of in entries.items()
    }
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
        MappingProxyType({name: numbers for name, numbers in versions.items() if numbers}),
        generation,
    )


def digest_of(state: State) -> str:
    """Tell in 64 characters what is served: artifacts, versions and duties.

    Of a version that this process serves, the model itself is asked.
    """
    served = [
        (name, version, entry.model.digest if entry.model else entry.proof and entry.proof.digest)
        for name, of in sorted(state.entries.items())
        for version, entry in sorted(of.items())
        if entry.is_served
    ]
    routes = [(name, asdict(route)) for name, route in sorted(state.routes.items())]
    return hashlib.sha256(json.dumps([served, routes]).encode()).hexdigest()


class Models(Protocol):
    """Where the state is kept."""

    def current(self) -> State:
        """Give the state of now, without waiting."""

    def swap(self, change: Callable[[State], State]) -> State:
        """Put another state in place of the current one, one change at a time."""


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
