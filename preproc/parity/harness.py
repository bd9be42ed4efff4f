"""Golden vectors on backends: run each, judge each by the bounds of its own name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import onnx

from preproc.artifact import Artifact
from preproc.compare import Tolerance
from preproc.contract import Mode
from preproc.errors import ParityError
from preproc.runtime import DEFAULT_BACKEND, Verdict
from preproc.runtime.gate import evidence_of, prove_sets, tolerances_of
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR

SUM_ORDER: Final = 1e-13
"""Error of a float64 sum in another order, as a share of the sum of its summands' magnitudes."""


@dataclass(frozen=True, slots=True)
class BackendResult:
    """What one backend did.

    Attributes
    ----------
    backend
        Its name.
    verdicts
        One an output, set and part.
    """

    backend: str
    verdicts: tuple[Verdict, ...]

    @property
    def is_pass(self) -> bool:
        """Whether every verdict passes and there is one at all."""
        return bool(self.verdicts) and all(verdict.is_pass for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class ParityRun:
    """One artifact on several backends."""

    name: str
    digest: str
    results: tuple[BackendResult, ...]

    @property
    def is_pass(self) -> bool:
        """Whether there are backends and all of them pass."""
        return bool(self.results) and all(result.is_pass for result in self.results)


def run_parity(
    artifact: Artifact,
    backends: Sequence[str],
    *,
    mode: Mode = "exact",
    progress: Callable[[str], None] = lambda _: None,
) -> ParityRun:
    """Replay the golden vectors of an artifact on each backend.

    Parameters
    ----------
    artifact
        As read; its public graph runs, or the form that serves, by backend.
    backends
        Names from `preproc.runtime.BACKENDS`.
    mode
        Which form of the graph to derive; ``fast`` runs packed, on its own bounds.
    progress
        Called with the name of each backend before it runs.

    Returns
    -------
    ParityRun
        A verdict for every output of every set on every backend.

    Raises
    ------
    BackendError
        When a backend is absent; never is another one used.
    ParityError
        When there is nothing to compare.
    """
    if not backends:
        raise ParityError("nothing to compare: no backend was named")
    model = onnx.ModelProto.FromString(artifact.model)
    results = []
    for backend in backends:
        progress(backend)
        with session_of(artifact.contract, model, backend=backend, mode=mode) as session:
            sets, bounds = evidence_of(artifact, mode)
            if mode == "exact":
                bounds = bounds_of(backend, artifact.certificate)
            verdicts = prove_sets(session, sets, bounds)
        results.append(BackendResult(backend, verdicts))
    return ParityRun(artifact.contract.name, artifact.digest, tuple(results))


def bounds_of(backend: str, certificate: Mapping[str, Any]) -> dict[str, Tolerance]:
    """Output → bound on a backend.

    ONNX Runtime on the CPU keeps the certificate's bounds. The reference evaluator sums trees in
    another order: a sum may be off by `SUM_ORDER` of its scale, a probability by a quarter of that
    (the steepest slope of the logistic function) more. Labels are equal everywhere.
    """
    bounds = tolerances_of(certificate)
    if backend == DEFAULT_BACKEND:
        return bounds
    scales = [float(entry["scale"]) for entry in certificate["outputs"].values()]
    slack = SUM_ORDER * max(scales, default=0.0)
    shares = {"scores": 1.0, "prediction": 1.0, "probabilities": 0.25}
    for name, entry in certificate["outputs"].items():
        share = shares.get(entry["role"])
        if share is not None and slack and name != ROW_ERROR:
            bounds[name] = replace(
                bounds[name],
                name=f"{bounds[name].name}, reordered",
                max_abs=bounds[name].max_abs + share * slack,
                reason=f"{backend} sums trees in another order",
            )
    return bounds
