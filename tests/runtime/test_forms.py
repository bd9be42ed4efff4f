"""Forms that are kept: the same as those just made, made again where they are damaged."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, Popen

import onnx
import pytest

from preproc import Artifact, ArtifactError
from preproc.runtime import building, forms, open_session
from preproc.runtime.forms import ReadyForm, form_at


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(forms.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def made_at(artifact: Artifact) -> ReadyForm:
    assert artifact.path is not None
    return form_at(artifact.path, "fused", "exact", ())


def never(_: onnx.ModelProto) -> onnx.ModelProto:
    raise AssertionError("made again")


def test_a_form_is_made_once(
    kept: Path, logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made_at(logistic_artifact)
    assert len(list(kept.iterdir())) == 1
    monkeypatch.setattr(building, "fuse", never)
    assert made_at(logistic_artifact) == first
    assert logistic_artifact.path is not None
    with open_session(logistic_artifact.path) as session:
        assert session.form_digest == first.digest


def test_another_process_makes_the_same_form(
    kept: Path, logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = made_at(logistic_artifact)
    monkeypatch.setenv(forms.VARIABLE, "")
    monkeypatch.setattr(building, "fuse", never)
    assert logistic_artifact.path is not None
    assert form_at(logistic_artifact.path, "fused", "exact", (), apart=True) == want
    monkeypatch.setattr(sys, "executable", str(kept / "no interpreter"))
    with pytest.raises(AssertionError, match="made again"):
        form_at(logistic_artifact.path, "fused", "exact", (), apart=True)


def test_what_is_wrong_with_a_graph_is_told_here_too(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ArtifactError, match="expected an ONNX model, got other bytes"):
        form_at(tmp_path, "fused", "exact", (), apart=True)


@pytest.mark.parametrize("damage", [b"", b"short", None], ids=["empty", "truncated", "altered"])
def test_a_damaged_form_is_made_again(
    damage: bytes | None, kept: Path, logistic_artifact: Artifact
) -> None:
    first = made_at(logistic_artifact)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?" if damage is None else damage)
    assert made_at(logistic_artifact) == first
    assert file.read_bytes() == content


_MAKES = """
import os, sys
from preproc.runtime import forms
forms._made = lambda *what: print("making", flush=True) or sys.stdin.read() or os._exit(0)
forms.form_at(sys.argv[1], "fused", "exact", ())
"""


def test_who_asks_for_a_form_that_is_being_made_waits_for_it(
    kept: Path, logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made_at(logistic_artifact)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    file.unlink()
    command = [sys.executable, "-c", _MAKES, str(logistic_artifact.path)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as other, ThreadPoolExecutor() as pool:
        assert other.stdout is not None
        assert other.stdout.readline() == "making\n"
        monkeypatch.setattr(building, "fuse", never)
        asked = pool.submit(made_at, logistic_artifact)
        with pytest.raises(TimeoutError):
            asked.result(0.2)
        file.write_bytes(content)
        other.communicate()
        assert asked.result(30) == first
    assert list(kept.iterdir()) == [file]


def test_who_waited_for_a_process_that_ended_makes_the_form(
    kept: Path, logistic_artifact: Artifact
) -> None:
    command = [sys.executable, "-c", _MAKES, str(logistic_artifact.path)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as other, ThreadPoolExecutor() as pool:
        assert other.stdout is not None
        assert other.stdout.readline() == "making\n"
        asked = pool.submit(made_at, logistic_artifact)
        with pytest.raises(TimeoutError):
            asked.result(0.2)
        other.kill()
        assert asked.result(30).digest
    (file,) = kept.iterdir()
    assert file.suffix == ".form"


def test_other_code_makes_another_form(
    kept: Path, logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_at(logistic_artifact)
    monkeypatch.setattr(forms, "_rewriters", lambda: "other code")
    made_at(logistic_artifact)
    assert len(list(kept.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_no_error(
    tmp_path: Path, logistic_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(forms.VARIABLE, str(tmp_path / "file" / "kept"))
    assert made_at(logistic_artifact).digest
