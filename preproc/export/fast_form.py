"""What the fast form may be off by: measured at export, on golden rows and between them.

Why between: of rows that a model learned from it is mostly certain, where an error hardly shows.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.compare import BITWISE, Tolerance, compare, row_scale
from preproc.errors import ProofError
from preproc.export.certificate import ROUNDINGS
from preproc.export.spread import AGREEMENT, NUDGE, nudged_rows
from preproc.graph import fast
from preproc.runtime import Session, replay
from preproc.runtime.building import session_of
from preproc.signature import ROW_ERROR, Output
from preproc.vectors import VectorSet, without_rows

MARGIN: Final = 2.0
"""Bound over the largest error measured; golden rows are few, and other processors round anew."""
SINGLE_NUDGE: Final = 2.0**-21
"""Four roundings of a float32."""
SINGLE_AGREEMENT: Final = 1e-3
"""Share of a row's largest magnitude beyond which float32 counts as another answer."""
_BETWEEN: Final = "between"
MAX_FLIPS: Final = 0.01
"""Share of real rows that the fast form may decide otherwise; beyond, it is not offered."""


def measure_fast(
    public: onnx.ModelProto, session: Session, sets: Sequence[VectorSet]
) -> dict[str, Any]:
    """Hold the fast form against scikit-learn.

    Parameters
    ----------
    public
        Exact graph.
    session
        The fast form of it.
    sets
        Golden sets.

    Returns
    -------
    dict
        Plain JSON data: ``digest`` of the form; ``left_out``: golden set → rows that stand so near
        an edge that its rounding decides otherwise; ``outputs``: name → tolerance and what was
        measured on all other rows, and on rows between real ones.

    Raises
    ------
    ProofError
        When more than `MAX_FLIPS` of the real rows are decided otherwise.
    """
    outputs, float32 = session.signature.outputs, session.contract.float32
    agreement = SINGLE_AGREEMENT if float32 else AGREEMENT
    real = next(vectors for vectors in sets if vectors.name == "real")
    with session_of(session.contract, public, mode="exact") as exact:
        sets = [*sets, _between(real, exact)]
    answers = {vectors.name: replay(session, vectors) for vectors in sets}
    left_out = {
        vectors.name: np.flatnonzero(
            _jumps(outputs, vectors.answers, answers[vectors.name], agreement)
            | _is_shaky(session, vectors, answers[vectors.name], agreement)
        ).tolist()
        for vectors in sets
    }
    if len(left_out["real"]) > MAX_FLIPS * real.rows:
        raise ProofError(
            "",
            f"mode 'fast': {len(left_out['real'])} of {real.rows} real rows are decided "
            "otherwise than by scikit-learn; export in mode 'exact'",
        )
    kept = [
        (without_rows(vectors, left_out[vectors.name]), vectors.name)
        for vectors in sets
        if vectors.name != "refused"
    ]
    pairs = [
        (vectors, {o: np.delete(a, left_out[name], axis=0) for o, a in answers[name].items()})
        for vectors, name in kept
        if vectors.rows
    ]
    form = fast(public, float32).SerializeToString(deterministic=True)
    return {
        "digest": hashlib.sha256(form).hexdigest(),
        "left_out": {name: rows for name, rows in left_out.items() if rows and name != _BETWEEN},
        "outputs": {output.name: _measured(output, pairs, float32) for output in outputs},
    }


def _between(real: VectorSet, exact: Session) -> VectorSet:
    """Give rows half way between two real ones in every number, answered by the exact form."""
    others = np.random.default_rng(0).permutation(real.rows)
    inputs = dict(real.inputs)
    for column in exact.signature.columns:
        if column.dtype.startswith("float") and not column.is_whole:
            values = inputs[column.name]
            inputs[column.name] = values / 2 + values[others] / 2
    return VectorSet(_BETWEEN, inputs, exact.run_prepared(exact.pack(inputs)))


def _is_shaky(
    session: Session, vectors: VectorSet, answers: Mapping[str, NDArray[Any]], agreement: float
) -> NDArray[np.bool_]:
    """Rows that another rounding would decide otherwise, where the form rounds at all, (n,)."""
    outputs = session.signature.outputs
    shaky = np.zeros(vectors.rows, bool)
    floats = [o.name for o in outputs if answers[o.name].dtype.kind == "f"]
    if all(compare(vectors.answers[name], answers[name]).is_pass for name in floats):
        return shaky
    nudge = SINGLE_NUDGE if session.contract.float32 else NUDGE
    for moved in nudged_rows(session, vectors.inputs, nudge):
        shaky |= _jumps(outputs, answers, session.run_prepared(session.pack(moved)), agreement)
    return shaky


def _jumps(
    outputs: Sequence[Output],
    wanted: Mapping[str, NDArray[Any]],
    answers: Mapping[str, NDArray[Any]],
    agreement: float,
) -> NDArray[np.bool_]:
    """Rows decided otherwise: another label or code, or off by more than a share, (n,)."""
    found = np.asarray(wanted[ROW_ERROR] != answers[ROW_ERROR], bool)
    for output in outputs:
        want, got = wanted[output.name], answers[output.name]
        if output.role == "label" or want.dtype.kind != "f":
            differs = np.asarray(want != got, bool)
            if want.dtype.kind == "f":
                differs &= ~(np.isnan(want) & np.isnan(got))
        else:
            with np.errstate(invalid="ignore", over="ignore"):
                off = np.abs(want - got) > agreement * row_scale(want)
            differs = off | (np.isnan(want) != np.isnan(got))
        found |= differs.reshape(len(want), -1).any(axis=1)
    return found


def _measured(
    output: Output,
    pairs: Sequence[tuple[VectorSet, Mapping[str, NDArray[Any]]]],
    float32: Sequence[str],
) -> dict[str, Any]:
    found = [
        (compare(vectors.answers[output.name], got[output.name]), vectors.answers[output.name], got)
        for vectors, got in pairs
    ]
    largest = {
        "max_ulp": max(one.max_ulp for one, _, _ in found),
        "max_abs": max(one.max_abs for one, _, _ in found),
    }
    share = max(_largest_share(want, got[output.name]) for _, want, got in found)
    why = ["folded constants", "another order of sums"]
    why += [f"float32 in {', '.join(float32)}"] if float32 else []
    is_exact = output.role == "label" or not largest["max_ulp"]
    tolerance = (
        BITWISE
        if is_exact
        else Tolerance(
            "fast",
            max_ulp=2,
            max_abs=0.0,
            max_row=max(ROUNDINGS, MARGIN * share),
            reason=f"{' and '.join(why)}; twice what was measured at export",
        )
    )
    return {"role": output.role, "tolerance": asdict(tolerance), "max_row": share, **largest}


def _largest_share(want: NDArray[Any], got: NDArray[Any]) -> float:
    """Largest error over the largest magnitude of its row."""
    if want.dtype.kind != "f":
        return 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.abs(want - got) / row_scale(want)
    return float(np.nan_to_num(shares, nan=0.0, posinf=0.0).max())
