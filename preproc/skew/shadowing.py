"""Another version as the witness: its graph answers the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.compare import BITWISE, breaches
from preproc.runtime import prove
from preproc.runtime.building import session_of
from preproc.runtime.inner import inner_values
from preproc.signature import ROW_ERROR, Output
from preproc.testimony import Divergence, Testimony
from preproc.vectors import StepAnswer


class VersionWitness:
    """A version that answers what another one has answered; a context manager.

    Parameters
    ----------
    artifact
        As read from its folder, graph and all.
    served
        The version that answered, likewise.

    Raises
    ------
    ParityError
        When it does not give its own golden answers here.
    """

    def __init__(self, artifact: Artifact, served: Artifact) -> None:
        self._artifact, self._served = artifact, served
        model = onnx.ModelProto.FromString(artifact.model)
        self._session = session_of(artifact.contract, model, mode=artifact.contract.mode)
        prove(self._session, artifact)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, inputs: Mapping[str, NDArray[Any]], is_refused: NDArray[np.bool_]) -> Testimony:
        """Answer rows.

        Raises
        ------
        SignatureError
            When this version takes other columns than the one that served.
        """
        answers = self._session.run_prepared(self._session.pack(inputs))
        refused = answers[ROW_ERROR] != 0
        return Testimony(answers, refused, np.ones(len(is_refused), bool))

    def is_undecided(
        self, _: Output, __: Mapping[str, NDArray[Any]], want: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Excuse nothing: both versions are graphs, which round alike."""
        return np.zeros(len(want), bool)

    def is_continued(
        self,
        inputs: Mapping[str, NDArray[Any]],
        _: Mapping[str, NDArray[Any]],
        __: Mapping[str, NDArray[Any]],
    ) -> NDArray[np.bool_]:
        """Excuse nothing, for the same reason."""
        return np.zeros(len(next(iter(inputs.values()))), bool)

    def diverge(self, inputs: Mapping[str, NDArray[Any]]) -> Divergence:
        """Find the first step of the version that served whose values differ in this one.

        Steps are the same by their path; those that one version alone has are passed over, what
        they do shows in the next, or in the outputs.
        """
        rows = len(next(iter(inputs.values())))
        ours = {step.path: step for step in self._artifact.steps}
        common = [step for step in self._served.steps if step.path in ours]
        want = step_values(self._artifact, [ours[step.path] for step in common], inputs)
        got = step_values(self._served, common, inputs)
        for step in common:
            there = _parting(step.path, step.features, want[step.path], got[step.path])
            if there is not None:
                return there
        answers = [answers_of(one, inputs) for one in (self._artifact, self._served)]
        for output in self._served.contract.signature.outputs:
            if output.name in answers[0]:
                sides = (side[output.name].reshape(rows, -1) for side in answers)
                there = _parting(f"output {output.name}", output.names, *sides)
                if there is not None:
                    return there
        return Divergence("", "", 0, rows)


def step_values(
    artifact: Artifact, steps: Sequence[StepAnswer], inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Compute what steps give, path → (n, features), by the public graph."""
    found = inner_values(artifact, steps, inputs)
    rows = len(next(iter(inputs.values())))
    return {
        step.path: np.concatenate([found[v].reshape(rows, -1) for v in step.values], axis=1)
        for step in steps
    }


def answers_of(
    artifact: Artifact, inputs: Mapping[str, NDArray[Any]]
) -> Mapping[str, NDArray[Any]]:
    """Answer rows on this machine."""
    model = onnx.ModelProto.FromString(artifact.model)
    with session_of(artifact.contract, model) as session:
        return session.run_prepared(session.pack(inputs))


def _parting(
    where: str, names: Sequence[str], want: NDArray[Any], got: NDArray[Any]
) -> Divergence | None:
    rows = len(want)
    if want.shape != got.shape or (want.dtype == object) != (got.dtype == object):
        first, second = (f"{side.dtype} {side.shape}" for side in (want, got))
        return Divergence(where, "", rows, rows, first, second)
    wrong = breaches(want, got.astype(want.dtype), BITWISE)
    if not wrong.any():
        return None
    column = int(np.flatnonzero(wrong.any(axis=0))[0])
    row = int(np.flatnonzero(wrong[:, column])[0])
    name = names[column] if len(names) == want.shape[1] else str(column)
    first, second = (repr(side[row : row + 1, column].tolist()[0]) for side in (want, got))
    return Divergence(where, name, int(wrong.any(axis=1).sum()), rows, first, second)
