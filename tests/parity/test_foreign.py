"""An artifact in other hands: plain ONNX Runtime, ONNX's own test runner, polygraphy."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.runner import Runner
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from preproc import Artifact
from preproc.export import export_pipeline
from preproc.vectors import SET_NAMES

ROOT = Path(__file__).parents[2]


def tensors(folder: Path, word: str) -> dict[str, Any]:
    """Read a golden folder with nothing but onnx."""
    files = [folder / f"{word}_{at}.pb" for at in range(len(list(folder.glob(f"{word}_*"))))]
    found = [onnx.TensorProto.FromString(file.read_bytes()) for file in files]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in found}


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_a_server_that_knows_nothing_of_refusals_gives_refused_rows_no_answer(
    model: str, request: pytest.FixtureRequest
) -> None:
    artifact: Artifact = request.getfixturevalue(f"{model}_artifact")
    assert artifact.path is not None
    session = onnxruntime.InferenceSession(artifact.path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    golden = artifact.path / "golden"
    for number, name in enumerate(SET_NAMES):
        inputs = tensors(golden / f"test_data_set_{number}", "input")
        answers = dict(zip(names, session.run(names, inputs), strict=True))
        refused = answers.pop("row_error") != 0
        assert refused.all() if name == "refused" else not refused.any()
        for values in answers.values():
            poisoned = np.isnan(values) if values.dtype.kind == "f" else values == -1
            assert (poisoned.reshape(len(values), -1).all(axis=1) == refused).all()


def _case(artifact: Artifact, folder: Path) -> TestCase:
    """Lay an artifact out as ONNX's runner takes a model from disk."""
    assert artifact.path is not None
    shutil.copytree(artifact.path / "golden", folder, ignore=shutil.ignore_patterns("steps"))
    shutil.copy(artifact.path / "model.onnx", folder)
    return TestCase(
        name="test_artifact",
        model_name="artifact",
        url=None,
        model_dir=str(folder),
        model=None,
        data_sets=None,
        kind="real",
        rtol=0.0,
        atol=1e-15,
    )


class Backend:
    """ONNX Runtime, as ONNX's runner calls a backend."""

    @staticmethod
    def prepare(model: onnx.ModelProto, _device: str, **_: Any) -> Any:
        session = onnxruntime.InferenceSession(model.SerializeToString())
        takes = [item.name for item in session.get_inputs()]

        class Prepared:
            @staticmethod
            def run(inputs: list[Any]) -> list[Any]:
                answers: list[Any] = session.run(None, dict(zip(takes, inputs, strict=True)))
                return answers

        return Prepared()

    @staticmethod
    def supports_device(device: str) -> bool:
        return device == "CPU"


def run_by_onnx(case: TestCase) -> None:
    runner = Runner.__new__(Runner)  # its constructor adds all tests of ONNX
    runner.backend = Backend  # type: ignore[assignment]  # it wants a class of its own
    runner._test_items, runner._test_kwargs = defaultdict(dict), {}
    runner._add_model_test(case, "Real")
    (test,) = [item for item in runner._test_items["RealModel"].items() if "cpu" in item[0]]
    test[1].func(None)


def test_the_golden_sets_replay_by_onnx_own_runner(
    logistic_artifact: Artifact, tmp_path: Path
) -> None:
    case = _case(logistic_artifact, tmp_path / "case")
    run_by_onnx(case)
    file = tmp_path / "case" / "test_data_set_0" / "output_2.pb"
    tensor = onnx.TensorProto.FromString(file.read_bytes())
    wrong = numpy_helper.to_array(tensor).copy()
    wrong.flat[0] += 1e-3
    file.write_bytes(numpy_helper.from_array(wrong, tensor.name).SerializeToString())
    with pytest.raises(AssertionError, match="Mismatched elements: 1 "):
        run_by_onnx(case)


def test_a_numeric_artifact_replays_by_polygraphy(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(200, 4))
    rows[draw.random(rows.shape) < 0.1] = np.nan
    target = (np.nan_to_num(rows).sum(axis=1) > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=5)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), model).fit(rows, target)
    artifact = export_pipeline(pipeline, rows, target, repository=tmp_path, name="numbers")
    golden = tmp_path / "golden.json"
    script = ROOT / "examples" / "polygraphy_golden.py"
    environment = {**os.environ, "ARTIFACT": str(artifact.path)}
    subprocess.run([sys.executable, script, golden], check=True, env=environment, timeout=60)

    def polygraphy() -> subprocess.CompletedProcess[str]:
        command = "import sys; from polygraphy.tools import main; sys.exit(main())"
        arguments = f"run {artifact.path}/model.onnx --onnxrt --providers cpu --atol 1e-15 --rtol 0"
        files = ["--data-loader-script", str(script), "--load-outputs", str(golden)]
        return subprocess.run(
            [sys.executable, "-c", command, *arguments.split(), *files],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = polygraphy()
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Pass Rate: 100.00%" in done.stdout
    broken = onnx.load(artifact.path / "model.onnx") if artifact.path else None
    assert broken is not None
    from preproc.parity import spoil  # noqa: PLC0415  # the negative control alone

    onnx.save(spoil(broken, "a weight moved by 0.001"), f"{artifact.path}/model.onnx")
    assert polygraphy().returncode == 1
