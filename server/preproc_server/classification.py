"""Scores → texts ``score:index:name``, the largest first, as Triton's classification gives them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc_server.errors import WireError


def classify(
    name: str, scores: NDArray[Any], classes: int, labels: Sequence[str]
) -> NDArray[np.object_]:
    """Name the largest scores of each row.

    A score is written with all its digits, and equal scores come in the order of their index. The
    poison of a refused row stays poison: empty text.

    Parameters
    ----------
    name
        Of the output, for errors.
    scores
        Numbers, (n,) or (n, width).
    classes
        How many of a row at most.
    labels
        Names along the width; empty where there are none.

    Returns
    -------
    numpy.ndarray
        Texts, (n, the lesser of classes and width).

    Raises
    ------
    WireError
        When the output is no numbers.
    """
    if scores.dtype.kind not in "fiu":
        raise WireError(
            f"output {name!r}: parameter 'classification': expected numbers, got values of dtype "
            f"{'string' if scores.dtype.kind in 'OUT' else scores.dtype.name}; leave it out"
        )
    table = scores.reshape(len(scores), -1)
    order = np.argsort(-table.astype(np.float64), axis=1, kind="stable")[:, :classes]
    texts = np.empty(order.shape, object)
    for row, best in enumerate(order.tolist()):
        for place, index in enumerate(best):
            texts[row, place] = _text(table[row, index].item(), index, labels)
    return texts


def _text(score: float, index: int, labels: Sequence[str]) -> str:
    if score != score:  # noqa: PLR0124  # NaN
        return ""
    return f"{score!r}:{index}:{labels[index]}" if labels else f"{score!r}:{index}"
