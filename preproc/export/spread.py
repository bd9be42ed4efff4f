"""How far scikit-learn is from itself: one batch, single rows, and other vector instructions.

Where a C library or BLAS decides the last bits, no graph can be nearer to scikit-learn than
scikit-learn is to itself. That distance is measured here, on the golden rows, and the bound of an
output is twice of it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import row_scale, ulp_distance
from preproc.export.answers import as_output
from preproc.export.batches import Columns, rows_of
from preproc.export.dispatch import Others
from preproc.export.oracle import Oracle
from preproc.runtime import Session
from preproc.signature import ROW_ERROR, Output
from preproc.vectors import VectorSet

SINGLE_ROWS: Final = 24
PART_ROWS: Final = 240
PART: Final = 5
NARROW: Final = 40
"""Real rows that are asked again in parts where BLAS sums, how many at once, and the columns up to
which a frame is asked in full."""
NUDGE: Final = 2.0**-50
"""Share by which an input is moved: four roundings. Where that changes an answer beyond
`AGREEMENT`, or a label at all, the row stands on an edge and rounding decides for it."""
NUDGES: Final = 4
"""Draws of directions, each with its opposite: in one draw the moves of two features may cancel."""
SUMMANDS: Final = 16
"""Numbers of a row whose sum is moved further by `NUDGE` than by rounding. With more of them errors
grow faster than moves, by the root of their count, and so does the nudge: N. Higham, "Accuracy and
Stability of Numerical Algorithms", section 2.8."""
AGREEMENT: Final = 1e-6
"""Share of a row's largest magnitude up to which scikit-learn counts as agreeing with itself."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Largest distances found, 0 where nothing was compared.

    Attributes
    ----------
    rows
        Rows that were compared.
    max_ulp
        In ULP.
    max_abs
        Absolute, on real rows and on rows with missing values.
    max_row
        Over the largest magnitude of the row, on all rows but the undecided ones.
    dispatch
        ``measured``, or why not.
    undecided
        Set → rows on which scikit-learn does not agree with itself to `AGREEMENT`: no answer to
        them can be right or wrong, and a bound that held them would hold anything. Boundary rows
        whose answer jumps when they are moved by a rounding are among them; other rows that do
        count, unless the graph takes the other side of the edge: see `jumping_rows`.
    """

    rows: int
    max_ulp: int
    max_abs: float
    max_row: float
    dispatch: str
    undecided: Mapping[str, tuple[int, ...]]


def nudged_rows(
    session: Session, rows: Mapping[str, NDArray[Any]], nudge: float = NUDGE
) -> list[Columns]:
    """Move every number by a share of itself, up or down, where no rule then refuses the row.

    Parameters
    ----------
    session
        The graph, which says what is refused.
    rows
        Column → array (n, width).
    nudge
        The share, of rows of up to `SUMMANDS` numbers.
    """
    draw = np.random.default_rng(0)
    names = [
        column.name
        for column in session.signature.columns
        if column.dtype.startswith("float") and not column.is_whole
    ]
    nudge *= max(1.0, sum(rows[name].shape[1] for name in names) / SUMMANDS) ** 0.5
    batches = []
    for at in range(2 * NUDGES if names else 0):
        if at % 2 == 0:
            ways = {name: draw.choice([-nudge, nudge], rows[name].shape) for name in names}
        sign = 1 - 2 * (at % 2)
        moved = dict(rows)
        for name in names:
            factor = (1 + sign * ways[name]).astype(rows[name].dtype)
            with np.errstate(over="ignore"):
                value = rows[name] * factor
            moved[name] = np.where(np.isinf(value), rows[name], value)
        is_refused = session.run_prepared(session.pack(moved))[ROW_ERROR] != 0
        for name in names:
            moved[name][is_refused] = rows[name][is_refused]
        batches.append(moved)
    return batches


def jumping_rows(
    oracle: Oracle, session: Session, output: Output, rows: Columns, want: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mark the rows to which scikit-learn gives another answer when they move by a rounding."""
    found = np.zeros(len(want), bool)
    (answers,) = _moved(oracle, [output], nudged_rows(session, rows))
    for moved in answers:
        found |= shares_of(output, want, moved) > AGREEMENT
    return found


def spreads_of(
    oracle: Oracle,
    outputs: Sequence[Output],
    sets: Sequence[VectorSet],
    nudges: Mapping[str, Sequence[Columns]],
    shaky: Collection[str],
    summed: Collection[str],
    wait: Callable[[], Others],
) -> dict[str, Spread]:
    """Measure outputs over the golden sets that scikit-learn answers.

    Parameters
    ----------
    oracle
        scikit-learn.
    outputs
        Those that IEEE arithmetic alone does not decide.
    sets
        Golden sets.
    nudges
        Set → the same rows, moved by about what rounding on the way does; of boundary rows alone,
        which were made to stand on edges.
    shaky
        Names of the outputs that jump where rounding decides.
    summed
        Names of the outputs, numbers, whose bits the order of a BLAS sum decides.
    wait
        Gives the answers under other vector instructions to the same sets.

    Returns
    -------
    dict
        Name of the output → spread.
    """
    answered = [vectors for vectors in sets if vectors.name != "refused"]
    pairs: dict[str, list[_Pair]] = {output.name: [] for output in outputs}
    few, more = _fewer(SINGLE_ROWS, oracle), _fewer(PART_ROWS, oracle)
    for vectors in answered:
        asked = [(outputs, few, 1)]
        if vectors.name == "real":
            asked.append(([output for output in outputs if output.name in summed], more, PART))
        for some, count, size in asked:
            parts = _in_parts(oracle, some, vectors, count, size)
            for output, part in zip(some, parts, strict=True):
                want = vectors.answers[output.name][: len(part)]
                pairs[output.name].append(_Pair(vectors.name, want, part))
        jumpy = [output for output in outputs if output.name in shaky]
        nudged = nudges.get(vectors.name, ()) if jumpy else ()
        answers = _moved(oracle, jumpy, nudged)
        for output, moved in zip(jumpy, answers, strict=True):
            want = vectors.answers[output.name]
            pairs[output.name] += [_Pair(vectors.name, want, one, is_moved=True) for one in moved]
    others = wait()
    for name, at in others.answers:
        want = next(vectors.answers[name] for vectors in answered if vectors.name == at)
        pairs[name].append(_Pair(at, want, others.answers[name, at]))
    return {
        output.name: _spread_of(output, pairs[output.name], others.status) for output in outputs
    }


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two answers of scikit-learn to one golden set; `is_moved`: to rows that are nearly it."""

    vectors: str
    want: NDArray[Any]
    other: NDArray[Any]
    is_moved: bool = False


def _spread_of(output: Output, pairs: Sequence[_Pair], dispatch: str) -> Spread:
    rows, ulp, absolute, share = 0, 0, 0.0, 0.0
    undecided: dict[str, set[int]] = {}
    for pair in pairs:
        shares = shares_of(output, pair.want, pair.other)
        tame = shares <= AGREEMENT
        undecided.setdefault(pair.vectors, set()).update(np.flatnonzero(~tame).tolist())
        if pair.is_moved:
            continue
        rows += len(pair.want)
        if pair.want.dtype.kind != "f":
            continue
        distance, error = _distances(pair.want, pair.other)
        ulp = max(ulp, int(distance[tame].max(initial=0)))
        share = max(share, float(shares[tame].max(initial=0.0)))
        if pair.vectors != "boundary":
            absolute = max(absolute, float(error[tame].max(initial=0.0)))
    found = {name: tuple(sorted(rows)) for name, rows in undecided.items() if rows}
    return Spread(rows, ulp, absolute, share, dispatch, found)


def _distances(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Compare two batches of floats: ULP and absolute error of each element."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.nan_to_num(np.abs(one - other), nan=0.0, posinf=0.0)
    finite = np.isfinite(one) & np.isfinite(other)
    return np.where(finite, ulp_distance(one, other), 0), error


def shares_of(output: Output, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Largest error of each row over the row's largest magnitude, (n,).

    Labels, and all that is no float, are right or wrong: an infinity where they differ.
    """
    if output.role == "label" or one.dtype.kind != "f":
        differs = np.asarray(one != other, dtype=bool).reshape(len(one), -1).any(axis=1)
        return np.where(differs, np.inf, 0.0)
    _, error = _distances(one, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.nan_to_num(error / row_scale(one), nan=0.0, posinf=0.0)
    largest: NDArray[np.float64] = shares.reshape(len(one), -1).max(axis=1)
    return largest


def _fewer(rows: int, oracle: Oracle) -> int:
    """Ask for fewer rows of wide frames: scikit-learn takes its time for each column of a call."""
    columns = len(oracle.signature.columns)
    return rows if columns <= NARROW else max(rows * NARROW // columns, 1)


def _in_parts(
    oracle: Oracle, outputs: Sequence[Output], vectors: VectorSet, count: int, size: int
) -> list[NDArray[Any]]:
    """Ask for the first rows of a set, `size` by `size`: BLAS sums every shape in its own way."""
    rows = rows_of(vectors.inputs, slice(0, count))
    keys = [output.key for output in outputs]
    answers = oracle.answers_to_each(lambda: oracle.singles(rows, size), keys)
    found = []
    for output in outputs:
        # Some transformers give one row as a flat array.
        shape = vectors.answers[output.name].shape
        parts = [as_output(output, part).reshape(-1, *shape[1:]) for part in answers[output.key]]
        found.append(np.concatenate(parts))
    return found


def _moved(
    oracle: Oracle, outputs: Sequence[Output], nudged: Sequence[Columns]
) -> list[list[NDArray[Any]]]:
    """Ask for rows that were moved: of each output, the answers to each batch."""
    keys = [output.key for output in outputs]
    answers = oracle.answers_to_each(lambda: map(oracle.native, nudged), keys)
    return [[as_output(output, one) for one in answers[output.key]] for output in outputs]
