"""What a diagnosis goes by, and what it says: plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.drift import Baseline, Change, Outcomes
from preproc.signature import Signature
from preproc.skew.labels import Labels
from preproc.skew.scope import Onset, Scope
from preproc.skew.traffic import Traffic, Windows
from preproc.skew.watching import Watch

Cause = Literal["skew", "data drift", "concept drift"]
Answer = Literal["yes", "no", "open"]

REMEDIES: Final[Mapping[Cause, str]] = {
    "skew": "mend the code or the default that differs; do not train again: the model is right and "
    "is asked wrongly",
    "data drift": "check that scores still hold where the new rows lie; train again with them, or "
    "weight the old ones, when labels say that they do not",
    "concept drift": "train again on labels from after the onset; until then correct the scores, "
    "or stop relying on them",
}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows that were computed twice.

    Attributes
    ----------
    kind
        ``served``: the logged row through the training pipeline, against the logged answer.
        ``asked``: the logged input against the same computed anew from the sources.
    is_compared, is_different
        Of each row of the traffic, (n,).
    where
        First step or column that differs, empty where none does.
    parts
        Step (of ``served``) or column (of ``asked``) → rows that differ there, in their order; of
        steps, among as many rows as are followed.
    recomputed
        Of ``asked``: column → values computed anew, (n,) or (n, 1); elsewhere nothing.
    """

    kind: Literal["served", "asked"]
    is_compared: NDArray[np.bool_]
    is_different: NDArray[np.bool_]
    where: str = ""
    parts: Mapping[str, int] = field(default_factory=dict)
    recomputed: Mapping[str, NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Pairs of one kind, counted.

    Attributes
    ----------
    kind, where, parts
        As of `Pairs`.
    starts, compared, different
        Of each whole window.
    """

    kind: str
    where: str
    parts: Mapping[str, int]
    starts: tuple[str, ...]
    compared: tuple[int, ...]
    different: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line.

    Attributes
    ----------
    cause
        Whose question it answers.
    answer
        ``open`` where it cannot be told.
    test, unit
        What was done, and what it counts.
    n
        How many of these.
    p
        Chance of as much, were there nothing; None where nothing was tested.
    effect
        How large it is, in words.
    """

    cause: Cause
    answer: Answer
    test: str
    unit: str
    n: int
    p: float | None
    effect: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    verdict
        ``quiet``, ``undetermined``, one cause, or ``both: …`` with all of them.
    causes
        That were found.
    evidence
        Line by line, against as well as for.
    missing
        What would answer the open questions.
    onset, scope
        Since when and for whom, of the first cause; None where that is not told.
    remedies
        Of each cause.
    watch
        The windows; None without a calibrated profile.
    pairs
        Rows that were computed twice, window by window.
    change
        What came true, by band of the score; None where that could not be compared.
    """

    verdict: str
    causes: tuple[Cause, ...]
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    onset: Onset | None
    scope: Scope | None
    remedies: tuple[str, ...]
    watch: Watch | None
    pairs: tuple[PairCounts, ...]
    change: Change | None


@dataclass(frozen=True, slots=True)
class Case:
    """All that there is to go by.

    Attributes
    ----------
    traffic, windows
        Rows of the log.
    signature
        Of the artifact.
    baseline, outcomes
        Of its profile; None where the export gave none.
    pairs
        None, one or both kinds.
    labels
        None where there are none.
    """

    traffic: Traffic
    windows: Windows
    signature: Signature
    baseline: Baseline | None
    outcomes: Outcomes | None
    pairs: Sequence[Pairs]
    labels: Labels | None
