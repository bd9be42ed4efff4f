"""Server reflection: lets a client ask which services there are and how their messages look.

Why pools of our own: protobuf's default pool may hold what other libraries of the process brought
along, and it cannot forget what a model that is gone had added.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from preproc_server.calls import Service, serialize
from preproc_server.lanes import Lane
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.pb import preproc_pb2

NAMES: Final = ("grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1.ServerReflection")
"""The same messages under two names; newer clients ask for the second first."""
METHOD: Final = "ServerReflectionInfo"
MAX_OPEN: Final = 8


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Services that are shown together.

    Attributes
    ----------
    services
        Full names.
    pool
        Where they and their messages are described.
    """

    services: tuple[str, ...]
    pool: DescriptorPool


class Pools:
    """Looks into several pools, one after another; what reflection asks of a pool and no more."""

    def __init__(self, pools: Iterable[DescriptorPool]) -> None:
        self._pools = tuple(pools)

    def __getattr__(self, name: str) -> Any:
        """Make a look-up of each pool into one of all; KeyError when none finds it."""

        def find(*what: Any) -> Any:
            for pool in self._pools:
                try:
                    return getattr(pool, name)(*what)
                except KeyError:
                    continue
            raise KeyError(what)

        return find


class Reflection:
    """What is shown, replaced as a whole whenever models come and go."""

    def __init__(self) -> None:
        self._lane = Lane("reflection", MAX_OPEN)
        pool = DescriptorPool()
        files = (
            pb.DESCRIPTOR,
            preproc_pb2.DESCRIPTOR,
            health_pb2.DESCRIPTOR,
            reflection_pb2.DESCRIPTOR,
        )
        for file in files:
            pool.AddSerializedFile(file.serialized_pb)
        services = [item.full_name for file in files for item in file.services_by_name.values()]
        self._fixed = Exhibit(tuple(services), pool)
        self.show(())

    def show(self, exhibits: Iterable[Exhibit]) -> None:
        """Show these beside inference, health and reflection, in place of others before."""
        shown = (self._fixed, *exhibits)
        services = [name for exhibit in shown for name in exhibit.services]
        pools = Pools(exhibit.pool for exhibit in shown)
        self._current = reflection.ReflectionServicer(services, pool=pools)

    def answer(
        self, requests: Iterator[reflection_pb2.ServerReflectionRequest], context: Any
    ) -> Iterator[reflection_pb2.ServerReflectionResponse]:
        """Answer one client; what is shown changes for those who come later."""
        yield from self._current.ServerReflectionInfo(requests, context)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Make the service, once a name."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._lane.carry(self.answer),
            reflection_pb2.ServerReflectionRequest.FromString,
            serialize,
        )
        return tuple(Service(name, {METHOD: handler}) for name in NAMES)

    def close(self) -> None:
        """Give the threads back; the server must have stopped."""
        self._lane.close()
