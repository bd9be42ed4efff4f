"""A server of its own for an example: ``preproc serve`` in another process, on a free port."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

READY_TIMEOUT_S: Final = 60.0


@contextmanager
def server(repository: Path, said: Path, *options: str) -> Iterator[tuple[int, float]]:
    """Serve a repository until the block ends; give its port and the time to ready.

    Parameters
    ----------
    repository
        Folder of models.
    said
        File for what the server writes to standard error.
    options
        More of ``preproc serve``.

    Raises
    ------
    TimeoutError
        When it is not ready in `READY_TIMEOUT_S`.
    """
    command = [str(Path(sys.executable).with_name("preproc")), "serve", str(repository)]
    started = time.perf_counter()
    log = said.open("w+", encoding="utf-8")
    command += ["--host", "127.0.0.1", "--port", "0", *options]
    with log, subprocess.Popen(command, stderr=log) as process:  # noqa: S603
        try:
            port = wait_ready(process, log, started + READY_TIMEOUT_S)
            yield port, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)


def wait_ready(process: subprocess.Popen[bytes], log: IO[str], deadline: float) -> int:
    """Read the port out of the log, then ask for health until it is good."""
    port = 0
    while time.perf_counter() < deadline and process.poll() is None:
        if not port:
            found = re.search(r"listening on port (\d+)", Path(log.name).read_text("utf-8"))
            port = int(found[1]) if found else 0
        elif is_serving(port):
            return port
        time.sleep(0.01)
    raise TimeoutError(f"server: expected SERVING, got this log:\n{Path(log.name).read_text()}")


def is_serving(port: int) -> bool:
    """Ask ``grpc.health.v1`` once."""
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=5, wait_for_ready=True)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
