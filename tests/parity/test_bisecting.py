"""The first wrong step is named, on the CPU and on a device; what only passes errors on is told."""

from dataclasses import replace

import onnx
import pytest

from preproc import Artifact, ParityError
from preproc.parity import StepFinding, bisect_steps, culprit, record, spoil
from tests.devices import needs


def steps_of(artifact: Artifact, backend: str) -> tuple[StepFinding, ...]:
    recording = record(artifact, [backend], sizes=(), every_setting=False)
    assert not recording.unrun
    return bisect_steps(artifact, recording, recording.trials[0])


def spoiled(artifact: Artifact, fault: str) -> Artifact:
    model = spoil(onnx.ModelProto.FromString(artifact.model), fault)
    return replace(artifact, model=model.SerializeToString())


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "openvino"])
@pytest.mark.parametrize(
    ("fault", "step", "column", "propagated"),
    [
        (
            "a wrong vocabulary",
            "prep/codes",
            "city = ",
            ["prep", "output probabilities", "output scores"],
        ),
        (
            "NaN handling dropped",
            "prep/numbers/impute",
            "height",
            ["prep/numbers/scale", "prep", "output probabilities", "output scores"],
        ),
        ("a weight moved by 0.001", "output probabilities", "0", []),
    ],
    ids=["vocabulary", "nan", "weight"],
)
def test_the_culprit_is_told_from_what_passes_its_error_on(
    boosting_artifact: Artifact,
    backend: str,
    fault: str,
    step: str,
    column: str,
    propagated: list[str],
) -> None:
    needs(backend)
    found = steps_of(spoiled(boosting_artifact, fault), backend)
    guilty = culprit(found)
    assert guilty is not None
    assert (guilty.path, guilty.column, guilty.fault) == (step, column, "locally wrong")
    passed_on = [one.path for one in found if one.fault == "propagated"]
    assert [path for path in passed_on if path != "output label"] == propagated  # it may not flip
    worst = guilty.worst[0]
    assert worst.want != worst.got
    assert set(worst.inputs) == {"height", "income", "visits", "city", "plan", "street"}
    if "nan" in worst.got:
        assert worst.inputs["height"] == "nan"


@pytest.mark.parametrize("backend", ["reference", "webgpu"])
@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_an_honest_graph_has_no_culprit(
    model: str, backend: str, request: pytest.FixtureRequest
) -> None:
    needs(backend)
    found = steps_of(request.getfixturevalue(f"{model}_artifact"), backend)
    assert culprit(found) is None
    assert [one.path for one in found][:2] == ["prep/numbers/impute", "prep/numbers/scale"]
    assert all(one.comparison.elements for one in found)


def test_without_steps_there_is_nothing_to_bisect(boosting_artifact: Artifact) -> None:
    with pytest.raises(ParityError, match="the artifact holds no step of its pipeline"):
        steps_of(replace(boosting_artifact, steps=()), "onnxruntime-cpu")
