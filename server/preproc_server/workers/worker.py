"""One of several processes that serve on one port: does as its parent says.

It decides nothing about models: whoever asks it for a change is answered by the parent, which has
all workers prove first and swap then. When the parent is gone it ends.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final, Literal

from preproc.errors import PreprocError
from preproc.runtime.memory import share_heaps
from preproc_server.app import Server, heaps_of, log_error, options_of
from preproc_server.errors import NotReadyError
from preproc_server.loading import Model
from preproc_server.pinning import pin
from preproc_server.prover import LocalProver
from preproc_server.settings import Settings, settings_from_json
from preproc_server.state import Entry, LocalModels, digest_of, proof_of
from preproc_server.team import Team
from preproc_server.workers.census import census_of, census_to_json
from preproc_server.workers.link import Link
from preproc_server.workers.parcels import state_from_json
from preproc_server.workers.remote import RemoteChanges, RemoteFindings

if TYPE_CHECKING:
    from preproc_server.drift import DriftCounts

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"

_LOG: Final = logging.getLogger(
    "preproc_server.workers.worker"
)  # which is run, and called otherwise then


class Worker:
    """A server that follows orders.

    Parameters
    ----------
    settings
        All that can be set, the port of all among them.
    end
        Of the line to the parent.

    Raises
    ------
    SettingsError, LogError
        When the request log cannot be opened.
    """

    def __init__(self, settings: Settings, end: socket.socket) -> None:
        self._settings = settings
        self._ends: SimpleQueue[Literal["signal", "alone"]] = SimpleQueue()
        self._link = Link(end, self._obey, name="parent", on_end=lambda: self._ends.put("alone"))
        self._models = LocalModels()
        self._loaded = dict[int, Model]()
        self._counts = counts_of(settings)
        self._counting = Lock()
        self._numbers = count(1)
        findings = RemoteFindings(self._link)
        team = Team(
            self._models,
            RemoteChanges(self._link),
            findings,
            findings.totals,
            None if self._counts is None else self._counts.observe,
        )
        self._server = Server(settings, team=team)
        options = options_of(settings)
        self._prover = LocalProver(
            options.backend,
            is_unproved_allowed=options.is_unproved_allowed,
            observe=self._server.observe,
        )
        self._is_stopped = Event()
        self._orders: Mapping[str, Callable[..., Any]] = {
            "greet": os.getpid,
            "load": self._load,
            "check": self._check,
            "swap": self._swap,
            "listen": self._listen,
            "count": self._count,
            "samples": self._samples,
            "drain": self._server.drain,
            "stop": self._stop,
        }

    def run(self) -> None:
        """Follow orders until one ends it, a signal does, or the parent is gone."""
        self._link.start()
        signal.signal(signal.SIGTERM, lambda *_: self._ends.put("signal"))
        while (why := self._ends.get()) == "signal" and self._server.is_draining:
            pass  # sent to a whole group, whose parent sees to it
        if self._is_stopped.is_set():
            return
        if self._server.is_draining:
            os._exit(1)  # the parent was told to end at once
        _LOG.warning("%s: draining", "SIGTERM" if why == "signal" else "the parent is gone")
        self._server.drain()
        time.sleep(self._settings.drain_delay_s if why == "signal" else 0)
        self._server.stop(self._settings.grace_s)

    def _obey(self, kind: str, body: Mapping[str, Any]) -> Any:
        return self._orders[kind](**body)

    def _load(self, number: int, name: str, version: int, path: str) -> dict[str, Any]:
        """Load and prove a version, and keep it at hand."""
        try:
            model, _ = self._prover.load(Entry(name, version, Path(path)))
        except PreprocError as error:
            return {"fault": str(error)}
        except Exception as error:  # noqa: BLE001  # one broken model must not take the others along
            _LOG.exception("model %r version %d cannot be loaded", name, version)
            return {"fault": repr(error)}
        self._loaded[number] = model
        return {"proof": asdict(proof_of(model, number))}

    def _check(self, name: str, version: int) -> dict[str, Any]:
        entry = self._models.current().entries.get(name, {}).get(version)
        if entry is None:
            raise NotReadyError(f"model {name!r} version {version} is no longer served")
        return asdict(self._prover.check(entry))

    def _swap(self, state: Mapping[str, Any]) -> str:
        """Serve another state, and let go of what it does not name."""
        new = state_from_json(state, self._loaded)
        self._models.swap(lambda _: new)
        self._loaded = {
            entry.proof.number: entry.model
            for of in new.entries.values()
            for entry in of.values()
            if entry.proof and entry.model
        }
        return digest_of(new)

    def _listen(self, cpu: int | None) -> int:
        if cpu is not None:
            pin(cpu)
        return self._server.start()

    def _count(self) -> dict[str, Any]:
        """Take down what was counted, under a number: answers may overtake each other."""
        server = self._server
        with self._counting:
            totals, records = server.services.desk.statistics.totals(), server.shadow.records()
            return {
                "number": next(self._numbers),
                "census": census_to_json(census_of(totals, records, server.metrics.registry)),
                "generation": self._models.current().generation,
                "drift": self._counts.take() if self._counts else [],
            }

    def _samples(self, name: str) -> list[dict[str, Any]]:
        return [asdict(sample) for sample in self._server.shadow.samples(name)]

    def _stop(self, grace_s: float) -> None:
        """Stop; the process ends when the parent hangs up, which has the answer by then."""
        self._server.stop(grace_s)
        self._is_stopped.set()


def counts_of(settings: Settings) -> "DriftCounts | None":
    """Make what counts the rows of the request log, None where there is none.

    Raises
    ------
    SettingsError
        When its libraries are missing.
    """
    if settings.log_dir is None:
        return None
    try:
        from preproc_server.drift import DriftCounts  # noqa: PLC0415  # only who logs needs scipy
    except ImportError as error:
        raise log_error(error) from error
    return DriftCounts()


def main() -> None:
    """Take settings from the standard input, and a socket's number from the arguments."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's, which the parent has too
    settings = settings_from_json(sys.stdin.read())
    share_heaps(heaps_of(settings))
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    try:
        worker = Worker(settings, socket.socket(fileno=int(sys.argv[1])))
    except PreprocError as error:
        sys.exit(f"preproc: {error}")
    worker.run()
    logging.shutdown()
    os._exit(0)  # a thread that still proves or computes would have C++ abort an orderly end


if __name__ == "__main__":
    main()
