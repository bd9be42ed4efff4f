"""Targets of training rows that vote: classes and numbers, one or several a row."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    labels_answer,
    prediction_answer,
)
from preproc.export.scope import Scope
from preproc.export.table import Decided

Matrix = NDArray[np.float64]

_WHOLE_BITS: Final = 2.0**52
LANE: Final = 16.0
"""Numbers in one of the running sums of numpy: a mean in another order may be off by a rounding
of the largest number for each."""


def codes_of(fitted: Any) -> tuple[NDArray[np.int64], list[NDArray[Any]], bool]:
    """Give the class numbers of the training rows, (m, targets), and the classes of each target.

    Last, whether scikit-learn gives a list of targets.
    """
    codes = np.asarray(fitted._y, np.int64)  # noqa: SLF001  # no public way
    codes = codes.reshape(len(codes), -1)
    is_several = bool(fitted.outputs_2d_)
    return codes, list(fitted.classes_) if is_several else [fitted.classes_], is_several


def label_of(
    scope: Scope,
    indices: Sequence[str],
    classes: Sequence[NDArray[Any]],
    decided: Decided,
    *,
    is_several: bool,
) -> Answer:
    """Turn class indices, (n,) a target, into labels: (n,), or (n, targets) in one output."""
    if is_several:
        return labels_answer(scope, indices, classes, decided=decided)
    return label_answer(scope, indices[0], classes[0], decided=decided)


def targets_of(scope: Scope, fitted: Any) -> Matrix:
    """Targets of the training rows, (m, targets)."""
    targets = np.asarray(fitted._y)  # noqa: SLF001  # no public way
    if targets.dtype.kind not in "fiub":
        raise scope.error(
            f"{type(fitted).__name__}: expected targets that are numbers, got {targets.dtype}; "
            "train on numbers, or use a classifier"
        )
    if targets.dtype == np.float32:
        raise scope.error(f"{type(fitted).__name__} on float32 targets; train on float64 targets")
    return targets.astype(np.float64).reshape(len(targets), -1)


def sums_exactly(targets: Matrix, count: int) -> bool:
    """Tell whether any `count` targets have the same sum in any order."""
    scaled = targets * 2.0**10
    is_whole = bool((scaled == np.round(scaled)).all())
    return is_whole and float(np.abs(scaled).max(initial=0.0)) * count < _WHOLE_BITS


def numbers_answer(scope: Scope, fitted: Any, columns: list[str], decided: Decided) -> Answer:
    """Join predictions, (n, 1) each, in the shape of the training target."""
    if np.ndim(fitted._y) == 1:  # noqa: SLF001  # no public way
        return prediction_answer(scope.op("Squeeze", columns[0], np.array([1])), decided)
    value = columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)
    return prediction_answer(value, decided, width=len(columns))
