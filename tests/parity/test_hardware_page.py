"""The commands of docs/hardware.md do what the page says."""

import contextlib
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from preproc import Artifact
from preproc.cli.commands import app
from preproc.parity.settings import settings_of
from preproc.runtime import BACKENDS

PAGE = (Path(__file__).parents[2] / "docs" / "hardware.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\$ preproc (.*)$", "\n".join(BLOCKS), re.MULTILINE)


def test_the_commands_run_one_after_another(
    logistic_artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: BACKENDS[name] for name in ("onnxruntime-cpu", "reference", "cuda")}
    monkeypatch.setattr("preproc.cli.parity.BACKENDS", known)  # the others have tests of their own
    monkeypatch.setattr(
        "preproc.parity.running.settings_of", lambda *named: settings_of(*named)[:2]
    )
    assert logistic_artifact.path is not None
    shutil.copytree(logistic_artifact.path, tmp_path / "models" / "late" / "1")
    assert len(COMMANDS) == 11
    with contextlib.chdir(tmp_path):
        for command in COMMANDS:
            done = CliRunner().invoke(app, command.split())
            assert done.exit_code == 0, f"{command}\n{done.output}"
    for file in ("parity.json", "parity.xml", "parity.html"):
        assert (tmp_path / file).stat().st_size > 1000


def test_every_backend_has_its_bounds_on_the_page() -> None:
    table = PAGE[PAGE.index("## Bounds to expect") : PAGE.index("## Recipes")]
    assert set(re.findall(r"`([a-z-]+)`", table)) == set(BACKENDS)


def test_what_was_never_tried_is_marked() -> None:
    titles = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    assert [title for title in titles if "untested" not in title] == [
        "CPU: x86-64 and ARM",
        "Any GPU by WebGPU (Vulkan, Metal, Direct3D 12)",
    ]
