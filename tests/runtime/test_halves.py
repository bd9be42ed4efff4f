"""The form in halves answers as the public graph does, within bounds declared beforehand."""

from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from preproc import Artifact, BackendError, ParityError, RefusedRows
from preproc.export import export_pipeline
from preproc.parity import spoil
from preproc.runtime import Session, open_session, prove
from preproc.runtime.building import session_of
from preproc.runtime.easing import with_refusals
from preproc.runtime.gate import judge
from preproc.signature import Output, Rule
from preproc.vectors import VectorSet
from tests.devices import needs

BACKENDS = ["onnxruntime-cpu", "reference", "wasm", "openvino", "webgpu"]
OPTIONS: dict[str, dict[str, Any]] = {"onnxruntime-cpu": {"profile": True}}
GPU = "WebGpuExecutionProvider"


def opened(artifact: Artifact, backend: str) -> Session:
    needs(backend)
    assert artifact.path is not None
    options = OPTIONS.get(backend)
    return open_session(artifact.path, backend=backend, form="halves", options=options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_the_golden_vectors_pass_in_halves(
    model: str, backend: str, request: pytest.FixtureRequest
) -> None:
    artifact: Artifact = request.getfixturevalue(f"{model}_artifact")
    with opened(artifact, backend) as session:
        verdicts = prove(session, artifact)
        placed = session.placement()
    assert all(verdict.is_pass for verdict in verdicts)
    assert {one.half for one in placed} == {"host", "device", "tail"}
    assert session.dtype == "float32"
    if backend == "webgpu":
        assert {one.provider for one in placed if one.half == "device"} == {GPU}
        assert {one.provider for one in placed if one.half != "device"} == {"CPUExecutionProvider"}


@pytest.mark.parametrize("rows", [1, 3, 300])
def test_webgpu_answers_as_scikit_learn_does(
    boosting: Pipeline, boosting_artifact: Artifact, served: pd.DataFrame, rows: int
) -> None:
    batch = served.head(rows)
    with opened(boosting_artifact, "webgpu") as session:
        got, slack = session.run(batch), session.slack(session.prepare(batch))
    want = boosting.predict_proba(batch)
    assert np.array_equal(got["label"], boosting.predict(batch))
    assert got["probabilities"].dtype == np.float64
    error = np.abs(got["probabilities"] - want)
    assert (error <= slack["probabilities"] + 1e-15).all()
    assert error.max() > 0  # so it is not the CPU's float64


def test_calls_of_several_threads_do_not_disturb_one_another(
    boosting_artifact: Artifact, served: pd.DataFrame
) -> None:
    with opened(boosting_artifact, "webgpu") as session:
        sizes = [5, 6, 7, 8]
        want = {size: session.run(served.head(size))["scores"] for size in sizes}
        wrong: list[int] = []

        def ask(size: int) -> None:
            for _ in range(10):
                got = session.run(served.head(size))["scores"]
                if not np.array_equal(got, want[size]):
                    wrong.append(size)

        threads = [Thread(target=ask, args=(size,)) for size in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_each_form_has_a_digest_of_its_own_and_the_same_one_twice(
    boosting_artifact: Artifact,
) -> None:
    assert boosting_artifact.path is not None
    digests = []
    for form in ("packed", "public", "halves", "halves"):
        with open_session(boosting_artifact.path, form=form) as session:
            digests.append(session.form_digest)
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]


def test_the_environment_tells_of_device_and_host(boosting_artifact: Artifact) -> None:
    with opened(boosting_artifact, "webgpu") as session:
        told = session.environment()
    assert told["provider"] == GPU
    assert told["host provider"] == "CPUExecutionProvider"
    assert told["device"].endswith("(software)") == ("SwiftShader" in told["device"])


@pytest.mark.parametrize("fault", ["a weight moved by 0.001", "a wrong vocabulary"])
def test_the_gate_objects_to_a_device_that_computes_something_else(
    boosting_artifact: Artifact, fault: str
) -> None:
    needs("webgpu")
    model = spoil(onnx.ModelProto.FromString(boosting_artifact.model), fault)
    with (
        session_of(boosting_artifact.contract, model, backend="webgpu") as session,
        pytest.raises(ParityError, match="float32 device, worst"),
    ):
        prove(session, boosting_artifact)


def _calendar(frame: pd.DataFrame) -> pd.DataFrame:
    clock = frame["at"].dt.tz_convert("America/New_York").dt
    angle = 2 * np.pi * clock.hour / 24
    return pd.DataFrame({"weekday": clock.day_of_week, "sine": np.sin(angle), "hour": clock.hour})


@pytest.fixture(scope="module")
def dated_artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A linear model of times, whose calendar no device could compute."""
    times = pd.date_range("2024-01-01", periods=60, freq="4001min", tz="UTC")
    frame = pd.DataFrame({"at": times})
    late = _calendar(frame)["hour"] > 11
    steps = FunctionTransformer(_calendar), StandardScaler(), LogisticRegression()
    fitted = make_pipeline(*steps).fit(frame, late)
    return export_pipeline(fitted, frame, repository=tmp_path_factory.mktemp("dated"), name="dated")


@pytest.mark.parametrize("backend", ["webgpu", "openvino"])
def test_a_model_of_times_passes_its_gate_on_devices(
    dated_artifact: Artifact, backend: str
) -> None:
    with opened(dated_artifact, backend) as session:
        assert all(verdict.is_pass for verdict in prove(session, dated_artifact))
        placed = session.placement()
    on_device = {one.provider.split()[0] for one in placed if one.half == "device"}
    assert on_device == {GPU if backend == "webgpu" else "OpenVINO"}
    model = spoil(onnx.ModelProto.FromString(dated_artifact.model), "a weight moved by 0.001")
    with (
        session_of(dated_artifact.contract, model, backend=backend) as session,
        pytest.raises(ParityError, match="float32 device, worst"),
    ):
        prove(session, dated_artifact)


def test_the_fast_form_is_not_cut(boosting_artifact: Artifact) -> None:
    contract = replace(boosting_artifact.contract, mode="fast")
    model = onnx.ModelProto.FromString(boosting_artifact.model)
    with pytest.raises(BackendError) as caught:
        session_of(contract, model, mode="fast", form="halves")
    assert str(caught.value) == (
        "mode 'fast': expected 'exact', of which the form in halves is made"
    )


def test_slack_is_told_for_each_answer_and_is_small(
    logistic_artifact: Artifact, served: pd.DataFrame
) -> None:
    with opened(logistic_artifact, "onnxruntime-cpu") as session:
        prepared = session.prepare(served)
        slack, answers = session.slack(prepared), session.run_prepared(prepared)
    assert {name: array.shape for name, array in slack.items()} == {
        "label": (len(served),),
        "probabilities": (len(served), 2),
        "scores": (len(served),),
    }
    assert 0 < slack["probabilities"].min() <= slack["probabilities"].max() < 1e-4
    is_close = np.abs(answers["scores"]) < 1e-5
    assert np.array_equal(np.isinf(slack["label"]) & ~is_close, np.zeros(len(served), bool))


def test_the_exact_form_has_no_slack(session: Session, served: pd.DataFrame) -> None:
    assert session.slack(session.prepare(served)) == {}


def test_a_number_too_large_for_float32_is_refused_with_a_rule_of_its_own(
    logistic_artifact: Artifact, served: pd.DataFrame
) -> None:
    batch = served.head(3).copy()
    batch.loc[batch.index[1], "income"] = 1e308
    with opened(logistic_artifact, "onnxruntime-cpu") as session:
        rule = session.signature.rules[-1]
        answers = session.run(batch, refused="report")
        with pytest.raises(RefusedRows) as caught:
            session.run(batch)
    assert session.own_rule == rule
    assert rule.number == len(logistic_artifact.contract.signature.rules) + 1
    assert answers["row_error"].tolist() == [0, rule.number, 0]
    assert answers["label"][1] == -1
    assert np.isnan(answers["probabilities"][1]).all()
    assert caught.value.rows == (1,)
    assert "which float32 computes with" in str(caught.value)


def judged(want: float, got: float, slack: float) -> bool:
    answers = {"scores": np.array([want]), "row_error": np.zeros(1, np.int32)}
    golden = VectorSet("real", {"x": np.zeros((1, 1))}, answers)
    found = judge(golden, {**answers, "scores": np.array([got])}, {}, {"scores": np.array([slack])})
    return all(verdict.is_pass for verdict in found)


def test_slack_is_what_an_answer_may_be_off_by_and_no_more() -> None:
    assert judged(1.0, 1.0 + 1e-7, slack=1.1e-7)
    assert not judged(1.0, 1.0 + 1e-7, slack=0.9e-7)
    assert not judged(1.0, np.nan, slack=1.0)


def test_only_boundary_rows_may_be_refused_by_a_rule_of_the_form() -> None:
    golden = VectorSet(
        "boundary",
        {"x": np.zeros((2, 1))},
        {"label": np.array([1, 0]), "row_error": np.zeros(2, np.int32)},
    )
    rule, outputs = (
        Rule(7, "device", "", "too large"),
        (Output("label", "label", "int64", None, -1),),
    )
    answers = {"row_error": np.array([7, 0], np.int32)}
    expected = with_refusals(golden, answers, outputs, rule)
    assert expected.answers["label"].tolist() == [-1, 0]
    assert expected.answers["row_error"].tolist() == [7, 0]
    real = replace(golden, name="real")
    assert with_refusals(real, answers, outputs, rule) is real


def test_an_output_that_is_open_everywhere_was_not_compared(
    boosting_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(boosting_artifact, "onnxruntime-cpu") as session:
        honest = session.slack

        def vague(prepared: Any) -> dict[str, Any]:
            return {**honest(prepared), "label": np.full(prepared.rows, np.inf)}

        monkeypatch.setattr(session, "slack", vague)
        with pytest.raises(ParityError) as caught:
            prove(session, boosting_artifact)
    assert str(caught.value) == "nothing to compare: output 'label' is open on every row"
