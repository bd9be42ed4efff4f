"""One measurement of one server: h2load against a port, and what its log says.

h2load is native code and sends a body made once, so what is measured is the server. An error of
gRPC has status 200 and no data: answers are told from errors by the bytes that came.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.serving.processes import cpu_s

GENERATOR_CPU: Final = 1
_CONNECTIONS: Final = 8
_SCALES: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_TOOK: Final = re.compile(r"finished in ([\d.]+)(us|ms|s|m)")
_DONE: Final = re.compile(r"(\d+) succeeded")
_DATA: Final = re.compile(r"\((\d+)\) data")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a body goes.

    Attributes
    ----------
    pid
        Of the server.
    port, path
        On this machine.
    body
        File that holds it, with gRPC's head where it is one.
    answer_bytes
        Of the checked answer, gRPC's head among them; 0 where answers differ in length.
    is_grpc
        Whether it is HTTP/2; else HTTP/1.1 and JSON.
    headers
        Sent beside it.
    """

    pid: int
    port: int
    path: str
    body: Path
    answer_bytes: int
    is_grpc: bool = True
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers a second, the time of one, and what one cost the server's core."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def h2load_path() -> str:
    """Find the generator, or say what to install."""
    found = shutil.which("h2load")
    if found is None:
        raise SystemExit("h2load: expected on the path, got nothing; apt install nghttp2-client")
    return found


def warm_up(target: Target, in_flight: int) -> float:
    """Send for about half a second; give the rate."""
    count = 4 * in_flight
    while True:
        load = measure(target, in_flight, count)
        if count / load.rate > 0.3:  # noqa: PLR2004  # seconds
            return load.rate
        count *= 4


def measure(target: Target, in_flight: int, count: int, *, rate: float = 0.0) -> Load:
    """Send `count` requests, `in_flight` at once, at most `rate` a second where it is not 0.

    Raises
    ------
    AssertionError
        When one request was not answered, or by other bytes than the checked ones.
    """
    connections = min(in_flight, _CONNECTIONS) if target.is_grpc else in_flight
    streams = in_flight // connections
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [
            *("taskset", "-c", str(GENERATOR_CPU), h2load_path(), "-n", str(count)),
            *("-c", str(connections), "-m", str(streams), "-T", "20", "-N", "20"),
            *("-d", str(target.body), f"--log-file={log}", *_protocol(target)),
            *([f"--rps={max(1, round(rate / connections))}"] if rate else []),
            f"http://127.0.0.1:{target.port}{target.path}",
        ]
        before_s = cpu_s(target.pid)
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
        used_s = cpu_s(target.pid) - before_s
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    took, done, data = (one.search(said.stdout) for one in (_TOOK, _DONE, _DATA))
    if not (took and done and data):
        raise AssertionError(f"h2load said: {said.stdout[-400:]}{said.stderr[-400:]}")
    assert int(done[1]) == count, f"port {target.port}: {count - int(done[1])} of {count} failed"
    if target.answer_bytes:
        want = count * target.answer_bytes
        assert int(data[1]) == want, f"port {target.port}: {data[1]} bytes of data, not {want}"
    times_ms = np.array([int(line.split("\t")[2]) for line in lines]) / 1e3
    p50, p99 = np.percentile(times_ms, [50, 99]).tolist()
    return Load(count / (float(took[1]) * _SCALES[took[2]]), p50, p99, used_s / count * 1e6)


def _protocol(target: Target) -> list[str]:
    if target.is_grpc:
        lines = ["te: trailers", "content-type: application/grpc", *target.headers]
        return [part for line in lines for part in ("-H", line)]
    return ["--h1", "-H", "content-type: application/json"]
