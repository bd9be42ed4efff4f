"""Servers under load: each a process of its own on one core, started, awaited, weighed, ended."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

SERVER_CPU: Final = 0
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes
    ----------
    pid, port
        Of its process.
    ready_s
        From the start of the process to the first good answer, in seconds.
    """

    pid: int
    port: int
    ready_s: float

    @property
    def peak_mb(self) -> float:
        """Give the most memory that the process and its children ever held, in MB."""
        return sum(_peak_mb(pid) for pid in (self.pid, *_children(self.pid)))


def cpu_s(pid: int) -> float:
    """Tell how long a process and its children have computed, in seconds."""
    told = [
        task.read_text(encoding="ascii")
        for one in (pid, *_children(pid))
        for task in Path(f"/proc/{one}/task").glob("*/schedstat")
    ]
    return sum(int(line.split()[0]) for line in told) / 1e9


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def server(
    command: Callable[[int], Sequence[str]],
    is_ready: Callable[[int], bool],
    *,
    folder: Path,
    log: Path,
    limit_s: float = 60.0,
) -> Iterator[Running]:
    """Start a server on the core for servers, and end it and its children afterwards.

    Parameters
    ----------
    command
        Port → what starts it.
    is_ready
        Port → whether it gives a good answer.
    folder
        In which it starts.
    log
        Takes all that it says.
    limit_s
        Time that it has to become ready.
    """
    port = free_port()
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            ["taskset", "-c", str(SERVER_CPU), *command(port)],  # noqa: S607
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > limit_s:
                tail = log.read_text(encoding="utf-8", errors="replace")[-600:]
                raise RuntimeError(f"{command(port)[0]}: expected a server, got: {tail}")
            time.sleep(0.01)
        yield Running(process.pid, port, time.perf_counter() - began)
    finally:
        _end(process)


def ask(port: int, path: str, message: bytes, *, timeout_s: float = 5.0) -> bytes:
    """Call a method of gRPC once, bytes to bytes."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(path, lambda sent: sent, lambda got: got)
        answer: bytes = call(message, timeout=timeout_s)
        return answer


def post(port: int, path: str, body: bytes) -> bytes:
    """Post JSON once."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def answers(port: int, path: str, message: bytes) -> bool:
    """Whether a server of gRPC answers a message."""
    if not _listens(port):
        return False
    try:
        ask(port, path, message)
    except grpc.RpcError:
        return False
    return True


def takes(port: int, path: str, body: bytes) -> bool:
    """Whether a server of HTTP answers a body."""
    try:
        post(port, path, body)
    except (urllib.error.URLError, OSError):
        return False
    return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those of its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]
    return found + [below for child in found for below in _children(child)]


def _peak_mb(pid: int) -> float:
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
