"""Settings are checked when made: flags over environment over file."""

from pathlib import Path
from typing import Any

import pytest
from preproc_server.settings import Settings
from pydantic import ValidationError


def test_flags_go_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "preproc.env"
    file.write_text("PREPROC_PORT=1\nPREPROC_THREADS=1\nPREPROC_GRACE_S=1.5\n", encoding="utf-8")
    monkeypatch.setenv("PREPROC_PORT", "2")
    monkeypatch.setenv("PREPROC_THREADS", "2")
    settings = Settings(repository=tmp_path, port=3)
    assert (settings.port, settings.threads, settings.grace_s) == (3, 2, 1.5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"port": 65536}, "less than or equal to 65535"),
        ({"threads": 0}, "greater than 0"),
        ({"max_receive_bytes": 2**31}, "less than or equal to 2147483647"),
        ({"grace_s": -1}, "greater than or equal to 0"),
        ({"backend": "tpu"}, "expected one of ['cpu', 'reference'], got 'tpu'"),
        ({"versions": "newest"}, "expected 'latest', 'latest:2', 'all' or '1,3', got 'newest'"),
        ({"threats": 4}, "Extra inputs are not permitted"),
        ({"repository": "/no/such/folder"}, "Path does not point to a directory"),
    ],
    ids=["port", "threads", "message", "grace", "backend", "versions", "unknown", "repository"],
)
def test_bad_settings_are_refused_at_once(
    tmp_path: Path, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**{"repository": tmp_path, **options})
    assert text in str(caught.value)


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = Settings(repository=tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1
