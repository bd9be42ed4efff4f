"""``grpc.health.v1``: Check answers once, Watch tells each change.

Why not the servicer of grpcio-health-checking: its open Watches are neither bounded nor ended by a
shutdown, and one watcher that reads slowly holds up all who set or ask a state.
"""

from collections.abc import Iterator
from threading import Condition, Event
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from preproc_server.calls import Service, serialize
from preproc_server.lanes import Lane

SERVICE: Final = "grpc.health.v1.Health"

_Response = health_pb2.HealthCheckResponse


class Health:
    """The states of all services, watched by at most so many callers.

    Parameters
    ----------
    max_watches
        Watches that may be open.
    """

    def __init__(self, *, max_watches: int) -> None:
        self._states: dict[str, int] = {}
        self._changed = Condition()
        self._is_draining = False
        self._is_closed = False
        self._lane = Lane("watch", max_watches)

    def set(self, service: str, status: int) -> None:
        """Set the state of a service; without effect once shutting down."""
        with self._changed:
            if not self._is_draining:
                self._states[service] = status
                self._changed.notify_all()

    def forget(self, service: str) -> None:
        """Know a service no more."""
        with self._changed:
            self._states.pop(service, None)
            self._changed.notify_all()

    def enter_graceful_shutdown(self) -> None:
        """Turn every service NOT_SERVING, for good."""
        with self._changed:
            self._is_draining = True
            self._states = dict.fromkeys(self._states, _Response.NOT_SERVING)
            self._changed.notify_all()

    def end_watches(self) -> None:
        """End all Watches, each after the last state."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Give the threads back; the server must have stopped."""
        self.end_watches()
        self._lane.close()

    def check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Tell the state of a service; NOT_FOUND where none has the name."""
        status = self._states.get(request.service)
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service!r}")
        return _Response(status=status)

    def watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """Tell the state of a service, and again each time that it is another."""
        is_left = Event()

        def leave() -> None:
            with self._changed:
                is_left.set()
                self._changed.notify_all()

        told: int | None = None
        is_active = context.add_callback(leave)
        while is_active and (told := self._next(request.service, told, is_left)) is not None:
            yield _Response(status=told)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Make the service."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Check": grpc.unary_unary_rpc_method_handler(
                self.check, health_pb2.HealthCheckRequest.FromString, serialize
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self._lane.carry(self.watch), health_pb2.HealthCheckRequest.FromString, serialize
            ),
        }
        return Service(SERVICE, methods)

    def _next(self, service: str, told: int | None, is_left: Event) -> int | None:
        """Wait for a state that was not told yet; None when there will be none."""
        with self._changed:
            while (status := self._state(service)) == told:
                if is_left.is_set() or self._is_closed:
                    return None
                self._changed.wait()
        return status

    def _state(self, service: str) -> int:
        unknown: int = _Response.SERVICE_UNKNOWN
        return self._states.get(service, unknown)
