"""Workers end with their parent: asked to, with all they know written, or killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from preproc.skew import open_log, rows_of
from tests.server.calling import wait_for
from tests.server.crew import WORKERS, open_channel, predict

CALLS = 40


@contextmanager
def started(root: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a parent of two workers in a process of its own; give its port, which answers."""
    command = (str(Path(sys.executable).with_name("preproc")), "serve", str(root), *more)
    options = ("--workers", str(WORKERS), "--host", "localhost", "--port", "0")
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = (re.search(r"listening on port (\d+)", line) for line in process.stderr)
        yield process, next(int(match[1]) for match in found if match)
        process.kill()


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):  # of the one that started them
        with suppress(OSError):  # it has ended
            found += map(int, thread.read_text(encoding="ascii").split())
    return found


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_signal_drains_all_and_each_has_written_its_log(models: Path, tmp_path: Path) -> None:
    with started(models, "--log", str(tmp_path), "--sample", "1") as (process, port):
        workers = children_of(process.pid)
        for _ in range(CALLS):  # connections: that all go to one worker, has a chance of 2^-39
            with open_channel(port) as channel:
                predict(channel)
        with open_channel(port) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            watched = stub.Watch(health_pb2.HealthCheckRequest())
            assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
            process.send_signal(signal.SIGTERM)
            assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert process.stderr is not None
        text = process.stderr.read()
        assert process.wait(60) == 0, text
        assert text.endswith("INFO preproc_server.app: stopped\n")
    assert len(workers) == WORKERS
    assert not any(map(is_running, workers))
    files = [file for part in open_log(tmp_path, model="tiny") for file in part.files]
    heads = [rows.head.process for file in files for rows in rows_of(file)]
    assert sorted(set(heads)) == sorted(workers)
    assert sum(rows.own.num_rows for file in files for rows in rows_of(file)) == CALLS


def test_a_stop_ends_a_newcomer_that_is_on_the_way_and_complains_of_nothing(models: Path) -> None:
    with started(models) as (process, _):
        assert process.stderr is not None
        workers = set(children_of(process.pid))
        os.kill(min(workers), signal.SIGKILL)
        assert any("another takes its place" in line for line in process.stderr)
        wait_for(lambda: bool(set(children_of(process.pid)) - workers))
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read().splitlines()  # until the newcomer, too, has closed it
        assert process.wait(60) == 0, said
    assert [line for line in said if " INFO preproc_server." not in line] == []


def test_no_worker_outlives_its_parent(models: Path) -> None:
    with started(models) as (process, port):
        workers = children_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not any(map(is_running, workers)))
        assert len(workers) == WORKERS
        with open_channel(port) as channel, pytest.raises(grpc.RpcError) as caught:
            predict(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
