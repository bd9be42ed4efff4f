"""The harness passes what is right and objects to everything else."""

from dataclasses import replace

import onnx
import pytest

from preproc import Artifact, ParityError
from preproc.parity import SPOILERS, run_parity, spoil

EXPECTED = {
    "a weight moved by 0.001": "'scores' (answers)",
    "two columns swapped": "'scores' (answers)",
    "a wrong vocabulary": "'scores' (answers)",
    "the poison removed": "'label' (poison)",
}


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_an_honest_artifact_passes_on_every_backend(
    model: str, request: pytest.FixtureRequest
) -> None:
    run = run_parity(request.getfixturevalue(f"{model}_artifact"), ["onnxruntime-cpu", "reference"])
    assert run.is_pass
    assert [result.backend for result in run.results] == ["onnxruntime-cpu", "reference"]
    assert all(result.verdicts for result in run.results)


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "reference"])
@pytest.mark.parametrize("fault", SPOILERS)
@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_a_spoiled_graph_is_objected_to_for_the_right_reason(
    model: str, fault: str, backend: str, request: pytest.FixtureRequest
) -> None:
    artifact: Artifact = request.getfixturevalue(f"{model}_artifact")
    spoiled = spoil(onnx.ModelProto.FromString(artifact.model), fault)
    run = run_parity(replace(artifact, model=spoiled.SerializeToString()), [backend])
    assert not run.is_pass
    breaches = [str(v) for v in run.results[0].verdicts if not v.is_pass]
    assert any(EXPECTED[fault] in breach for breach in breaches)


def test_an_artifact_without_vectors_compares_nothing(logistic_artifact: Artifact) -> None:
    with pytest.raises(ParityError, match="nothing to compare"):
        run_parity(replace(logistic_artifact, vectors=()), ["onnxruntime-cpu"])


def test_no_backend_compares_nothing(logistic_artifact: Artifact) -> None:
    with pytest.raises(ParityError, match="no backend was named"):
        run_parity(logistic_artifact, [])
