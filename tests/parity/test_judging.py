"""The judge: strict on shapes, dtypes and NaN, told by error scale, never widened in silence."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc import Artifact, BackendAbsent, BackendError, ParityError
from preproc.parity import Judged, Recording, judge_recording, parse_widening, record, worst_rows
from preproc.parity.precision import arithmetic_of
from preproc.parity.recording import Setting, Unrun, answers_as_golden
from preproc.parity.tolerances import bounds_of
from preproc.runtime import Placed, Session

CPU = "onnxruntime-cpu"


@pytest.fixture(scope="module")
def recording(boosting_artifact: Artifact) -> Recording:
    return record(boosting_artifact, [CPU], sizes=(), every_setting=False)


def altered(
    recording: Recording, output: str, change: Callable[[NDArray[Any]], NDArray[Any] | None]
) -> Recording:
    """Change what was answered for one output of the real set; None leaves the answer out."""
    (trial,) = recording.trials
    first, *others = trial.batches
    answers = dict(first.answers)
    answer = change(answers.pop(output).copy())
    if answer is not None:
        answers[output] = answer
    batches = (replace(first, answers=answers), *others)
    return replace(recording, trials=(replace(trial, batches=batches),))


def problems(judged: Judged) -> list[str]:
    return [finding.problem for finding in judged.breaches]


def _with(values: NDArray[Any], at: int, value: object) -> NDArray[Any]:
    values[at] = value
    return values


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda a: None, "expected an answer, got none"),  # noqa: ARG005
        (lambda a: a[:, None], "expected shape (512,), got (512, 1)"),
        (lambda a: a[:-1], "expected shape (512,), got (511,)"),
        (lambda a: a.astype(np.float32), "expected dtype float64, got float32"),
        (lambda a: a.astype(np.int64), "expected dtype float64, got int64"),
        (
            lambda a: _with(a, 3, np.nan),
            "1 of 512 beyond bitwise, NaN on one side",
        ),
        (lambda a: np.nextafter(a, np.inf), "512 of 512 beyond bitwise, worst 1 ULP, "),
    ],
    ids=["missing", "shape", "rows", "dtype", "kind", "nan", "ulp"],
)
def test_what_is_wrong_is_said(
    recording: Recording, change: Callable[[NDArray[Any]], NDArray[Any]], problem: str
) -> None:
    judged = judge_recording(altered(recording, "scores", change))
    assert judged.outcome == "breach"
    (found,) = problems(judged)
    assert found.startswith(problem)


def test_a_zero_of_the_other_sign_is_told_and_passes(recording: Recording) -> None:
    real, *others = recording.vectors
    scores = real.answers["scores"].copy()
    scores[0] = 0.0
    golden = replace(real, answers={**real.answers, "scores": scores})
    changed = altered(recording, "scores", lambda a: _with(a, 0, -0.0))
    judged = judge_recording(replace(changed, vectors=(golden, *others)))
    assert judged.outcome == "pass"
    signs = [one.comparison.zero_signs for one in judged.findings if one.comparison]
    assert sum(signs) == 1


@pytest.mark.parametrize(
    ("computed", "said"),
    [
        (lambda a: a.astype(np.float32).astype(np.float64), "computed in float32"),
        (
            lambda a: a * (1 + np.random.default_rng(0).normal(0, 2**-22, a.shape)),
            "are those of float32",
        ),
        (lambda a: _rounded(a, 8), "at most 8 significant bits: computed in bfloat16"),
        (
            lambda a: a * (1 + np.random.default_rng(0).normal(0, 2**-8, a.shape)),
            "are those of bfloat16",
        ),
    ],
    ids=["stored as float32", "summed in float32", "stored as bfloat16", "summed in bfloat16"],
)
def test_a_float64_that_was_computed_in_fewer_bits_is_named(
    recording: Recording, computed: Callable[[NDArray[Any]], NDArray[Any]], said: str
) -> None:
    (found,) = problems(judge_recording(altered(recording, "scores", computed)))
    assert said in found


def _rounded(values: NDArray[Any], bits: int) -> NDArray[Any]:
    mantissa, exponent = np.frexp(values)
    rounded: NDArray[Any] = np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent)
    return rounded


@pytest.mark.parametrize(
    "change",
    [lambda a: a, lambda a: np.nextafter(a, np.inf), lambda a: a + 1e-3, lambda a: a[::-1]],
    ids=["equal", "an ulp", "an offset", "other rows"],
)
def test_other_errors_are_not_called_a_format(change: Callable[[NDArray[Any]], Any]) -> None:
    values = np.random.default_rng(0).normal(size=300)
    assert arithmetic_of(values, change(values)) == ""


def test_a_float32_answer_is_not_called_a_fault_of_its_own_format() -> None:
    values = np.random.default_rng(0).normal(size=300).astype(np.float32)
    assert arithmetic_of(values, np.nextafter(values, np.float32(9))) == ""


def test_a_widened_bound_lets_pass_and_is_told(recording: Recording) -> None:
    changed = altered(recording, "scores", lambda a: a + 1e-9)
    assert judge_recording(changed).outcome == "breach"
    judged = judge_recording(changed, widenings=[parse_widening("scores=1e-8")])
    assert judged.outcome == "pass"
    assert [str(one) for one in judged.widenings] == ["1e-08 absolute"]
    (bound,) = {
        one.tolerance for one in judged.findings if one.part == "answers" and one.output == "scores"
    }
    assert bound.name == "widened to 1e-08 absolute"
    assert bound.reason.startswith("asked for on the command line in place of 'bitwise' (0 ULP, ")


@pytest.mark.parametrize(
    "text", ["scores", "scores=", "scores=x", "scores=-1", "a=1.5ulp", "a=inf"]
)
def test_a_widening_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ParityError) as caught:
        parse_widening(text)
    assert str(caught.value) == (
        f"tolerance {text!r}: expected OUTPUT=1e-6 (absolute) or OUTPUT=4ulp"
    )


def test_a_widening_of_no_output_is_refused(recording: Recording) -> None:
    with pytest.raises(ParityError, match=r"tolerance: expected an output of .*, got 'score'"):
        judge_recording(recording, widenings=[parse_widening("score=4ulp")])


def test_bounds_name_their_backend_and_reason(recording: Recording) -> None:
    (trial,) = recording.trials
    bounds = {
        name: bounds_of(recording, replace(trial, setting=setting, form=form, dtype="float32"))
        for name, setting, form in (
            ("cpu", Setting(CPU), "packed"),
            ("threads", Setting(CPU, options={"threads": 2}), "packed"),
            ("reference", Setting("reference"), "public"),
            ("webgpu", Setting("webgpu"), "halves"),
        )
    }
    assert {of["label"].max_abs for of in bounds.values()} == {0.0}
    assert {name: of["scores"].name for name, of in bounds.items()} == {
        "cpu": "bitwise",
        "threads": "bitwise, reordered",
        "reference": "bitwise, reordered",
        "webgpu": "bitwise, float32 device",
    }
    assert "each of 2 threads adds up in another order" in bounds["threads"]["scores"].reason
    assert "reference adds up in another order" in bounds["reference"]["scores"].reason
    assert "what the roundings of float32 add up to" in bounds["webgpu"]["scores"].reason


def test_a_device_whose_nodes_ran_on_the_cpu_is_no_pass(recording: Recording) -> None:
    (trial,) = recording.trials
    asked = replace(trial, setting=Setting("webgpu"))
    judged = judge_recording(replace(recording, trials=(asked,)))
    assert [one.part for one in judged.breaches] == ["placement"]
    assert "nodes of the device half on webgpu, got" in problems(judged)[0]
    gpu = tuple(Placed(f"n{i}", "Add", "WebGpuExecutionProvider", "device") for i in range(2))
    host = Placed("h", "LabelEncoder", "CPUExecutionProvider", "host")
    there = replace(asked, placement=(*gpu, host))
    assert judge_recording(replace(recording, trials=(there,))).outcome == "pass"
    untold = replace(asked, placement=())
    (problem,) = problems(judge_recording(replace(recording, trials=(untold,))))
    assert problem == "placement: expected where every node ran, got nothing"


def test_what_must_not_be_absent_is_no_pass(recording: Recording) -> None:
    without = replace(recording, unrun=(Unrun("cuda", "backend 'cuda': no device"),))
    assert judge_recording(without).outcome == "pass"
    judged = judge_recording(without, require=["cuda"])
    assert (judged.outcome, judged.missing) == ("absent", ("cuda",))
    assert judge_recording(replace(recording, trials=())).outcome == "nothing compared"


def test_a_graph_that_a_backend_does_not_run_is_refused_not_absent(
    boosting_artifact: Artifact,
) -> None:
    told = {
        CPU: BackendError("step votes: expected a sum, got TopK"),
        "reference": BackendAbsent("reference", "expected onnx, got none", "install it"),
    }

    def refuse(_: Artifact, setting: Setting) -> Session:
        raise told[setting.backend]

    made = record(boosting_artifact, list(told), sizes=(), opener=refuse)
    assert made.unrun == (
        Unrun(CPU, "step votes: expected a sum, got TopK", "refused"),
        Unrun("reference", "backend 'reference': expected onnx, got none; install it", "absent"),
    )
    assert judge_recording(made).outcome == "nothing compared"
    assert judge_recording(made, require=[CPU]).outcome == "refused"
    assert judge_recording(made, require=list(told)).outcome == "absent"


def test_a_call_that_fails_is_a_breach(recording: Recording) -> None:
    (trial,) = recording.trials
    first, *others = trial.batches
    failed = replace(first, answers={}, problem="Fail: out of memory")
    judged = judge_recording(
        replace(recording, trials=(replace(trial, batches=(failed, *others)),))
    )
    assert problems(judged) == ["the call failed: Fail: out of memory"]


def test_slack_of_a_device_is_allowed_where_it_is_declared_and_only_there(
    recording: Recording,
) -> None:
    changed = altered(recording, "scores", lambda a: a + 1e-7)
    (trial,) = changed.trials
    rows = {vectors.name: vectors.rows for vectors in changed.vectors}
    slack = {name: {"scores": np.full(n, 2e-7)} for name, n in rows.items()}
    eased = replace(trial, form="halves", dtype="float32", slack=slack)
    assert judge_recording(replace(changed, trials=(eased,))).outcome == "pass"
    slack["real"]["scores"][5] = 0.0
    (found,) = problems(judge_recording(replace(changed, trials=(eased,))))
    assert found.startswith("1 of 512 beyond bitwise, float32 device")
    for values in slack.values():
        values["scores"][:] = np.inf
    said = problems(judge_recording(replace(changed, trials=(eased,))))
    assert said == ["nothing to compare: it is open on every row"]


def test_the_worst_row_of_a_breach_is_shown_first(recording: Recording) -> None:
    def change(scores: NDArray[Any]) -> NDArray[Any]:
        scores[[3, 7]] += [1.0, 2.0]
        return scores

    changed = altered(recording, "scores", change)
    rows = list(worst_rows(changed, judge_recording(changed)))
    assert [row.row for row in rows] == [7, 3]
    real = recording.vectors[0]
    assert rows[0].want == repr(real.answers["scores"][7].item())
    assert rows[0].inputs["visits"] == repr(real.inputs["visits"][7, 0].item())


def test_another_recording_can_stand_in_for_the_golden_answers(recording: Recording) -> None:
    other = altered(recording, "scores", lambda a: a + 1e-3)
    assert judge_recording(answers_as_golden(recording, recording)).outcome == "pass"
    assert judge_recording(answers_as_golden(recording, other)).outcome == "breach"
    with pytest.raises(ParityError, match=r"expected a recording of artifact .*, got one of beef"):
        answers_as_golden(recording, replace(other, digest="beef"))
