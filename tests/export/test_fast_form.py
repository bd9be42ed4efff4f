"""The fast form: fewer nodes, other last bits, bounds of its own that are kept."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from preproc import Artifact, BackendError, ParityError, ProofError
from preproc.contract import Mode
from preproc.export import export_pipeline
from preproc.graph import fast
from preproc.parity import judge_recording, record
from preproc.runtime import building, open_session, prove

MODES: Final[tuple[Mode, Mode]] = ("exact", "fast")


def table(rows: int) -> tuple[pd.DataFrame, NDArray[Any]]:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{at}": draw.normal(at, 1 + at, rows) for at in range(5)})
    frame[draw.random(frame.shape) < 0.1] = np.nan
    frame["word"] = draw.choice(["a", "b", "c", "d"], rows)
    target = (frame["n1"].fillna(0) + (frame["word"] == "a") + draw.normal(size=rows) > 1.5).astype(
        int
    )
    return frame, target.to_numpy()


def fitted_on(frame: pd.DataFrame, target: Any) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler(clip=True))
    steps = ColumnTransformer(
        [
            ("numbers", numbers, [f"n{at}" for at in range(5)]),
            ("word", OneHotEncoder(handle_unknown="ignore"), ["word"]),
        ],
        sparse_threshold=1.0,
    )
    return make_pipeline(steps, LogisticRegression()).fit(frame, target)


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, NDArray[np.int64]]:
    return table(600)


@pytest.fixture(scope="module")
def fitted(data: tuple[pd.DataFrame, NDArray[np.int64]]) -> Pipeline:
    return fitted_on(*data)


@pytest.fixture(scope="module")
def artifact(
    fitted: Pipeline,
    data: tuple[pd.DataFrame, NDArray[np.int64]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Artifact:
    folder = tmp_path_factory.mktemp("models")
    return export_pipeline(fitted, data[0], repository=folder, name="model", mode="fast")


def test_what_runs_fast_scores_by_a_gemm_a_part_and_decides_by_one_node_an_output(
    artifact: Artifact,
) -> None:
    public = onnx.ModelProto.FromString(artifact.model)
    exact, quick = (
        [
            node.op_type
            for node in onnx.load_from_string(
                building.make_form(public, "fused", mode, ()).model
            ).graph.node
        ]
        for mode in MODES
    )
    assert len(quick) <= len(exact) - 11
    assert [quick.count(name) for name in ("Gemm", "Sigmoid", "ArgMax")] == [2, 1, 1]
    assert not {"Concat", "CumSum", "Pow", "Reciprocal"} & set(quick)
    assert {"Concat", "CumSum", "Pow", "Reciprocal"} <= set(exact)


def test_the_fast_form_keeps_its_measured_bounds(artifact: Artifact, fitted: Pipeline) -> None:
    measured = artifact.certificate["fast"]
    assert measured["digest"] != artifact.digest
    bound = measured["outputs"]["probabilities"]["tolerance"]["max_row"]
    assert 0 < bound < 1e-13
    fresh, _ = table(5000)
    assert artifact.path is not None
    with open_session(artifact.path, mode="fast") as session:
        prove(session, artifact)
        got = session.run(fresh)
    want = fitted.predict_proba(fresh)
    assert (got["label"] == fitted.predict(fresh)).all()
    assert np.abs(got["probabilities"] - want).max() < 1e-13


def test_what_is_exported_for_speed_is_offered_exactly_too(artifact: Artifact) -> None:
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        prove(session, artifact)
        assert session.mode == "exact"
    recording = record(artifact, ["onnxruntime-cpu", "reference"], mode="fast", sizes=())
    assert judge_recording(recording).outcome == "pass"


def test_an_exact_artifact_offers_no_fast_form(
    fitted: Pipeline, data: tuple[pd.DataFrame, NDArray[np.int64]], tmp_path: Path
) -> None:
    exact = export_pipeline(fitted, data[0], repository=tmp_path, name="model")
    assert exact.path is not None
    with pytest.raises(BackendError) as caught:
        open_session(exact.path, mode="fast")
    assert str(caught.value) == "mode 'fast': expected 'exact', which the artifact offers"


def spoiled(public: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Fast, and one weight of the product wrong by a ten-millionth."""
    model = fast(public, float32)
    product = next(node for node in model.graph.node if node.op_type in ("Gemm", "MatMul"))
    tensor = next(item for item in model.graph.initializer if item.name == product.input[1])
    weights = onnx.numpy_helper.to_array(tensor).copy()
    weights[0] *= 1 + 1e-7
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))
    return model


def unpoisoned(public: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Fast, and refused rows answered like any other."""
    model = fast(public, float32)
    (poison,) = [node for node in model.graph.node if node.op_type == "Sqrt"]
    poison.op_type = "Relu"
    return model


@pytest.mark.parametrize("spoil", [spoiled, unpoisoned])
def test_a_wrong_fast_form_does_not_pass_the_gate(
    spoil: Callable[..., onnx.ModelProto], artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "fast", spoil)
    assert artifact.path is not None
    with (
        open_session(artifact.path, mode="fast") as session,
        pytest.raises(ParityError, match="output 'probabilities'"),
    ):
        prove(session, artifact)


def upside_down(public: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """Fast, and every label wrong."""
    model = fast(public, float32)
    (node,) = [node for node in model.graph.node if node.op_type == "ArgMax"]
    node.op_type = "ArgMin"
    return model


def test_a_fast_form_that_decides_otherwise_is_not_exported(
    fitted: Pipeline,
    data: tuple[pd.DataFrame, NDArray[np.int64]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "fast", upside_down)
    with pytest.raises(ProofError, match="real rows are decided otherwise"):
        export_pipeline(fitted, data[0], repository=tmp_path, name="model", mode="fast")
    assert not (tmp_path / "model" / "1").exists()
