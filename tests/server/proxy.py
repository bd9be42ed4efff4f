"""A server in front of a server: fails as told, notes headers, may be encrypted."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

Fault = tuple[grpc.StatusCode, str, Sequence[Message]]


@dataclass
class Proxy(grpc.GenericRpcHandler):
    """Passes bytes on; the first calls of a method end in its faults instead."""

    channel: grpc.Channel
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, str | bytes]]] = field(default_factory=list)
    port: int = 0

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        path: str = handler_call_details.method
        onward = self.channel.unary_unary(path, bytes, bytes)
        method = path.rpartition("/")[2]

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls.append((method, dict(context.invocation_metadata())))
            if self.faults.get(method):
                code, text, details = self.faults[method].pop(0)
                context.set_trailing_metadata((("grpc-status-details-bin", packed(details)),))
                context.abort(code, text)
            try:
                return onward(request, timeout=20)
            except grpc.RpcError as error:
                call = cast("grpc.Call", error)
                trailers = [(name, value) for name, value in call.trailing_metadata() or ()]
                context.set_trailing_metadata(tuple(trailers))
                context.abort(call.code(), call.details() or "")

        return grpc.unary_unary_rpc_method_handler(answer)


def packed(details: Sequence[Message]) -> bytes:
    status = Status()
    for detail in details:
        packing = Packed()
        packing.Pack(detail)
        status.details.append(packing)
    content: bytes = status.SerializeToString()
    return content


@contextmanager
def proxy_of(port: int, credentials: grpc.ServerCredentials | None = None) -> Iterator[Proxy]:
    """Open a proxy on a free port of localhost, before the server on another."""
    server = grpc.server(ThreadPoolExecutor(8))
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        proxy = Proxy(channel)
        server.add_generic_rpc_handlers((proxy,))
        if credentials is None:
            proxy.port = server.add_insecure_port("localhost:0")
        else:
            proxy.port = server.add_secure_port("localhost:0", credentials)
        server.start()
        yield proxy
        server.stop(0).wait()


def unavailable(*details: Message) -> Fault:
    return grpc.StatusCode.UNAVAILABLE, "not now", details
