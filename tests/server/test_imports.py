"""What a running server has imported: nothing that it needs only to make what it found kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from preproc import Artifact
from preproc.runtime import open_session
from preproc.runtime.forms import VARIABLE

NEEDLESS = (
    "onnx",
    "narwhals",
    "sklearn",
    "typer",
    "rich",
    "preproc.graph",
    "preproc.runtime.building",
)
_SERVE = f"""
import sys
from preproc_server.app import Server
from preproc_server.settings import settings_of
server = Server(settings_of(dict(repository=sys.argv[1], host="127.0.0.1", port=0)))
server.start()
assert server.wait_proved(60) and server.repository.is_any_proved
server.stop(0)
print(*(name for name in {NEEDLESS!r} if name in sys.modules))
"""


def imported(artifact: Artifact) -> list[str]:
    assert artifact.path is not None
    repository = artifact.path.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", _SERVE, str(repository)], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_a_server_that_finds_its_form_kept_imports_nothing_to_make_it(
    logistic_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    assert logistic_artifact.path is not None
    mode = logistic_artifact.contract.mode
    open_session(logistic_artifact.path, mode=mode).close()
    assert imported(logistic_artifact) == []


def test_a_server_that_has_to_make_its_form_imports_what_makes_it(
    logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert imported(logistic_artifact) == ["onnx", "preproc.graph", "preproc.runtime.building"]
