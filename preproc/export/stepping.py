"""Step by step: what each transformer gave, by scikit-learn and by the graph.

When an export fails, this names the step; when a backend fails later, the kept answers do.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from preproc.compare import compare
from preproc.errors import ProofError
from preproc.export.batches import rows_of
from preproc.export.table import Table, least_certain
from preproc.runtime.nulls import tokens_of
from preproc.signature import TEXT
from preproc.vectors import StepAnswer, VectorSet

if TYPE_CHECKING:
    from preproc.export.proof import Evidence

ROWS: Final = 32
MAX_BYTES: Final = 2**20
"""Size of what is kept of one step."""


def step_answers(evidence: "Evidence", real: VectorSet) -> tuple[StepAnswer, ...]:
    """Hold each step of the graph against scikit-learn's on the first real rows.

    Raises
    ------
    ProofError
        With the path of the first step whose bits differ where IEEE arithmetic decides.
    """
    rows = rows_of(real.inputs, slice(0, ROWS))
    given: dict[str, Table] = {}
    fitted: dict[str, Any] = {}
    for step in evidence.steps:
        if step.given is not None and not isinstance(step.fitted, Pipeline):
            given[step.path], fitted[step.path] = step.given, step.fitted
    key = evidence.outputs[0][1].key
    want = evidence.oracle.transformed(rows, fitted, key)
    got = evidence.probe.run(rows)
    kept = [
        answer
        for path in given
        if path in want
        for answer in _checked(path, given[path], want[path], got)
    ]
    return tuple(answer for answer in kept if answer.answer.nbytes <= MAX_BYTES)


def _checked(
    path: str, given: Table, want: NDArray[Any], got: Mapping[str, NDArray[Any]]
) -> list[StepAnswer]:
    """Compare one step; an array of text and numbers is compared part by part and not kept."""
    want = want.reshape(len(want), -1)
    if want.dtype == object:
        ends = np.cumsum([block.width for block in given.blocks]).tolist()
        if {block.dtype for block in given.blocks} != {TEXT} and ends[-1:] == [want.shape[1]]:
            for block, end in zip(given.blocks, ends, strict=True):
                cells = want[:, end - block.width : end]
                cells = cells if block.dtype == TEXT else cells.astype(block.dtype)
                _checked(path, Table((block,)), cells, got)
            return []
        want = tokens_of(want)
    blocks = given.blocks
    decided = least_certain(*(block.decided for block in blocks))
    parts = [got[block.value] for block in blocks]
    joined = np.concatenate([part.astype(want.dtype) for part in parts], axis=1)
    if joined.shape != want.shape:
        raise ProofError(path, f"expected shape {want.shape}, got {joined.shape}")
    found = compare(want, joined)
    if decided == "ieee" and not found.is_pass:
        row, column = found.worst
        raise ProofError(
            path,
            f"row {row}, feature {given.features[column].name!r}: expected "
            f"{want[row, column]!r} of scikit-learn, got {joined[row, column]!r}",
        )
    features = tuple(feature.name for feature in given.features)
    return [StepAnswer(path, tuple(block.value for block in blocks), decided, want, features)]
