"""Rows that golden sets leave out: on an edge, rounding decides, and no answer to them is golden.

Three kinds, counted apart from each other. Rows on which scikit-learn does not agree with itself;
rows on which it would jump if its inputs moved by a rounding, where the graph took the other side;
and rows that are proved step by step, see `onward`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from preproc.compare import Tolerance
from preproc.errors import ProofError
from preproc.export.answers import Answer
from preproc.export.batches import rows_of
from preproc.export.onward import Trail, continued_rows, rows_beyond
from preproc.export.scope import Step
from preproc.export.spread import Spread, jumping_rows
from preproc.runtime import replay
from preproc.signature import Output
from preproc.vectors import VectorSet, without_rows

if TYPE_CHECKING:
    from preproc.export.proof import Evidence

MAX_EXCUSED: Final = 0.01
"""Share of the rows of a set that may lie beyond the bound because they stand on an edge. Data of
whole numbers can stand on edges row after row; a wrong graph must not hide behind that."""
MAX_CONTINUED: Final = 0.5
"""Share of the real rows that may be left out because they are proved step by step. No wrong graph
hides behind a proof, but golden rows are what every machine is held against, and most of the real
ones must be left for that. Boundary rows are made to stand on edges, so there is no such share."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What golden sets keep.

    Attributes
    ----------
    sets
        With the rows that are left; sets of which none is are not among them.
    left_out
        Set → rows that rounding decides.
    continued
        Set → rows whose difference is proved to come from last bits on the way; not counted in
        `left_out`.
    """

    sets: tuple[VectorSet, ...]
    left_out: Mapping[str, int]
    continued: Mapping[str, int]


def kept_sets(
    evidence: "Evidence",
    sets: Sequence[VectorSet],
    spreads: Mapping[str, Spread],
    bounds: Mapping[str, Tolerance],
    shaky: Collection[str],
    trail: Trail,
) -> Kept:
    """Leave out the rows of which rounding decides.

    Where the graph agrees with scikit-learn nothing is left out, however near an edge it is, but
    for rows on which scikit-learn does not agree with itself.

    Parameters
    ----------
    evidence
        Both sides.
    sets
        Golden sets with scikit-learn's answers.
    spreads, bounds
        Of each output.
    shaky
        Names of the outputs that jump where rounding decides.
    trail
        How scikit-learn goes on from the graph.

    Raises
    ------
    ProofError
        When more rows would be left out than rounding explains.
    """
    kept, left_out, continued = [], {}, {}
    for vectors in sets:
        name = vectors.name
        undecided = undecided_rows(name, spreads.values())
        onward, jumping = _beyond(evidence, vectors, bounds, shaky, undecided, trail)
        _check_share(vectors, len(onward), len(jumping))
        decided = without_rows(vectors, sorted(undecided | onward | jumping))
        if not decided.rows and name == "real":
            raise ProofError("", "scikit-learn does not agree with itself on any real row")
        left_out[name], continued[name] = len(undecided | jumping), len(onward)
        kept += [decided] if decided.rows else []
    return Kept(tuple(kept), left_out, continued)


def _check_share(vectors: VectorSet, continued: int, jumping: int) -> None:
    where = f"vectors {vectors.name!r}: "
    if jumping > max(1, MAX_EXCUSED * vectors.rows):
        raise ProofError(
            "",
            f"{where}{jumping} of {vectors.rows} rows lie beyond the bound "
            "on the other side of an edge, more than rounding explains",
        )
    if vectors.name == "real" and continued > MAX_CONTINUED * vectors.rows:
        raise ProofError(
            "",
            f"{where}{continued} of {vectors.rows} rows jump at a later step for the last bits of "
            "an earlier one, so that too few are left to be golden; let the step that jumps come "
            "before the one that rounds",
        )


def _beyond(
    evidence: "Evidence",
    vectors: VectorSet,
    bounds: Mapping[str, Tolerance],
    shaky: Collection[str],
    undecided: Collection[int],
    trail: Trail,
) -> tuple[set[int], set[int]]:
    """Find rows beyond a bound that are proved step by step, and others that would jump as well."""
    outputs = [output for _, output in evidence.outputs if output.name in shaky]
    at = np.setdiff1d(np.arange(vectors.rows), list(undecided))
    if not outputs or not at.size or vectors.name == "refused":
        return set(), set()
    got = replay(evidence.session, vectors)
    rows, want, served = (rows_of(part, at) for part in (vectors.inputs, vectors.answers, got))
    is_proved = continued_rows(trail, rows, want, served, bounds)
    found: set[int] = set()
    others = at[~is_proved]
    for output in outputs:
        beyond = rows_beyond(vectors.answers[output.name], got[output.name], bounds[output.name])
        on_edge = others[beyond[others]]
        if on_edge.size:
            near = rows_of(vectors.inputs, on_edge)
            said = vectors.answers[output.name][on_edge]
            jumps = jumping_rows(evidence.oracle, evidence.session, output, near, said)
            found |= set(on_edge[jumps].tolist())
    return set(at[is_proved].tolist()), found


def undecided_rows(vectors: str, spreads: Collection[Spread]) -> set[int]:
    """Positions of the rows of a set on which scikit-learn does not agree with itself."""
    return {row for spread in spreads for row in spread.undecided.get(vectors, ())}


def shaky_outputs(outputs: Sequence[tuple[Answer, Output]], steps: Sequence[Step]) -> list[str]:
    """Names of the outputs that jump where rounding decides.

    A label does where its score is rounded; anything does where a step takes rounded numbers,
    which may be a tree.
    """
    is_rounded = any(block.decided != "ieee" for step in steps for block in step.taken.blocks)
    return [
        output.name
        for answer, output in outputs
        if answer.decided != "ieee" and (output.role == "label" or is_rounded)
    ]
