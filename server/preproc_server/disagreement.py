"""Two versions' answers to the same rows: where they disagree, by score band; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.signature import ROW_ERROR, Output, Signature

Kind = Literal["refusal", "label", "score"]

_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One row on which two versions differ.

    Attributes
    ----------
    row
        Position in the batch.
    kind
        ``refusal``: one refuses it; ``label``: the labels differ; ``score``: the scores or
        predictions lie further apart than allowed.
    band
        Where the first version's score lies.
    """

    row: int
    kind: Kind
    band: str


def compare_answers(
    signature: Signature,
    want: Mapping[str, NDArray[Any]],
    got: Mapping[str, NDArray[Any]],
    *,
    tolerance: float,
) -> Sequence[Disagreement]:
    """Find the rows on which two versions differ, each with the gravest kind.

    Parameters
    ----------
    signature
        Of both versions.
    want, got
        Output → array (n,) or (n, width), ``row_error`` among them.
    tolerance
        Distance of two probabilities or scores; of predictions and features as a share of the
        first one's magnitude.

    Returns
    -------
    sequence of Disagreement
        In the order of the rows.
    """
    refused = [side[ROW_ERROR] != 0 for side in (want, got)]
    is_refusal = refused[0] != refused[1]
    is_answered = ~(refused[0] | refused[1])
    is_label, is_score = np.zeros_like(is_refusal), np.zeros_like(is_refusal)
    for output in signature.outputs:
        if output.name not in got:
            continue
        differs = _differs(output, want[output.name], got[output.name], tolerance)
        (is_label if output.role == "label" else is_score)[differs & is_answered] = True
    bands = bands_of(signature, want)
    kinds: tuple[tuple[Kind, NDArray[np.bool_]], ...] = (
        ("refusal", is_refusal),
        ("label", is_label),
        ("score", is_score),
    )
    return [
        Disagreement(row, next(kind for kind, rows in kinds if rows[row]), bands[row])
        for row in np.flatnonzero(is_refusal | is_label | is_score).tolist()
    ]


def bands_of(signature: Signature, answers: Mapping[str, NDArray[Any]]) -> Sequence[str]:
    """Tell the score band of each row.

    Of two classes it is the tenth in which the probability of the second lies, of more the tenth
    of the highest one; elsewhere, where scores have no scale of their own, the power of ten.
    """
    for role in ("probabilities", "scores", "prediction"):
        for output in signature.outputs:
            values = answers.get(output.name)
            if output.role != role or values is None or values.dtype.kind not in "fiu":
                continue
            score = _score(values.astype(np.float64))
            return [_tenth(one) if role == "probabilities" else _power(one) for one in score]
    return ["all"] * len(answers[ROW_ERROR])


def _score(values: NDArray[np.float64]) -> list[float]:
    if values.ndim > 1 and values.shape[1] > _BINARY:
        values = values.max(axis=1)
    elif values.ndim > 1:
        values = values[:, -1]
    scores: list[float] = values.tolist()
    return scores


def _tenth(probability: float) -> str:
    if not 0 <= probability <= 1:
        return "none"
    low = min(int(probability * 10), 9)
    return f"{low / 10:.1f}-{(low + 1) / 10:.1f}"


def _power(score: float) -> str:
    if not math.isfinite(score):
        return "none"
    sign = "-" if score < 0 else ""
    return f"{sign}1e{math.floor(math.log10(abs(score))):+d}" if score else "0"


def _differs(
    output: Output, want: NDArray[Any], got: NDArray[Any], tolerance: float
) -> NDArray[np.bool_]:
    """Tell which rows differ, bool (n,)."""
    if want.shape != got.shape:
        return np.ones(len(want), np.bool_)
    if output.role == "label" or want.dtype.kind not in "fiu":
        differs: NDArray[np.bool_] = want != got
    else:
        first, second = want.astype(np.float64), got.astype(np.float64)
        is_relative = output.role in {"prediction", "features"}
        with np.errstate(invalid="ignore"):  # infinity less infinity
            limit = tolerance * np.abs(first) if is_relative else tolerance
            is_near = (np.abs(first - second) <= limit) | (first == second)
        differs = ~(is_near | (np.isnan(first) & np.isnan(second)))
    answer: NDArray[np.bool_] = np.any(differs.reshape(len(want), -1), axis=1)
    return answer
