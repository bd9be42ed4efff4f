"""A serving installation in a clean environment: everything it needs, and no scikit-learn."""

import subprocess
import sys
from pathlib import Path

import pytest

from preproc import Artifact

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment that holds ``.[server,cpu]`` and nothing else."""
    home = tmp_path_factory.mktemp("serving")
    run(sys.executable, "-m", "venv", "--without-pip", str(home))
    inside = home / "bin" / "python"
    pins = ["-c", str(ROOT / "constraints.txt")]
    pip(inside, "install", "--quiet", "--no-compile", *pins, f"{ROOT}[server,cpu]")
    return inside


def pip(inside: Path, *command: str) -> str:
    """Let the pip of the tests act in another environment, which then needs none of its own."""
    return run(sys.executable, "-m", "pip", "--python", str(inside), *command)


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_serving_machine_has_no_scikit_learn(python: Path) -> None:
    installed = pip(python, "list", "--format=freeze").lower()
    assert "onnxruntime==" in installed
    assert "grpcio==" in installed
    for name in ("scikit-learn", "skl2onnx", "scipy", "pandas", "polars"):
        assert f"{name}==" not in installed


def test_it_proves_and_serves_an_artifact(python: Path, boosting_artifact: Artifact) -> None:
    assert boosting_artifact.path is not None
    said = run(str(python.with_name("preproc")), "parity", str(boosting_artifact.path), "--quick")
    assert "pass" in said
    repository = boosting_artifact.path.parent.parent
    code = (
        "from preproc_server.app import Server; "
        "from preproc_server.configuring import settings_of; "
        f"given = dict(repository={str(repository)!r}, host='localhost', port=0); "
        "s = Server(settings_of(given)); "
        "s.start(); print(s.wait_proved(60), s.repository.is_any_proved); s.stop(0)"
    )
    assert run(str(python), "-c", code).split() == ["True", "True"]
