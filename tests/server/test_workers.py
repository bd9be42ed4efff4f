"""Several workers on one port: one answer, one set of counts, and none that is missed."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from preproc_server.app import Server
from preproc_server.errors import ListenError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.pb import preproc_pb2
from preproc_server.settings import Settings
from preproc_server.workers.parent import Parent
from prometheus_client.parser import text_string_to_metric_families

from preproc.artifact import Artifact
from preproc.skew import open_log, rows_of
from tests.server.calling import infer, one_row, request_of

Write = Callable[..., Artifact]
Lines = Mapping[int, grpc.Channel]
INFERENCE, ADMINISTRATION = "inference.GRPCInferenceService", "preproc.v1.Preproc"
WORKERS = 2
DIGEST = "preproc.digest"


def ask(channel: grpc.Channel, method: str, request: Any, kind: Any) -> Any:
    call = channel.unary_unary(method, type(request).SerializeToString, kind.FromString)
    return call(request, timeout=60)


def load(channel: grpc.Channel, name: str) -> None:
    request = pb.RepositoryModelLoadRequest(model_name=name)
    ask(channel, f"/{INFERENCE}/RepositoryModelLoad", request, pb.RepositoryModelLoadResponse)


def unload(channel: grpc.Channel, name: str) -> None:
    request = pb.RepositoryModelUnloadRequest(model_name=name)
    ask(channel, f"/{INFERENCE}/RepositoryModelUnload", request, pb.RepositoryModelUnloadResponse)


def metadata(channel: grpc.Channel, name: str) -> pb.ModelMetadataResponse:
    request = pb.ModelMetadataRequest(name=name)
    found: pb.ModelMetadataResponse = ask(
        channel, f"/{INFERENCE}/ModelMetadata", request, pb.ModelMetadataResponse
    )
    return found


def versions(lines: Lines, name: str) -> list[list[str]]:
    """What each worker says it serves of a model."""
    return [list(metadata(channel, name).versions) for channel in lines.values()]


def administer(
    channel: grpc.Channel, method: str, name: str, **given: Any
) -> preproc_pb2.DutiesResponse:
    """Change the duties of a model, and tell them."""
    request = getattr(preproc_pb2, f"{method}Request")(model_name=name, **given)
    kind = getattr(preproc_pb2, f"{method}Response", preproc_pb2.DutiesResponse)
    ask(channel, f"/{ADMINISTRATION}/{method}", request, kind)
    duties: preproc_pb2.DutiesResponse = ask(
        channel,
        f"/{ADMINISTRATION}/Duties",
        preproc_pb2.DutiesRequest(model_name=name),
        preproc_pb2.DutiesResponse,
    )
    return duties


def predict(channel: grpc.Channel, name: str = "tiny") -> pb.ModelInferResponse:
    """Ask about one row."""
    request = request_of(one_row())
    request.model_name = name
    return infer(channel, request)


def open_channel(port: int) -> grpc.Channel:
    """Open a connection of its own, which the kernel gives to one of the workers."""
    return grpc.insecure_channel(
        f"localhost:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    )


def calls_of(parent: Parent) -> dict[int, int]:
    """Calls that each listening worker has answered so far, by its process."""
    parent.crew.census()
    return {one.pid: one.census.calls for one in parent.crew.members if one.slot is not None}


def pid_behind(parent: Parent, channel: grpc.Channel) -> int:
    """Find out which worker a connection leads to."""
    before = calls_of(parent)
    ask(channel, f"/{INFERENCE}/ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse)
    after = calls_of(parent)
    (pid,) = (pid for pid in after if after[pid] > before.get(pid, 0))
    return pid


def lines_to(parent: Parent) -> dict[int, grpc.Channel]:
    """Open a connection to each worker."""
    found: dict[int, grpc.Channel] = {}
    for _ in range(64):
        channel = open_channel(parent.port)
        pid = pid_behind(parent, channel)
        if pid in found:
            channel.close()
        found.setdefault(pid, channel)
        if len(found) == WORKERS:
            return found
    raise AssertionError(f"expected {WORKERS} workers to answer, got {len(found)}")


def page_of(port: int | None) -> dict[tuple[str, tuple[str, ...]], float]:
    with urlopen(f"http://localhost:{port}/metrics") as page:
        text = page.read().decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def wait_for(is_so: Callable[[], bool], seconds: float = 60.0) -> float:
    """Wait until something holds, and tell how long it took."""
    began_s = time.monotonic()
    while not is_so():
        assert time.monotonic() - began_s < seconds, "waited in vain"
        time.sleep(0.01)
    return time.monotonic() - began_s


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, write: Write) -> Path:
    repository = tmp_path_factory.mktemp("shared")
    write(repository, "tiny")
    return repository


@pytest.fixture(scope="module")
def parent(root: Path) -> Iterator[Parent]:
    """Two workers and a warm one; each test has a model of its own, and leaves all whole."""
    settings = Settings(
        repository=root,
        host="localhost",
        port=0,
        metrics_port=0,
        workers=WORKERS,
        spare=True,
        affinity=True,
        mode="explicit",
        load_models=("tiny",),
    )
    running = Parent(settings)
    try:
        running.start()
        assert running.wait_proved(60)
        yield running
        members = running.crew.members
    finally:
        running.stop(5)
    assert [one.end() for one in members] == [0] * len(members)  # all ended by themselves


@pytest.fixture
def lines(parent: Parent) -> Iterator[Lines]:
    wait_for(lambda: len(parent.crew.members) == WORKERS + 1)
    found = lines_to(parent)
    yield found
    for channel in found.values():
        channel.close()


def test_every_worker_answers_as_one_alone_does(lines: Lines, server: Server) -> None:
    with open_channel(server.port) as channel:
        want = predict(channel)
    assert len(lines) == WORKERS
    for channel in lines.values():
        assert predict(channel) == want


def test_each_worker_keeps_to_a_cpu_of_its_own(parent: Parent) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    for member in parent.crew.members:
        threads = [int(one.name) for one in Path(f"/proc/{member.pid}/task").iterdir()]
        want = set(cpus) if member.slot is None else {cpus[member.slot % len(cpus)]}
        assert [os.sched_getaffinity(thread) for thread in threads] == [want] * len(threads)


def test_statistics_and_metrics_add_up_whoever_is_asked(
    parent: Parent, root: Path, lines: Lines, write: Write
) -> None:
    write(root, "counted")
    load(next(iter(lines.values())), "counted")
    for calls, channel in enumerate(lines.values(), start=1):
        for _ in range(calls):
            predict(channel, "counted")
    page = page_of(parent.metrics_port)
    assert page["preproc_calls_total", ("OK", "ModelInfer", "counted")] == 3
    assert page["preproc_call_seconds_count", ("ModelInfer", "counted")] == 3
    assert page["preproc_model_proved", ("counted", "1")] == 1
    shown = [page["preproc_worker_calls_total", (str(slot),)] for slot in range(WORKERS)]
    assert min(shown) > 0
    for channel in lines.values():
        request, method = pb.ModelStatisticsRequest(name="counted"), "ModelStatistics"
        told = ask(channel, f"/{INFERENCE}/{method}", request, pb.ModelStatisticsResponse)
        assert [one.execution_count for one in told.model_stats] == [3]


def test_a_change_by_one_is_a_change_of_all_and_never_half_seen(
    parent: Parent, root: Path, lines: Lines, write: Write
) -> None:
    digests = {write(root, "changed").digest: "1"}
    first, second = lines.values()
    load(first, "changed")
    is_over, seen = Event(), set[tuple[str, ...]]()

    def watch(channel: grpc.Channel) -> None:
        while not is_over.is_set():
            told = metadata(channel, "changed")
            seen.add((told.properties[DIGEST], *told.versions))
            assert predict(channel, "changed").model_version in {"1", "2"}

    with ThreadPoolExecutor(2) as threads:
        watches = [threads.submit(watch, channel) for channel in lines.values()]
        wait_for(lambda: bool(seen))
        digests[write(root, "changed", bias=1.0).digest] = "2"
        load(first, "changed")
        assert versions(lines, "changed") == [["2"], ["2"]]
        wait_for(lambda: len(seen) == 2)
        is_over.set()
        for done in watches:
            done.result()
    assert seen == set(digests.items())
    page = page_of(parent.metrics_port)
    generations = {page["preproc_worker_generation", (one,)] for one in ("0", "1", "warm")}
    assert generations == {parent.accord.current().generation}
    unload(second, "changed")
    for channel in lines.values():
        with pytest.raises(grpc.RpcError, match="unknown model: 'changed'"):
            metadata(channel, "changed")
    load(second, "changed")
    assert versions(lines, "changed") == [["2"], ["2"]]


def test_health_and_reflection_say_the_same_whoever_is_asked(
    root: Path, lines: Lines, write: Write
) -> None:
    write(root, "shown")
    first, second = lines.values()
    for change, status in ((load, "SERVING"), (unload, "NOT_SERVING")):
        change(first, "shown")
        request = health_pb2.HealthCheckRequest(service="shown")
        told = [health_pb2_grpc.HealthStub(channel).Check(request) for channel in (first, second)]
        assert [one.status for one in told] == [getattr(health_pb2.HealthCheckResponse, status)] * 2
        services = [
            set(ProtoReflectionDescriptorDatabase(channel).get_services())
            for channel in (first, second)
        ]
        assert services[0] == services[1]
        assert ("shown.v1.Shown" in services[0]) == (status == "SERVING")


def test_duties_hold_for_all_and_what_shadows_find_adds_up(
    root: Path, lines: Lines, write: Write
) -> None:
    for bias in (0.0, 1.0):
        write(root, "duties", bias=bias)
    first, second = lines.values()
    load(first, "duties")
    administer(first, "Promote", "duties", model_version="1")
    administer(second, "SetShadow", "duties", model_version="2")
    for channel in lines.values():
        assert predict(channel, "duties").model_version == "1"
    again = {"model_version": "2"}
    wait_for(lambda: administer(first, "SetShadow", "duties", **again).shadow.rows == 2)
    told = administer(second, "SetCanary", "duties", share=1.0, **again)
    assert (told.default_version, told.canary.model_version, told.shadow.rows) == ("1", "2", 2)
    assert predict(first, "duties").model_version == "2"
    for method in ("EndCanary", "EndShadow"):
        administer(first, method, "duties")
    assert predict(second, "duties").model_version == "1"


def test_a_check_is_made_by_all(parent: Parent, lines: Lines) -> None:
    before = page_of(parent.metrics_port)
    for channel in lines.values():
        request = preproc_pb2.SelfCheckRequest(model_name="tiny", model_version="1")
        method = f"/{ADMINISTRATION}/SelfCheck"
        assert ask(channel, method, request, preproc_pb2.SelfCheckResponse).is_pass
    after = page_of(parent.metrics_port)
    key = ("preproc_checks_total", ("tiny", "passed", "1"))
    assert after[key] - before.get(key, 0) == 2


def test_none_swaps_when_the_gate_of_all_objects(root: Path, lines: Lines, write: Write) -> None:
    write(root, "spoiled")
    first, second = lines.values()
    load(first, "spoiled")
    write(root, "spoiled", is_spoiled=True)
    with pytest.raises(grpc.RpcError) as caught:
        administer(second, "Promote", "spoiled", model_version="2")
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    text = "failed to load 'spoiled' version 2: vectors 'real', output 'probabilities'"
    assert str(caught.value.details()).startswith(text)
    for channel in lines.values():
        assert predict(channel, "spoiled").model_version == "1"


def test_none_swaps_when_one_alone_cannot_prove(
    parent: Parent, root: Path, lines: Lines, write: Write
) -> None:
    write(root, "weak")
    (pid, weak), (_, strong) = lines.items()
    load(strong, "weak")
    write(root, "weak", bias=2.0)
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, usual[1]))  # it can open no file any more
    try:
        for channel in (strong, weak):
            with pytest.raises(grpc.RpcError) as caught:
                administer(channel, "Promote", "weak", model_version="2")
            assert "failed to load 'weak' version 2: " in str(caught.value.details())
            assert "Too many open files" in str(caught.value.details())
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    assert versions(lines, "weak") == [["1"]] * WORKERS
    parent.crew.census()
    generations = {one.generation for one in parent.crew.members}
    assert generations == {parent.accord.current().generation}
    administer(weak, "Promote", "weak", model_version="2")
    assert versions(lines, "weak") == [["1", "2"]] * WORKERS


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_second_server_on_the_port_fails_loudly(
    parent: Parent, models: Path, workers: int
) -> None:
    settings = Settings(repository=models, host="localhost", port=parent.port, workers=workers)
    second = Server(settings) if workers == 1 else Parent(settings)
    with pytest.raises(ListenError) as caught:
        second.start()
    second.stop(0)
    assert str(caught.value).startswith(f"port {parent.port}: expected a free port, got ")
    assert str(caught.value).endswith("; choose another")


def test_a_killed_worker_is_replaced_and_no_call_to_another_fails(
    parent: Parent, lines: Lines
) -> None:
    is_over, replaced = Event(), parent.crew.replaced
    victim, other = lines
    (warm,) = (one.pid for one in parent.crew.members if one.slot is None)
    counted = parent.crew.census()  # what is killed now has told all that it counted

    def hammer(pid: int) -> list[grpc.StatusCode]:
        faults = []
        while not is_over.is_set():
            try:
                predict(lines[pid])
            except grpc.RpcError as error:
                faults.append(error.code())
        return faults

    with ThreadPoolExecutor(2) as threads:
        hurt, spared = (threads.submit(hammer, pid) for pid in (victim, other))
        wait_for(lambda: parent.crew.census().calls > counted.calls + 10)
        os.kill(victim, signal.SIGKILL)
        seconds = wait_for(lambda: warm in calls_of(parent))
        answered = parent.crew.census().calls
        wait_for(lambda: parent.crew.census().calls > answered + 10)
        is_over.set()
        assert spared.result() == []
        assert set(hurt.result()) <= {grpc.StatusCode.UNAVAILABLE}  # the connection that broke
    assert pid_behind(parent, lines[victim]) in {warm, other}
    assert seconds < 3, "a warm worker was there"  # 0.1 s, on a machine that others keep busy
    assert set(calls_of(parent)) == {warm, other}
    wait_for(lambda: len(parent.crew.members) == WORKERS + 1)  # and another is kept warm
    page = page_of(parent.metrics_port)
    assert page["preproc_workers_replaced_total", ()] == replaced + 1
    assert parent.crew.census().calls >= counted.calls + 10  # those of the killed one too


def test_a_newcomer_serves_what_the_others_serve_and_nothing_else(
    parent: Parent,
    root: Path,
    tmp_path: Path,
    lines: Lines,
    write: Write,
    caplog: pytest.LogCaptureFixture,
) -> None:
    known, other = write(root, "moved"), write(tmp_path, "moved", bias=9.0)
    home, kept = root / "moved" / "1", tmp_path / "kept"
    shutil.copytree(home, kept)
    for channel in lines.values():
        load(channel, "moved")
    want = predict(channel, "moved")
    (fresh,) = (one for one in parent.crew.members if one.slot is None)
    shutil.copytree(tmp_path / "moved" / "1", home, dirs_exist_ok=True)  # not what all have loaded
    os.kill(next(iter(lines)), signal.SIGKILL)
    wait_for(lambda: fresh.pid in calls_of(parent))
    again = lines_to(parent)
    assert fresh.pid in again
    assert [predict(channel, "moved") for channel in again.values()] == [want] * WORKERS
    for channel in again.values():
        channel.close()
    text = f"expected the digest {known.digest[:12]} of the others, got {other.digest[:12]}"
    wait_for(lambda: f": model 'moved' version 1: {text}; another is tried in 2 s" in caplog.text)
    assert len(parent.crew.members) == WORKERS
    shutil.copytree(kept, home, dirs_exist_ok=True)
    wait_for(lambda: len(parent.crew.members) == WORKERS + 1)


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
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_signal_drains_all_and_each_has_written_its_log(models: Path, tmp_path: Path) -> None:
    with started(models, "--log", str(tmp_path), "--sample", "1") as (process, port):
        workers = children_of(process.pid)
        for _ in range(16):  # connections: that all go to one worker, has a chance of 2^-15
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
    assert sum(rows.own.num_rows for file in files for rows in rows_of(file)) == 16


def test_no_worker_outlives_its_parent(models: Path) -> None:
    with started(models) as (process, port):
        workers = children_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not any(map(is_running, workers)))
        assert len(workers) == WORKERS
        with open_channel(port) as channel, pytest.raises(grpc.RpcError) as caught:
            predict(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
