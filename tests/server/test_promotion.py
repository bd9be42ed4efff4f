"""Promotion, roll back and canary: which version answers, and that a restart keeps it."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from preproc_server.errors import (
    LoadError,
    NotReadyError,
    RouteError,
    UnknownModelError,
    WireError,
)
from preproc_server.repository import Options, Repository, Route, local_repository
from preproc_server.versions import Policy

from preproc.artifact import Artifact

Write = Callable[..., Artifact]


def opened(root: Path, options: Options | None = None) -> Repository:
    repository = local_repository(root, options)
    repository.start()
    return repository


def test_a_restart_keeps_promotion_and_roll_back(tmp_path: Path, write: Write) -> None:
    for bias in (0.0, 1.0, 2.0):
        write(tmp_path, "tiny", bias=bias)
    first = opened(tmp_path, Options(policy=Policy()))
    assert first.default("tiny") == 3
    first.promote("tiny", 1)
    first.promote("tiny", 2)
    second = opened(tmp_path)
    assert (second.default("tiny"), second.model("tiny", "").version) == (2, 2)
    assert [second.roll_back("tiny"), second.roll_back("tiny")] == [1, 3]
    assert opened(tmp_path).default("tiny") == 3
    assert [path.name for path in (tmp_path / "tiny").glob("[.s]*")] == ["serving.json"]


def test_roll_back_without_promotion_goes_to_the_version_below(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path, "tiny")
    with pytest.raises(LoadError, match=r"expected a version to go back to, got none$"):
        opened(tmp_path).roll_back("tiny")
    write(tmp_path, "tiny", bias=1.0)
    repository = opened(tmp_path)
    assert repository.versions("tiny") == [2]
    assert repository.roll_back("tiny") == 1
    assert repository.model("tiny", "").version == 1


def test_a_version_that_fails_is_not_promoted(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path)
    write(tmp_path, "tiny", is_spoiled=True)
    with pytest.raises(LoadError, match=r"^failed to load 'tiny' version 2: vectors 'real'"):
        repository.promote("tiny", 2)
    assert repository.model("tiny", "").version == 1
    assert not (tmp_path / "tiny" / "serving.json").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "expected versions and their duties, got Expecting property name"),
        ('{"defualt": 1}', "expected versions and their duties, got unknown keys ['defualt']"),
        ('{"default": 0}', "expected versions and their duties, got 0 for a version"),
        ('{"canary": {"version": 1, "share": 2}}', "a share of 2, which is not from 0 to 1"),
        ('{"canary": {"version": 1}}', "got a canary without version and share"),
        (
            '{"canary": {"version": 1, "share": 0.5}}',
            "got a canary without another version as default",
        ),
        ('{"default": 1, "shadow": 1}', "got a shadow without another version as default"),
    ],
    ids=["cut", "unknown key", "zero", "share", "no share", "no default", "own shadow"],
)
def test_a_broken_route_serves_nothing_rather_than_the_latest(
    tmp_path: Path, write: Write, content: str, problem: str
) -> None:
    write(tmp_path, "tiny")
    (tmp_path / "tiny" / "serving.json").write_text(content, encoding="utf-8")
    repository = opened(tmp_path)
    assert repository.versions("tiny") == []
    assert problem in repository.index()[0].reason


def test_a_canary_gets_its_share_and_keys_stick(tmp_path: Path, write: Write) -> None:
    for bias in (0.0, 1.0):
        write(tmp_path, "tiny", bias=bias)
    repository = opened(tmp_path)
    repository.promote("tiny", 1)
    repository.split("tiny", 2, 0.2)
    calls, share = 4000, 0.2
    five_deviations = 5 * math.sqrt(calls * share * (1 - share))
    drawn = sum(repository.model("tiny", "").version == 2 for _ in range(calls))
    assert abs(drawn - calls * share) < five_deviations
    keys = [f"user {number}" for number in range(calls)]
    versions = [repository.model("tiny", "", key=key).version for key in keys]
    assert abs(versions.count(2) - calls * share) < five_deviations
    again = opened(tmp_path)
    assert [again.model("tiny", "", key=key).version for key in keys] == versions
    assert again.model("tiny", "1", key=keys[versions.index(2)]).version == 1
    again.split("tiny", None, 0.0)
    assert {again.model("tiny", "", key=key).version for key in keys} == {1}


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, math.nan], ids=str)
def test_a_share_of_nothing_or_of_more_than_all_is_refused(
    tmp_path: Path, write: Write, share: float
) -> None:
    write(tmp_path, "tiny")
    with pytest.raises(WireError) as caught:
        opened(tmp_path).split("tiny", 2, share)
    assert str(caught.value) == f"share: expected a number above 0 and at most 1, got {share!r}"


@pytest.mark.parametrize("duty", ["canary", "shadow"])
def test_a_newer_version_on_trial_does_not_become_the_latest(
    tmp_path: Path, write: Write, duty: str
) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path)
    write(tmp_path, "tiny", bias=1.0)
    seen: list[int | None] = []
    repository.subscribe(lambda _: seen.append(repository.default("tiny")))
    if duty == "canary":
        repository.split("tiny", 2, 0.01)
        repository.split("tiny", None, 0.0)
    else:
        repository.shadow("tiny", 2)
        repository.shadow("tiny", None)
    assert set(seen) == {1}
    assert repository.versions("tiny") == [1, 2]
    assert opened(tmp_path).default("tiny") == 1


def test_a_version_that_fails_gets_no_duty_and_leaves_no_trace(
    tmp_path: Path, write: Write
) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path)
    write(tmp_path, "tiny", is_spoiled=True)
    failure = r"^failed to load 'tiny' version 2: vectors 'real'"
    with pytest.raises(LoadError, match=failure):
        repository.split("tiny", 2, 0.5)
    with pytest.raises(LoadError, match=failure):
        repository.shadow("tiny", 2)
    assert repository.route("tiny") == Route()
    write(tmp_path, "tiny", bias=1.0)
    assert opened(tmp_path).default("tiny") == 3


def test_the_default_is_no_canary_of_its_own(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "tiny")
    repository = opened(tmp_path)
    with pytest.raises(WireError) as caught:
        repository.shadow("tiny", 1)
    assert str(caught.value) == ("model 'tiny': expected another version than the default, got 1")
    with pytest.raises(UnknownModelError):
        repository.shadow("tinny", None)
    with pytest.raises(LoadError) as failed:
        repository.shadow("tinny", 1)
    assert str(failed.value) == (
        "model 'tinny': expected a default to stand beside, got none that serves"
    )


def test_a_watched_route_is_followed_and_a_broken_one_changes_nothing(
    tmp_path: Path, write: Write
) -> None:
    for bias in (0.0, 1.0):
        write(tmp_path, "tiny", bias=bias)
    repository = opened(tmp_path, Options(mode="watch"))
    file = tmp_path / "tiny" / "serving.json"
    file.write_text('{"default": 1}', encoding="utf-8")
    repository.poll()
    assert repository.model("tiny", "").version == 1
    file.write_text('{"default": 2', encoding="utf-8")
    repository.poll()
    assert repository.model("tiny", "").version == 1
    assert "expected versions and their duties" in repository.index()[0].reason


def test_a_promoted_version_that_is_gone_is_not_replaced_by_another(
    tmp_path: Path, write: Write
) -> None:
    for bias in (0.0, 1.0):
        write(tmp_path, "tiny", bias=bias)
    opened(tmp_path).promote("tiny", 1)
    shutil.rmtree(tmp_path / "tiny" / "1")
    repository = opened(tmp_path)
    assert repository.versions("tiny") == [2]
    with pytest.raises(NotReadyError, match=r"^model 'tiny': expected one that reproduced"):
        repository.model("tiny", "")


def test_what_cannot_be_written_down_changes_nothing(tmp_path: Path, write: Write) -> None:
    for bias in (0.0, 1.0):
        write(tmp_path, "tiny", bias=bias)
    repository = opened(tmp_path, Options(policy=Policy()))
    (tmp_path / "tiny").rename(tmp_path / "gone")
    with pytest.raises(RouteError, match=r"got No such file or directory; nothing changed$"):
        repository.promote("tiny", 1)
    assert repository.model("tiny", "").version == 2
