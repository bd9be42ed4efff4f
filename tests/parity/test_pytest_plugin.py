"""The plugin in a pytest of its own, as teams run it on target hardware."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from preproc import Artifact
from preproc.artifact import write_artifact
from preproc.parity import spoil

pytest_plugins = ["pytester"]


@pytest.fixture
def models(
    logistic_artifact: Artifact, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    write_artifact(logistic_artifact, pytester.path / "models")
    pytester.makepyfile(test_other="def test_other():\n    assert False\n")
    return pytester.path / "models"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in this process, on the artifacts alone."""
    return lambda *more: pytester.runpytest_inprocess(
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-rs",
        "--preproc",
        "models",
        "--preproc-quick",
        *more,
    )


Run = Callable[..., pytest.RunResult]
CPU = ("--preproc-backend", "onnxruntime-cpu")


@pytest.mark.usefixtures("models")
def test_there_is_a_test_an_artifact_backend_and_golden_set(run: Run) -> None:
    assert run("--collect-only", "-q").outlines[:10] == [
        f"models/logistic/1/contract.json::{backend}::{name}"
        for backend in ("onnxruntime-cpu", "reference")
        for name in ("real", "boundary", "refused", "missing", "placement")
    ]


@pytest.mark.usefixtures("models")
def test_an_honest_artifact_passes_and_other_tests_do_not_run(run: Run) -> None:
    run(*CPU).assert_outcomes(passed=5)


def test_a_spoiled_artifact_fails_in_words(
    models: Path, logistic_artifact: Artifact, run: Run
) -> None:
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "the poison removed")
    write_artifact(replace(logistic_artifact, model=model.SerializeToString()), models)
    done = run(*CPU)
    done.assert_outcomes(passed=9, failed=1)
    said = done.stdout.str()
    assert "logistic/2 on onnxruntime-cpu: refused" in said
    assert "a refused row shows what looks like an answer" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("models")
def test_an_absent_backend_is_skipped_with_its_reason_and_fails_where_required(run: Run) -> None:
    skipped = run("--preproc-backend", "cuda")
    skipped.assert_outcomes(skipped=5)
    assert "absent: backend 'cuda': " in skipped.stdout.str()
    run("--preproc-require", "cuda", "--preproc-backend", "cuda").assert_outcomes(failed=5)


def test_an_artifact_without_golden_rows_fails(
    models: Path, logistic_artifact: Artifact, run: Run
) -> None:
    write_artifact(replace(logistic_artifact, vectors=()), models)
    done = run(*CPU)
    done.assert_outcomes(passed=5, failed=1)
    assert "nothing to compare: the artifact holds no golden vectors" in done.stdout.str()
