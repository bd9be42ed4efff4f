"""Exit codes and messages of the command line."""

import json
import shutil
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from preproc import Artifact
from preproc.artifact import write_artifact
from preproc.cli import app
from preproc.parity import spoil


def test_parity_passes_and_writes_json(logistic_artifact: Artifact, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--json", str(report)])
    assert done.exit_code == 0
    assert done.stdout.count("pass") == 8
    data = json.loads(report.read_text())
    assert data["is_pass"]
    assert {line["backend"] for line in data["outputs"]} == {"onnxruntime-cpu", "reference"}
    assert [line["label_flips"] for line in data["outputs"] if line["output"] == "label"] == [0, 0]


def test_a_breach_exits_1_and_names_it(logistic_artifact: Artifact, tmp_path: Path) -> None:
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "a wrong vocabulary")
    spoiled = Artifact(
        logistic_artifact.contract,
        model.SerializeToString(),
        logistic_artifact.vectors,
        logistic_artifact.certificate,
        logistic_artifact.profile,
    )
    path = write_artifact(spoiled, tmp_path).path
    done = CliRunner().invoke(app, ["parity", str(path), "--backend", "onnxruntime-cpu"])
    assert done.exit_code == 1
    assert "BREACH" in done.stdout
    assert "cpu: vectors 'real', output 'scores' (answers), row" in done.stdout


def test_nothing_compared_exits_2(logistic_artifact: Artifact, tmp_path: Path) -> None:
    empty = Artifact(
        logistic_artifact.contract,
        logistic_artifact.model,
        (),
        logistic_artifact.certificate,
        logistic_artifact.profile,
    )
    path = write_artifact(empty, tmp_path).path
    done = CliRunner().invoke(app, ["parity", str(path)])
    assert done.exit_code == 2
    assert "nothing to compare" in done.stderr


@pytest.mark.parametrize("command", ["parity", "inspect"])
def test_a_missing_artifact_exits_3_in_one_line(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, str(tmp_path / "gone")])
    assert done.exit_code == 3
    file = tmp_path / "gone" / "contract.json"
    problem = "expected a file, got No such file or directory"
    assert done.stderr.splitlines() == [f"preproc: artifact '{file}': {problem}"]


def test_an_absent_backend_exits_3(logistic_artifact: Artifact) -> None:
    done = CliRunner().invoke(app, ["parity", str(logistic_artifact.path), "--backend", "cuda"])
    assert done.exit_code == 3
    assert done.stderr.startswith("preproc: backend 'cuda': expected CUDAExecutionProvider ")
    assert len(done.stderr.splitlines()) == 1


def test_inspect_shows_the_contract(logistic_artifact: Artifact, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path)])
    assert "probabilities" in shown.stdout
    plain = CliRunner().invoke(app, ["inspect", str(logistic_artifact.path), "--json"])
    assert json.loads(plain.stdout)["format"] == 1
    shutil.rmtree(tmp_path)


def test_serve_refuses_bad_settings_in_words(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["serve", str(tmp_path / "gone")])
    assert done.exit_code == 3
    assert done.stderr == (
        "preproc: setting repository: expected a folder that is there, got "
        f"{str(tmp_path / 'gone')!r}; change PREPROC_REPOSITORY, preproc.env or the flag\n"
    )
