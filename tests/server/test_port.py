"""A port that is held: for its own workers, and for nobody else."""

import socket
from collections.abc import Iterator

import grpc
import pytest
from preproc_server.workers.port import Port

HOSTS = ["localhost", "127.0.0.1", "[::]", "0.0.0.0"]  # noqa: S104  # of a port that is never listened at


def bound(number: int, *, is_shared: bool, host: str = "127.0.0.1") -> socket.socket:
    """Bind as a server does, which says that it may follow one that has just ended."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(is_shared))
    try:
        one.bind((host, number))
    except OSError:
        one.close()
        raise
    return one


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def port(host: str) -> Iterator[Port]:
    held = Port(host, 0)
    yield held
    held.close()


def test_nobody_else_can_have_it_and_workers_share_it(port: Port, host: str) -> None:
    for _ in range(2):  # whether a worker listens or not
        with pytest.raises(OSError, match="in use"):
            bound(port.number, is_shared=False)
        with pytest.raises(OSError, match="in use"):
            Port(host, port.number)
        with bound(port.number, is_shared=True) as one, bound(port.number, is_shared=True) as two:
            one.listen()
            two.listen()
            with pytest.raises(OSError, match="in use"):
                Port(host, port.number)
            socket.create_connection(("127.0.0.1", port.number)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.number))


def test_servers_of_grpc_keep_to_it_too(port: Port, host: str) -> None:
    address = f"{host}:{port.number}"
    alone = grpc.server(None, options=[("grpc.so_reuseport", 0)])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        alone.add_insecure_port(address)
    shared = grpc.server(None, options=[("grpc.so_reuseport", 1)])  # type: ignore[arg-type]
    assert shared.add_insecure_port(address) == port.number
    for server in (alone, shared):
        server.stop(None)


def test_it_is_free_again_at_once(host: str) -> None:
    held = Port(host, 0)
    with bound(held.number, is_shared=True) as server:
        server.listen()
        client = socket.create_connection(("127.0.0.1", held.number))
        served, _ = server.accept()
        served.close()  # this end has to wait for what may still be on its way
        client.close()
    held.close()
    Port(host, held.number).close()


def test_it_follows_a_server_that_was_alone() -> None:
    with bound(0, is_shared=False) as server:
        number = server.getsockname()[1]
        server.listen()
        client = socket.create_connection(("127.0.0.1", number))
        served, _ = server.accept()
        served.close()
        client.close()
    held = Port("127.0.0.1", number)
    with pytest.raises(OSError, match="in use"):
        bound(number, is_shared=False)
    held.close()
