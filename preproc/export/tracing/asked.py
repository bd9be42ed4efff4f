"""What the real function of a step says of words: each alone, and all combinations at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.export.tracing.alone import real_rows
from preproc.export.tracing.native import cells_of, native_of
from preproc.export.tracing.steps import transform_of
from preproc.signature import TEXT

MAX_COMBINATIONS: Final = 50_000
"""Rows that the real function is asked about to prove that its columns are independent."""
_NUMBERS: Final = frozenset(
    ["bool", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the function says.

    Attributes
    ----------
    words
        A column: the words, and tokens of nulls, that the function answers.
    refused
        A column: those that it refuses.
    given
        What it gives, without values.
    columns
        An output column: the column that it is computed from, and the answer to each of its words.
    """

    words: Sequence[Sequence[str]]
    refused: Sequence[Sequence[str]]
    given: Table
    columns: Sequence[tuple[int, NDArray[Any]]]


class Asked:
    """The real function of a step, asked on rows of words."""

    def __init__(self, scope: Scope, fitted: Any, table: Table) -> None:
        self._scope = scope
        self._function = transform_of(fitted)
        self._table = table
        ground = scope.ground
        self._like = ground.oracle.like if ground else None
        real = np.concatenate(real_rows(ground, table), axis=1) if ground else np.empty((1, 0))
        self._first: list[str] = real[0].tolist()

    def answers(self, words: Sequence[Sequence[str]]) -> Answers:
        """Ask about every word alone and every combination at once; the two must agree."""
        alone = [{word: self._alone(at, word) for word in own} for at, own in enumerate(words)]
        kept = [[word for word, said in own.items() if said is not None] for own in alone]
        refused = [[word for word, said in own.items() if said is None] for own in alone]
        count = prod(len(own) for own in kept)
        if count > MAX_COMBINATIONS:
            raise self._scope.error(
                f"tabulate: expected at most {MAX_COMBINATIONS} combinations of words, got "
                f"{count}; give each column a step of its own, by a ColumnTransformer"
            )
        if not count:
            raise self._scope.error("tabulate: expected an answer to a word, got none")
        result = self._ask(combined(kept))
        given = _described(self._scope, result)
        matrices = cells_of(result, given, self._scope.path)
        outputs = [matrix[:, at] for matrix in matrices for at in range(matrix.shape[1])]
        shape = [len(own) for own in kept]
        columns = [
            self._owned(feature.name, output.reshape(shape))
            for feature, output in zip(given.features, outputs, strict=True)
        ]
        self._check_alone(given, kept, alone, columns)
        return Answers(kept, refused, given, columns)

    def _ask(self, rows: NDArray[Any]) -> Any:
        with np.errstate(all="ignore"):
            return self._function(native_of(self._table, split(self._table, rows), self._like))

    def _alone(self, at: int, word: str) -> Any:
        """Ask about one row: a real one with one word changed; None where the function refuses."""
        row = [*self._first[:at], word, *self._first[at + 1 :]]
        try:
            return self._ask(np.array([row], object))
        except Exception:  # noqa: BLE001  # whatever user code raises
            return None

    def _owned(self, name: str, answers: NDArray[Any]) -> tuple[int, NDArray[Any]]:
        """Find the one column, an axis of the answers, that an output depends on."""
        moving = []
        for axis in range(answers.ndim):
            first = np.take(answers, [0], axis=axis)
            if not _same(answers, np.broadcast_to(first, answers.shape)).all():
                moving.append(axis)
        if len(moving) > 1:
            names = [self._table.features[axis].name for axis in moving]
            raise self._scope.error(
                f"tabulate: expected {name!r} to depend on one column, got {names}; a table holds "
                "functions of single words"
            )
        axis = moving[0] if moving else 0
        line: list[Any] = [0] * answers.ndim
        line[axis] = slice(None)
        return axis, answers[tuple(line)]

    def _check_alone(
        self,
        given: Table,
        kept: Sequence[Sequence[str]],
        alone: Sequence[Mapping[str, Any]],
        columns: Sequence[tuple[int, NDArray[Any]]],
    ) -> None:
        """Hold the answers to single rows against those to all rows at once."""
        for axis, own in enumerate(kept):
            for place, word in enumerate(own):
                row = cells_of(alone[axis][word], given, self._scope.path)
                cells = [cell for matrix in row for cell in matrix[0]]
                for feature, (owner, answers), cell in zip(
                    given.features, columns, cells, strict=True
                ):
                    if owner == axis and not _same(answers[place], cell):
                        raise self._scope.error(
                            f"tabulate: expected the same {feature.name!r} of {word!r} in every "
                            f"batch, got {cell} alone and {answers[place]} among other rows"
                        )


def _same(left: Any, right: Any) -> NDArray[np.bool_]:
    left, right = np.asarray(left), np.asarray(right)
    if left.dtype.kind == "f" or right.dtype.kind == "f":
        return np.asarray((left == right) | (np.isnan(left) & np.isnan(right)))
    return np.asarray(left == right, bool)


def combined(words: Sequence[Sequence[str]]) -> NDArray[Any]:
    """Every combination of words, (rows, columns), the last column turning fastest."""
    return np.array(list(product(*words)), object).reshape(-1, len(words))


def split(table: Table, rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Cut rows of all columns into a matrix a block."""
    ends = np.cumsum([block.width for block in table.blocks])
    return np.split(rows, ends[:-1], axis=1)


def _described(scope: Scope, result: Any) -> Table:
    """Describe what a function gave: names and dtypes, no values yet."""
    import pandas as pd  # noqa: PLC0415  # results may be pandas even where data is not

    if isinstance(result, pd.DataFrame):
        columns = [result.iloc[:, at] for at in range(result.shape[1])]
        blocks = [_block(scope, column, [str(column.name)]) for column in columns]
        return Table(tuple(blocks), frame="pandas")
    if isinstance(result, pd.Series):
        return Table((_block(scope, result, [str(result.name)]),), is_flat=True, frame="pandas")
    if not isinstance(result, np.ndarray) or result.ndim not in (1, 2):
        raise scope.error(
            f"tabulate: expected a frame, a series or an array of the function, got {type(result)}"
        )
    width = 1 if result.ndim == 1 else result.shape[1]
    names = [f"{scope.path.rpartition('/')[2]}[{at}]" for at in range(width)]
    return Table((_block(scope, result, names),), is_flat=result.ndim == 1)


def _block(scope: Scope, cells: Any, names: Sequence[str]) -> Block:
    dtype = getattr(cells.dtype, "categories", cells).dtype
    if getattr(dtype, "name", "") in _NUMBERS and isinstance(dtype, np.dtype):
        kind = dtype.name
    else:
        flat = np.asarray(cells, object).ravel().tolist()
        kinds = {type(cell) for cell in flat if cell is not None and cell == cell}  # noqa: PLR0124
        if kinds and all(issubclass(one, str) for one in kinds):
            kind = TEXT
        elif all(issubclass(one, bool | int | float | np.number | np.bool_) for one in kinds):
            kind = "float64"
        else:
            got = sorted(one.__name__ for one in kinds)
            raise scope.error(
                f"tabulate: expected numbers or text in {names[0]!r}, got {got}; return one kind"
            )
    return Block("", kind, tuple(Feature(name, ()) for name in names))
