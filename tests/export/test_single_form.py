"""Float32 where it is declared: recorded, measured, within its own bounds, and never by itself."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from preproc import Artifact, ExportError, ParityError, read_artifact
from preproc.export import export_pipeline
from preproc.export.conversion import convert
from preproc.graph import fast
from preproc.parity import judge_recording, record
from preproc.runtime import building, open_session, prove

Matrix = NDArray[np.float64]


def training(rows: int, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    draw = np.random.default_rng(seed)
    table = draw.normal(size=(rows, 6)) * [1, 10, 100, 1, 1, 1]
    return table, (table[:, 0] * table[:, 3] > 0).astype(int)


def fitted_with(model: Any) -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("model", model)]).fit(*training(300, 0))


@pytest.fixture(scope="module")
def fitted() -> Pipeline:
    return fitted_with(MLPClassifier((16,), solver="lbfgs", max_iter=20000, random_state=0))


@pytest.fixture(scope="module")
def artifact(fitted: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("models")
    table, _ = training(300, 0)
    return export_pipeline(
        fitted, table, repository=folder, name="model", mode="fast", float32=["model"]
    )


def test_what_is_declared_is_recorded_and_measured(artifact: Artifact) -> None:
    assert artifact.path is not None
    written = read_artifact(artifact.path)
    assert written.contract.float32 == ("model",)
    found = written.certificate["fast"]["outputs"]["probabilities"]
    assert 1e-9 < found["max_abs"] < 1e-5
    assert "float32 in model" in found["tolerance"]["reason"]
    assert found["tolerance"]["max_row"] == 2 * found["max_row"]


def test_the_declared_step_alone_computes_in_float32(artifact: Artifact) -> None:
    public = onnx.load_model_from_string(artifact.model)
    nodes = [node for node in fast(public, ["model"]).graph.node if node.op_type != "Cast"]
    narrow = [node.name for node in nodes if node.output[-1].endswith("/single")]
    assert any("MatMul" in name for name in narrow)
    assert all("/model/" in name for name in narrow)
    assert fast(public).SerializeToString() != fast(public, ["model"]).SerializeToString()


def test_unseen_rows_stay_within_the_bound_and_keep_their_labels(
    artifact: Artifact, fitted: Pipeline
) -> None:
    assert artifact.path is not None
    fresh, _ = training(2000, 1)
    with open_session(artifact.path, mode="fast") as session:
        prove(session, artifact)
        got = session.run(fresh)
    bound = artifact.certificate["fast"]["outputs"]["probabilities"]["tolerance"]["max_row"]
    want = fitted.predict_proba(fresh)
    off = np.abs(got["probabilities"] - want).max(axis=1)
    assert got["probabilities"].dtype == np.float64
    assert 0 < off.max() <= bound
    clear = np.abs(want[:, 0] - 0.5) > 1e-5
    assert (got["label"] == fitted.predict(fresh))[clear].all()


def test_the_exact_form_stays_exact_and_both_backends_prove_float32(artifact: Artifact) -> None:
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        prove(session, artifact)
    recording = record(artifact, ["onnxruntime-cpu", "reference"], mode="fast", sizes=())
    assert judge_recording(recording).outcome == "pass"


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(3, max_depth=3, random_state=0)


def test_the_splits_of_trees_stay_float64() -> None:
    model = fast(convert(fitted_with(forest()), training(300, 0)[0]).model, ["model"])
    trees = [node for node in model.graph.node if node.op_type == "TreeEnsemble"]
    assert trees
    assert not any(name.endswith("/single") for node in trees for name in node.input)
    assert any(node.output[-1].endswith("/single") for node in model.graph.node)


def spoiled(public: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Float32, and one weight wrong by a thousandth."""
    model = fast(public, float32)
    name = next(n.input[1] for n in model.graph.node if n.op_type == "MatMul")
    tensor = next(item for item in model.graph.initializer if item.name == name)
    weights = onnx.numpy_helper.to_array(tensor).copy()
    weights[0] *= 1.001
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))
    return model


def test_a_wrong_float32_form_does_not_pass_the_gate(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "fast", spoiled)
    assert artifact.path is not None
    with (
        open_session(artifact.path, mode="fast") as session,
        pytest.raises(ParityError, match="output 'probabilities'"),
    ):
        prove(session, artifact)


@pytest.mark.parametrize(
    ("mode", "path", "message"),
    [
        ("exact", "model", "float32: expected mode 'fast', got 'exact'"),
        (
            "fast",
            "modal",
            "float32 'modal': expected the path of a step, one of ['same', 'model']",
        ),
        ("fast", "same", "float32 'same': expected arithmetic there, got none"),
    ],
    ids=["mode", "path", "nothing"],
)
def test_float32_where_it_would_do_nothing_is_refused(
    mode: Any, path: str, message: str, tmp_path: Path
) -> None:
    table, target = training(100, 0)
    steps = [("same", FunctionTransformer()), ("model", forest())]
    fitted = Pipeline(steps).fit(table, target)
    with pytest.raises(ExportError) as caught:
        export_pipeline(fitted, table, repository=tmp_path, name="m", mode=mode, float32=[path])
    assert str(caught.value).endswith(message)
    assert not list(tmp_path.iterdir())
