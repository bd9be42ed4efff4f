"""What was recorded, held against scikit-learn's answers: findings, and one outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.compare import BITWISE, Comparison, Tolerance, compare
from preproc.parity.precision import arithmetic_of
from preproc.parity.recording import WHOLE, Batch, Recording, Setting, Trial, Unrun
from preproc.parity.tolerances import Widening, alone_bound, bounds_of
from preproc.runtime.easing import with_refusals
from preproc.runtime.gate import judge
from preproc.signature import ROW_ERROR
from preproc.vectors import VectorSet
from preproc.wording import counted

Part = Literal["answers", "poison", "alone", "shape", "run", "placement"]
Outcome = Literal["pass", "breach", "nothing compared", "absent", "refused"]

NAN_ULP: Final = 2**63
"""Beyond any distance of two floats: NaN stands on one side."""
CPU_PROVIDERS: Final = frozenset({"CPUExecutionProvider", "numpy"})
"""Where no node of a device half may run."""
ACCELERATORS: Final = frozenset(
    {"webgpu", "openvino", "cuda", "tensorrt", "directml", "coreml", "migraphx"}
)
"""Backends that were asked for so that nodes run elsewhere than on ONNX Runtime's CPU."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was judged.

    Attributes
    ----------
    setting
        Where it was answered.
    vectors, size
        Golden set, and rows a call; empty for what concerns a setting as a whole.
    output
        Name of the output, empty for all.
    part
        ``answers``: rows that are answered, against scikit-learn; ``poison``: rows that are
        refused; ``alone``: against the same rows in the whole set; ``shape``: shapes and
        dtypes; ``run``: the call itself; ``placement``: where nodes ran.
    tolerance
        What was allowed.
    comparison
        What was found, None where there are no values to compare.
    row
        Position in the golden set of the worst element's row, None where there is none.
    problem
        What is wrong, in words; empty on a pass.
    """

    setting: Setting
    vectors: str
    size: str
    output: str
    part: Part
    tolerance: Tolerance
    comparison: Comparison | None
    row: int | None
    problem: str

    @property
    def is_pass(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem

    def __str__(self) -> str:
        words = [str(self.setting)]
        if self.vectors:
            rows = "the whole set" if self.size == WHOLE else f"{counted(self.size, 'row')} a call"
            words.append(f"vectors {self.vectors!r}, {rows}")
        if self.output:
            words.append(f"output {self.output!r} ({self.part})")
        return f"{', '.join(words)}: {self.problem or 'pass'}"


@dataclass(frozen=True, slots=True)
class Judged:
    """All findings of one recording.

    Attributes
    ----------
    name, digest
        Of the artifact.
    findings
        In the order of the trials.
    unrun
        Backends that did not run.
    required
        Backends that must run.
    widenings
        Bounds from the command line.
    """

    name: str
    digest: str
    findings: tuple[Finding, ...]
    unrun: tuple[Unrun, ...]
    required: frozenset[str]
    widenings: tuple[Widening, ...]

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """Findings that are no pass."""
        return tuple(finding for finding in self.findings if not finding.is_pass)

    @property
    def backends(self) -> tuple[str, ...]:
        """Backends that ran, each once."""
        return tuple(dict.fromkeys(finding.setting.backend for finding in self.findings))

    @property
    def missing(self) -> tuple[str, ...]:
        """Required backends that did not run."""
        return tuple(sorted(self.required - set(self.backends)))

    @property
    def outcome(self) -> Outcome:
        """The one word: a breach first, then what is missing, then whether there was anything."""
        if self.breaches:
            return "breach"
        if self.missing:
            refused = {one.backend for one in self.unrun if one.word == "refused"}
            return "refused" if refused.issuperset(self.missing) else "absent"
        compared = {
            finding.setting.backend for finding in self.findings if finding.part == "answers"
        }
        return "pass" if compared and compared == set(self.backends) else "nothing compared"


def judge_recording(
    recording: Recording,
    *,
    require: Sequence[str] = (),
    widenings: Sequence[Widening] = (),
) -> Judged:
    """Hold every answer against scikit-learn's, and against the same row's in the whole set.

    Parameters
    ----------
    recording
        As run, or as loaded.
    require
        Backends that must run.
    widenings
        Bounds in place of the declared ones; each is told in the report.

    Returns
    -------
    Judged
        A finding for every output of every set, size and setting.

    Raises
    ------
    ParityError
        When a widening names no output.
    """
    findings = tuple(
        finding for trial in recording.trials for finding in _trial(recording, trial, widenings)
    )
    return Judged(
        recording.name,
        recording.digest,
        findings,
        recording.unrun,
        frozenset(require),
        tuple(widenings),
    )


def due(
    recording: Recording, trial: Trial, batch: Batch
) -> tuple[VectorSet, dict[str, NDArray[np.float64]]]:
    """Give what a batch has to answer, and what a device may add to that.

    Returns
    -------
    tuple
        The golden rows of the batch, with the refusals of a form's own rule, and output →
        absolute error on top of the bound.
    """
    (whole,) = (vectors for vectors in recording.vectors if vectors.name == batch.vectors)
    vectors = VectorSet(
        whole.name,
        {name: values[batch.rows] for name, values in whole.inputs.items()},
        {name: values[batch.rows] for name, values in whole.answers.items()},
    )
    is_answered = batch.answers.get(ROW_ERROR, np.zeros(0)).shape == (vectors.rows,)
    if trial.own_rule is not None and is_answered:
        outputs = recording.contract.signature.outputs
        vectors = with_refusals(vectors, batch.answers, outputs, trial.own_rule)
    slack = trial.slack.get(batch.vectors, {})
    return vectors, {name: values[batch.rows] for name, values in slack.items()}


def _trial(recording: Recording, trial: Trial, widenings: Sequence[Widening]) -> Iterator[Finding]:
    bounds = bounds_of(recording, trial, widenings)
    sets = {vectors.name: vectors for vectors in recording.vectors}
    wholes = {batch.vectors: batch for batch in trial.batches if batch.size == WHOLE}
    yield _placed(trial)
    for name in sets.keys() - wholes.keys():
        problem = "expected answers to the whole set, got none"
        yield Finding(trial.setting, name, WHOLE, "", "run", BITWISE, None, None, problem)
    compared = set()
    for batch in trial.batches:
        vectors, slack = due(recording, trial, batch)
        broken = list(_shaped(trial.setting, batch, vectors))
        yield from broken
        if any(not finding.is_pass for finding in broken) or not batch.rows.size:
            continue
        for finding in _answered(trial.setting, batch, vectors, bounds, slack):
            compared.add((finding.output, finding.part))
            yield finding
        whole = wholes[batch.vectors]
        if batch.size != WHOLE and set(whole.answers) >= set(batch.answers):
            yield from _alone(trial.setting, batch, whole, bounds)
    for output in recording.contract.signature.outputs if trial.slack else ():
        if (output.name, "answers") not in compared:
            problem = "nothing to compare: it is open on every row"
            yield Finding(trial.setting, "", "", output.name, "run", BITWISE, None, None, problem)


def _placed(trial: Trial) -> Finding:
    """Judge where nodes ran: on what was asked for, and never untold."""
    device = [one for one in trial.placement if one.half in {"whole", "device"}]
    strays = [one for one in device if one.provider in CPU_PROVIDERS]
    problem = ""
    if not device:
        problem = "placement: expected where every node ran, got nothing"
    elif trial.setting.backend in ACCELERATORS and strays:
        names = ", ".join(f"{one.op_type} {one.node!r}" for one in strays[:3])
        more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""  # noqa: PLR2004
        problem = (
            f"placement: expected all {len(device)} nodes of the device half on "
            f"{trial.setting.backend}, got {len(strays)} on the CPU in silence: {names}{more}"
        )
    return Finding(trial.setting, "", "", "", "placement", BITWISE, None, None, problem)


def _shaped(setting: Setting, batch: Batch, vectors: VectorSet) -> Iterator[Finding]:
    """Judge what must hold before values can be compared: a result, names, shapes, dtypes."""
    if batch.problem:
        yield _told(setting, batch, "", "run", f"the call failed: {batch.problem}")
        return
    for name, want in vectors.answers.items():
        problem = ""
        if name not in batch.answers:
            problem = "expected an answer, got none"
        else:
            got = batch.answers[name]
            if got.dtype != want.dtype:
                problem = f"expected dtype {want.dtype}, got {got.dtype}"
            elif got.shape != want.shape:
                problem = f"expected shape {want.shape}, got {got.shape}"
        yield _told(setting, batch, name, "shape", problem)


def _told(setting: Setting, batch: Batch, output: str, part: Part, problem: str) -> Finding:
    return Finding(setting, batch.vectors, batch.size, output, part, BITWISE, None, None, problem)


def _answered(
    setting: Setting,
    batch: Batch,
    vectors: VectorSet,
    bounds: Mapping[str, Tolerance],
    slack: Mapping[str, NDArray[np.float64]],
) -> Iterator[Finding]:
    for verdict in judge(vectors, batch.answers, bounds, slack):
        found = verdict.comparison
        refused = vectors.answers[ROW_ERROR] != 0
        rows = refused if verdict.part == "poison" else ~refused
        problem = ""
        if not verdict.is_pass:
            problem = (
                f"{found.breaches} of {found.elements} beyond {verdict.tolerance.name}, "
                f"{_distance(found)}"
            )
            want, got = (side[verdict.output] for side in (vectors.answers, batch.answers))
            if verdict.part == "answers" and verdict.output != ROW_ERROR:
                arithmetic = arithmetic_of(want[rows], got[rows])
                problem += f"; {arithmetic}" if arithmetic else ""
            if verdict.part == "poison":
                problem += "; a refused row shows what looks like an answer"
        yield Finding(
            setting,
            batch.vectors,
            batch.size,
            verdict.output,
            "poison" if verdict.part == "poison" else "answers",
            verdict.tolerance,
            found,
            int(batch.rows[verdict.row]),
            problem,
        )


def _distance(found: Comparison) -> str:
    if found.max_ulp > NAN_ULP:
        return "NaN on one side"
    return f"worst {found.max_ulp} ULP, {found.max_abs:.3g} absolute"


def _alone(
    setting: Setting, batch: Batch, whole: Batch, bounds: Mapping[str, Tolerance]
) -> Iterator[Finding]:
    """Hold each row against itself in the whole set: its answer depends on that row alone."""
    for name, got in batch.answers.items():
        want = whole.answers[name][batch.rows]
        if want.shape != got.shape or want.dtype != got.dtype:
            continue  # told with the shapes
        bound = alone_bound(setting, bounds.get(name, BITWISE))
        found = compare(want, got, bound)
        row = int(batch.rows[found.worst[0]])
        problem = ""
        if not found.is_pass:
            problem = (
                f"{found.breaches} of {found.elements} differ from the same rows in the whole "
                f"set, {_distance(found)}: a row's answer depends on its batch"
            )
        yield Finding(setting, batch.vectors, batch.size, name, "alone", bound, found, row, problem)
