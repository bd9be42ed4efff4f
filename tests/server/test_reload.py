"""Versions come and go under load: no call fails, none is answered by two versions."""

import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client
from preproc_server.errors import (
    ControlError,
    LoadError,
    UnknownModelError,
    WireError,
)
from preproc_server.repository import Options, Repository, Snapshot, local_repository
from preproc_server.versions import parse_policy

from preproc.artifact import Artifact
from preproc.errors import ParityError, PreprocError
from preproc.runtime import Session, prove

Columns = dict[str, NDArray[Any]]
Write = Callable[..., Artifact]
Start = Callable[..., Server]
EXPLICIT = Options(mode="explicit", at_start=frozenset("*"))


def opened(root: Path, options: Options | None = None, **rest: Any) -> Repository:
    repository = local_repository(root, options, **rest)
    repository.start()
    return repository


def states(repository: Repository) -> list[tuple[int, str]]:
    return [(entry.version, entry.state) for entry in repository.index()]


@contextmanager
def hammering(server: Server, batch: Columns) -> Iterator[list[dict[str, NDArray[Any]]]]:
    """Call from two threads without a pause while the body runs; failures are raised after it."""
    answers: list[dict[str, NDArray[Any]]] = []
    is_over = Event()

    def hammer(client: Client) -> None:
        while not is_over.is_set():
            answers.append(client.predict("tiny", batch))

    with Client(f"localhost:{server.port}") as client, ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(hammer, client) for _ in range(2)]
        try:
            yield answers
        finally:
            is_over.set()
        for future in futures:
            future.result()


def test_no_call_fails_or_is_mixed_while_versions_change(
    tmp_path: Path, write: Write, start: Start, batch: Columns
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path, mode="watch", watch_interval_s=3600)
    batch["debt"][0] = 0.0  # every row shall differ between versions
    want = []
    with hammering(server, batch) as answers:
        for bias in (1.0, 2.0, 3.0):
            want.append(server.repository.model("tiny", "").session.run(batch)["probabilities"])
            seen = len(answers)
            while len(answers) < seen + 5:
                pass
            write(tmp_path, "tiny", bias=bias)
            server.repository.poll()
        want.append(server.repository.model("tiny", "").session.run(batch)["probabilities"])
    assert server.repository.versions("tiny") == [4]
    kinds = [array.tobytes() for array in want]
    got = [answer["probabilities"].tobytes() for answer in answers]
    assert set(got) <= set(kinds)
    assert np.concatenate([want[0][:1], want[1][1:]]).tobytes() not in kinds  # a mix would show
    assert len(set(kinds)) == 4
    assert len(set(got)) >= 3


def test_a_watching_server_takes_a_new_version_up_by_itself(
    tmp_path: Path, write: Write, start: Start
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path, mode="watch", watch_interval_s=0.02)
    is_there = Event()

    def hear(served: Snapshot) -> None:
        if 2 in served["tiny"]:
            is_there.set()

    server.repository.subscribe(hear)
    assert not is_there.is_set()
    write(tmp_path, "tiny", bias=1.0)
    assert is_there.wait(60)
    assert server.repository.versions("tiny") == [2]


def test_a_version_that_fails_leaves_the_old_one_serving(
    tmp_path: Path, write: Write, start: Start, batch: Columns
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path, mode="watch", watch_interval_s=3600)
    old = server.repository.model("tiny", "")
    write(tmp_path, "tiny", is_spoiled=True)
    shutil.rmtree(tmp_path / "tiny" / "1")
    server.repository.poll()
    assert server.repository.model("tiny", "") is old
    assert states(server.repository) == [(1, "proved"), (2, "failed")]
    assert server.repository.index()[1].reason.startswith("vectors 'real', output 'probabilities'")
    with Client(f"localhost:{server.port}") as client:
        assert client.predict("tiny", batch)["label"].shape == (3,)


def test_a_failing_reload_of_one_version_says_why_and_keeps_its_old_content(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path, EXPLICIT)
    old = repository.model("tiny", "")
    (tmp_path / "tiny" / "1" / "profile.json").write_text("{}x", encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        repository.load("tiny")
    assert str(caught.value).startswith("failed to load 'tiny' version 1: artifact ")
    (entry,) = repository.index()
    assert entry.model is repository.model("tiny", "") is old
    assert entry.state == "proved"
    assert "expected digest" in entry.reason


def test_a_dropped_version_is_closed_when_its_last_call_ends(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path, EXPLICIT)
    closed: list[bool] = []
    held = repository.model("tiny", "")
    weakref.finalize(held, closed.append, True)
    repository.unload("tiny")
    gc.collect()
    assert closed == []
    assert held.session.signature.columns
    del held
    gc.collect()
    assert closed == [True]
    with pytest.raises(UnknownModelError, match="Request for unknown model: 'tiny' is not found"):
        repository.model("tiny", "")
    assert states(repository) == [(1, "unloaded")]


def test_subscribers_see_whole_snapshots_in_order(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "tiny")
    repository = local_repository(tmp_path, EXPLICIT)
    seen: list[Snapshot] = []
    repository.subscribe(seen.append)
    repository.start()
    write(tmp_path, "tiny", bias=1.0)
    repository.load("tiny")
    repository.unload("tiny")
    versions = [{name: list(models) for name, models in served.items()} for served in seen]
    assert versions == [{}, {"tiny": [1]}, {"tiny": [2]}, {}]
    with pytest.raises(TypeError):
        seen[1]["tiny"] = {}  # type: ignore[index]  # what must not work


@pytest.mark.parametrize("mode", ["none", "watch"])
def test_loading_by_hand_is_refused_where_the_folder_decides(
    tmp_path: Path, write: Write, mode: Any
) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path, Options(mode=mode))
    for call in (repository.load, repository.unload):
        with pytest.raises(ControlError) as caught:
            call("tiny")
        text = "explicit model load / unload is not allowed if polling is enabled"
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("", WireError, "Model name cannot be empty. Please enter a valid name to deploy."),
        ("../x", WireError, "model name must not contain path traversal characters"),
        ("..", WireError, "model name must not contain path traversal characters"),
        ("no", LoadError, "failed to load 'no', failed to poll from model repository"),
    ],
    ids=["empty", "path", "parent", "absent"],
)
def test_names_that_cannot_be_loaded_are_refused(
    tmp_path: Path, name: str, kind: type[PreprocError], text: str
) -> None:
    with pytest.raises(kind) as caught:
        opened(tmp_path, EXPLICIT).load(name)
    assert str(caught.value) == text


def test_explicit_mode_loads_only_what_is_named(tmp_path: Path, write: Write) -> None:
    for name in ("a", "b"):
        write(tmp_path, name)
    options = Options(mode="explicit", at_start=frozenset({"b"}))
    assert opened(tmp_path, options).names == ("b",)


@pytest.mark.parametrize(
    ("text", "want"),
    [("latest", {4}), ("latest:2", {3, 4}), ("all", {1, 2, 3, 4}), ("1,3,9", {1, 3})],
)
def test_a_policy_chooses_versions(text: str, want: set[int]) -> None:
    assert parse_policy(text).choose([1, 2, 3, 4]) == want


@pytest.mark.parametrize("text", ["", "latest:0", "1,", "0", "none"])
def test_another_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected 'latest', 'latest:2', 'all' or '1,3', got "):
        parse_policy(text)


def test_a_failing_check_takes_its_model_out(
    tmp_path: Path, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "tiny")
    is_broken = Event()

    def gate(session: Session, artifact: Artifact) -> None:
        if is_broken.is_set():
            raise ParityError("a bit fell over")
        prove(session, artifact)

    repository = opened(tmp_path, EXPLICIT, gate=gate)
    assert [check.is_pass for check in repository.self_check()] == [True]
    is_broken.set()
    (check,) = repository.self_check("tiny", "1")
    assert (check.is_pass, check.reason) == (False, "a bit fell over")
    assert repository.versions("tiny") == []
    assert "model 'tiny' version 1 fails its check: a bit fell over" in caplog.text
    is_broken.clear()
    repository.load("tiny")
    assert repository.versions("tiny") == [1]


def test_a_spoiled_session_is_found_while_it_serves(
    tmp_path: Path, write: Write, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path, check_interval_s=0.05)
    executor = server.repository.model("tiny", "").session._executor
    inner = executor.execute
    told = Event()
    server.repository.subscribe(lambda served: None if served else told.set())

    def spoiled(feeds: Any) -> dict[str, NDArray[Any]]:
        answers = inner(feeds)
        answers["probabilities"] = np.nextafter(answers["probabilities"], 2)
        return answers

    assert not told.is_set()
    monkeypatch.setattr(executor, "execute", spoiled)
    assert told.wait(60)
    server.stop(0)  # which waits for the check to end
    value = server.metrics.registry.get_sample_value
    labels = {"model": "tiny", "version": "1"}
    assert value("preproc_model_proved", labels) == 0
    assert value("preproc_checks_total", {**labels, "result": "failed"}) == 1


def test_a_model_that_leaves_a_watched_folder_is_dropped(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path, Options(mode="watch"))
    write(tmp_path, "late")
    shutil.rmtree(tmp_path / "tiny")
    repository.poll()
    assert repository.names == ("late",)
    assert repository.versions("late") == [1]
