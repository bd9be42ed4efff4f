"""The parent of several workers on one port: decides what they serve, and answers no call."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry

from preproc.wording import counted
from preproc_server.app import follow, listen_error, log_error, options_of
from preproc_server.changes import LocalChanges
from preproc_server.keeper import Keeper
from preproc_server.metrics import Metrics, Page
from preproc_server.settings import Settings
from preproc_server.versions import nothing_served
from preproc_server.watching import Repeated
from preproc_server.workers.accord import Accord
from preproc_server.workers.board import Board
from preproc_server.workers.census import census_to_json
from preproc_server.workers.crew import Crew
from preproc_server.workers.port import Port

if TYPE_CHECKING:
    from preproc_server.drift import DriftWatch

DAY_S: Final = 86_400.0
COUNT_EVERY_S: Final = 1.0
"""Between two looks at the counts of all workers: so much is lost of one that is killed."""
CHANGES: Final = frozenset(
    {"load", "unload", "promote", "roll_back", "split", "shadow", "self_check"}
)
"""What workers may ask to be changed."""

_LOG: Final = logging.getLogger(__name__)


class Parent:
    """Several servers on one port, started, kept in step, replaced and stopped together.

    The port is held from the start, and answers once all models are proved or given up.

    Parameters
    ----------
    settings
        All that can be set.

    Raises
    ------
    ArtifactError
        When the repository cannot be listed.
    SettingsError
        When what a request log needs is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = 0
        self.metrics_port: int | None = None
        metrics = Metrics()
        self._drift = _drift_of(settings, metrics.registry)
        self._hearing = Lock()
        self.crew = Crew(settings, self._answer, self._hear)
        self.accord = Accord(self.crew)
        keeper = Keeper(
            settings.repository,
            options_of(settings),
            prover=self.accord,
            report=metrics.set_proving,
            models=self.accord,
        )
        self._changes = LocalChanges(keeper, metrics.count_check)
        self._board = CollectorRegistry()
        self._board.register(Board(self.crew, metrics.registry))
        self._is_proved = Event()
        self._is_draining = Event()
        self._repeated: list[Repeated] = []
        self._held: Port | None = None
        self._page: Page | None = None

    def start(self) -> int:
        """Hold the port, start the workers, begin to prove, and give the port.

        Raises
        ------
        ListenError
            When the port, or the one for metrics, cannot be had.
        WorkerError
            When a worker does not start.
        """
        settings = self.settings
        self._hold()
        self.crew.start(self.port)
        models = counted(len(self.accord.current().entries), "model")
        workers = counted(settings.workers, "worker")
        _LOG.info("holding port %d, proving %s in %s", self.port, models, workers)
        Thread(target=self._prove, name="prove", daemon=True).start()
        return self.port

    def wait_proved(self, timeout_s: float | None = None) -> bool:
        """Wait until the port answers; false when the time is over first."""
        return self._is_proved.wait(timeout_s)

    def drain(self) -> None:
        """Tell every prober NOT_SERVING, for good, while calls are still answered."""
        self._is_draining.set()
        self.crew.drain()

    def stop(self, grace_s: float | None = None) -> None:
        """Refuse new calls, wait at most `grace_s` for those under way, and end all workers."""
        self.drain()
        for repeated in self._repeated:
            repeated.close()
        self.crew.stop(grace_s or 0.0)
        self._tick(is_last=True)
        if self._page is not None:
            self._page.close()
        if self._held is not None:
            self._held.close()

    def _hold(self) -> None:
        settings = self.settings
        try:
            self._held = Port(settings.host, settings.port)
        except OSError as error:
            raise listen_error("port", settings.host, settings.port, error) from error
        self.port = self._held.number
        if settings.metrics_port is not None:
            try:
                self._page = Page(self._board, settings.host, settings.metrics_port)
            except OSError as error:
                raise listen_error(
                    "metrics_port", settings.host, settings.metrics_port, error
                ) from error
            self.metrics_port = self._page.port

    def _prove(self) -> None:
        self._changes.start()
        self.crew.open()
        self._is_proved.set()
        workers = counted(self.settings.workers, "worker")
        _LOG.info("listening on port %d, with %s", self.port, workers)
        state = self.accord.current()
        if not state.versions:
            _LOG.error("%s", nothing_served(self.settings.repository, state.entries))
        if not self._is_draining.is_set():
            self._repeated.append(Repeated(self._count, COUNT_EVERY_S, name="count"))
            self._repeated += follow(self.settings, self._changes)

    def _count(self) -> None:
        """Ask all workers what they counted, and end the windows of drift whose time is over."""
        self.crew.census()
        self._tick(is_last=False)

    def _tick(self, *, is_last: bool) -> None:
        if self._drift is not None:
            with self._hearing:
                self._drift.tick(is_last)

    def _answer(self, kind: str, body: Mapping[str, Any]) -> Any:
        """Answer what a worker asks."""
        if kind == "census":
            return census_to_json(self.crew.census())
        if kind == "samples":
            return self.crew.samples(body["name"])
        if kind != "change" or body["act"] not in CHANGES:
            raise ValueError(f"expected a question of a worker, got {kind!r} {dict(body)!r}")
        done = getattr(self._changes, body["act"])(**body["given"])
        return [asdict(check) for check in done] if body["act"] == "self_check" else done

    def _hear(self, counted: Mapping[str, Any]) -> None:
        """Add what a worker counted of its request log to what all have counted."""
        if self._drift is not None:
            with self._hearing:
                self._drift.add(counted)


def _drift_of(settings: Settings, registry: CollectorRegistry) -> "DriftWatch | None":
    if settings.log_dir is None:
        return None
    try:
        from preproc_server.drift import DriftWatch  # noqa: PLC0415  # only who logs needs scipy
    except ImportError as error:
        raise log_error(error) from error
    keep_s = settings.log_max_age_days * DAY_S
    return DriftWatch(registry, settings.log_dir, keep_s=keep_s)
