"""What golden vectors ask of a form in halves: eased bounds, and its own refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import Tolerance
from preproc.signature import ROW_ERROR, Output, Rule
from preproc.vectors import VectorSet

BOUNDARY: Final = "boundary"
"""Name of the golden set that holds magnitudes which no data has."""


def eased(tolerances: Mapping[str, Tolerance], dtype: str) -> dict[str, Tolerance]:
    """Name the bounds of a form in halves: the exact form's, and slack on top."""
    return {
        name: replace(
            tolerance,
            name=f"{tolerance.name}, {dtype} device",
            exact_columns=(),
            reason=f"{tolerance.reason}; on a device, what the roundings of {dtype} add up to",
        )
        for name, tolerance in tolerances.items()
    }


def with_refusals(
    vectors: VectorSet,
    answers: Mapping[str, NDArray[Any]],
    outputs: Sequence[Output],
    rule: Rule,
) -> VectorSet:
    """Expect the poison where a form refuses what the exact one answers, by a rule of its own.

    Only boundary rows may be refused so: real ones are what the form is for.
    """
    refused = (answers[ROW_ERROR] == rule.number) & (vectors.answers[ROW_ERROR] == 0)
    if vectors.name != BOUNDARY or not refused.any():
        return vectors
    wanted = {name: array.copy() for name, array in vectors.answers.items()}
    wanted[ROW_ERROR][refused] = rule.number
    for output in outputs:
        wanted[output.name][refused] = np.nan if output.poison is None else output.poison
    return replace(vectors, answers=wanted)
