"""What was answered where, as plain data: run here, judged anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Contract, Mode
from preproc.errors import ParityError
from preproc.runtime import Placed
from preproc.signature import Rule
from preproc.vectors import VectorSet

WHOLE: Final = "whole"
"""The size of a batch that is the golden set itself, in one call."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run a graph.

    Attributes
    ----------
    backend
        Name from `preproc.runtime.BACKENDS`.
    mode
        Form of the graph.
    options
        What the opener of the backend takes, such as ``{"threads": 2}``.
    """

    backend: str
    mode: Mode = "exact"
    options: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def threads(self) -> int:
        """Threads that compute one operator, 1 unless set."""
        return int(self.options.get("threads", 1))

    def __str__(self) -> str:
        words = [f"{name} {value}" for name, value in self.options.items()]
        if self.mode != "exact":
            words.insert(0, self.mode)
        return f"{self.backend} ({', '.join(words)})" if words else self.backend


@dataclass(frozen=True, slots=True)
class Batch:
    """What one setting answered to the rows of one golden set, so many rows a call.

    Attributes
    ----------
    vectors
        Name of the golden set.
    size
        Rows a call: a number, or ``whole``.
    rows
        Position in the golden set of each answered row, int64 (n,).
    answers
        Output → array (n, ...), ``row_error`` among them; empty where the call failed.
    problem
        Why the call failed, in the words of the runtime; empty where it did not.
    """

    vectors: str
    size: str
    rows: NDArray[np.int64]
    answers: Mapping[str, NDArray[Any]]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting, run.

    Attributes
    ----------
    setting
        How.
    environment
        What may move bits: versions, processor, device, threads; name → text.
    placement
        Where every node ran.
    batches
        What was answered.
    seconds
        Time of all calls together.
    dtype
        In which the form computes.
    form
        ``packed``, ``public`` or ``halves``.
    slack
        Golden set → output → absolute error that a device half may add, (rows,) or (rows, width),
        infinite where any answer will do; empty for other forms.
    own_rule
        The rule by which a form refuses what the exact one answers, None where it has none.
    """

    setting: Setting
    environment: Mapping[str, str]
    placement: tuple[Placed, ...]
    batches: tuple[Batch, ...]
    seconds: float
    dtype: str = "float64"
    form: str = "public"
    slack: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)
    own_rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Unrun:
    """A backend that was asked for and did not run, and why.

    Attributes
    ----------
    backend
        Its name.
    problem
        What was expected and what came.
    word
        ``absent``: its runtime or its device is not there; ``refused``: it is, and does not run
        this graph.
    """

    backend: str
    problem: str
    word: Literal["absent", "refused"] = "absent"


@dataclass(frozen=True, slots=True)
class Recording:
    """One artifact on some backends: all that a judge needs, wherever it sits.

    Attributes
    ----------
    digest
        Of the artifact.
    contract, certificate, vectors
        The artifact's own, so that the judge needs no other file.
    trials
        What ran.
    unrun
        What did not.
    """

    digest: str
    contract: Contract
    certificate: Mapping[str, Any]
    vectors: tuple[VectorSet, ...]
    trials: tuple[Trial, ...]
    unrun: tuple[Unrun, ...] = ()

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.contract.name


def answers_as_golden(recording: Recording, other: Recording) -> Recording:
    """Put the answers of another recording in the place of scikit-learn's.

    Those of its first trial on a backend that this one has too, else of its first trial.

    Raises
    ------
    ParityError
        When the two are not of one artifact, or the other answered nothing.
    """
    if recording.digest != other.digest:
        raise ParityError(
            f"against: expected a recording of artifact {recording.digest[:12]}, got one of "
            f"{other.digest[:12]}"
        )
    mine = {trial.setting.backend for trial in recording.trials}
    trials = sorted(other.trials, key=lambda trial: trial.setting.backend not in mine)
    if not trials:
        raise ParityError("against: nothing to compare: the other recording holds no trial")
    answers = {batch.vectors: batch.answers for batch in trials[0].batches if batch.size == WHOLE}
    return replace(
        recording,
        vectors=tuple(replace(one, answers=answers.get(one.name, {})) for one in recording.vectors),
    )
