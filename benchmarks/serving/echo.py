"""A bare gRPC server that gives back the bytes that it gets: what gRPC itself costs.

``python -m benchmarks.serving.echo PORT``
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

THREADS: Final = 4


class Echo(grpc.GenericRpcHandler):
    """Answers every method."""

    def __init__(self) -> None:
        self._method: Any = grpc.unary_unary_rpc_method_handler(lambda content, _: content)

    def service(self, _: grpc.HandlerCallDetails) -> Any:
        return self._method


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers((Echo(),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
