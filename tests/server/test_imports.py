"""What a running server has imported: nothing that only makes forms, or reads command lines."""

import subprocess
import sys
from pathlib import Path

import pytest
from preproc_server.settings import Settings, settings_to_json

from preproc import Artifact
from preproc.runtime.forms import VARIABLE

NEEDLESS = (
    *("onnx", "narwhals", "sklearn", "scipy", "typer", "rich", "pydantic"),
    *("preproc.cli", "preproc.graph", "preproc.runtime.building"),
)
_SERVE = f"""
import sys
from preproc_server import __main__, app
def serve(settings):
    server = app.Server(settings)
    server.start()
    assert server.wait_proved(60) and server.repository.is_any_proved
    server.stop(0)
    print(*(name for name in {NEEDLESS!r} if name in sys.modules))
app.serve = serve
__main__.main(0)
"""


def imported(artifact: Artifact, before: str = "") -> list[str]:
    assert artifact.path is not None
    settings = Settings(repository=artifact.path.parent.parent, host="127.0.0.1", port=0)
    command = [sys.executable, "-c", before + _SERVE]
    done = subprocess.run(
        command, input=settings_to_json(settings), check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_a_server_imports_nothing_that_makes_its_form(
    logistic_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    assert imported(logistic_artifact) == []
    made = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").iterdir()}
    assert made
    assert imported(logistic_artifact) == []
    assert made == {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").iterdir()}


def test_a_server_finds_its_form_made(
    logistic_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = "from preproc.runtime import forms; forms._made_apart = None"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    assert imported(logistic_artifact, before=alone) == []
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(subprocess.CalledProcessError):
        imported(logistic_artifact, before=alone)


def test_a_server_that_has_onnx_makes_its_form_itself(
    logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    got = imported(logistic_artifact, before="import onnx")
    assert got == ["onnx", "preproc.graph", "preproc.runtime.building"]
