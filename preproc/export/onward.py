"""Rows beyond a bound, followed: scikit-learn goes on from what the graph gave, step by step.

The C library or BLAS decides the last bits of a step, and behind it may stand one that jumps: trees
and bins, whose thresholds are often values of training. There an answer differs by a leaf although
nothing is wrong. Such a row is judged step by step: what scikit-learn makes of the graph's own
numbers, up to each rounded step, must be the graph's to the last bits, and so must the answer.

What models inside of a model answer stays scikit-learn's own: rows in which their last bits make
the outer one jump are doubts of the graph, see `members.doubt_jumps`.

Why not moved inputs alone: a logarithm makes a move of its input smaller than its own rounding, and
whole numbers and text cannot be moved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from preproc.compare import BITWISE, Tolerance, absolute_error, breaches, row_scale, ulp_distance
from preproc.export.answers import as_output
from preproc.export.batches import Columns, rows_of
from preproc.export.oracle import Oracle, dense
from preproc.runtime.feeding import is_sparse
from preproc.signature import Output
from preproc.vectors import StepAnswer

CLOSE: Final = 2.0**-44
"""Share of a magnitude up to which a rounded step counts as equal: 256 roundings, which is what a
sum of some hundred summands, or a difference of two numbers 256 times as large, may be off by. A
wrong parameter that is no rounding is off by more."""
JUMP: Final = 2.0**-36
"""Share of a row's largest magnitude beyond which a difference is a jump. Arithmetic without a jump
would have to magnify what `CLOSE` lets pass 256 times to reach it."""
_ROUNDED: Final = Tolerance(
    "last bits", max_ulp=2, max_abs=0.0, reason="2 ULP, or a share of a magnitude, as slack"
)
_FRAMES: Final = (ColumnTransformer, FeatureUnion, Pipeline)
"""What puts steps together and rounds nothing itself; its steps are judged, each by itself."""

Answers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Trail:
    """What it takes to go on from the graph.

    Attributes
    ----------
    oracle
        scikit-learn.
    steps
        Those whose last bits are not decided by IEEE arithmetic, with answers to some real rows,
        which tell how large their numbers are.
    fitted
        Path → the step inside the oracle's pipeline.
    inner
        Raw rows → values of the graph laid open, those of the steps among them.
    """

    oracle: Oracle
    steps: Sequence[StepAnswer]
    fitted: Mapping[str, Any]
    inner: Callable[[Columns], Answers]


def trail_of(
    oracle: Oracle,
    steps: Sequence[StepAnswer],
    find: Callable[[str], Any],
    inner: Callable[[Columns, Sequence[StepAnswer]], Answers],
) -> Trail:
    """Choose the rounded steps of a pipeline.

    Parameters
    ----------
    oracle
        scikit-learn.
    steps
        All that are known, rounded or not.
    find
        Path → fitted step, None where there is none.
    inner
        Raw rows, steps → values of the graph laid open, those of these steps among them.
    """
    known = {step.path: find(step.path) for step in steps if step.decided != "ieee"}
    fitted = {
        path: step
        for path, step in known.items()
        if step is not None and not isinstance(step, _FRAMES)
    }
    chosen = [step for step in steps if step.path in fitted]
    return Trail(oracle, chosen, fitted, lambda rows: inner(rows, chosen))


def continued_rows(
    trail: Trail,
    rows: Columns,
    want: Answers,
    served: Answers,
    bounds: Mapping[str, Tolerance],
) -> NDArray[np.bool_]:
    """Mark rows that differ by jumps alone, each of them proved step by step.

    An answer that is beyond its bound but does not jump is a sum that went wrong, and no excuse. Of
    a proved row all outputs are proved, those within their bounds too.

    Parameters
    ----------
    trail
        How to go on.
    rows
        Raw rows that both sides answer, (n, ...) each.
    want, served
        Output → what scikit-learn says and what was served, (n, ...); outputs that are served
        count.
    bounds
        Output → how far the two may lie apart, here as everywhere; others must be equal.

    Returns
    -------
    numpy.ndarray
        (n,), False where nothing is beyond a bound.
    """
    count = len(next(iter(rows.values())))
    known = trail.oracle.signature.outputs if trail.steps else ()
    outputs = [output for output in known if output.name in served]
    is_beyond, is_proved = np.zeros(count, bool), np.ones(count, bool)
    for output in outputs:
        said, got = want[output.name], served[output.name]
        beyond = rows_beyond(said, got, bounds.get(output.name, BITWISE))
        is_beyond |= beyond
        is_proved &= ~beyond | _are_apart(said, got)
    is_proved &= is_beyond
    for output in outputs:
        at = np.flatnonzero(is_proved)
        if at.size:
            got, bound = served[output.name][at], bounds.get(output.name, BITWISE)
            is_proved[at] = _is_reached(trail, rows_of(rows, at), output, got, bound)
    return is_proved


def rows_beyond(want: NDArray[Any], got: NDArray[Any], bound: Tolerance) -> NDArray[np.bool_]:
    """Mark rows, (n,), of which a value lies beyond a bound."""
    return np.asarray(breaches(want, got, bound).reshape(len(want), -1).any(axis=1))


def _are_apart(want: NDArray[Any], got: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark rows in which an element jumps, (n,); what is no float cannot differ otherwise."""
    if want.dtype.kind != "f":
        return np.ones(len(want), bool)
    error = absolute_error(want, got, ulp_distance(want, got))
    apart = error > JUMP * np.maximum(row_scale(want), row_scale(got))
    return np.asarray(apart.reshape(len(want), -1).any(axis=1))


def _is_reached(
    trail: Trail, rows: Columns, output: Output, got: NDArray[Any], bound: Tolerance
) -> NDArray[np.bool_]:
    """Ask scikit-learn to go on from the graph's values at each rounded step.

    Gives the rows, (n,), in which every step that was called gave the graph's numbers but for last
    bits, and the answer is what was served; none where scikit-learn refuses the graph's numbers.
    """
    values = trail.inner(rows)
    known = {step.path: step for step in trail.steps}
    count = len(next(iter(rows.values())))
    # By path, for threads may call steps at the same time.
    close = {path: np.ones(count, bool) for path in known}

    def turn(path: str, given: Any) -> Any:
        own = dense(given)
        mine = own.reshape(len(own), -1)
        there = [values[name].reshape(count, -1) for name in known[path].values]
        if len(own) != count or mine.shape[1] != sum(part.shape[1] for part in there):
            close[path] = np.zeros(count, bool)
            return given
        got = np.concatenate([part.astype(own.dtype) for part in there], axis=1)
        is_close = _are_close(known[path], mine, got, is_last=output.role == "features")
        close[path] = close[path] & is_close
        return _given_as(given, np.where(is_close[:, None], got, mine).reshape(own.shape))

    try:
        answer = trail.oracle.answer_by_way_of(turn, rows, trail.fitted, output.key)
    except (ValueError, TypeError, IndexError, OverflowError):
        return np.zeros(count, bool)
    is_there = ~rows_beyond(as_output(output, answer), got, bound)
    return np.asarray(np.logical_and.reduce([is_there, *close.values()]))


def _are_close(
    step: StepAnswer, want: NDArray[Any], got: NDArray[Any], *, is_last: bool
) -> NDArray[np.bool_]:
    """Mark rows that are equal but for last bits, (n,).

    Roundings of a sum are as large as its summands, so what BLAS sums is measured by the largest
    number of the row, or of real rows where these cancel; a function of the C library keeps its
    columns apart, and each is measured by itself. A step that may be the last one is measured by
    the row alone: what it is off by must never be a jump, or it would prove itself.
    """
    if want.dtype.kind != "f" or step.answer.dtype.kind != "f":
        return ~rows_beyond(want, got, BITWISE)
    own, usual = (np.where(np.isfinite(one), np.abs(one), 0.0) for one in (want, step.answer))
    usual = usual.reshape(len(usual), -1)
    scale: NDArray[np.float64]
    if is_last:
        scale = own.max(axis=1, keepdims=True)
    elif step.decided == "blas":
        scale = np.maximum(own.max(axis=1, keepdims=True), usual.max(initial=0.0))
    else:
        scale = np.maximum(own, usual.max(axis=0, initial=0.0))
    slack = np.broadcast_to(CLOSE * scale, want.shape)
    return np.asarray(~breaches(want, got, _ROUNDED, slack=slack).any(axis=1))


def _given_as(given: Any, values: NDArray[Any]) -> Any:
    """Put values in the kind of container that a step gave: sparse, a frame, or an array."""
    if is_sparse(given):
        return type(given)(values)
    if nw.dependencies.is_into_dataframe(given):
        frame = nw.from_native(given, eager_only=True)
        columns = [
            nw.new_series(name, values[:, at], dtype, backend=frame.implementation)
            for at, (name, dtype) in enumerate(frame.schema.items())
        ]
        return frame.with_columns(*columns).to_native()
    array = np.empty_like(given)
    array[...] = values
    return array
