"""What the model expects against what came true, which tells whether a score still means the same.

Rows are divided into bands of what the model expects, so that more rows of a kind that it knows are
no change. In each block and band, what came true is added up and what was expected is taken off.
Blocks of training and live blocks are then compared, each block one observation, since what comes
true on one day hangs together. A model that was never calibrated is held against its own training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.errors import DriftError
from preproc.signature import Signature

BANDS: Final = 5
MIN_BLOCKS: Final = 5
PERMUTATIONS: Final = 1999

Kind = Literal["class", "confidence", "number"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Residuals by block and band.

    Attributes
    ----------
    kind
        ``class``: the probability of the second of two classes; ``confidence``: that of the
        likeliest of several; ``number``: a predicted number.
    positive
        The second class as text, empty for the other kinds.
    edges
        Inner edges of the bands, ascending.
    rows, residuals
        By block and band, (b, bands): how many rows, and the sum of true minus expected.
    is_in_sample
        Whether the model was fitted on these rows, and so expects too well.
    """

    kind: Kind
    positive: str
    edges: NDArray[np.float64]
    rows: NDArray[np.int64]
    residuals: NDArray[np.float64]
    is_in_sample: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """What came true minus what was expected, a row, of one band of the score.

    Attributes
    ----------
    low, high
        Its ends; None where it has none.
    then, now
        Means of training and of live rows, in the unit of `Change`; None of no rows.
    then_error, now_error
        Their standard errors, a block one observation.
    """

    low: float | None
    high: float | None
    then: float | None
    then_error: float
    now: float | None
    now_error: float


@dataclass(frozen=True, slots=True)
class Change:
    """How residuals of live blocks differ from those of training.

    Attributes
    ----------
    blocks, rows
        Live ones.
    p
        Of the clearest difference of bands, slope and all rows, by permuting blocks.
    effect, low, high
        Mean residual now minus then, and its interval: in points of probability, or the target's
        unit.
    worst_band, worst_effect
        Band with the largest difference, from 0, and that difference.
    visible
        Difference that would have been found in 9 of 10 cases.
    bands
        In ascending order.
    """

    blocks: int
    rows: int
    p: float
    effect: float
    low: float
    high: float
    worst_band: int
    worst_effect: float
    visible: float
    bands: tuple[Band, ...]


def expected_of(
    signature: Signature, answers: Mapping[str, NDArray[Any]]
) -> tuple[Kind, str, NDArray[np.float64]] | None:
    """Find what the model expects of each row, (n,); None for models that expect nothing.

    Models of several targets are among those.
    """
    by_role = {output.role: output for output in signature.outputs if output.target is None}
    if "probabilities" in by_role:
        output = by_role["probabilities"]
        shares = answers[output.name]
        if shares.ndim != 2:  # noqa: PLR2004  # rows and classes
            return None
        if shares.shape[1] == 2:  # noqa: PLR2004  # two classes
            return "class", output.names[1] if output.names else "1", shares[:, 1]
        return "confidence", "", shares.max(axis=1)
    if "prediction" in by_role and answers[by_role["prediction"].name].ndim == 1:
        return "number", "", answers[by_role["prediction"].name].astype(np.float64)
    return None


def truth_of(
    kind: Kind, positive: str, labels: NDArray[Any], predicted: NDArray[Any] | None
) -> NDArray[np.float64]:
    """Bring what came true to the scale of what was expected, (n,).

    Raises
    ------
    DriftError
        When labels are no numbers where numbers are predicted.
    """
    if kind == "number":
        try:
            return labels.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DriftError(f"labels: expected numbers, got {error}") from error
    if kind == "class":
        is_positive: NDArray[np.bool_] = _texts(labels) == _text(positive)
        return is_positive.astype(np.float64)
    assert predicted is not None
    is_right: NDArray[np.bool_] = _texts(labels) == _texts(predicted)
    return is_right.astype(np.float64)


def outcomes_of(
    kind: Kind,
    positive: str,
    expected: NDArray[np.float64],
    truth: NDArray[np.float64],
    blocks: NDArray[np.int64],
    edges: NDArray[np.float64] | None = None,
) -> Outcomes:
    """Add residuals up by block and band.

    Parameters
    ----------
    kind, positive
        As of `Outcomes`.
    expected, truth
        Of each row, (n,).
    blocks
        Of each row, (n,), numbered from 0.
    edges
        Of the bands; by default of equal numbers of rows.
    """
    if edges is None:
        edges = np.unique(np.quantile(expected, np.linspace(0, 1, BANDS + 1)[1:-1]))
    bands, number = len(edges) + 1, int(blocks.max()) + 1
    cells = blocks * bands + np.searchsorted(edges, expected, side="right")
    rows = np.bincount(cells, minlength=number * bands)
    residuals = np.bincount(cells, truth - expected, number * bands).astype(np.float64)
    return Outcomes(
        kind, positive, edges, rows.reshape(number, bands), residuals.reshape(number, bands)
    )


def compare_outcomes(base: Outcomes, live: Outcomes, draw: np.random.Generator) -> Change:
    """Test whether live residuals differ from those of training, block against block.

    Three differences of means over blocks count: of the bands, squared and added up; of their
    slope, since a meaning that weakens moves the ends of the score against each other; of all rows.
    The clearest is held against the clearest of blocks that change sides by chance. Each is
    studentized, since live blocks have fewer rows, and thus more noise, where a log is a sample.

    Raises
    ------
    DriftError
        When there are fewer than `MIN_BLOCKS` on a side, or a residual is NaN.
    """
    sizes = len(base.rows), len(live.rows)
    if min(sizes) < MIN_BLOCKS:
        raise DriftError(
            f"outcomes: expected at least {MIN_BLOCKS} blocks with labels, got {min(sizes)}"
        )
    then, now = _means(base), _means(live)
    values = np.concatenate([then, now])
    if not np.isfinite(values).all():
        raise DriftError("outcomes: expected finite residuals, got NaN or infinite ones")
    number = len(values)
    order = np.argsort(draw.random((PERMUTATIONS, number)), axis=1)[:, : sizes[1]]
    is_live = np.zeros((PERMUTATIONS + 1, number))
    is_live[0, sizes[0] :] = 1
    np.put_along_axis(is_live[1:], order, 1, axis=1)
    difference, error = _welch(values, is_live, sizes)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.nan_to_num(np.abs(difference) / error, nan=0.0)
    together = (scores[:, :-2] ** 2).sum(axis=1)
    p = _clearest(np.stack([together, scores[:, -2], scores[:, -1]], axis=1))
    scale = 1.0 if base.kind == "number" else 100.0
    worst = int(scores[0, :-2].argmax())
    whole, spread = scale * difference[0, -1], scale * error[0, -1]
    shares = live.rows.sum(axis=0) / live.rows.sum()
    return Change(
        blocks=sizes[1],
        rows=int(live.rows.sum()),
        p=p,
        effect=float(whole),
        low=float(whole - 1.96 * spread),
        high=float(whole + 1.96 * spread),
        worst_band=worst,
        worst_effect=float(scale * difference[0, worst] / max(shares[worst], 1e-12)),
        visible=float((1.96 + 1.28) * spread),
        bands=_bands(base, live, scale),
    )


def outcomes_to_json(outcomes: Outcomes) -> dict[str, Any]:
    """Turn outcomes into plain JSON data."""
    return {
        "kind": outcomes.kind,
        "positive": outcomes.positive,
        "edges": outcomes.edges.tolist(),
        "rows": outcomes.rows.tolist(),
        "residuals": outcomes.residuals.tolist(),
        "is_in_sample": outcomes.is_in_sample,
    }


def outcomes_from_json(data: Mapping[str, Any]) -> Outcomes:
    """Turn JSON data into outcomes.

    Raises
    ------
    DriftError
        When a key is missing or sizes do not fit.
    """
    try:
        edges = np.array(data["edges"], np.float64)
        rows = np.array(data["rows"], np.int64)
        residuals = np.array(data["residuals"], np.float64)
        kind, positive = data["kind"], data["positive"]
        is_in_sample = bool(data["is_in_sample"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"outcomes: expected the keys of outcomes: {error!r}") from error
    if rows.shape != residuals.shape or rows.shape[1:] != (len(edges) + 1,):
        raise DriftError(f"outcomes: expected {len(edges) + 1} bands, got shape {rows.shape}")
    return Outcomes(kind, positive, edges, rows, residuals, is_in_sample)


def _bands(base: Outcomes, live: Outcomes, scale: float) -> tuple[Band, ...]:
    ends = [None, *base.edges.tolist(), None]
    means = [_mean_of_rows(side, scale) for side in (base, live)]
    return tuple(
        Band(low, high, *then, *now)
        for low, high, then, now in zip(ends[:-1], ends[1:], *means, strict=True)
    )


def _mean_of_rows(outcomes: Outcomes, scale: float) -> list[tuple[float | None, float]]:
    """Mean residual of a row in each band, and its error: that of a ratio over blocks."""
    number = len(outcomes.rows)
    found: list[tuple[float | None, float]] = []
    for rows, residuals in zip(outcomes.rows.T, outcomes.residuals.T, strict=True):
        if not rows.sum():
            found.append((None, 0.0))
            continue
        mean = residuals.sum() / rows.sum()
        squares = ((residuals - mean * rows) ** 2).sum() * number / max(number - 1, 1)
        found.append((float(scale * mean), float(scale * np.sqrt(squares) / rows.sum())))
    return found


def _means(outcomes: Outcomes) -> NDArray[np.float64]:
    """Residuals of each block over the mean block's rows: by band, slope, all; (b, bands + 2)."""
    rows = outcomes.rows.sum() / len(outcomes.rows)
    bands = outcomes.residuals / rows
    rise = np.arange(bands.shape[1]) - (bands.shape[1] - 1) / 2
    return np.column_stack([bands, bands @ rise, bands.sum(axis=1)])


def _clearest(statistics: NDArray[np.float64]) -> float:
    """Give the chance of the smallest p-value of several statistics, (divisions, k).

    The first division is what happened, the others are by chance.
    """
    rounded = np.round(statistics, 12)
    ascending = np.sort(rounded, axis=0)
    number = len(rounded)
    below = [np.searchsorted(ascending[:, k], rounded[:, k]) for k in range(rounded.shape[1])]
    p_values = (number - np.max(below, axis=0)) / number
    return float((p_values <= p_values[0]).mean())


def _welch(
    values: NDArray[np.float64], is_live: NDArray[np.float64], sizes: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Difference of means and its standard error, each (divisions, bands + 2)."""
    total, squares = values.sum(axis=0), (values**2).sum(axis=0)
    live, live_squares = is_live @ values, is_live @ values**2
    means = (total - live) / sizes[0], live / sizes[1]
    variances = [
        np.maximum(square / size - mean**2, 0) / (size - 1)
        for square, size, mean in (
            (squares - live_squares, sizes[0], means[0]),
            (live_squares, sizes[1], means[1]),
        )
    ]
    return means[1] - means[0], np.sqrt(variances[0] + variances[1])


def _texts(values: NDArray[Any]) -> NDArray[np.str_]:
    """Write labels as text, whole numbers and booleans alike whatever their dtype."""
    if values.dtype.kind == "O":
        values = np.array(values.tolist())
    if values.dtype.kind == "b" or (values.dtype.kind == "f" and (values % 1 == 0).all()):
        values = values.astype(np.int64)
    return values.astype(str)


def _text(name: str) -> str:
    """Write the name of a class likewise."""
    return {"False": "0", "True": "1", "0.0": "0", "1.0": "1"}.get(name, name)
