"""Golden rows: made, answered by scikit-learn, and held against the graph before anything is kept.

The graph says which rows it refuses; scikit-learn must refuse each of them, one by one, and must
answer all the others. Neither side is believed without the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import Tolerance
from preproc.errors import ProofError
from preproc.export.answers import Answer, as_output
from preproc.export.batches import Columns, joined, rows_of
from preproc.export.candidates import candidates_of
from preproc.export.certificate import cancelling_rows, certificate_of, tolerance_of
from preproc.export.crossings import Probe
from preproc.export.dispatch import under_other_dispatch
from preproc.export.omissions import kept_sets, shaky_outputs
from preproc.export.onward import Trail, trail_of
from preproc.export.oracle import Oracle
from preproc.export.profiling import profile_of
from preproc.export.ranges import ranges_of
from preproc.export.sampling import check_round_trip, sample_rows
from preproc.export.scope import Step
from preproc.export.spread import nudged_rows, spreads_of
from preproc.export.stepping import step_answers
from preproc.graph import Doubt
from preproc.runtime import Session, Verdict, judge, replay
from preproc.signature import ROW_ERROR, Output
from preproc.vectors import StepAnswer, VectorSet, fingerprint

REAL_ROWS: Final = 512
PROFILE_ROWS: Final = 20_000
MAX_REFUSED_CELLS: Final = 10_000
"""Cells of the refused rows that are kept, and asked of scikit-learn one by one; of each rule there
is a row in any case."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both sides of a proof.

    Attributes
    ----------
    oracle
        scikit-learn.
    session
        The graph, in the form that serves.
    outputs
        Each answer of the graph and how it is named.
    probe
        The graph, laid open.
    steps
        What was converted.
    doubts
        Where scikit-learn's own answer is a matter of chance.
    seed
        Of the choice of real rows.
    """

    oracle: Oracle
    session: Session
    outputs: tuple[tuple[Answer, Output], ...]
    probe: Probe
    steps: tuple[Step, ...]
    doubts: tuple[Doubt, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof leaves behind for the artifact."""

    vectors: tuple[VectorSet, ...]
    steps: tuple[StepAnswer, ...]
    certificate: Mapping[str, Any]
    profile: Mapping[str, Any]


def prove_graph(evidence: Evidence, data: Any, target: Any) -> Proof:
    """Hold the graph against scikit-learn on real, boundary, refused and missing rows.

    Parameters
    ----------
    evidence
        Both sides.
    data
        Training data, as given to the export.
    target
        Training target (n,) or None.

    Returns
    -------
    Proof
        Golden sets, certificate and profile.

    Raises
    ------
    ProofError
        At the first row that is answered on one side only, or beyond its bound.
    """
    signature = evidence.session.signature
    sample = sample_rows(data, max(PROFILE_ROWS, REAL_ROWS), signature, evidence.seed)
    real = rows_of(sample, slice(0, REAL_ROWS))
    check_round_trip(evidence.oracle, real)
    candidates, sources = candidates_of(evidence, sample, real)
    accepted, refused = _sort_out(evidence, candidates)
    evidence = replace(evidence, outputs=_scaled(evidence, accepted["real"]))
    accepted, doubtful = _without_doubts(evidence, accepted)
    uncertain = [output for answer, output in evidence.outputs if answer.decided != "ieee"]
    with under_other_dispatch(evidence.oracle, uncertain, accepted) as wait:
        # Steps first: of all that may differ further on, the first step that does is the cause.
        real_set = _answered(evidence, "real", accepted["real"])
        steps = step_answers(evidence, real_set)
        others = [item for item in accepted.items() if item[0] != "real"]
        sets = [real_set, *(_answered(evidence, name, rows) for name, rows in others)]
        shaky = shaky_outputs(evidence.outputs, evidence.steps)
        edge_rows = accepted.get("boundary") if shaky else None
        nudges = {"boundary": nudged_rows(evidence.session, edge_rows)} if edge_rows else {}
        refused_set, refusals = _refused(evidence, refused)
        summed = [
            output.name
            for answer, output in evidence.outputs
            if answer.decided == "blas" and output.role != "label"
        ]
        spreads = spreads_of(evidence.oracle, uncertain, sets, nudges, shaky, summed, wait)
    order = ("real", "boundary", "refused", "missing")
    sets = sorted([*sets, *refused_set], key=lambda vectors: order.index(vectors.name))
    bounds = {
        output.name: tolerance_of(answer, spreads.get(output.name))
        for answer, output in evidence.outputs
    }
    trail = _trail(evidence, steps)
    kept = kept_sets(evidence, sets, spreads, bounds, shaky, trail)
    proved = kept.sets
    answers = {vectors.name: replay(evidence.session, vectors) for vectors in proved}
    verdicts = _judged(proved, answers, bounds)
    extra = {"refusals": refusals, "doubtful": doubtful, "shaky": shaky, "seed": evidence.seed}
    extra["boundary"] = sources
    extra["answers"] = {
        name: {output: fingerprint(values) for output, values in of_set.items()}
        for name, of_set in answers.items()
    }
    extra |= {"left_out": kept.left_out, "continued": kept.continued}
    libraries = evidence.session.contract.libraries
    certificate = certificate_of(evidence.outputs, proved, verdicts, spreads, libraries, extra)
    return Proof(proved, steps, certificate, _profile(evidence, data, sample, target))


def _trail(evidence: Evidence, steps: Sequence[StepAnswer]) -> Trail:
    """Say how scikit-learn goes on from this graph."""
    fitted = {step.path: step.fitted for step in evidence.steps if step.given is not None}
    return trail_of(evidence.oracle, steps, fitted.get, lambda rows, _: evidence.probe.run(rows))


def _sort_out(
    evidence: Evidence, candidates: Mapping[str, Columns]
) -> tuple[dict[str, Columns], Columns]:
    """Split candidates by what the graph says: accepted ones by set, refused ones together."""
    accepted: dict[str, Columns] = {}
    refused: list[Columns] = []
    for name, rows in candidates.items():
        if not len(next(iter(rows.values()))):
            continue
        row_error = evidence.session.run_prepared(evidence.session.pack(rows))[ROW_ERROR]
        is_refused = row_error != 0
        if is_refused.any():
            refused.append(rows_of(rows, is_refused))
        if not is_refused.all() and name != "refused":
            accepted[name] = rows_of(rows, ~is_refused)
        elif not is_refused.all():
            extra = rows_of(rows, ~is_refused)
            accepted["boundary"] = joined([accepted["boundary"], extra])
    if "real" not in accepted:
        raise ProofError("", "expected real rows that are answered, got none")
    return accepted, joined(refused) if refused else {}


def _without_doubts(
    evidence: Evidence, accepted: Mapping[str, Columns]
) -> tuple[dict[str, Columns], list[dict[str, Any]]]:
    """Leave out the rows that scikit-learn answers by chance, and say how many and why."""
    kept: dict[str, Columns] = {}
    doubtful: list[dict[str, Any]] = []
    for name, rows in accepted.items():
        is_kept = np.ones(len(next(iter(rows.values()))), bool)
        for step, why, is_doubtful in _doubts(evidence, rows):
            is_kept &= ~is_doubtful
            if is_doubtful.any():
                count = int(is_doubtful.sum())
                doubtful.append({"set": name, "step": step, "why": why, "rows": count})
        if is_kept.any():
            kept[name] = rows_of(rows, is_kept)
    if "real" not in kept:
        reasons = sorted({entry["why"] for entry in doubtful})
        raise ProofError("", f"expected real rows with one answer, got none: {'; '.join(reasons)}")
    return kept, doubtful


def _doubts(evidence: Evidence, rows: Columns) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Find rows that no answer fits: step, reason and rows, (n,)."""
    summed = [(answer, output) for answer, output in evidence.outputs if answer.summed]
    values = evidence.probe.run(rows) if evidence.doubts or summed else {}
    found = [
        (doubt.step, doubt.text, np.asarray(values[doubt.rows].any(axis=1)))
        for doubt in evidence.doubts
    ]
    got = evidence.session.run_prepared(evidence.session.pack(rows)) if summed else {}
    for answer, output in summed:
        why = f"summands of {output.name!r} cancel beyond the precision of float64"
        found.append(("", why, cancelling_rows(answer, values, got[output.name])))
    return found


def _scaled(evidence: Evidence, real: Columns) -> tuple[tuple[Answer, Output], ...]:
    """Bound the summands of each output by what they are on real rows, where nothing else does."""
    values = evidence.probe.run(real) if any(a.summed for a, _ in evidence.outputs) else {}
    scaled = []
    for answer, output in evidence.outputs:
        if answer.summed:
            sums = values[answer.summed]
            largest = float(sums[np.isfinite(sums)].max(initial=0.0))
            answer = replace(answer, scale=max(answer.scale, largest))  # noqa: PLW2901  # bounded
        scaled.append((answer, output))
    return tuple(scaled)


def _answered(evidence: Evidence, name: str, rows: Columns) -> VectorSet:
    """Ask scikit-learn for rows that the graph answers; it must answer them too."""
    outputs = [output for _, output in evidence.outputs]
    try:
        given = evidence.oracle.answers(rows, [output.key for output in outputs])
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise _one_sided(evidence, name, rows, error) from error
    answers = {output.name: as_output(output, given[output.key]) for output in outputs}
    answers[ROW_ERROR] = np.zeros(len(next(iter(rows.values()))), np.int32)
    return VectorSet(name, rows, answers)


def _one_sided(evidence: Evidence, name: str, rows: Columns, error: Exception) -> ProofError:
    """Find the first row that scikit-learn alone refuses, whatever it is asked for."""
    oracle, keys = evidence.oracle, [output.key for _, output in evidence.outputs]
    low, high = 0, len(next(iter(rows.values())))
    while high - low > 1:
        middle = (low + high) // 2
        part = rows_of(rows, slice(low, middle))
        is_first = any(oracle.refusal(oracle.native(part), key) is not None for key in keys)
        low, high = (low, middle) if is_first else (middle, high)
    row = {column: values[low].tolist() for column, values in rows.items()}
    return ProofError(
        "",
        f"vectors {name!r}, row {low}: scikit-learn refuses what the graph answers: {error}; "
        f"the row is {row}",
    )


def _refused(
    evidence: Evidence, rows: Columns
) -> tuple[tuple[VectorSet, ...], list[dict[str, Any]]]:
    """Check that scikit-learn refuses each row, unless a rule of the contract does."""
    if not rows:
        return (), []
    answers = replay(evidence.session, VectorSet("refused", rows, {}))
    width = sum(values.shape[1] for values in rows.values())
    kept = _one_a_rule_first(answers[ROW_ERROR], MAX_REFUSED_CELLS // width)
    rows, answers = rows_of(rows, kept), rows_of(answers, kept)
    refusals = []
    key = evidence.outputs[0][1].key
    numbers = answers[ROW_ERROR].tolist()
    for row, one in enumerate(evidence.oracle.singles(rows)):
        number = numbers[row]
        rule = evidence.session.signature.rule(number)
        said = evidence.oracle.refusal(one, key)
        if said is None and rule.origin == "oracle":
            shown = {column: values[row].tolist() for column, values in rows.items()}
            raise ProofError(
                rule.step, f"scikit-learn answers what the graph refuses ({rule.text}): {shown}"
            )
        refusals.append({"row": row, "column": rule.column, "rule": number, "scikit-learn": said})
    want = {
        output.name: np.full_like(
            answers[output.name], np.nan if output.poison is None else output.poison
        )
        for _, output in evidence.outputs
    }
    return (VectorSet("refused", rows, {**want, ROW_ERROR: answers[ROW_ERROR]}),), refusals


def _one_a_rule_first(row_error: NDArray[np.int32], most: int) -> NDArray[np.intp]:
    """Choose at most `most` rows, or as many as there are rules; ascending positions."""
    _, first = np.unique(row_error, return_index=True)
    others = np.setdiff1d(np.arange(len(row_error)), first)
    room = max(most - len(first), 0)
    spaced = others[np.linspace(0, len(others) - 1, min(room, len(others))).astype(int)]
    return np.sort(np.concatenate([first, spaced]))


def _judged(
    sets: Sequence[VectorSet],
    answers: Mapping[str, Mapping[str, NDArray[Any]]],
    bounds: Mapping[str, Tolerance],
) -> list[Verdict]:
    verdicts = [
        verdict for vectors in sets for verdict in judge(vectors, answers[vectors.name], bounds)
    ]
    for verdict in verdicts:
        if not verdict.is_pass:
            raise ProofError("", str(verdict))
    return verdicts


def _profile(evidence: Evidence, data: Any, sample: Columns, target: Any) -> dict[str, Any]:
    answers = evidence.session.run_prepared(evidence.session.pack(sample))
    signature = evidence.session.signature
    profile = profile_of(signature, sample, answers, ranges_of(data, signature))
    if target is not None:
        values, counts = np.unique(np.asarray(target), return_counts=True)
        if len(values) <= 100:  # noqa: PLR2004  # classes, not a continuous target
            profile["target"] = {
                str(value): int(n) for value, n in zip(values, counts, strict=True)
            }
    return profile
