"""What several workers cost and give: start, replacement, memory, and calls a second beside one.

``python -m benchmarks.workers models`` starts servers of a folder of models on free ports of this
machine. It prints seconds from the start to the first listening worker, and from the kill of one to
its replacement, with a warm one and without; memory a worker; and, where h2load is installed
(Debian: nghttp2-client), calls of one golden row a second, as the ratio to one process, rounds
interleaved. Each server's answer is compared with the golden one before it is timed. Seconds and
ratios depend on what else runs: the load of the machine is printed beside them.
"""

import argparse
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
from preproc_server import wire
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.settings import Settings
from preproc_server.workers.board import resident_bytes
from preproc_server.workers.parent import Parent

from preproc.artifact import read_artifact

METHOD = "/inference.GRPCInferenceService/ModelInfer"
ROUNDS, SECONDS, KILLS = 9, 2, 3
CONNECTIONS, STREAMS = 8, 8
SERVERS: Mapping[str, tuple[str, ...]] = {
    "1 process": (),
    "1 process, on one CPU": ("--affinity",),
    "2 workers": ("--workers", "2"),
    "2 workers, each on its CPU": ("--workers", "2", "--affinity"),
}


def golden_call(repository: Path) -> tuple[bytes, str, Any]:
    """Give the request of a golden row of the first model, an output, and its golden value."""
    version = min(repository.glob("*/[0-9]*/contract.json")).parent
    artifact = read_artifact(version)
    golden = artifact.vectors[0]
    request = pb.ModelInferRequest(model_name=artifact.contract.name, model_version=version.name)
    for name, values in golden.inputs.items():
        row = values[:1]
        request.inputs.add(name=name, datatype=wire.datatype_of(row).wire, shape=row.shape)
        request.raw_input_contents.append(wire.raw_of(row))
    output = artifact.contract.signature.outputs[0].name
    return request.SerializeToString(), output, golden.answers[output][:1]


def check_answer(port: int, call: tuple[bytes, str, Any]) -> None:
    content, output, want = call
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        ask: Any = channel.unary_unary(METHOD)
        answer = pb.ModelInferResponse.FromString(ask(content, timeout=30))
    at = [one.name for one in answer.outputs].index(output)
    if answer.raw_output_contents[at] != wire.raw_of(want):
        raise SystemExit(f"port {port}: expected the golden {output!r}, got another")


def print_lives(repository: Path, *, is_spare: bool) -> None:
    """Kill workers, one after another, and tell what it took."""
    settings = Settings(repository=repository, host="localhost", port=0, workers=2, spare=is_spare)
    began_s = time.monotonic()
    parent = Parent(settings)
    parent.start()
    try:
        parent.wait_proved()
        start_s, replace_s = time.monotonic() - began_s, []
        for _ in range(KILLS):
            while len(parent.crew.members) < settings.workers + is_spare:
                time.sleep(0.01)
            victim = next(one for one in parent.crew.members if one.slot is not None)
            before, began_s = parent.crew.replaced, time.monotonic()
            os.kill(victim.pid, signal.SIGKILL)
            while parent.crew.replaced == before:
                time.sleep(0.001)
            replace_s.append(time.monotonic() - began_s)
        memory = max(resident_bytes(one) for one in parent.crew.members) / 2**20
    finally:
        parent.stop(0)
    shown = ", ".join(f"{seconds:.2f}" for seconds in replace_s)
    title = "2 workers and a warm one" if is_spare else "2 workers"
    print(f"{title}: start {start_s:.2f} s, replacement {shown} s, {memory:.0f} MB a worker")


@contextmanager
def serving(repository: Path, *options: str) -> Iterator[int]:
    """Serve in a process of its own; give the port."""
    script = Path(sys.executable).with_name("preproc")
    command = (str(script), "serve", str(repository), "--host", "localhost", "--port", "0")
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  # ourselves
        assert process.stderr is not None
        found = (re.search(r"listening on port (\d+)", line) for line in process.stderr)
        try:
            yield next(int(match[1]) for match in found if match)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def rate_of(port: int, body: Path) -> float:
    """Calls a second, by h2load."""
    url = f"http://localhost:{port}{METHOD}"
    load = ("-c", str(CONNECTIONS), "-m", str(STREAMS), "-D", str(SECONDS), "-d", str(body))
    headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
    done = subprocess.run(  # noqa: S603  # ourselves
        ["h2load", *load, *headers, url],  # noqa: S607  # of the path
        check=True,
        capture_output=True,
        text=True,
    )
    match = re.search(r"finished in [\d.]+s, ([\d.]+) req/s", done.stdout)
    if match is None or ", 0 failed, 0 errored" not in done.stdout:
        raise SystemExit(f"h2load: expected calls without a failure, got {done.stdout}")
    return float(match[1])


def print_rates(repository: Path) -> None:
    call = golden_call(repository)
    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        body = Path(folder) / "body"
        body.write_bytes(b"\0" + struct.pack(">I", len(call[0])) + call[0])
        ports = {
            name: stack.enter_context(serving(repository, *options))
            for name, options in SERVERS.items()
        }
        for port in ports.values():
            check_answer(port, call)
            rate_of(port, body)  # warms up
        for _ in range(ROUNDS):
            for name, port in ports.items():
                rates[name].append(rate_of(port, body))
    first = next(iter(rates.values()))
    for name, found in rates.items():
        ratio = statistics.median(one / base for one, base in zip(found, first, strict=True))
        print(f"{name}: {statistics.median(found):.0f} calls/s, {ratio:.2f} of one process")


def main() -> None:
    asked = argparse.ArgumentParser("python -m benchmarks.workers")
    asked.add_argument("repository", type=Path, help="folder of models, such as make demo leaves")
    repository = asked.parse_args().repository
    for is_spare in (False, True):
        print_lives(repository, is_spare=is_spare)
    print_rates(repository)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
