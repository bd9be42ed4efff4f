"""How far scikit-learn is from itself: one batch, single rows, and other vector instructions.

Where a C library or BLAS decides the last bits, no graph can be nearer to scikit-learn than
scikit-learn is to itself. That distance is measured here, on the golden rows, and the bound of an
output is twice of it. Run as a module this file is the other process: numpy and OpenBLAS choose
their instructions when they are imported.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import scipy.special
import sklearn.preprocessing
from numpy.typing import NDArray

from preproc.compare import row_scale, ulp_distance
from preproc.export.answers import as_output
from preproc.export.boundary import Columns, rows_of
from preproc.export.oracle import Oracle
from preproc.runtime import Session
from preproc.signature import ROW_ERROR, Output
from preproc.vectors import VectorSet

SINGLE_ROWS: Final = 24
NUDGE: Final = 2.0**-50
"""Share by which an input is moved: four roundings. Where that changes an answer beyond
`AGREEMENT`, or a label at all, the row stands on an edge and rounding decides for it."""
AGREEMENT: Final = 1e-6
"""Share of a row's largest magnitude up to which scikit-learn counts as agreeing with itself."""
TIMEOUT_S: Final = 120.0
OTHER_DISPATCH: Final[Mapping[str, str]] = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
    "AVX512_SPR X86_V4",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""Environment under which numpy and OpenBLAS take the paths of a processor without AVX-512."""


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
        them can be right or wrong, and a bound that held them would hold anything.
    """

    rows: int
    max_ulp: int
    max_abs: float
    max_row: float
    dispatch: str
    undecided: Mapping[str, tuple[int, ...]]


def nudged_rows(session: Session, rows: Mapping[str, NDArray[Any]]) -> list[Columns]:
    """Move every number by `NUDGE` of itself, up and down, where no rule then refuses the row."""
    draw = np.random.default_rng(0)
    names = [
        column.name
        for column in session.signature.columns
        if column.dtype.startswith("float") and not column.is_whole
    ]
    ways = {name: draw.choice([-NUDGE, NUDGE], rows[name].shape) for name in names}
    batches = []
    for sign in (1, -1) if names else ():
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


def spreads_of(
    oracle: Oracle,
    outputs: Sequence[Output],
    sets: Sequence[VectorSet],
    nudges: Mapping[str, Sequence[Columns]],
    shaky: Collection[str],
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
        Set → the same rows, moved by about what rounding on the way does.
    shaky
        Names of the outputs that jump where rounding decides.

    Returns
    -------
    dict
        Name of the output → spread.
    """
    if not outputs:
        return {}
    answered = [vectors for vectors in sets if vectors.name != "refused"]
    others, dispatch = _under_other_dispatch(oracle, outputs, answered)
    return {
        output.name: _spread_of(
            oracle,
            output,
            answered,
            others.get(output.name),
            dispatch,
            nudges if output.name in shaky else {},
        )
        for output in outputs
    }


def _spread_of(
    oracle: Oracle,
    output: Output,
    answered: Sequence[VectorSet],
    others: Sequence[NDArray[Any]] | None,
    dispatch: str,
    nudges: Mapping[str, Sequence[Columns]],
) -> Spread:
    rows, ulp, absolute, share = 0, 0, 0.0, 0.0
    undecided: dict[str, tuple[int, ...]] = {}
    for at, vectors in enumerate(answered):
        want = vectors.answers[output.name]
        pairs = [(want[:SINGLE_ROWS], _row_by_row(oracle, output, vectors))]
        if others:
            pairs.append((want, others[at]))
        wild: set[int] = set()
        for rows_moved in nudges.get(vectors.name, ()):
            moved = as_output(output, oracle.answer(rows_moved, output.key))
            wild |= set(np.flatnonzero(shares_of(output, want, moved) > AGREEMENT).tolist())
        for one, other in pairs:
            rows += len(one)
            shares = shares_of(output, one, other)
            wild |= set(np.flatnonzero(shares > AGREEMENT).tolist())
            if one.dtype.kind != "f":
                continue
            distance, error = _distances(one, other)
            tame = shares <= AGREEMENT
            ulp = max(ulp, int(distance[tame].max(initial=0)))
            share = max(share, float(shares[tame].max(initial=0.0)))
            if vectors.name != "boundary":
                absolute = max(absolute, float(error[tame].max(initial=0.0)))
        if wild:
            undecided[vectors.name] = tuple(sorted(wild))
    return Spread(rows, ulp, absolute, share, dispatch, undecided)


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


def _row_by_row(oracle: Oracle, output: Output, vectors: VectorSet) -> NDArray[Any]:
    rows = rows_of(vectors.inputs, slice(0, SINGLE_ROWS))
    answers = [as_output(output, oracle.ask(one, output.key)) for one in oracle.singles(rows)]
    # Some transformers give one row as a flat array.
    shape = vectors.answers[output.name][:1].shape
    return np.concatenate([answer.reshape(shape) for answer in answers])


def _under_other_dispatch(
    oracle: Oracle, outputs: Sequence[Output], sets: Sequence[VectorSet]
) -> tuple[dict[str, list[NDArray[Any]]], str]:
    """Ask the same pipeline in a process that uses other vector instructions."""
    with tempfile.TemporaryDirectory(prefix="preproc-") as folder:
        question, answer = Path(folder) / "question.pkl", Path(folder) / "answer.pkl"
        try:
            content = pickle.dumps((oracle, outputs, [vectors.inputs for vectors in sets]))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            return {}, f"not measured: the pipeline cannot be pickled: {error}"
        question.write_bytes(content)
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, str(question), str(answer)]
        environment = {**os.environ, **OTHER_DISPATCH}
        try:
            subprocess.run(  # noqa: S603  # our own module
                command, env=environment, check=True, capture_output=True, timeout=TIMEOUT_S
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return {}, f"not measured: the other process failed: {type(error).__name__}"
        others: dict[str, list[NDArray[Any]]] = pickle.loads(answer.read_bytes())  # noqa: S301  # our own
        return others, "measured"


def box_cox_of_another_library(
    x: NDArray[np.float64], power: float | np.float64
) -> NDArray[np.float64]:
    """Compute scipy's ``boxcox`` with functions of the C library that are rounded correctly.

    scipy calls the C library, which no environment variable makes another one, and a
    standardization behind it multiplies its last bit by any factor. In long double each function
    is exact but for its last rounding, as in another good library.
    """

    def rounded(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = function(values.astype(np.longdouble)).astype(np.float64)
        return result

    logarithms = rounded(np.log, np.asarray(x, np.float64))
    if abs(power) < 1e-19:  # noqa: PLR2004  # where scipy takes it for zero
        return logarithms
    near: NDArray[np.float64] = rounded(np.expm1, power * logarithms) / power
    beyond = ~(power * logarithms < 709.78)  # noqa: PLR2004  # where scipy's own formula changes
    return np.where(beyond, scipy.special.boxcox(x, power), near)


def main() -> None:
    """Answer the pickled question that the first argument names, into the second."""
    question, answer = (Path(name) for name in sys.argv[1:])
    sklearn.preprocessing._data.boxcox = box_cox_of_another_library  # noqa: SLF001  # where it is called
    oracle, outputs, batches = pickle.loads(question.read_bytes())  # noqa: S301  # our own
    answers = {
        output.name: [as_output(output, oracle.answer(batch, output.key)) for batch in batches]
        for output in outputs
    }
    answer.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
