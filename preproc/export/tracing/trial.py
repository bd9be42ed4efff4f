"""A trace on trial: its graph alone against the real function, before anything is built on it."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import ProofError
from preproc.export.scope import Ground, Scope
from preproc.export.table import Block, Table, least_certain
from preproc.export.tracing.draws import drawn_rows
from preproc.export.tracing.native import cells_of, native_of
from preproc.export.tracing.steps import transform_of
from preproc.graph import GraphBuilder
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import ROW_ERROR, TEXT, Column, Output, Rule

SEED: Final = 0
REAL_ROWS: Final = 128
MAX_REFUSED: Final = 24
"""Refused rows that the real function is asked about, one by one."""
SINGLE_ROWS: Final = 3
"""Rows that are asked about on their own, after all of them at once."""
NUDGE: Final = 2.0**-51
"""What rounded functions are changed by: the 4 ULP that numpy's vector functions may be off by."""

Convert = Callable[[Scope, Table, float], tuple[Table, frozenset[float | str]]]
"""Scope, what the step takes, nudge → what it gives, constants of the user's code."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A step's graph with inputs of its own.

    Attributes
    ----------
    run
        A matrix a block → a matrix a block that it gives, and ``row_error``.
    given
        What the step gives.
    constants
        Of the user's code.
    rules
        Why rows are refused.
    """

    run: Callable[[Sequence[NDArray[Any]]], tuple[list[NDArray[Any]], NDArray[np.int32]]]
    given: Table
    constants: frozenset[float | str]
    rules: tuple[Rule, ...]


def alone(scope: Scope, table: Table, convert: Convert, nudge: float = 0.0) -> Alone:
    """Convert a step in a graph that holds nothing else."""
    graph = GraphBuilder()
    blocks, names = [], []
    for at, block in enumerate(table.blocks):
        dtype = _wire(block.dtype)
        name = graph.input(Column(f"in_{at}", dtype, width=block.width))
        names.append(name)
        blocks.append(replace(block, value=name))
    inner = replace(scope, graph=graph, steps=[])
    given, constants = convert(inner, replace(table, blocks=tuple(blocks)), nudge)
    outputs = []
    for at, block in enumerate(given.blocks):
        value, dtype = block.value, _wire(block.dtype)
        if dtype == "bool":
            value, dtype = inner.cast(value, "int64"), "int64"
        poison: Any = "" if dtype == TEXT else None if dtype.startswith("float") else 0
        outputs.append((value, Output(f"out_{at}", "features", dtype, block.width, poison)))
    executor = open_executor(graph.finish(outputs))

    def run(matrices: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], NDArray[np.int32]]:
        feeds = dict(zip(names, matrices, strict=True))
        answers = executor.execute(feeds)
        return [answers[f"out_{at}"] for at in range(len(outputs))], answers[ROW_ERROR]

    return Alone(run, given, constants, graph.rules)


def real_rows(ground: Ground, table: Table) -> list[NDArray[Any]]:
    """Run the graph so far on real rows: a matrix a block of what a step takes."""
    rows = {name: values[:REAL_ROWS] for name, values in ground.rows.items()}
    made = [block for block in table.blocks if block.value not in rows]
    found = dict(rows)
    if made:
        wanted = [(block.value, _wire(block.dtype), block.width) for block in made]
        found |= open_executor(ground.graph.so_far(wanted)).execute(rows)
    return [found[block.value] for block in table.blocks]


def _wire(dtype: str) -> str:
    return "int64" if dtype.startswith(("datetime64", "timedelta64")) else dtype


def prove_step(
    scope: Scope,
    fitted: Any,
    table: Table,
    convert: Convert,
    answered: Sequence[NDArray[Any]] | None = None,
) -> None:
    """Hold a step's graph against its real function on real and drawn rows.

    Parameters
    ----------
    scope, fitted, table
        The step and what it takes.
    convert
        Builds its graph.
    answered
        More rows, a matrix a block, that the graph must answer.

    Raises
    ------
    ProofError
        With the first row on which they differ, or which one of them refuses.
    """
    if scope.ground is None or scope.graph is not scope.ground.graph:
        return  # a trial itself, or a graph that is thrown away
    base = alone(scope, table, convert)
    real = real_rows(scope.ground, table)
    nulls = [scope.ground.oracle.nulls_in(block.features[0].sources) for block in table.blocks]
    drawn = drawn_rows(table.blocks, real, base.constants, SEED, nulls)
    more = [matrix[:0] for matrix in real] if answered is None else answered
    matrices = [np.concatenate(parts) for parts in zip(real, drawn, more, strict=True)]
    got, row_error = base.run(matrices)
    kept = row_error == 0
    question = _Question(scope, transform_of(fitted), table, base.given)
    _check_refused(question, base, matrices, row_error)
    lost = np.flatnonzero(row_error[len(row_error) - len(more[0]) :])
    if len(lost):
        row = question.shown(more, lost[0])
        raise ProofError(scope.path, f"expected an answer of the graph, got none; the row is {row}")
    if not kept.any():
        raise ProofError(scope.path, "expected rows that are answered, got none")
    rows = [matrix[kept] for matrix in matrices]
    want = question.ask(rows)
    answers = [matrix[kept] for matrix in got]
    decided = least_certain(*(block.decided for block in base.given.blocks))
    slack = None
    if decided != "ieee":
        spreads = [alone(scope, table, convert, nudge).run(rows)[0] for nudge in (NUDGE, -NUDGE)]
        slack = [_spread(parts) for parts in zip(answers, *spreads, strict=True)]
    _compare(question, rows, want, answers, slack)
    _check_single(question, rows, answers, slack)


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


@dataclass(frozen=True, slots=True)
class _Question:
    """The real function, asked on matrices."""

    scope: Scope
    function: Callable[[Any], Any]
    taken: Table
    given: Table

    def ask(self, matrices: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Ask for all rows; where it refuses, find the row."""
        try:
            return self.bare(matrices)
        except Exception as error:
            low, high = 0, len(matrices[0])
            while high - low > 1:
                middle = (low + high) // 2
                first = self.refusal([matrix[low:middle] for matrix in matrices])
                low, high = (low, middle) if first else (middle, high)
            row = self.shown(matrices, low)
            raise ProofError(
                self.scope.path,
                f"the function refuses what the graph answers: {type(error).__name__}: {error}; "
                f"the row is {row}",
            ) from error

    def bare(self, matrices: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Ask for all rows; raises what the function raises."""
        like = self.scope.ground.oracle.like if self.scope.ground else None
        data = native_of(self.taken, matrices, like)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = self.function(data)
        cells = cells_of(result, self.given, self.scope.path)
        count = len(matrices[0])
        if any(len(matrix) != count for matrix in cells):
            raise ProofError(
                self.scope.path,
                f"expected {count} rows of the function, got {[len(matrix) for matrix in cells]}; "
                "it must not keep an answer from call to call",
            )
        return cells

    def refusal(self, matrices: Sequence[NDArray[Any]]) -> str:
        """Say how the function refuses rows, empty where it does not."""
        try:
            self.bare(matrices)
        except Exception as error:  # noqa: BLE001  # whatever user code raises
            return f"{type(error).__name__}: {error}"
        return ""

    def shown(self, matrices: Sequence[NDArray[Any]], row: int) -> Mapping[str, Any]:
        """Give one row by the names of its columns."""
        return {
            feature.name: matrix[row, at]
            for block, matrix in zip(self.taken.blocks, matrices, strict=True)
            for at, feature in enumerate(block.features)
        }


def _check_refused(
    question: _Question, base: Alone, matrices: Sequence[NDArray[Any]], row_error: NDArray[np.int32]
) -> None:
    """Where the graph refuses because the function would, it must."""
    asked = 0
    for row in np.flatnonzero(row_error).tolist():
        rule = base.rules[row_error[row] - 1]
        if rule.origin != "oracle" or asked >= MAX_REFUSED:
            continue
        asked += 1
        if not question.refusal([matrix[row : row + 1] for matrix in matrices]):
            raise ProofError(
                question.scope.path,
                f"the function answers what the graph refuses ({rule.text}); the row is "
                f"{question.shown(matrices, row)}",
            )


def _check_single(
    question: _Question,
    rows: Sequence[NDArray[Any]],
    got: Sequence[NDArray[Any]],
    slack: Sequence[NDArray[np.float64]] | None,
) -> None:
    """Ask the function about rows on their own: len(X) or what it keeps must not matter."""
    for at in range(min(SINGLE_ROWS, len(rows[0]))):
        row = slice(at, at + 1)
        alone_rows = [matrix[row] for matrix in rows]
        want = question.ask(alone_rows)
        apart = None if slack is None else [spread[row] for spread in slack]
        _compare(question, alone_rows, want, [matrix[row] for matrix in got], apart)


def _compare(
    question: _Question,
    rows: Sequence[NDArray[Any]],
    want: Sequence[NDArray[Any]],
    got: Sequence[NDArray[Any]],
    slack: Sequence[NDArray[np.float64]] | None,
) -> None:
    for at, (block, left, right) in enumerate(zip(question.given.blocks, want, got, strict=True)):
        is_bad = _differs(block, left, right, None if slack is None else slack[at])
        if is_bad.any():
            row, column = np.argwhere(is_bad)[0].tolist()
            raise ProofError(
                question.scope.path,
                f"column {block.features[column].name!r}: expected {left[row, column]!r} of the "
                f"function, got {right[row, column]!r} of the graph; the row is "
                f"{question.shown(rows, row)}",
            )


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
