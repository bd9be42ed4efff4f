"""All services of one server, wired: inference, health, reflection."""

from collections.abc import Callable, Sequence
from threading import Semaphore
from typing import Any, Final

import grpc

from preproc_server.administration import Administration
from preproc_server.calls import Guard
from preproc_server.contracts import Contracts
from preproc_server.core import Desk, Journal
from preproc_server.door import Policy
from preproc_server.generation import TypedServices
from preproc_server.health import Health
from preproc_server.lanes import Idle, Lane
from preproc_server.metrics import Metrics
from preproc_server.reflection import Exhibit, Reflection
from preproc_server.repository import Repository, Snapshot
from preproc_server.schema import predict_path
from preproc_server.servicer import INFER, SERVICE, Servicer, handlers, inference
from preproc_server.settings import Settings
from preproc_server.shadow import Shadow
from preproc_server.shared_memory import Regions
from preproc_server.steps import Method
from preproc_server.team import Team

INFERENCE: Final = f"/{SERVICE}/{INFER}"


class Services:
    """What answers on the port of one server.

    Parameters
    ----------
    settings
        All that can be set.
    repository
        Models.
    metrics
        Told of every call.
    shadow
        Asked what it has found.
    journal
        Told of each call; None where no log is wanted.
    team
        Processes that serve the same; None where this one is alone.
    is_ready
        What ServerReady says.

    Attributes
    ----------
    health
        States of all services.
    reflection
        What clients are shown; None where it is turned off.
    guard
        For methods of other services.
    desk
        What all calls share.
    typed
        One service a model, made of its contract.
    contracts
        By digest, to tell callers what has changed.
    """

    def __init__(
        self,
        settings: Settings,
        repository: Repository,
        metrics: Metrics,
        shadow: Shadow,
        journal: Journal | None = None,
        team: Team | None = None,
        *,
        is_ready: Callable[[], bool],
    ) -> None:
        self._repository = repository
        self._metrics = metrics
        self._findings = shadow if team is None else team.findings
        self._streams = Lane("stream", settings.max_streams)
        self._turns = Semaphore(settings.threads)
        self._idle = Idle()
        self.health = Health(max_watches=settings.max_watches)
        self.reflection = Reflection() if settings.reflection else None
        self.guard = Guard(
            self._count, max_send_bytes=settings.max_send_bytes, texts=settings.error_texts
        )
        regions = Regions(max_bytes=settings.max_receive_bytes) if settings.shared_memory else None
        policy = Policy(
            settings.extra_columns,
            settings.empty_digest,
            settings.unseen_values,
            settings.out_of_range,
        )
        self.contracts = Contracts(repository.index)
        self.desk = Desk(
            metrics,
            regions=regions,
            policy=policy,
            contracts=self.contracts.of,
            journal=journal,
        )
        self.typed = TypedServices(repository, self.guard, self.desk)
        self._servicer = Servicer(
            repository,
            self.desk,
            server_name=settings.server_name,
            is_ready=is_ready,
            totals=self.desk.statistics.totals if team is None else team.totals,
        )
        self._inference = inference(self._servicer)
        repository.subscribe(self._follow)

    def add_to(self, server: grpc.Server) -> None:
        """Let a server answer with all of them."""
        administration = Administration(self._repository, self._findings).handlers(self.guard)
        shown = () if self.reflection is None else self.reflection.handlers()
        infer = handlers(self._servicer, self.guard, self._streams, self._turns, self._idle)
        server.add_generic_rpc_handlers(
            (infer, administration, self.typed, self.health.handlers(), *shown)
        )

    @property
    def paths(self) -> Sequence[str]:
        """Methods that compute, with their services, as far as their names are known by now."""
        return (INFERENCE, *map(predict_path, self._repository.names))

    def find(self, path: str) -> Method | None:
        """Find a method that computes, None where there is none of the name now."""
        return self._inference if path == INFERENCE else self.typed.find(path)

    def end_open_calls(self) -> None:
        """End Watches, each after the last state, and streams that wait for a request."""
        self.health.end_watches()
        self._idle.end()

    def close(self) -> None:
        """Give the threads back as their calls end; the server must have stopped."""
        self.health.close()
        self._streams.close()
        if self.reflection is not None:
            self.reflection.close()

    def _follow(self, served: Snapshot) -> None:
        """Make the typed services of what is served now, and show them."""
        self.contracts.follow(served)
        self.typed.follow(served)
        if self.reflection is not None:
            made = self.typed.generation
            self.reflection.show([Exhibit(tuple(made.services), made.pool)])

    def _count(self, method: str, request: Any, code: grpc.StatusCode, seconds: float) -> None:
        name = getattr(request, "model_name", "") or getattr(request, "name", "")
        known = name if name in self._repository.served or name in self._repository.names else ""
        self._metrics.count_call(known, method, code.name, seconds)
