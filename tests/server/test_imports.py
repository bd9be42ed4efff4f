"""What a running server has imported: nothing that only makes forms or draws tables."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from preproc import Artifact
from preproc.runtime.forms import VARIABLE

NEEDLESS = (
    *("onnx", "narwhals", "sklearn", "scipy", "typer", "rich", "pydantic", "dotenv"),
    *("preproc.graph", "preproc.runtime.building"),
)
_SERVE = f"""
import os, sys
from preproc.cli import main
server, leave = os.getpid(), os._exit
def told(code):
    if os.getpid() == server:  # not a fork, which makes a form
        print("imported", *(name for name in {NEEDLESS!r} if name in sys.modules), flush=True)
    leave(code)
os._exit = told
main()
"""


def imported(artifact: Artifact, before: str = "") -> list[str]:
    """Start a server, stop it once a model is proved, and tell what it has imported of those."""
    assert artifact.path is not None
    served = ["serve", str(artifact.path.parent.parent), "--host", "127.0.0.1", "--port", "0"]
    command = [sys.executable, "-c", before + _SERVE, *served]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if " is proved" in line or "is not" in line)
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert " is proved" in told
    word, *names = output.split()
    assert word == "imported"
    return names


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
    with pytest.raises(AssertionError):
        imported(logistic_artifact, before=alone)


def test_a_server_that_has_onnx_makes_its_form_itself(
    logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    got = imported(logistic_artifact, before="import onnx")
    assert got == ["onnx", "preproc.graph", "preproc.runtime.building"]
