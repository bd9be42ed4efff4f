"""The harness, tried on what is wrong: each fault must be objected to, and for the right reason."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import onnx
from rich import box
from rich.console import Console
from rich.table import Table

from preproc.artifact import Artifact
from preproc.compare import BITWISE, breaches
from preproc.errors import ParityError
from preproc.graph import lower, pack
from preproc.parity.bisecting import StepFinding, bisect_steps, culprit
from preproc.parity.judging import Judged, judge_recording
from preproc.parity.recording import Recording, Setting
from preproc.parity.report import say
from preproc.parity.running import Opener, open_setting, record
from preproc.parity.spoil import SPOILERS, reduce_precision, spoil
from preproc.parity.tolerances import bounds_of
from preproc.runtime import DEFAULT_BACKEND, Session, opener_of
from preproc.runtime.halves import open_halves
from preproc.runtime.layout import Layout
from preproc.signature import NULL_NAN, NULL_NONE, ROW_ERROR

State = Literal["seen", "missed", "does not apply", "absent", "refused"]
REDUCED: Final = Setting("openvino", options={"precision": "bf16"})
"""OpenVINO as it computes by default, where the processor has bfloat16; elsewhere it is absent."""


@dataclass(frozen=True, slots=True)
class Control:
    """One fault, and what became of it.

    Attributes
    ----------
    fault
        What is wrong.
    reason
        What has to be said about it.
    state
        ``seen``: objected to for that reason; ``missed``: not, or for another; ``does not apply``:
        the artifact holds nothing that the fault could spoil, or no bit of an answer depends on
        it; ``absent``, ``refused``: its backend is not there, or does not run the graph.
    said
        The objection, or why there is none.
    """

    fault: str
    reason: str
    state: State
    said: str


@dataclass(frozen=True, slots=True)
class Objection:
    """What the harness found on a spoiled artifact."""

    recording: Recording
    judged: Judged
    culprit: StepFinding | None


def self_test(artifact: Artifact) -> tuple[Control, ...]:
    """Spoil copies of an artifact in each way, and see whether the harness objects.

    Parameters
    ----------
    artifact
        An honest one; it is not changed.

    Returns
    -------
    tuple of Control
        One a fault.
    """
    return (
        *_spoiled(artifact),
        _emptied(artifact),
        _on_cpu(artifact),
        _reduced(artifact, "a device that computes in bfloat16", "webgpu", _in_bfloat16),
        _reduced(artifact, "OpenVINO in bfloat16", REDUCED.backend, _by_openvino),
    )


def sees_nothing(controls: Sequence[Control]) -> bool:
    """Whether no fault of the graph was seen: then nothing tells that answers are looked at."""
    return not any(one.state == "seen" and one.fault in SPOILERS for one in controls)


def print_self_test(controls: Sequence[Control], console: Console) -> None:
    """Print a table, a line a fault, and what was said of each."""
    table = Table(title="negative controls", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("fault", "must be said", "outcome"):
        table.add_column(heading)
    for one in controls:
        colour = {"seen": "green", "missed": "bold red"}.get(one.state, "yellow")
        table.add_row(one.fault, one.reason, f"[{colour}]{one.state}[/]")
    console.print(table)
    for one in controls:
        say(console, f"{one.fault}: {one.said}")


def _spoiled(artifact: Artifact) -> Iterator[Control]:
    honest = record(artifact, [DEFAULT_BACKEND], sizes=(), every_setting=False)
    for fault in SPOILERS:
        reason, is_right = _REASONS[fault]
        try:
            model = spoil(onnx.ModelProto.FromString(artifact.model), fault)
        except ParityError as error:
            yield Control(fault, reason, "does not apply", str(error))
            continue
        wrong = replace(artifact, model=model.SerializeToString())
        recording = record(wrong, [DEFAULT_BACKEND], sizes=(), every_setting=False)
        if _is_same(honest, recording):
            why = "no bit of an answer to a golden row depends on it"
            yield Control(fault, reason, "does not apply", why)
            continue
        judged = judge_recording(recording)
        steps = bisect_steps(wrong, recording, recording.trials[0]) if wrong.steps else ()
        objection = Objection(recording, judged, culprit(steps))
        if judged.outcome != "breach":
            yield Control(fault, reason, "missed", f"no objection: {judged.outcome}")
            continue
        said = str(judged.breaches[0])
        if objection.culprit is not None:
            said += f"; {objection.culprit}"
        yield Control(fault, reason, "seen" if is_right(objection) else "missed", said)


def _is_same(first: Recording, second: Recording) -> bool:
    """Whether two recordings of one setting hold the same answers, bit for bit."""
    here, there = (
        [b.answers for trial in one.trials for b in trial.batches] for one in (first, second)
    )
    return len(here) == len(there) and all(
        want
        and want.keys() == got.keys()
        and not any(breaches(want[key], got[key]).any() for key in want)
        for want, got in zip(here, there, strict=True)
    )


def _emptied(artifact: Artifact) -> Control:
    fault, reason = "an empty vector set", "nothing to compare"
    try:
        record(replace(artifact, vectors=()), [DEFAULT_BACKEND], sizes=(), every_setting=False)
    except ParityError as error:
        is_right = str(error).startswith(reason)
        return Control(fault, reason, "seen" if is_right else "missed", str(error))
    return Control(fault, reason, "missed", "no objection")


def _on_cpu(artifact: Artifact) -> Control:
    """Ask for a GPU and get a session that answers rightly, from the CPU."""

    def opener(artifact: Artifact, _: Setting) -> Session:
        return open_setting(artifact, Setting(DEFAULT_BACKEND))

    recording = record(artifact, ["cuda"], sizes=(), opener=opener)
    judged = judge_recording(recording)
    said = [str(finding) for finding in judged.breaches if finding.part == "placement"]
    fault, reason = "a backend that runs on the CPU in silence", "nodes on the CPU"
    if said and "on the CPU in silence" in said[0]:
        return Control(fault, reason, "seen", said[0])
    return Control(fault, reason, "missed", f"no objection: {judged.outcome}")


def _in_bfloat16(artifact: Artifact, _: Setting) -> Session:
    """Open the float32 form with every value of its device half rounded to bfloat16."""
    halves = lower(onnx.ModelProto.FromString(artifact.model))
    packed = pack(halves.host)
    reduced = replace(halves, host=packed.model, device=reduce_precision(halves.device))
    executor = open_halves(opener_of(DEFAULT_BACKEND), reduced, {"profile": True})
    layout = Layout(packed.places, packed.matrices)
    return Session(
        artifact.contract,
        executor,
        layout,
        backend="webgpu",
        form="halves",
        dtype="float32",
        own_rule=halves.rule,
    )


def _by_openvino(artifact: Artifact, _: Setting) -> Session:
    return open_setting(artifact, REDUCED)


def _reduced(artifact: Artifact, fault: str, backend: str, opener: Opener) -> Control:
    """Compute in bfloat16 what is due in float32."""
    reason = "answers computed in bfloat16"
    made = record(artifact, [backend], sizes=(), every_setting=False, opener=opener)
    if made.unrun:
        return Control(fault, reason, made.unrun[0].word, made.unrun[0].problem)
    judged = judge_recording(made)
    said = [str(one) for one in judged.breaches if one.part == "answers"]
    right = next((text for text in said if "bfloat16" in text), None)
    if right is None:
        wrong = said[0] if said else f"no objection: {judged.outcome}"
        return Control(fault, reason, "missed", wrong)
    return Control(fault, reason, "seen", right)


def _is_model(found: Objection) -> bool:
    """Whether the model itself is wrong, not a step before it."""
    return found.culprit is None or (
        found.culprit.path.startswith("output ") and found.culprit.fault == "locally wrong"
    )


def _is_local(found: Objection) -> bool:
    """Whether a step or the model is wrong by itself."""
    return found.culprit is None or found.culprit.fault == "locally wrong"


def _is_null(found: Objection) -> bool:
    """Whether there are wrong rows and all of them hold a missing value; refused ones aside."""
    recording = found.recording
    sets = {vectors.name: vectors for vectors in recording.vectors}
    trial = recording.trials[0]
    bounds = bounds_of(recording, trial)
    wrong_nulls = wrong_others = 0
    for batch in trial.batches:
        vectors = sets[batch.vectors]
        has_null = np.zeros(vectors.rows, bool)
        for cells in vectors.inputs.values():
            if cells.dtype.kind == "f":
                has_null |= np.isnan(cells).any(axis=1)
            elif cells.dtype == object:
                has_null |= np.isin(cells.astype(str), [NULL_NONE, NULL_NAN]).any(axis=1)
        answered = vectors.answers[ROW_ERROR] == 0
        for name, want in vectors.answers.items():
            wrong = breaches(want, batch.answers[name], bounds.get(name, BITWISE))
            wrong = wrong.reshape(len(want), -1).any(axis=1) & answered
            wrong_nulls += int((wrong & has_null).sum())
            wrong_others += int((wrong & ~has_null).sum())
    return wrong_nulls > 0 and wrong_others == 0


_REASONS: Final[Mapping[str, tuple[str, Callable[[Objection], bool]]]] = {
    "a weight moved by 0.001": ("the model is wrong by itself", _is_model),
    "two columns swapped": ("a step is wrong by itself", _is_local),
    "a wrong vocabulary": ("a step is wrong by itself", _is_local),
    "NaN handling dropped": ("only rows with a missing value are wrong", _is_null),
    "the poison removed": (
        "refused rows show answers",
        lambda found: {finding.part for finding in found.judged.breaches} == {"poison"},
    ),
}
"""Fault → what must be said, and whether it was."""
