"""What training looked like, measured: the baseline that live traffic is held against."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.ranges import Range
from preproc.signature import NULL_TOKENS, Output, Signature

BINS: Final = 20
MAX_CATEGORIES: Final = 1000


def profile_of(
    signature: Signature,
    columns: Mapping[str, NDArray[Any]],
    answers: Mapping[str, NDArray[Any]],
    ranges: Mapping[str, Sequence[Range]],
) -> dict[str, Any]:
    """Describe training data and the model's answers to it.

    Parameters
    ----------
    signature
        Columns and outputs.
    columns
        Column → array (n, width), null tokens in place.
    answers
        Output → array (n,) or (n, width), of the same rows or a sample of them.
    ranges
        Column of numbers → lowest and highest of all training rows, one range for each value a row.

    Returns
    -------
    dict
        Plain JSON data: rows; a column: null share, bins or categories, and of numbers the range;
        an output: the same without range.
    """
    return {
        "rows": len(next(iter(columns.values()))),
        "columns": {
            column.name: _described(columns[column.name], ranges.get(column.name))
            for column in signature.columns
        },
        "outputs": {
            output.name: [_describe(values) for values in _by_column(output, answers)]
            for output in signature.outputs
        },
    }


def _described(values: NDArray[Any], ranges: Sequence[Range] | None) -> list[dict[str, Any]]:
    found = [_describe(place) for place in values.T]
    if ranges is None:
        return found
    return [{**one, "range": ends} for one, ends in zip(found, ranges, strict=True)]


def _by_column(output: Output, answers: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    values = answers[output.name]
    return values.reshape(1, -1) if output.width is None else values.T


def _describe(values: NDArray[Any]) -> dict[str, Any]:
    """Describe one column, (n,): text by its categories, numbers by bins of equal mass."""
    if values.dtype.kind in "OU":
        words = Counter(values.tolist())
        nulls = {name: words.pop(token, 0) for name, token in NULL_TOKENS.items()}
        most = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:MAX_CATEGORIES]
        return {
            "nulls": nulls,
            "categories": dict(most),
            "other": sum(words.values()) - sum(count for _, count in most),
        }
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    nulls = {"nan": int(np.isnan(numbers).sum())}
    if not finite.size:
        return {"nulls": nulls, "edges": [], "counts": []}
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1), method="inverted_cdf"))
    # A bin holds its lower edge; the last one is the largest value alone.
    at = np.searchsorted(edges, finite, side="right") - 1
    counts = np.bincount(at, minlength=len(edges))
    return {"nulls": nulls, "edges": edges.tolist(), "counts": counts.tolist()}
