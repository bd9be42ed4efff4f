"""A trace on trial: its graph alone against the real function, before anything is built on it."""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import ProofError
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, least_certain
from preproc.export.tracing.alone import Alone, Convert, alone, real_rows
from preproc.export.tracing.draws import Kind, column_of, drawn_rows, kinds_of, smaller_row
from preproc.export.tracing.native import cells_of, native_of, shown_cell
from preproc.export.tracing.odd_rows import odd_rows
from preproc.export.tracing.steps import transform_of
from preproc.signature import TEXT
from preproc.wording import counted

SEED: Final = 0
MAX_REFUSED: Final = 24
"""Refused rows that the real function is asked about, one by one."""
SINGLE_ROWS: Final = 3
"""Rows that are asked about on their own, after all of them at once."""
NUDGE: Final = 2.0**-51
"""What rounded functions are changed by: the 4 ULP that numpy's vector functions may be off by."""
FOLLOWED: Final = 3
"""Major version of pandas whose methods a trace repeats; the trial refuses what others change."""

Matrices = Sequence[NDArray[Any]]
"""Rows: a matrix a block, (n, width)."""


def prove_step(
    scope: Scope,
    fitted: Any,
    table: Table,
    convert: Convert,
    answered: Matrices | None = None,
) -> None:
    """Hold a step's graph against its real function on real, boundary and drawn rows.

    Parameters
    ----------
    scope, fitted, table
        The step and what it takes.
    convert
        Builds its graph.
    answered
        More rows that the graph must answer.

    Raises
    ------
    ProofError
        With the smallest row that was found on which they differ, or which one of them refuses.
    """
    if scope.ground is None or scope.graph is not scope.ground.graph:
        return  # a trial itself, or a graph that is thrown away
    base = alone(scope, table, convert)
    decided = least_certain(*(block.decided for block in base.given.blocks))
    sides = () if decided == "ieee" else (NUDGE, -NUDGE)
    nudged = tuple(alone(scope, table, convert, nudge) for nudge in sides)
    oracle = scope.ground.oracle
    nulls = [oracle.nulls_in(block.features[0].sources) for block in table.blocks]
    kinds = kinds_of(table.blocks, nulls)
    trial = _Trial(scope.path, transform_of(fitted), oracle.like, table, base, nudged, kinds)
    real = real_rows(scope.ground, table)
    odd = odd_rows(table.blocks, real, base.constants, SEED, nulls)
    more = [matrix[:0] for matrix in real] if answered is None else answered
    drawn = trial.matrices(drawn_rows(kinds))
    rows = [np.concatenate(parts) for parts in zip(real, odd, drawn, more, strict=True)]
    is_answered = trial.check(rows)
    lost = np.flatnonzero(~is_answered[len(is_answered) - len(more[0]) :])
    if len(lost):
        row = trial.shown(more, lost[0])
        raise ProofError(scope.path, f"expected an answer of the graph, got none; the row is {row}")
    if not is_answered.any():
        raise ProofError(scope.path, "expected rows that are answered, got none")
    for at in np.flatnonzero(is_answered)[:SINGLE_ROWS].tolist():
        # len(X), or what the function keeps, must not matter.
        trial.check(_row_of(rows, at))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Where graph and function part.

    Attributes
    ----------
    kind
        ``differs``, ``refused by the function`` or ``refused by the graph``.
    text
        For people.
    row
        Place of the row.
    cause
        What the function raised.
    """

    kind: str
    text: str
    row: int
    cause: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Trial:
    """A step's graph and its real function, asked the same."""

    path: str
    function: Callable[[Any], Any]
    like: Any
    taken: Table
    base: Alone
    nudged: Sequence[Alone]
    kinds: Sequence[Kind]

    def check(self, rows: Matrices) -> NDArray[np.bool_]:
        """Tell which rows are answered.

        Raises
        ------
        ProofError
            At the first row on which graph and function part, made as small as can be.
        """
        problem, is_answered = self._problem(rows)
        if problem is None:
            return is_answered
        row = _row_of(rows, problem.row)
        alone_too = self._problem_alone(row)
        note = " among other rows; alone, it is answered alike"
        if alone_too is not None and alone_too.kind == problem.kind:
            row = self._smallest(row, problem.kind)
            problem, note = self._problem_alone(row) or problem, ""
        raise ProofError(
            self.path, f"{problem.text}; the row is {self.shown(row, 0)}{note}{_of_old_pandas()}"
        ) from problem.cause

    def matrices(self, columns: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Put columns of all blocks together, a matrix a block."""
        ends = np.cumsum([block.width for block in self.taken.blocks]).tolist()
        starts = [0, *ends[:-1]]
        return [
            np.column_stack(columns[start:end]) for start, end in zip(starts, ends, strict=True)
        ]

    def shown(self, rows: Matrices, row: int) -> Mapping[str, Any]:
        """Give one row by the names of its columns, as people write its cells."""
        return {
            feature.name: shown_cell(block.dtype, matrix[row, at])
            for block, matrix in zip(self.taken.blocks, rows, strict=True)
            for at, feature in enumerate(block.features)
        }

    def _smallest(self, row: Matrices, kind: str) -> list[NDArray[Any]]:
        def is_bad(cells: Sequence[Any]) -> bool:
            problem = self._problem_alone(self._row_of_cells(cells))
            return problem is not None and problem.kind == kind

        cells = [matrix[0, at] for matrix in row for at in range(matrix.shape[1])]
        return self._row_of_cells(smaller_row(self.kinds, cells, is_bad))

    def _row_of_cells(self, cells: Sequence[Any]) -> list[NDArray[Any]]:
        kinds = zip(self.kinds, cells, strict=True)
        return self.matrices([column_of(kind.dtype, [cell]) for kind, cell in kinds])

    def _problem_alone(self, row: Matrices) -> _Problem | None:
        """Ask about one row; what is no answer at all is no problem of this row."""
        try:
            return self._problem(row)[0]
        except ProofError:
            return None

    def _problem(self, rows: Matrices) -> tuple[_Problem | None, NDArray[np.bool_]]:
        """Find the first row on which the two part, and tell which rows are answered."""
        got, row_error = self.base.run(rows)
        is_answered = row_error == 0
        problem = self._refused_in_vain(rows, row_error)
        kept = np.flatnonzero(is_answered)
        if problem is None and len(kept):
            asked = [matrix[kept] for matrix in rows]
            problem = self._answered_otherwise(asked, [matrix[kept] for matrix in got])
            if problem is not None:
                problem = replace(problem, row=int(kept[problem.row]))
        return problem, is_answered

    def _refused_in_vain(self, rows: Matrices, row_error: NDArray[np.int32]) -> _Problem | None:
        """Where the graph refuses because the function would, it must."""
        broken = {
            row: self.base.rules[row_error[row] - 1] for row in np.flatnonzero(row_error).tolist()
        }
        ours = [row for row, rule in broken.items() if rule.origin == "oracle"]
        for row in ours[:MAX_REFUSED]:
            if not self._refuses(_row_of(rows, row)):
                text = f"the function answers what the graph refuses ({broken[row].text})"
                return _Problem("refused by the graph", text, row)
        return None

    def _answered_otherwise(self, rows: Matrices, got: Matrices) -> _Problem | None:
        try:
            want = self._ask(rows)
        except ProofError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever user code raises
            text = "the function refuses what the graph answers: "
            text += f"{type(error).__name__}: {error}"
            return _Problem("refused by the function", text, self._refused_row(rows), error)
        slack = self._slack(rows, got)
        blocks = self.base.given.blocks
        for block, left, right, apart in zip(blocks, want, got, slack, strict=True):
            is_bad = _differs(block, left, right, apart)
            if is_bad.any():
                row, column = np.argwhere(is_bad)[0].tolist()
                said, ours = (shown_cell(block.dtype, part[row, column]) for part in (left, right))
                text = f"column {block.features[column].name!r}: expected {said!r} of the function"
                return _Problem("differs", f"{text}, got {ours!r} of the graph", row)
        return None

    def _ask(self, rows: Matrices) -> list[NDArray[Any]]:
        """Ask the function for all rows; raises what it raises."""
        data = native_of(self.taken, rows, self.like)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = self.function(data)
        cells = cells_of(result, self.base.given, self.path)
        count = len(rows[0])
        if any(len(matrix) != count for matrix in cells):
            raise ProofError(
                self.path,
                f"expected {counted(count, 'row')} of the function, got "
                f"{[len(matrix) for matrix in cells]}; it must not keep an answer from call to "
                "call",
            )
        return cells

    def _refuses(self, rows: Matrices) -> bool:
        try:
            self._ask(rows)
        except Exception:  # noqa: BLE001  # whatever user code raises
            return True
        return False

    def _refused_row(self, rows: Matrices) -> int:
        """Find a row that the function refuses, by halves."""
        low, high = 0, len(rows[0])
        while high - low > 1:
            middle = (low + high) // 2
            first = self._refuses([matrix[low:middle] for matrix in rows])
            low, high = (low, middle) if first else (middle, high)
        return low

    def _slack(self, rows: Matrices, got: Matrices) -> list[NDArray[np.float64] | None]:
        """Measure how far rounding moves each cell; None where IEEE arithmetic decides all."""
        if not self.nudged:
            return [None] * len(got)
        moved = [graph.run(rows)[0] for graph in self.nudged]
        return [_spread(parts) for parts in zip(got, *moved, strict=True)]


def _of_old_pandas() -> str:
    """Say what is most likely wrong where pandas is older than what a trace follows."""
    pd = sys.modules.get("pandas")
    if pd is None or int(pd.__version__.partition(".")[0]) >= FOLLOWED:
        return ""
    return (
        f"; a trace computes as pandas {FOLLOWED} does, and this is pandas {pd.__version__}: "
        f"train with pandas {FOLLOWED}"
    )


def _row_of(rows: Matrices, row: int) -> list[NDArray[Any]]:
    return [matrix[row : row + 1] for matrix in rows]


def _spread(parts: tuple[NDArray[Any], ...]) -> NDArray[np.float64]:
    base, *others = parts
    if base.dtype == object:
        return np.zeros(base.shape)
    with np.errstate(all="ignore"):
        apart = [np.abs(other.astype(float) - base.astype(float)) for other in others]
    spread = np.maximum.reduce(apart)
    # NaN on one side alone is a jump; on both sides it is no difference.
    jumps = np.any(
        [np.isnan(o.astype(float)) != np.isnan(base.astype(float)) for o in others], axis=0
    )
    result: NDArray[np.float64] = np.where(
        jumps, np.inf, np.nan_to_num(spread, nan=0.0, posinf=np.inf)
    )
    return result


def _differs(
    block: Block, want: NDArray[Any], got: NDArray[Any], slack: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    if block.dtype == TEXT:
        return np.asarray(want != got, bool)
    if want.dtype.kind in "biu" and got.dtype.kind in "biu":
        differs = want.astype(np.int64) != got.astype(np.int64)
    else:
        left, right = want.astype(np.float64), got.astype(np.float64)
        # The runtime's Where drops the sign of a zero; `compare` calls zeros equal as well.
        differs = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    if slack is None or block.decided == "ieee":
        return np.asarray(differs, bool)
    left, right = want.astype(np.float64), got.astype(np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(left - right) <= slack + 2 * np.abs(np.spacing(left))
    jumps = np.isinf(slack)
    return np.asarray(differs & ~(near | jumps | (left == right)), bool)
