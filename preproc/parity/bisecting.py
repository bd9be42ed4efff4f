"""The first step of a pipeline that goes wrong on a backend, and whose fault it is.

Each step's value is compared with what scikit-learn's ``transform`` gave at export. A step that
differs is computed once more from scikit-learn's own inputs: still different, it is wrong by
itself; right now, it only passed an earlier step's error on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.compare import BITWISE, LAST_BITS, Comparison, Tolerance, breaches, compare
from preproc.errors import ParityError
from preproc.parity.inner import Inner, open_inner
from preproc.parity.recording import Recording, Trial
from preproc.parity.tolerances import bounds_of
from preproc.vectors import StepAnswer, VectorSet
from preproc.wording import counted

FLOAT32_STEP: Final = Tolerance(
    "float32 step",
    max_ulp=0,
    max_abs=1e-30,
    max_row=2.0**-17,
    reason="the backend computes in float32: up to 128 roundings of 2^-24",
)
MAX_WORST: Final = 3
"""Rows that are shown of one step."""

Fault = Literal["locally wrong", "propagated"]


@dataclass(frozen=True, slots=True)
class WorstRow:
    """One row of a step that differs: its position in the real set, and cells as text."""

    row: int
    inputs: Mapping[str, str]
    want: str
    got: str


@dataclass(frozen=True, slots=True)
class StepFinding:
    """One step on one backend.

    Attributes
    ----------
    path
        Where the step stands in the pipeline, or ``output NAME`` for what the graph gives.
    column
        The first feature that differs, empty where none does.
    columns
        How many features differ.
    fault
        None where the step is right.
    comparison
        What was found.
    worst
        Rows of that feature, the worst first.
    """

    path: str
    column: str
    columns: int
    fault: Fault | None
    comparison: Comparison
    worst: tuple[WorstRow, ...]

    def __str__(self) -> str:
        found = self.comparison
        if self.fault is None:
            return f"step {self.path}: {counted(found.elements, 'value')} right"
        return (
            f"step {self.path}, column {self.column!r}: {self.fault}, {found.breaches} of "
            f"{counted(found.elements, 'value')} in {counted(self.columns, 'column')} differ"
        )


@dataclass(frozen=True, slots=True)
class _Point:
    """A place to compare: graph values side by side, and what scikit-learn gave there."""

    path: str
    values: tuple[str, ...]
    want: NDArray[Any]
    features: tuple[str, ...]
    tolerance: Tolerance
    slack: NDArray[np.float64] | float = 0.0


def bisect_steps(artifact: Artifact, recording: Recording, trial: Trial) -> tuple[StepFinding, ...]:
    """Compare every recorded step in a setting with scikit-learn's answers, in pipeline order.

    Parameters
    ----------
    artifact
        Whose graph runs again, laid open.
    recording
        Of that artifact.
    trial
        One of its trials: the setting.

    Returns
    -------
    tuple of StepFinding
        Steps in pipeline order, then the outputs; `culprit` chooses among them.

    Raises
    ------
    ParityError
        When the artifact holds no steps or no real rows.
    BackendError
        When the backend is absent, or cannot run a part of the graph.
    """
    real = next((vectors for vectors in recording.vectors if vectors.name == "real"), None)
    if real is None or not artifact.steps:
        raise ParityError("nothing to compare: the artifact holds no step of its pipeline")
    rows = len(artifact.steps[0].answer)
    inputs = {name: cells[:rows] for name, cells in real.inputs.items()}
    inner = open_inner(onnx.ModelProto.FromString(artifact.model), trial.setting, inputs)
    points = [*_steps(artifact.steps, trial), *_outputs(recording, trial, real, rows)]
    got = inner.values([value for point in points for value in point.values], {})
    flat = {name: _flat(array) for name, array in got.items()}
    oracle = _oracle(artifact.steps, flat)
    return tuple(_finding(inner, point, flat, oracle, inputs) for point in points)


def culprit(found: Sequence[StepFinding]) -> StepFinding | None:
    """Give the first step that is wrong by itself, or None when all are right."""
    wrong = [one for one in found if one.fault is not None]
    return next((one for one in wrong if one.fault == "locally wrong"), wrong[0] if wrong else None)


def _steps(steps: Sequence[StepAnswer], trial: Trial) -> Iterator[_Point]:
    for step in steps:
        tolerance = BITWISE if step.decided == "ieee" else LAST_BITS
        if trial.dtype == "float32" and step.answer.dtype.kind == "f":
            tolerance = FLOAT32_STEP
        names = step.features or tuple(str(at) for at in range(step.answer.shape[1]))
        yield _Point(step.path, step.values, step.answer, names, tolerance)


def _outputs(recording: Recording, trial: Trial, real: VectorSet, rows: int) -> Iterator[_Point]:
    bounds = bounds_of(recording, trial)
    outputs = recording.contract.signature.outputs
    for name, want in real.answers.items():
        flat = _flat(want[:rows])
        named = next((output.names for output in outputs if output.name == name), ())
        names = named or tuple(str(at) for at in range(flat.shape[1]))
        slack = trial.slack.get("real", {}).get(name)
        extra = 0.0 if slack is None else _flat(slack[:rows])
        yield _Point(f"output {name}", (name,), flat, names, bounds.get(name, BITWISE), extra)


def _oracle(
    steps: Sequence[StepAnswer], got: Mapping[str, NDArray[Any]]
) -> dict[str, tuple[str, NDArray[Any]]]:
    """Value → (step that gave it, what scikit-learn gave there)."""
    known: dict[str, tuple[str, NDArray[Any]]] = {}
    for step in steps:
        start = 0
        for value in step.values:
            width = got[value].shape[1]
            known.setdefault(value, (step.path, step.answer[:, start : start + width]))
            start += width
    return known


def _finding(
    inner: Inner,
    point: _Point,
    got: Mapping[str, NDArray[Any]],
    oracle: Mapping[str, tuple[str, NDArray[Any]]],
    inputs: Mapping[str, NDArray[Any]],
) -> StepFinding:
    here = _side_by_side(point, got)
    found = compare(point.want, here, point.tolerance, slack=point.slack)
    wrong = breaches(point.want, here, point.tolerance, slack=point.slack)
    if not wrong.any():
        return StepFinding(point.path, "", 0, None, found, ())
    column = int(np.flatnonzero(wrong.any(axis=0))[0])
    given = {
        value: cells
        for value, (owner, cells) in oracle.items()
        if owner != point.path and value not in inputs
    }
    again = _side_by_side(point, inner.values(point.values, given))
    is_right = not breaches(point.want, again, point.tolerance, slack=point.slack).any()
    return StepFinding(
        point.path,
        point.features[column] if column < len(point.features) else str(column),
        int(wrong.any(axis=0).sum()),
        "propagated" if is_right else "locally wrong",
        found,
        tuple(_worst(inputs, point, here, wrong, column)),
    )


def _worst(
    inputs: Mapping[str, NDArray[Any]],
    point: _Point,
    got: NDArray[Any],
    wrong: NDArray[np.bool_],
    column: int,
) -> Iterator[WorstRow]:
    rows = np.flatnonzero(wrong[:, column])
    want = point.want[:, column]
    if want.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            off = np.nan_to_num(np.abs(want - got[:, column]), nan=np.inf)[rows]
        rows = rows[np.argsort(-off, kind="stable")]
    wanted, found = want.tolist(), got[:, column].tolist()
    for row in rows[:MAX_WORST].tolist():
        shown = {name: _cell(cells[row]) for name, cells in inputs.items()}
        yield WorstRow(row, shown, repr(wanted[row]), repr(found[row]))


def _side_by_side(point: _Point, got: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    parts = [_flat(got[value]).astype(point.want.dtype) for value in point.values]
    joined: NDArray[Any] = np.concatenate(parts, axis=1)
    if joined.shape != point.want.shape:
        raise ParityError(
            f"step {point.path}: expected shape {point.want.shape}, got {joined.shape}"
        )
    return joined


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(len(array), -1)


def _cell(cells: NDArray[Any]) -> str:
    values = cells.ravel().tolist()
    return repr(values[0]) if len(values) == 1 else repr(values[:8])
