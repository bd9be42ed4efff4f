"""Starts, proves, drains and stops one server."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import grpc
from grpc_health.v1 import health_pb2

from preproc.runtime import Prepared, opener_of, prove
from preproc.runtime.memory import share_heaps
from preproc.wording import counted
from preproc_server.changes import Changes
from preproc_server.errors import ListenError, SettingsError
from preproc_server.intake import Intake, is_offered
from preproc_server.loading import Answers
from preproc_server.metrics import Metrics, Page
from preproc_server.pinning import pin
from preproc_server.reading import MISSING
from preproc_server.repository import (
    Entry,
    Gate,
    Model,
    Options,
    Repository,
    Snapshot,
    local_repository,
)
from preproc_server.rounds import Rounds
from preproc_server.servicer import SERVICE
from preproc_server.services import Services
from preproc_server.settings import Settings, unknown_variables
from preproc_server.shadow import Shadow
from preproc_server.team import Team
from preproc_server.threads import Threads
from preproc_server.versions import nothing_served, parse_policy
from preproc_server.watching import Repeated

if TYPE_CHECKING:
    from preproc_server.journal import Journal
    from preproc_server.workers.parent import Parent

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

COMPRESSION_LEVELS: Final[Mapping[str, int]] = {"none": 0, "gzip": 1, "deflate": 3}
"""gRPC's levels, each of which prefers one algorithm. Not the algorithm itself: gRPC would send
that also to callers who cannot read it, while of a level it takes what the caller accepts."""

_LOG: Final = logging.getLogger(__name__)
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


class Server:
    """One gRPC server on one port; a process may hold several.

    The port answers from `start` on, models only once proved, which a thread of its own does.

    Parameters
    ----------
    settings
        All that can be set.
    gate
        Proves a session against its artifact; raises when it fails.
    team
        Processes that serve the same on the same port, and decide together what; None where this
        one is alone.
    """

    def __init__(self, settings: Settings, *, gate: Gate = prove, team: Team | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.port = 0
        self.metrics_port: int | None = None
        self._team = team
        if team is None:
            self.repository = local_repository(
                settings.repository,
                options_of(settings),
                gate=gate,
                report=self._report,
                count=self.metrics.count_check,
                observe=self.observe,
            )
        else:
            self.repository = Repository(settings.repository, team.models, team.changes)
        self.shadow = Shadow(
            self.repository.shadow_of,
            self.metrics,
            calls=settings.shadow_queue_calls,
            samples=settings.shadow_samples,
            tolerance=settings.shadow_tolerance,
        )
        self.journal = open_journal(settings, self.metrics, team)
        self._is_draining = Event()
        self._is_proved = Event()
        self.services = Services(
            settings,
            self.repository,
            self.metrics,
            self.shadow,
            self.journal,
            team,
            is_ready=lambda: self.repository.is_finished and not self._is_draining.is_set(),
        )
        self._health = self.services.health
        self._intake: Intake | None = None
        self._page: Page | None = None
        self._repeated: list[Repeated] = []
        self._names: set[str] = set()
        self._threads = Threads(settings.threads, "call")
        self._grpc = grpc.server(
            self._threads,  # type: ignore[arg-type]  # all that is asked of it is `submit`
            options=channel_options(settings, is_shared=team is not None),
            maximum_concurrent_rpcs=settings.max_concurrent_calls,
        )
        for name in ("", SERVICE, *self.repository.names):
            self._health.set(name, _NOT_SERVING)
        self.repository.subscribe(self._follow)

    def start(self) -> int:
        """Listen, begin to prove, and give the port; one of several serves what all have proved.

        Raises
        ------
        ListenError
            When the port, or the one for metrics, cannot be had.
        """
        self.services.add_to(self._grpc)
        self._listen()
        if MISSING:
            _LOG.warning(
                "reading: expected compiled code, got none: %s; protobuf reads, which takes longer",
                MISSING,
            )
        self._intake = self._make_intake()
        self._grpc.start()
        if self._intake is not None:
            self._intake.start()
        self.shadow.start()
        if self.journal is not None:
            self.journal.start()
        if self._team is None:
            models = counted(len(self.repository.names), "model")
            _LOG.info("listening on port %d, proving %s", self.port, models)
            Thread(target=self._prove, name="prove", daemon=True).start()
        else:
            self._is_proved.set()
        return self.port

    @property
    def is_draining(self) -> bool:
        """Whether it was told to drain, or to stop."""
        return self._is_draining.is_set()

    def wait_proved(self, timeout_s: float | None = None) -> bool:
        """Wait until every model is proved or given up; false when the time is over first."""
        return self._is_proved.wait(timeout_s)

    def drain(self) -> None:
        """Tell every prober NOT_SERVING, for good, while calls are still answered."""
        self._is_draining.set()
        self._health.enter_graceful_shutdown()

    def stop(self, grace_s: float | None = None) -> None:
        """Refuse new calls, wait at most `grace_s` for those under way, and close the port."""
        self.drain()
        for repeated in self._repeated:
            repeated.close()
        self.shadow.close()
        self.services.end_open_calls()
        self._grpc.stop(grace_s).wait()
        if self._intake is not None:
            self._intake.close()
        self._threads.shutdown(wait=False)
        if self.journal is not None:
            self.journal.close()
        self.services.close()
        if self._page is not None:
            self._page.close()

    def observe(self, model: Model, prepared: Prepared, answers: Answers) -> None:
        """Hear of each answer of the models; neither waits nor raises."""
        self.shadow.observe(model, prepared, answers)

    def _make_intake(self) -> Intake | None:
        """Take calls that compute from gRPC's queue; None where they go through its server."""
        if not self.settings.direct:
            return None
        if not is_offered(self._grpc):
            _LOG.warning(
                "direct: expected a grpcio whose queue is known, got %s; calls go through its "
                "server, which takes longer",
                grpc.__version__,
            )
            return None
        rounds = Rounds(self.services.find, self.services.guard, self._threads)
        limit = self.settings.max_concurrent_calls
        return Intake(self._grpc, self.services.paths, rounds.answer, limit=limit)

    def _listen(self) -> None:
        settings = self.settings
        try:
            self.port = self._grpc.add_insecure_port(settings.address)
        except RuntimeError as error:
            raise listen_error("port", settings.host, settings.port, error) from error
        if settings.metrics_port is not None:
            try:
                self._page = Page(self.metrics.registry, settings.host, settings.metrics_port)
            except OSError as error:
                raise listen_error(
                    "metrics_port", settings.host, settings.metrics_port, error
                ) from error
            self.metrics_port = self._page.port

    def _prove(self) -> None:
        self.repository.start()
        self._follow(self.repository.served)
        self._is_proved.set()
        if not self.repository.is_any_proved:
            _LOG.error("%s", nothing_served(self.settings.repository, self.repository.names))
        if not self._is_draining.is_set():
            self._repeated += follow(self.settings, self.repository.changes)

    def _follow(self, served: Snapshot) -> None:
        """Tell health what is served; the whole server only once all are proved or given up."""
        self._names.update(served, self.repository.names)
        for name in self._names:
            self._health.set(name, _SERVING if name in served else _NOT_SERVING)
        if self.repository.is_finished:
            for name in ("", SERVICE):
                self._health.set(name, _SERVING if served else _NOT_SERVING)

    def _report(self, entry: Entry) -> None:
        self.metrics.set_proving(entry)


def open_journal(
    settings: Settings, metrics: Metrics, team: Team | None = None
) -> "Journal | None":
    """Open the request log, None where none is wanted.

    Raises
    ------
    SettingsError
        When its libraries are missing, or its folder cannot be written.
    LogError
        When its policy cannot be followed.
    """
    if settings.log_dir is None:
        return None
    try:
        from preproc_server.journal import journal_of  # noqa: PLC0415  # only who logs needs pyarrow
    except ImportError as error:
        raise log_error(error) from error
    return journal_of(settings, metrics, None if team is None else team.watch)


def log_error(error: ImportError) -> SettingsError:
    """Word that what a request log needs is not installed."""
    fault = f"log_dir: expected what writes a log, got {error}"
    return SettingsError([f"{fault}; install preproc-runtime[skew]"])


def options_of(settings: Settings) -> Options:
    """Take what concerns the repository."""
    return Options(
        backend=settings.backend,
        mode=settings.mode,
        policy=parse_policy(settings.versions),
        at_start=settings.names_at_start,
        is_unproved_allowed=settings.allow_unproved,
    )


def heaps_of(settings: Settings) -> int:
    """Give a heap to two threads that compute; fewer were measured no slower, and 4 MB smaller."""
    return max(2, settings.threads // 2)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain and end the process; a second signal kills at once.

    Must be called in the main thread, which alone may take signals.

    Raises
    ------
    ListenError
        When a port cannot be had.
    ArtifactError
        When the repository cannot be listed.
    BackendError
        When the backend is not there; no other one serves in its place.
    """
    share_heaps(heaps_of(settings))
    opener_of(settings.backend)
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    for problem in unknown_variables(os.environ):
        _LOG.warning("%s", problem)
    # A thread that starts another may be given the signal in place of this one, which would then
    # wait on: a descriptor is written to by whoever is given it.
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    signal.set_wakeup_fd(sink)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    server = server_of(settings)
    server.start()
    if server.metrics_port is not None:
        _LOG.info("metrics on port %d, under /metrics", server.metrics_port)
    if settings.log_dir is not None:
        _LOG.info("logging %g of the requests to %s", settings.log_sample, settings.log_dir)
    got = signal.Signals(os.read(source, 1)[0])
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    _LOG.info("%s: draining; once more to stop at once", got.name)
    server.drain()
    time.sleep(settings.drain_delay_s)
    server.stop(settings.grace_s)
    _LOG.info("stopped")
    logging.shutdown()
    os._exit(0)  # a thread that still proves or computes would have C++ abort an orderly end


def server_of(settings: Settings) -> "Server | Parent":
    """Make what serves: this process, or several with this one as their parent.

    Raises
    ------
    SettingsError
        When there shall be several, on a system whose kernel cannot spread connections over them.
    """
    is_alone = settings.workers == 1 and not settings.spare
    if sys.platform != "linux" and not (is_alone and not settings.affinity):
        fault = f"workers: expected Linux for several, a spare or an affinity, got {sys.platform}"
        raise SettingsError([fault])
    if is_alone:
        if settings.affinity:
            pin(min(os.sched_getaffinity(0)))
        return Server(settings)
    from preproc_server.workers.parent import Parent  # noqa: PLC0415  # which needs this module

    return Parent(settings)


def channel_options(settings: Settings, *, is_shared: bool = False) -> list[tuple[str, int]]:
    """Options of the gRPC server, with their reasons; a shared port is held by whoever started."""
    return [
        # a second server on the port must fail, not take half of the connections
        ("grpc.so_reuseport", int(is_shared)),
        ("grpc.max_receive_message_length", settings.max_receive_bytes),
        ("grpc.max_send_message_length", settings.max_send_bytes),
        ("grpc.keepalive_time_ms", round(settings.keepalive_s * 1000)),
        ("grpc.default_compression_level", COMPRESSION_LEVELS[settings.response_compression]),
        # clients ping every 10 to 30 s; the default of 300 s cuts them off
        ("grpc.keepalive_permit_without_calls", 1),
        (
            "grpc.http2.min_recv_ping_interval_without_data_ms",
            round(settings.min_ping_interval_s * 1000),
        ),
    ]


def follow(settings: Settings, changes: Changes) -> list[Repeated]:
    """Look at the folder, and replay golden vectors, as often as settings say."""
    wanted: list[tuple[Callable[[], object], float, str]] = []
    if settings.mode == "watch":
        wanted.append((changes.poll, settings.watch_interval_s, "watch"))
    if settings.check_interval_s > 0:
        wanted.append((lambda: changes.self_check("", ""), settings.check_interval_s, "check"))
    return [Repeated(act, seconds, name=name) for act, seconds, name in wanted]


def listen_error(setting: str, host: str, port: int, error: Exception) -> ListenError:
    """Word that a port cannot be had."""
    return ListenError(
        f"{setting} {port} of host {host!r}: expected a free port, got {error}; choose another"
    )
