"""Loads and proves versions, and checks them again while they are served."""

import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

from preproc.runtime import prove
from preproc_server.checks import Check, check_model
from preproc_server.errors import NotReadyError
from preproc_server.loading import Gate, Model, Observe, ignore, is_plain, load
from preproc_server.state import Entry, Proof, proof_of


class Prover(Protocol):
    """Whoever can load a version: this process, or several that do the same."""

    def load(self, entry: Entry) -> tuple[Model | None, Proof]:
        """Load and prove; the model is None where other processes serve it."""

    def check(self, entry: Entry) -> Check:
        """Replay the golden vectors of a version that is served."""


class LocalProver:
    """Loads in this process.

    Parameters
    ----------
    backend
        Executor of the graphs.
    is_unproved_allowed
        Whether plain ONNX models, which nothing can prove, are loaded.
    gate
        Raises when a session does not reproduce the golden vectors of its artifact.
    observe
        Hears of each answer of the models.
    clock
        Seconds, for the time that a check takes.
    """

    def __init__(
        self,
        backend: str,
        *,
        is_unproved_allowed: bool = False,
        gate: Gate = prove,
        observe: Observe = ignore,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._backend = backend
        self._is_unproved_allowed = is_unproved_allowed
        self._gate = gate
        self._observe = observe
        self._clock = clock
        self._numbers = count(1)

    def load(self, entry: Entry) -> tuple[Model, Proof]:
        """Load and prove; raises as `preproc_server.loading.load` does."""
        what = entry.name, entry.version, entry.path
        if self._is_unproved_allowed and is_plain(entry.path):
            from preproc_server.plain import load_plain  # noqa: PLC0415  # onnx, which no proof needs

            model = load_plain(*what, backend=self._backend, observe=self._observe)
        else:
            model = load(*what, backend=self._backend, gate=self._gate, observe=self._observe)
        return model, proof_of(model, next(self._numbers))

    def check(self, entry: Entry) -> Check:
        """Replay the golden vectors of a version; raises `NotReadyError` where it is no more."""
        if entry.model is None:
            raise NotReadyError(f"model {entry.name!r}: expected a version in memory, got none")
        return check_model(entry.model, self._gate, self._clock)
