"""A server that is killed, and one whose disk is full: what the log loses, and that calls go on."""

import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import grpc
from preproc_server.client import Client

from preproc.skew import open_log, tables_of
from preproc.skew.keeping import salvage
from preproc.skew.writer import Pace
from tests.server.calling import infer, one_row, request_of, wait_for

PROGRAM = """
import sys
from pathlib import Path
from preproc_server.app import serve
from preproc_server.settings import Settings

repository, log = sys.argv[1:]
serve(Settings(repository=Path(repository), log_dir=Path(log), log_sample=1.0,
               host="localhost", port=0, metrics_port=0))
"""
Process = subprocess.Popen[str]


@contextmanager
def serving(models: Path, log: Path) -> Iterator[tuple[Process, int, int]]:
    """Run a server in a process of its own; it, its port and that of its metrics."""
    command = [sys.executable, "-c", PROGRAM, str(models), str(log)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ports: list[int] = []
        for line in process.stderr:
            if found := re.search(r"(?:listening|metrics) on port (\d+)", line):
                ports.append(int(found[1]))
            if len(ports) == 2:
                break
        with Client(f"localhost:{ports[0]}") as client:
            wait_for(client.is_ready)
        yield process, ports[0], ports[1]
        process.kill()


def fates(metrics_port: int) -> Mapping[str, float]:
    """What became of rows, by the metrics of a server."""
    with urlopen(f"http://localhost:{metrics_port}/metrics", timeout=30) as page:
        text = page.read().decode()
    found = re.findall(r'preproc_log_rows_total\{fate="(\w+)",model="tiny"\} (\S+)', text)
    return {fate: float(rows) for fate, rows in found}


def logged(log: Path) -> set[str]:
    return {
        name
        for part in open_log(log)
        for file in part.files
        for table in tables_of(file)
        for name in table["request_id"].to_pylist()
    }


def test_kill_9_under_load_loses_a_second_at_most_and_leaves_every_file_readable(
    models: Path, tmp_path: Path
) -> None:
    answered = list[str]()
    is_over = threading.Event()

    def load(worker: int, port: int) -> None:
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            for at in range(100_000):
                name = f"{worker}-{at}"
                try:
                    infer(channel, request_of(one_row(at), name))
                except grpc.RpcError:
                    assert is_over.is_set()
                    return
                answered.append(name)

    with serving(models, tmp_path) as (process, port, metrics):
        workers = [threading.Thread(target=load, args=(worker, port)) for worker in range(2)]
        for worker in workers:
            worker.start()
        wait_for(lambda: len(answered) > 50)
        early = answered[:]
        under_way = len(workers)  # written before them, perhaps
        wait_for(lambda: fates(metrics).get("written", 0) >= len(early) + under_way)
        is_over.set()
        process.kill()
        for worker in workers:
            worker.join(30)
    found = logged(tmp_path)
    assert set(early) <= found
    assert Pace().flush_s <= 0.25  # seconds; the rest is for a round of writing
    assert salvage(tmp_path) == 1
    assert logged(tmp_path) == found
    assert {path.suffix for path in tmp_path.rglob("*.*") if path.is_file()} == {".parquet"}


def test_a_full_disk_costs_rows_that_are_counted_and_no_call_and_heals_by_itself(
    models: Path, tmp_path: Path
) -> None:
    no_limit = resource.RLIM_INFINITY
    with serving(models, tmp_path) as (process, port, metrics):
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            infer(channel, request_of(one_row(), "before"))
            wait_for(lambda: fates(metrics) == {"written": 1})
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, no_limit))
            for at in range(20):
                infer(channel, request_of(one_row(at), f"full {at}"))
            wait_for(lambda: fates(metrics) == {"written": 1, "disk": 20})
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (no_limit, no_limit))
            infer(channel, request_of(one_row(), "after"))
            wait_for(lambda: fates(metrics) == {"written": 2, "disk": 20})
        process.terminate()
        assert process.wait(60) == 0
    assert logged(tmp_path) == {"before", "after"}
    (part,) = open_log(tmp_path)
    assert (part.counts.seen, part.counts.dropped, part.torn) == (22, 20, 0)
