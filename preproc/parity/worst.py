"""The rows behind a breach: what went in, what was wanted, what came."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from preproc.compare import breaches
from preproc.parity.judging import Finding, Judged, due
from preproc.parity.recording import Recording
from preproc.signature import ROW_ERROR

MAX_ROWS: Final = 3
MAX_CELLS: Final = 12
"""Cells of a wide array that are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a golden set that breaks a bound; cells as text."""

    backend: str
    vectors: str
    output: str
    row: int
    inputs: dict[str, str]
    want: str
    got: str


def worst_rows(recording: Recording, judged: Judged) -> Iterator[Row]:
    """Give the worst rows of the first breach of each output on each backend.

    Yields
    ------
    Row
        At most `MAX_ROWS` an output and backend, the largest error first.
    """
    seen = set()
    for finding in judged.breaches:
        key = finding.setting.backend, finding.output
        if finding.comparison is None or finding.part == "alone" or key in seen:
            continue
        seen.add(key)
        yield from _of(recording, finding)


def _of(recording: Recording, finding: Finding) -> Iterator[Row]:
    trial = next(one for one in recording.trials if one.setting == finding.setting)
    batch = next(
        one for one in trial.batches if (one.vectors, one.size) == (finding.vectors, finding.size)
    )
    vectors, slack = due(recording, trial, batch)
    want, got = vectors.answers[finding.output], batch.answers[finding.output]
    extra = slack.get(finding.output, np.zeros(()))
    wrong = breaches(want, got, finding.tolerance, slack=extra).reshape(len(want), -1).any(axis=1)
    if finding.output != ROW_ERROR:
        is_refused = vectors.answers[ROW_ERROR] != 0
        wrong &= is_refused if finding.part == "poison" else ~is_refused
    positions = np.flatnonzero(wrong)
    if want.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            off = np.nan_to_num(np.abs(want - got), nan=np.inf).reshape(len(want), -1).max(axis=1)
        positions = positions[np.argsort(-off[positions], kind="stable")]
    shown: set[int] = set()
    for position in positions.tolist():
        row = int(batch.rows[position])
        if row in shown or len(shown) == MAX_ROWS:
            continue
        shown.add(row)
        inputs = {name: _text(cells[position]) for name, cells in vectors.inputs.items()}
        yield Row(
            finding.setting.backend,
            finding.vectors,
            finding.output,
            row,
            inputs,
            _text(want[position]),
            _text(got[position]),
        )


def _text(cells: Any) -> str:
    values: list[Any] = np.asarray(cells, getattr(cells, "dtype", object)).ravel().tolist()
    if len(values) == 1:
        return repr(values[0])
    more = ", …" if len(values) > MAX_CELLS else ""
    return f"[{', '.join(map(repr, values[:MAX_CELLS]))}{more}]"
