"""The harness passes what is right and objects to everything else."""

from dataclasses import replace
from pathlib import Path

import onnx
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc import Artifact, ParityError
from preproc.export import export_pipeline
from preproc.parity import SPOILERS, Recording, judge_recording, record, self_test, spoil
from preproc.parity.recording import Setting
from preproc.parity.running import open_setting
from preproc.parity.settings import SIZES, cut
from preproc.runtime import Session

CPU = "onnxruntime-cpu"
EXPECTED = {
    "a weight moved by 0.001": "'scores' (answers)",
    "two columns swapped": "'scores' (answers)",
    "a wrong vocabulary": "'scores' (answers)",
    "NaN handling dropped": "'scores' (answers)",
    "the poison removed": "'label' (poison)",
}


@pytest.fixture(scope="session")
def recorded(boosting_artifact: Artifact) -> Recording:
    return record(boosting_artifact, [CPU, "reference"])


def test_an_honest_artifact_passes_in_every_setting_and_batch_size(recorded: Recording) -> None:
    judged = judge_recording(recorded)
    assert judged.outcome == "pass", [str(one) for one in judged.breaches]
    options = [trial.setting.options for trial in recorded.trials if trial.setting.backend == CPU]
    assert {str(one["optimisation"]) for one in options} == {"none", "basic", "extended", "all"}
    assert {one["threads"] for one in options} == {1, 2}
    assert {finding.size for finding in judged.findings if finding.size} == set(SIZES)
    alone = [one for one in judged.findings if one.part == "alone" and one.setting.threads == 1]
    assert {one.tolerance.name for one in alone} == {"bitwise"}
    empty = [one for one in judged.findings if one.size == "0"]
    assert {one.part for one in empty} == {"shape"}
    assert {one.output for one in empty} == {"label", "probabilities", "scores", "row_error"}


def test_two_threads_move_sums_and_their_bound_says_why(recorded: Recording) -> None:
    judged = judge_recording(recorded)
    moved = [
        one
        for one in judged.findings
        if one.part == "answers" and one.output == "scores" and one.comparison is not None
        if one.setting.threads == 2 and one.comparison.max_ulp > 0
    ]
    assert moved
    assert all(
        "each of 2 threads adds up in another order" in one.tolerance.reason for one in moved
    )


@pytest.mark.parametrize("backend", [CPU, "reference"])
@pytest.mark.parametrize("fault", SPOILERS)
@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_a_spoiled_graph_is_objected_to_for_the_right_reason(
    model: str, fault: str, backend: str, request: pytest.FixtureRequest
) -> None:
    artifact: Artifact = request.getfixturevalue(f"{model}_artifact")
    spoiled = spoil(onnx.ModelProto.FromString(artifact.model), fault)
    wrong = replace(artifact, model=spoiled.SerializeToString())
    judged = judge_recording(record(wrong, [backend], sizes=(), every_setting=False))
    assert judged.outcome == "breach"
    assert any(EXPECTED[fault] in str(breach) for breach in judged.breaches)


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_the_self_test_sees_every_fault(model: str, request: pytest.FixtureRequest) -> None:
    controls = self_test(request.getfixturevalue(f"{model}_artifact"))
    states = {one.fault: one.state for one in controls}
    assert states.pop("OpenVINO in bfloat16") in {"seen", "absent"}
    assert set(states.values()) == {"seen"}, controls
    assert len(states) == len(SPOILERS) + 3


def test_a_fault_on_which_no_answer_depends_does_not_apply(tmp_path: Path) -> None:
    """Of a column that decides nothing, the words may trade places."""
    people = pd.DataFrame({"age": [20.0, 35.0, 50.0, 1.0] * 9, "plan": ["free", "pro"] * 18})
    codes = OneHotEncoder(sparse_output=False)
    prepare = make_column_transformer((StandardScaler(), ["age"]), (codes, ["plan"]))
    pipeline = make_pipeline(prepare, HistGradientBoostingRegressor()).fit(people, people["age"])
    artifact = export_pipeline(pipeline, people, repository=tmp_path, name="m")
    controls = {one.fault: one for one in self_test(artifact)}
    words = controls["a wrong vocabulary"]
    why = "no bit of an answer to a golden row depends on it"
    assert (words.state, words.said) == ("does not apply", why)
    assert controls["a weight moved by 0.001"].state == "seen"


def test_a_row_whose_answer_depends_on_its_batch_is_seen(boosting_artifact: Artifact) -> None:
    class Leaking(Session):
        """Answers the first row of each call as if it were the last."""

        def run_prepared(self, prepared):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            answers = super().run_prepared(prepared)
            if prepared.rows == 3:
                answers["scores"][0] = answers["scores"][-1]
            return answers

    def opener(artifact: Artifact, setting: Setting) -> Session:
        session = open_setting(artifact, setting)
        session.__class__ = Leaking
        return session

    recording = record(boosting_artifact, [CPU], sizes=("3",), every_setting=False, opener=opener)
    parts = {one.part for one in judge_recording(recording).breaches}
    assert parts == {"answers", "alone"}


def test_an_artifact_without_vectors_compares_nothing(logistic_artifact: Artifact) -> None:
    with pytest.raises(ParityError, match="nothing to compare"):
        record(replace(logistic_artifact, vectors=()), [CPU])


def test_no_backend_compares_nothing(logistic_artifact: Artifact) -> None:
    with pytest.raises(ParityError, match="no backend was named"):
        record(logistic_artifact, [])


def test_a_recording_in_which_a_set_is_left_out_is_a_breach(recorded: Recording) -> None:
    first, *others = recorded.trials
    kept = tuple(batch for batch in first.batches if batch.vectors != "real")
    judged = judge_recording(replace(recorded, trials=(replace(first, batches=kept), *others)))
    assert [one.problem for one in judged.breaches] == [
        "expected answers to the whole set, got none"
    ]


@pytest.mark.parametrize("size", SIZES)
def test_every_row_is_asked_when_there_are_calls_enough(size: str) -> None:
    calls = cut(10, size, most_calls=10)
    asked = {row for rows in calls for row in rows.tolist()}
    assert asked == (set() if size == "0" else set(range(10)))
    assert {len(rows) for rows in calls} == {10 if size == "whole" else int(size)}
