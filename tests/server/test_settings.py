"""Settings are checked when made: flags over environment over file."""

import re
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
from preproc_server.configuring import settings_of
from preproc_server.errors import SettingsError
from preproc_server.settings import (
    Settings,
    settings_from_json,
    settings_to_json,
    unknown_variables,
)

from preproc.runtime import BACKENDS


def test_flags_go_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "preproc.env"
    file.write_text("PREPROC_PORT=1\nPREPROC_THREADS=1\nPREPROC_GRACE_S=1.5\n", encoding="utf-8")
    monkeypatch.setenv("PREPROC_PORT", "2")
    monkeypatch.setenv("PREPROC_THREADS", "2")
    settings = settings_of({"repository": tmp_path, "port": 3})
    assert (settings.port, settings.threads, settings.grace_s) == (3, 2, 1.5)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"port": 65536}, "port: expected int <= 65535, got '65536'"),
        ({"threads": "many"}, "threads: expected int, got 'many'"),
        ({"threads": 0}, "threads: expected int >= 1, got '0'"),
        ({"threads": True}, "threads: expected int, got 'True'"),
        (
            {"threads": "\N{FULLWIDTH DIGIT FOUR}"},
            "threads: expected int, got '\uff14'",
        ),
        (
            {"max_receive_bytes": 2**31},
            "max_receive_bytes: expected int <= 2147483647, got '2147483648'",
        ),
        ({"grace_s": "soon"}, "grace_s: expected float, got 'soon'"),
        ({"grace_s": "nan"}, "grace_s: expected float >= 0.0, got 'nan'"),
        ({"log_sample": 0}, "log_sample: expected float > 0.0, got '0'"),
        ({"load_models": 8}, "load_models: expected array, got '8'"),
        ({"log_dir": 8}, "log_dir: expected a path, got '8'"),
        ({"spare": "maybe"}, "spare: expected bool, got 'maybe'"),
        ({"host": 8}, "host: expected str, got '8'"),
        ({"port": None}, "port: expected int, got 'None'"),
        ({"grace_s": -1}, "grace_s: expected float >= 0.0, got '-1'"),
        ({"backend": "tpu"}, f"backend: expected one of {sorted(BACKENDS)}, got 'tpu'"),
        (
            {"versions": "newest"},
            "versions: expected 'latest', 'latest:2', 'all' or '1,3', got 'newest'",
        ),
        ({"mode": "often"}, "mode: expected 'none', 'watch' or 'explicit', got 'often'"),
        (
            {"repository": "/no/such/folder"},
            "repository: expected a folder that is there, got '/no/such/folder'",
        ),
    ],
    ids=[
        "port",
        "word",
        "threads",
        "true",
        "script",
        "message",
        "number",
        "nan",
        "share",
        "names",
        "path",
        "flag",
        "text",
        "nothing",
        "grace",
        "backend",
        "versions",
        "mode",
        "repository",
    ],
)
def test_bad_settings_are_refused_at_once(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of({"repository": tmp_path, **options})
    (name,) = options
    advice = f"change PREPROC_{name.upper()}, preproc.env or the flag"
    assert str(caught.value) == f"setting {fault}; {advice}"


def test_each_setting_at_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of({"repository": tmp_path, "port": -1, "threats": 4})
    assert caught.value.faults == (
        ("port: expected int >= 0, got '-1'; change PREPROC_PORT, preproc.env or the flag"),
        "threats: expected a setting, got an unknown name, did you mean threads?",
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "PREPROC_TRHEADS=1",
            "trheads: expected a setting, got an unknown name, did you mean threads?",
        ),
        ("port=1", "PORT: expected a setting, got an unknown name"),
        (
            "PREPROC_PORT",
            ("port: expected int, got 'None'; change PREPROC_PORT, preproc.env or the flag"),
        ),
    ],
    ids=["misspelt", "without prefix", "without value"],
)
def test_a_line_of_the_file_that_sets_nothing_is_refused(
    line: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "preproc.env").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings_of({"repository": tmp_path})
    assert str(caught.value) == f"setting {fault}"


def test_a_line_of_the_file_may_be_quoted_and_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "# all\n\nexport preproc_host='a b'  # one\n"
    (tmp_path / "preproc.env").write_text(text, encoding="utf-8")
    assert settings_of({"repository": tmp_path}).host == "a b"


@pytest.mark.parametrize(
    ("word", "is_on"), [("Yes", True), ("on", True), ("1", True), ("TRUE", True), ("off", False)]
)
def test_a_flag_may_be_spelt_in_many_ways(
    word: str,
    is_on: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREPROC_SPARE", word)
    assert settings_of({"repository": tmp_path}).spare is is_on


def test_a_repository_is_needed() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of({})
    assert str(caught.value) == (
        "setting repository: expected a path, got 'None'; "
        "change PREPROC_REPOSITORY, preproc.env or the flag"
    )


def test_an_unknown_name_in_the_environment_is_told() -> None:
    environment = {"PREPROC_TRHEADS": "4", "PREPROC_THREADS": "4", "PREPROC_X": "", "PATH": "/bin"}
    environment["PREPROC_SOFTWARE_GPU"] = "of a backend"
    assert unknown_variables(environment) == [
        (
            "PREPROC_TRHEADS: expected a setting, got an unknown name, "
            "did you mean PREPROC_THREADS?; it is ignored"
        ),
        "PREPROC_X: expected a setting, got an unknown name; it is ignored",
    ]


@pytest.mark.parametrize(
    ("text", "is_on"), [("1", True), ("True", True), ("off", False), ("0", False)], ids=str
)
def test_flags_are_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *, is_on: bool
) -> None:
    monkeypatch.setenv("PREPROC_SPARE", text)
    assert settings_of({"repository": tmp_path}).spare is is_on


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    assert "hush" not in repr(Settings(repository=tmp_path, log_hmac_key="hush"))


@pytest.mark.parametrize(
    ("text", "names"), [("*", ("*",)), ("late,early", ("late", "early")), ("", ())], ids=str
)
def test_names_are_listed_with_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PREPROC_LOAD_MODELS", text)
    assert settings_of({"repository": tmp_path}).load_models == names


def test_every_setting_is_in_the_docs_with_its_default(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `PREPROC_([A-Z_]+)` \| ([^|]+?) \|", page, re.MULTILINE))
    defaults = asdict(Settings(repository=tmp_path))
    del defaults["repository"]
    assert {name.lower(): text for name, text in rows.items()} == {
        name: "none"
        if value in {None, ()}
        else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        for name, value in defaults.items()
    }


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = Settings(repository=tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]  # what is tried


def test_settings_reach_another_process_as_they_are(tmp_path: Path) -> None:
    settings = Settings(
        repository=tmp_path,
        load_models=("late", "early"),
        log_dir=tmp_path / "log",
        log_hmac_key="hush",
        port=0,
    )
    assert settings_from_json(settings_to_json(settings)) == settings
