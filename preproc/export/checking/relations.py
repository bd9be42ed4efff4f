"""What must hold of a step that answers row by row, tried in this process.

Each relation changes something that a row's answer must not depend on. A relation that the step
refuses loudly is no fault: only another answer is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np

from preproc.export.checking.samples import Cells, cells_of, differing, rows_in, taken
from preproc.export.checking.stages import Stage, is_custom

SINGLE_ROWS: Final = 40
"""Rows that are asked one by one."""
REFUSALS: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""How code refuses data that it does not like."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A relation that does not hold.

    Attributes
    ----------
    step
        Path of the step.
    relation
        Its name, a key of `RELATIONS` or `preproc.export.checking.worlds.WORLDS`.
    rows
        Positions in the sample: the row whose answer changes, and the row that changes it where
        one alone does.
    want, got
        The answer to that row before and after, as text.
    problem
        What changed the answer, in words.
    """

    step: str
    relation: str
    rows: tuple[int, ...]
    want: str
    got: str
    problem: str

    def __str__(self) -> str:
        where = " and ".join(f"row {row}" for row in self.rows)
        return (
            f"step {self.step or '.'}: {self.relation}: {self.problem}; {where}: "
            f"expected {self.want}, got {self.got}"
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """A step and its answer to a sample.

    Attributes
    ----------
    stage
        The step.
    data
        The sample.
    want
        Its answer, (n, k).
    names
        Columns of the raw data, where it is a frame.
    """

    stage: Stage
    data: Any
    want: Cells
    names: tuple[str, ...] = ()

    def cells(self, data: Any) -> Cells | None:
        """Answer other data, None where the step refuses it."""
        try:
            return cells_of(self.stage.ask(data))
        except REFUSALS:
            return None

    def judged(
        self, relation: str, rows: Sequence[int], got: Cells | None, problem: str
    ) -> Finding | None:
        """Compare the answer to some rows of the sample with what they got first."""
        if got is None:
            return None
        want = self.want[list(rows)]
        if len(rows) == 1 and got.size == want.size:
            got = got.reshape(want.shape)  # SparsePCA turns a single row into a column
        if got.shape != want.shape:
            shapes = f"shape {want.shape}", f"shape {got.shape}"
            return Finding(self.stage.path, relation, (rows[0],), *shapes, problem)
        off = differing(want, got)
        if not off.any():
            return None
        at = int(np.argmax(off.any(axis=1)))
        column = int(np.argmax(off[at]))
        cells = _shown(want[at, column]), _shown(got[at, column])
        return Finding(self.stage.path, relation, (rows[at],), *cells, problem)


def _shown(cell: Any) -> str:
    return repr(cell.item() if isinstance(cell, np.generic) else cell)


def row_count(trial: Trial) -> Finding | None:
    """See whether there are as many answers as rows."""
    rows = rows_in(trial.data)
    if len(trial.want) == rows:
        return None
    pair = f"{rows} answers", str(len(trial.want))
    return Finding(trial.stage.path, "row count", (0,), *pair, "rows are lost or added")


def findings_of(trial: Trial) -> list[Finding]:
    """Try every relation; where rows are lost, no other can be judged."""
    lost = row_count(trial)
    if lost is not None:
        return [lost]
    found = [relation(trial) for relation in RELATIONS.values()]
    return [finding for finding in found if finding is not None]


def determinism(trial: Trial) -> Finding | None:
    """Ask the same rows again."""
    every = range(rows_in(trial.data))
    got = trial.cells(trial.data)
    return trial.judged("determinism", every, got, "the same rows, asked again, answer otherwise")


def purity(trial: Trial) -> Finding | None:
    """See whether the rows themselves are changed."""
    given = taken(trial.data, range(rows_in(trial.data)))
    before = cells_of(given).copy()
    trial.cells(given)
    after = cells_of(given)
    if before.shape == after.shape and not (off := differing(before, after)).any():
        return None
    if before.shape != after.shape:
        pair = f"shape {before.shape}", f"shape {after.shape}"
        return Finding(trial.stage.path, "purity", (0,), *pair, "the step changes what it is given")
    row, column = (int(at) for at in np.argwhere(off)[0])
    pair = _shown(before[row, column]), _shown(after[row, column])
    return Finding(trial.stage.path, "purity", (row,), *pair, "the step changes what it is given")


def row_independence(trial: Trial) -> Finding | None:
    """Ask rows one by one; then look for one other row that changes the answer."""
    for row in _spread(rows_in(trial.data), SINGLE_ROWS):
        got = trial.cells(taken(trial.data, [row]))
        found = trial.judged(
            "row independence", [row], got, "a row alone answers otherwise than in its batch"
        )
        if found is not None:
            other = _partner(trial, row, got)
            return found if other is None else _with_partner(found, other)
    return None


def _partner(trial: Trial, row: int, alone: Cells | None) -> int | None:
    """Find one row beside which a row answers otherwise than alone."""
    for other in _spread(rows_in(trial.data), SINGLE_ROWS):
        beside = trial.cells(taken(trial.data, [row, other])) if other != row else None
        if alone is None or beside is None:
            continue
        if beside.shape[1:] != alone.shape[1:] or len(beside) < 1:
            return other
        if differing(alone, beside[:1]).any():
            return other
    return None


def _with_partner(found: Finding, other: int) -> Finding:
    return Finding(
        found.step,
        found.relation,
        (*found.rows, other),
        found.want,
        found.got,
        f"{found.problem}, beside the other row too",
    )


def permutation(trial: Trial) -> Finding | None:
    """Ask the rows in another order."""
    order = np.random.default_rng(0).permutation(rows_in(trial.data)).tolist()
    got = trial.cells(taken(trial.data, order))
    return trial.judged("permutation", order, got, "the rows in another order answer otherwise")


def duplication(trial: Trial) -> Finding | None:
    """Ask every row twice."""
    twice = [*range(rows_in(trial.data))] * 2
    got = trial.cells(taken(trial.data, twice))
    return trial.judged("duplication", twice, got, "rows that are there twice answer otherwise")


def concatenation(trial: Trial) -> Finding | None:
    """Ask two parts apart and put their answers together."""
    rows = rows_in(trial.data)
    parts = [range(rows // 3), range(rows // 3, rows)]
    answers = [trial.cells(taken(trial.data, part)) for part in parts if len(part)]
    for part, got in zip([part for part in parts if len(part)], answers, strict=True):
        found = trial.judged("concatenation", part, got, "a part of the batch answers otherwise")
        if found is not None:
            return found
    return None


def index_independence(trial: Trial) -> Finding | None:
    """Give the rows another index, which only pandas frames have."""
    if not nw.dependencies.is_pandas_dataframe(trial.data):
        return None
    rows = rows_in(trial.data)
    for labels in (np.arange(rows) + 1000, np.arange(rows)[::-1]):
        got = trial.cells(trial.data.set_axis(labels, axis=0))
        found = trial.judged(
            "index independence", range(rows), got, "rows under another index answer otherwise"
        )
        if found is not None:
            return found
    return None


def column_order(trial: Trial) -> Finding | None:
    """Give the raw columns in another order, where code of one's own takes them as they come.

    Libraries of estimators check names, or take columns by position as the contract gives them.
    """
    names = list(getattr(trial.data, "columns", ()))
    if not is_custom(trial.stage.fitted) or not names or tuple(map(str, names)) != trial.names:
        return None
    try:
        want, got = trial.stage.ask(trial.data), trial.stage.ask(trial.data[names[::-1]])
    except REFUSALS:
        return None
    wanted = list(getattr(want, "columns", ()))
    if sorted(map(str, wanted)) == sorted(map(str, getattr(got, "columns", ()))):
        got = got[wanted] if wanted else got  # a frame whose columns kept their names
    every = range(rows_in(trial.data))
    problem = "columns in another order answer otherwise"
    return trial.judged("column order", every, cells_of(got), problem)


def input_dtype(trial: Trial) -> Finding | None:
    """Give equal numbers in another dtype: whole numbers in fewer bits, or as floats."""
    for name, change in _retyped(trial.data):
        got = trial.cells(change)
        every = range(rows_in(trial.data))
        problem = f"equal numbers as {name} answer otherwise"
        found = trial.judged("input dtype", every, got, problem)
        if found is not None:
            return found
    return None


def _retyped(data: Any) -> Iterator[tuple[str, Any]]:
    """Make the same numbers in other dtypes that hold them exactly."""
    for dtype in ("int32", "float64"):
        limit = 2**31 - 1 if dtype == "int32" else 2**53
        if isinstance(data, np.ndarray) and data.dtype == np.int64:
            if data.size and np.abs(data).max() <= limit:
                yield dtype, data.astype(dtype)
        elif nw.dependencies.is_pandas_dataframe(data):
            whole = [
                name
                for name in data.columns
                if str(data[name].dtype) == "int64" and data[name].abs().max() <= limit
            ]
            if whole:
                yield dtype, data.astype(dict.fromkeys(whole, dtype))


def _spread(rows: int, most: int) -> list[int]:
    """Choose rows evenly, the first and the last among them."""
    return sorted(set(np.linspace(0, rows - 1, min(rows, most)).astype(int).tolist()))


RELATIONS: Final[Mapping[str, Callable[[Trial], Finding | None]]] = {
    "determinism": determinism,
    "purity": purity,
    "row independence": row_independence,
    "permutation": permutation,
    "duplication": duplication,
    "concatenation": concatenation,
    "index independence": index_independence,
    "column order": column_order,
    "input dtype": input_dtype,
}
