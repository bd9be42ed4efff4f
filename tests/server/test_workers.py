"""Several workers on one port: one answer, one set of counts, and none that is missed."""

import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from preproc_server.app import Server
from preproc_server.errors import ListenError
from preproc_server.pb import preproc_pb2
from preproc_server.settings import Settings
from preproc_server.workers.census import census_from_json
from preproc_server.workers.parent import Parent

from preproc.artifact import Artifact
from tests.server.calling import wait_for
from tests.server.crew import (
    ADMINISTRATION,
    WORKERS,
    Lines,
    administer,
    ask,
    calls_of,
    executions,
    lines_to,
    load,
    metadata,
    open_channel,
    page_of,
    pid_behind,
    predict,
    unload,
    versions,
)

Write = Callable[..., Artifact]
DIGEST = "preproc.digest"


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
        found = []
        for thread in Path(f"/proc/{member.pid}/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended
                found.append(os.sched_getaffinity(int(thread.name)))
        want = set(cpus) if member.slot is None else {cpus[member.slot % len(cpus)]}
        assert found == [want] * len(found) != []


def test_statistics_and_metrics_add_up_whoever_is_asked(
    parent: Parent, root: Path, lines: Lines, write: Write
) -> None:
    write(root, "counted")
    load(next(iter(lines.values())), "counted")
    for calls, channel in enumerate(lines.values(), start=1):
        for _ in range(calls):
            predict(channel, "counted")
    answered = "preproc_calls_total", ("OK", "ModelInfer", "counted")
    wait_for(lambda: page_of(parent.metrics_port).get(answered) == 3)
    page = page_of(parent.metrics_port)
    assert page["preproc_call_seconds_count", ("ModelInfer", "counted")] == 3
    assert page["preproc_model_proved", ("counted", "1")] == 1
    shown = [page["preproc_worker_calls_total", (str(slot),)] for slot in range(WORKERS)]
    assert min(shown) > 0
    wait_for(lambda: [executions(one, "counted") for one in lines.values()] == [[3]] * WORKERS)


def test_counts_that_arrive_late_take_nothing_back(parent: Parent, lines: Lines) -> None:
    pid, channel = next(iter(lines.items()))
    (member,) = (one for one in parent.crew.members if one.pid == pid)
    early = member.link.ask("count")
    predict(channel)
    late = member.link.ask("count")
    member.note(late)
    calls = member.census.calls
    member.note(early)
    assert member.census.calls == calls > census_from_json(early["census"]).calls


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
    assert str(caught.value).startswith(
        f"port {parent.port} of host 'localhost': expected a free port, got "
    )
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
        wait_for(lambda: warm in calls_of(parent))
        answered = parent.crew.census().calls
        wait_for(lambda: parent.crew.census().calls > answered + 10)
        is_over.set()
        assert spared.result() == []
        assert set(hurt.result()) <= {grpc.StatusCode.UNAVAILABLE}  # the connection that broke
    assert pid_behind(parent, lines[victim]) in {warm, other}
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
