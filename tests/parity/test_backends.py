"""One artifact on every runtime that can be had without a GPU; none may be left out in CI."""

import pytest

from preproc import Artifact
from preproc.parity import judge_recording, record
from preproc.parity.recording import Setting
from preproc.parity.running import open_setting
from preproc.runtime import Session
from tests.devices import needs


@pytest.mark.parametrize("backend", ["reference", "webgpu", "openvino", "wasm"])
@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_every_runtime_passes_in_every_batch_size(
    model: str, backend: str, request: pytest.FixtureRequest
) -> None:
    needs(backend)
    recording = record(request.getfixturevalue(f"{model}_artifact"), [backend])
    judged = judge_recording(recording, require=[backend])
    assert judged.outcome == "pass", [str(one) for one in judged.breaches]
    (trial,) = recording.trials
    assert trial.dtype == ("float32" if backend in {"webgpu", "openvino"} else "float64")
    if trial.dtype == "float32":
        providers = {one.provider for one in trial.placement if one.half == "device"}
        prefix = {"webgpu": "WebGpuExecutionProvider", "openvino": "OpenVINO CPU"}[backend]
        assert providers
        assert all(provider.startswith(prefix) for provider in providers)
    assert {"python", "cpu flags", "device"} <= set(trial.environment)


def test_a_float32_form_that_passes_for_float64_is_found_by_its_errors(
    boosting_artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("openvino")

    def opener(artifact: Artifact, _: Setting) -> Session:
        session = open_setting(artifact, Setting("openvino"))
        session.form = "public"
        monkeypatch.setattr(session, "slack", lambda _: {})
        return session

    recording = record(
        boosting_artifact, ["openvino"], sizes=(), every_setting=False, opener=opener
    )
    said = [one.problem for one in judge_recording(recording).breaches if one.output == "scores"]
    assert said
    assert all("computed in float32" in text or "are those of float32" in text for text in said)
