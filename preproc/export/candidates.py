"""Rows that a proof asks about: real ones, and those made to lie where the pipeline is delicate."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.anchors import Anchors, anchor_rows, anchors_in
from preproc.export.batches import Columns, joined, rows_of
from preproc.export.boundary import boundary_rows, infinite_rows, missing_rows
from preproc.export.crossings import edges_in
from preproc.export.decisions import change_rows, decision_pairs
from preproc.export.priors import prior_rows
from preproc.export.tracing import is_traceable

if TYPE_CHECKING:
    from preproc.export.proof import Evidence


def candidates_of(
    evidence: "Evidence", sample: Columns, real: Columns
) -> tuple[Mapping[str, Columns], dict[str, int]]:
    """Make the rows of each set.

    Parameters
    ----------
    evidence
        Both sides.
    sample
        Training rows, among which those of remembered points are looked for.
    real
        The first of them, the ground on which values are changed.

    Returns
    -------
    tuple
        Set → rows, and what boundary rows were made from → how many: ``thresholds`` (and extremes
        of columns), ``decisions``, ``vectors``, ``priors``.
    """
    probe = evidence.probe
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        # Steps are asked without the names of their features, of which scikit-learn warns.
        anchors = anchors_in(evidence.steps, probe, sample)
        priors = prior_rows(evidence.steps, probe, sample)
    boundary = {
        "thresholds": [boundary_rows(probe, real, edges_in(evidence.steps, probe.signature))],
        "decisions": _decisions(evidence, real, anchors),
        "vectors": [anchor_rows(probe, anchors)] if anchors else [],
        "priors": priors,
    }
    sources = {source: sum(map(_count, batches)) for source, batches in boundary.items()}
    candidates = {
        "real": real,
        "boundary": joined([batch for batches in boundary.values() for batch in batches]),
        "missing": missing_rows(probe.signature, real, _nulls_in(evidence)),
        "refused": infinite_rows(probe.signature, real),
    }
    return candidates, sources


def _decisions(evidence: "Evidence", real: Columns, anchors: Anchors | None) -> list[Columns]:
    """Rows on both sides of where a label changes: between real rows, and between anchors."""
    session = evidence.session
    found = []
    for name in (output.name for _, output in evidence.outputs if output.role == "label"):

        def label(rows: Columns, name: str = name) -> NDArray[Any]:
            answer: NDArray[Any] = session.run_prepared(session.pack(rows))[name]
            return answer

        ways = [(real, decision_pairs(label(real)))]
        ways += [(anchors.rows, anchors.pairs)] if anchors else []
        start, end = (joined([rows_of(r, pairs[:, at]) for r, pairs in ways]) for at in (0, 1))
        found.append(change_rows(session.signature, start, end, label))
    return found


def _count(rows: Mapping[str, NDArray[np.generic]]) -> int:
    return len(next(iter(rows.values())))


def _nulls_in(evidence: "Evidence") -> Callable[[str], Sequence[str]]:
    """Tell the null tokens of a column of text.

    User code tells None and NaN apart by the dtype of the column, so it is asked only about nulls
    that the dtype holds; scikit-learn's own steps take both.
    """
    read = {
        source
        for step in evidence.steps
        if is_traceable(step.fitted)
        for feature in step.taken.features
        for source in feature.sources
    }
    oracle = evidence.oracle
    return lambda name: oracle.nulls_in([name]) if name in read else oracle.null_tokens
