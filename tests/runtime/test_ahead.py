"""Forms made by a fork: who asks for one waits for it, and nobody is left when it is made."""

import subprocess
import sys
from pathlib import Path

import pytest

from preproc import Artifact
from preproc.runtime.forms import VARIABLE, form_at

_AHEAD = """
import os, sys, threading
from pathlib import Path
from preproc.runtime import forms
from preproc.runtime.ahead import make_ahead

def never(*what):
    raise AssertionError("made by this process, or by another interpreter")

forms._made_apart = never
asked = sys.argv[-1], "fused", "exact", ()
kept = Path(os.environ[forms.VARIABLE])
end = threading.Event()
if {is_threaded}:
    threading.Thread(target=end.wait).start()
try:
    make_ahead([Path(path) for path in sys.argv[1:]], backend={backend!r})
    while {ending!r} and forms.is_missing(*asked) and not any(kept.glob("*" + {ending!r})):
        pass
    print(forms.form_at(*asked, apart=True).digest)
    print(*(name for name in ("onnx", "preproc.graph") if name in sys.modules))
    for thread in threading.enumerate():
        if thread.name == "forms":
            thread.join()
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("nobody is left")
finally:
    end.set()
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def told(
    *paths: Path | None,
    backend: str = "onnxruntime-cpu",
    is_threaded: bool = False,
    ending: str = "",
) -> list[str]:
    """Run in a process that has no threads; what it says, the end of its error where it fails.

    Before it asks for a form it waits for a file of that ending, none where it is empty, or until
    the form is made.
    """
    code = _AHEAD.format(backend=backend, is_threaded=is_threaded, ending=ending)
    command = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1] + done.stderr.split("\n")[-2:-1]


def digest_of(artifact: Artifact) -> str:
    assert artifact.path is not None
    return form_at(artifact.path, "fused", "exact", ()).digest


REFUSED = ["AssertionError: made by this process, or by another interpreter"]


def test_a_form_is_at_hand_when_it_is_asked_for(kept: Path, logistic_artifact: Artifact) -> None:
    got = told(logistic_artifact.path, ending=".making")
    (file,) = kept.iterdir()
    made_ns = file.stat().st_mtime_ns
    want = [digest_of(logistic_artifact), "", "nobody is left"]
    assert got == want
    assert told(logistic_artifact.path) == want
    assert file.stat().st_mtime_ns == made_ns


def test_a_damaged_form_is_made_again(kept: Path, logistic_artifact: Artifact) -> None:
    want = digest_of(logistic_artifact)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    assert told(logistic_artifact.path, ending=".none") == [want, "", "nobody is left"]
    assert file.read_bytes() == content


def test_what_cannot_be_made_keeps_nothing_from_being_made(
    kept: Path, logistic_artifact: Artifact, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    assert logistic_artifact.path is not None
    contract = (logistic_artifact.path / "contract.json").read_bytes()
    (broken / "contract.json").write_bytes(contract)
    (broken / "model.onnx").write_bytes(b"no model")
    got = told(tmp_path / "absent", broken, logistic_artifact.path, ending=".none")
    assert len(list(kept.iterdir())) == 1
    assert got == [digest_of(logistic_artifact), "", "nobody is left"]


def test_beside_threads_nothing_is_forked(kept: Path, logistic_artifact: Artifact) -> None:
    assert told(logistic_artifact.path, is_threaded=True) == REFUSED
    assert list(kept.iterdir()) == []


def test_what_another_form_serves_is_not_made(kept: Path, logistic_artifact: Artifact) -> None:
    assert told(logistic_artifact.path, backend="reference") == REFUSED
    assert list(kept.iterdir()) == []


def test_without_a_folder_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, logistic_artifact: Artifact
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert told(logistic_artifact.path) == REFUSED
