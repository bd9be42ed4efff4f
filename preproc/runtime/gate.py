"""Golden vectors against a session: replay, then judge.

Apart, so that answers can be saved on one machine and judged on another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.compare import BITWISE, Comparison, Tolerance, compare
from preproc.contract import Mode
from preproc.errors import ParityError
from preproc.runtime.easing import eased, with_refusals
from preproc.runtime.session import Session
from preproc.signature import ROW_ERROR
from preproc.vectors import VectorSet, without_rows


@dataclass(frozen=True, slots=True)
class Verdict:
    """One output of one golden set.

    Attributes
    ----------
    vectors
        Name of the set.
    output
        Name of the output.
    part
        ``answers``: rows that are answered; ``poison``: rows that are refused.
    tolerance
        What was allowed.
    comparison
        What was found.
    row
        Position in the set of the worst element's row.
    """

    vectors: str
    output: str
    part: str
    tolerance: Tolerance
    comparison: Comparison
    row: int

    @property
    def is_pass(self) -> bool:
        """Whether nothing lies beyond the tolerance."""
        return self.comparison.is_pass

    def __str__(self) -> str:
        found = self.comparison
        return (
            f"vectors {self.vectors!r}, output {self.output!r} ({self.part}), row {self.row}: "
            f"{found.breaches} of {found.elements} beyond {self.tolerance.name}, "
            f"worst {found.max_ulp} ULP, {found.max_abs:.3g} absolute"
        )


def replay(session: Session, vectors: VectorSet) -> dict[str, NDArray[Any]]:
    """Run the inputs of a golden set; output → array, ``row_error`` among them."""
    return session.run_prepared(session.pack(vectors.inputs))


def judge(
    vectors: VectorSet,
    answers: Mapping[str, NDArray[Any]],
    tolerances: Mapping[str, Tolerance],
    slack: Mapping[str, NDArray[np.float64]] = MappingProxyType({}),
) -> tuple[Verdict, ...]:
    """Compare answers with the golden ones.

    Parameters
    ----------
    vectors
        What scikit-learn said.
    answers
        What a backend said, output → array.
    tolerances
        Output → what it may be off by; others must be equal. ``row_error`` and the poison of
        refused rows must be equal on every backend.
    slack
        Output → absolute error on top, (n,) or (n, width); rows where it is infinite are left out.

    Returns
    -------
    tuple of Verdict
        ``row_error`` first, then each output, answered rows and refused rows apart.

    Raises
    ------
    ParityError
        When an output is missing, or there is nothing to compare.
    """
    missing = set(vectors.answers) - set(answers)
    if missing:
        raise ParityError(f"vectors {vectors.name!r}: expected outputs {sorted(missing)}, got none")
    everywhere = np.arange(vectors.rows)
    refused = vectors.answers[ROW_ERROR] != 0
    parts = [(ROW_ERROR, "answers", everywhere)]
    for name in vectors.answers:
        if name != ROW_ERROR:
            parts += [
                (name, "answers", everywhere[~(refused | _is_open(slack.get(name), vectors.rows))]),
                (name, "poison", everywhere[refused]),
            ]
    return tuple(
        _verdict(vectors, answers, tolerances, slack, name, part, rows)
        for name, part, rows in parts
        if rows.size or name == ROW_ERROR
    )


def _verdict(
    vectors: VectorSet,
    answers: Mapping[str, NDArray[Any]],
    tolerances: Mapping[str, Tolerance],
    slack: Mapping[str, NDArray[np.float64]],
    name: str,
    part: str,
    rows: NDArray[np.int64],
) -> Verdict:
    tolerance = tolerances.get(name, BITWISE) if part == "answers" else BITWISE
    want, got = vectors.answers[name], answers[name]
    if want.shape != got.shape:
        raise ParityError(f"output {name!r}: expected shape {want.shape}, got {got.shape}")
    extra = slack[name][rows] if part == "answers" and name in slack else 0.0
    found = compare(want[rows], got[rows], tolerance, slack=extra)
    return Verdict(vectors.name, name, part, tolerance, found, int(rows[found.worst[0]]))


def _is_open(slack: NDArray[np.float64] | None, rows: int) -> NDArray[np.bool_]:
    if slack is None:
        return np.zeros(rows, bool)
    return np.asarray(np.isinf(slack).reshape(rows, -1).any(axis=1))


def tolerances_of(certificate: Mapping[str, Any]) -> dict[str, Tolerance]:
    """Output → the bound that the certificate grants."""
    return {name: Tolerance(**entry["tolerance"]) for name, entry in certificate["outputs"].items()}


def evidence_of(
    artifact: Artifact, mode: Mode
) -> tuple[Sequence[VectorSet], Mapping[str, Tolerance]]:
    """Golden sets and bounds of a mode; the fast one has no rows that its rounding decides."""
    if mode == "exact":
        return artifact.vectors, tolerances_of(artifact.certificate)
    measured = artifact.certificate["fast"]
    left_out = measured["left_out"]
    sets = [without_rows(vectors, left_out.get(vectors.name, ())) for vectors in artifact.vectors]
    return [vectors for vectors in sets if vectors.rows], tolerances_of(measured)


def prove(session: Session, artifact: Artifact) -> tuple[Verdict, ...]:
    """Replay and judge every golden set.

    Returns
    -------
    tuple of Verdict
        All of them passed.

    Raises
    ------
    ParityError
        At the first breach, naming vectors, output and row, or when there are no vectors.
    """
    sets, tolerances = evidence_of(artifact, session.mode)
    if session.form == "halves":
        tolerances = eased(tolerances, session.dtype)
    verdicts = prove_sets(session, sets, tolerances)
    for verdict in verdicts:
        if not verdict.is_pass:
            raise ParityError(str(verdict))
    return verdicts


def prove_sets(
    session: Session, sets: Sequence[VectorSet], tolerances: Mapping[str, Tolerance]
) -> tuple[Verdict, ...]:
    """Replay and judge some golden sets, a form in halves with the slack that it declares.

    Raises
    ------
    ParityError
        When there are none, or an output may be anything on every row of all of them.
    """
    if not sets:
        raise ParityError("nothing to compare: the artifact holds no golden vectors")
    verdicts = tuple(verdict for one in sets for verdict in _judged(session, one, tolerances))
    compared = {verdict.output for verdict in verdicts if verdict.part == "answers"}
    for output in session.signature.outputs:
        if output.name not in compared:
            raise ParityError(f"nothing to compare: output {output.name!r} is open on every row")
    return verdicts


def _judged(
    session: Session, vectors: VectorSet, tolerances: Mapping[str, Tolerance]
) -> tuple[Verdict, ...]:
    prepared = session.pack(vectors.inputs)
    answers = session.run_prepared(prepared)
    if session.own_rule is not None:
        outputs = session.signature.outputs
        vectors = with_refusals(vectors, answers, outputs, session.own_rule)
    return judge(vectors, answers, tolerances, session.slack(prepared))
