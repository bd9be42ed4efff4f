"""What the plots of a report show: errors by output, nodes by provider."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preproc.compare import absolute_error, ulp_distance
from preproc.parity.judging import Judged, due
from preproc.parity.recording import Recording, Trial
from preproc.signature import ROW_ERROR


@dataclass(frozen=True, slots=True)
class Errors:
    """Absolute errors of one output.

    Attributes
    ----------
    output
        Its name.
    errors
        Backend and threads → errors (n,) of answered values: 0 for equal bits, infinite where one
        side is NaN.
    bounds
        The same names → absolute bound; of a device, the largest of its rows.
    """

    output: str
    errors: Mapping[str, NDArray[np.float64]]
    bounds: Mapping[str, float]


def served(recording: Recording) -> Mapping[str, Trial]:
    """Backend → the trial of the setting that serves."""
    found: dict[str, Trial] = {}
    for trial in recording.trials:
        found.setdefault(trial.setting.backend, trial)
    return found


def errors_of(recording: Recording, judged: Judged) -> Iterator[Errors]:
    """Give the errors of each float output, by backend and number of threads."""
    limits = {
        (str(one.setting), one.output): one.tolerance
        for one in judged.findings
        if one.part == "answers"
    }
    for output in recording.contract.signature.outputs:
        if output.dtype not in {"float64", "float32"}:
            continue
        found: dict[str, list[NDArray[np.float64]]] = {}
        bounds: dict[str, float] = {}
        for trial in recording.trials:
            name = _group(trial)
            limit = limits.get((str(trial.setting), output.name))
            bound = (0.0 if limit is None else limit.max_abs) + _largest_slack(trial, output.name)
            bounds[name] = max(bounds.get(name, 0.0), bound)
            found.setdefault(name, []).extend(_off(recording, trial, output.name))
        errors = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in found.items()}
        if errors:
            yield Errors(output.name, errors, bounds)


def _largest_slack(trial: Trial, output: str) -> float:
    """Give what a device may add at most to the absolute bound of an output, on any row."""
    found = [slack[output] for slack in trial.slack.values() if output in slack]
    finite = [values[np.isfinite(values)] for values in found]
    return max((float(values.max(initial=0.0)) for values in finite), default=0.0)


def _off(recording: Recording, trial: Trial, output: str) -> Iterator[NDArray[np.float64]]:
    for batch in trial.batches:
        vectors, _ = due(recording, trial, batch)
        want, got = vectors.answers.get(output), batch.answers.get(output)
        if want is None or got is None or want.shape != got.shape or want.dtype != got.dtype:
            continue
        answered = vectors.answers[ROW_ERROR] == 0
        first, second = (np.ascontiguousarray(side[answered]) for side in (want, got))
        yield absolute_error(first, second, ulp_distance(first, second)).ravel()


def _group(trial: Trial) -> str:
    threads = trial.setting.options.get("threads")
    if threads is None:
        return trial.setting.backend
    return f"{trial.setting.backend}\n{threads} thread{'s' if threads != 1 else ''}"


def nodes_of(recording: Recording) -> Mapping[str, Mapping[str, int]]:
    """Count nodes: backend → (provider and half → nodes), of the setting that serves."""
    return {
        backend: Counter(f"{node.provider} ({node.half})" for node in trial.placement)
        for backend, trial in served(recording).items()
    }
