"""Functions of words that no trace can see, as tables: only where the caller declares the step.

A regular expression with look-around, ``unicodedata`` or a loop over signs is a function of a word
all the same. The real function is asked about each word of training, alone; then about every
combination of words at once, which proves that it answers row by row and each output from one
column. What it says becomes a look-up, and every other word is refused by a rule of the contract.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Ground, Scope
from preproc.export.table import Block, Decided, Feature, Table, least_certain
from preproc.export.tracing.asked import Answers, Asked, combined, split
from preproc.export.tracing.trial import prove_step
from preproc.graph import lookup
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import MAX_CATEGORIES, NULL_NAN, NULL_NONE, TEXT


def can_be_declared(table: Table) -> bool:
    """Whether a step takes nothing but text, each column computed from one of the input."""
    return table.frame != "polars" and all(
        block.dtype == TEXT and all(len(feature.sources) == 1 for feature in block.features)
        for block in table.blocks
    )


def tabulate_step(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert a declared step by asking it about every word of training, and prove it.

    Raises
    ------
    ExportError
        When it takes more than text, its words are too many, or an output depends on several
        columns or on other rows.
    ProofError
        With the row on which the graph and the function differ.
    """
    if not can_be_declared(table):
        names = [f.name for b in table.blocks if b.dtype != TEXT for f in b.features]
        raise scope.error(
            "tabulate: expected text columns, each computed from one column of the input, got "
            f"{names or 'others'} besides; give the step its text columns alone, by a "
            "ColumnTransformer"
        )
    words = _vocabularies(scope, table)
    answers = Asked(scope, fitted, table).answers(words)

    def convert(inner: Scope, taken: Table, _nudge: float) -> tuple[Table, frozenset[float | str]]:
        return _looked_up(inner, taken, answers), frozenset()

    given, _ = convert(scope, table, 0.0)
    prove_step(scope, fitted, table, convert, answered=split(table, combined(answers.words)))
    return given


def _vocabularies(scope: Scope, table: Table) -> list[list[str]]:
    """Find the words that training's words become on the way to the step, nulls among them."""
    ground = scope.ground
    if ground is None or scope.graph is not ground.graph:
        raise scope.error(
            "tabulate: expected a step of the pipeline itself, got one inside another"
        )
    inputs = {column.name: column for column in ground.oracle.signature.columns}
    found = []
    for block in table.blocks:
        for at, feature in enumerate(block.features):
            column = inputs[feature.sources[0]]
            if not column.is_text or column.width != 1:
                raise scope.error(
                    f"tabulate: expected a text column of a frame, got {column.name!r}; "
                    "train on a frame"
                )
            known = (column.domain or {}).get("categories")
            if known is None:
                raise scope.error(
                    f"tabulate: expected at most {MAX_CATEGORIES} words in {column.name!r}, got "
                    "more; write the function with methods that are traced, see docs/tracing.md"
                )
            cells = [*known, *ground.oracle.nulls_in([column.name])]
            made = _passed(ground, column.name, cells, block)[:, at]
            found.append(list(dict.fromkeys(made.tolist())))
    return found


def _passed(ground: Ground, name: str, cells: Sequence[str], block: Block) -> NDArray[Any]:
    """Run words of one column through the graph so far."""
    first = {key: np.repeat(rows[:1], len(cells), axis=0) for key, rows in ground.rows.items()}
    rows = {**first, name: np.array(cells, object).reshape(-1, 1)}
    if block.value in rows:
        return rows[block.value]
    model = ground.graph.so_far([(block.value, TEXT, block.width)])
    passed: NDArray[Any] = open_executor(model).execute(rows)[block.value]
    return passed


def _looked_up(scope: Scope, table: Table, answers: Answers) -> Table:
    """Add the look-ups: a place a column, then an answer an output."""
    places: list[str] = []
    owners: list[tuple[Feature, Decided]] = []
    for block in table.blocks:
        for at, feature in enumerate(block.features):
            value = block.value
            if block.width > 1:
                value = scope.op("Gather", value, np.array([at]), axis=1)
            number = len(places)
            places.append(
                _places(scope, value, feature, answers.words[number], answers.refused[number])
            )
            owners.append((feature, block.decided))
    columns, blocks = iter(answers.columns), []
    for block in answers.given.blocks:
        values, features, decided = [], [], []
        for feature in block.features:
            owner, cells = next(columns)
            # The last two places, other words and refused ones, are never seen: rows are poisoned.
            table_of = np.concatenate([cells, cells[:1], cells[:1]])
            values.append(scope.op("Gather", table_of.astype(_dtype(block)), places[owner]))
            features.append(_feature(feature.name, owners[owner][0], block, cells))
            decided.append(owners[owner][1])
        value = values[0] if len(values) == 1 else scope.op("Concat", *values, axis=1)
        blocks.append(Block(value, block.dtype, tuple(features), least_certain(*decided)))
    return Table(tuple(blocks), is_flat=answers.given.is_flat, frame=answers.given.frame)


def _places(
    scope: Scope, value: str, feature: Feature, words: Sequence[str], refused: Sequence[str]
) -> str:
    """Add the look-up of a column's words; refuse the others, and those that the function does."""
    count = len(words)
    keys = {word: float(at) for at, word in enumerate(words)}
    keys |= dict.fromkeys(refused, float(count + 1))
    # A column whose dtype holds NaN alone makes NaN of None.
    if NULL_NONE not in keys and NULL_NAN in keys:
        keys[NULL_NONE] = keys[NULL_NAN]
    at = lookup(scope.graph, value, [keys], unknown=[count], scope=scope.path)
    other = scope.op("Equal", at, np.array(count))
    text = "expected a word of training, which are all that the step's declared table holds"
    scope.refuse(other, [feature.column], text, origin="contract")
    if refused:
        broken = scope.op("Equal", at, np.array(count + 1))
        scope.refuse(broken, [feature.column], "the function of the step refuses this word or null")
    return at


def _dtype(block: Block) -> Any:
    return object if block.dtype == TEXT else block.dtype


def _feature(name: str, owner: Feature, block: Block, cells: NDArray[Any]) -> Feature:
    if block.dtype == TEXT:
        return Feature(name, owner.sources)
    numbers = cells.astype(np.float64)
    known = np.abs(numbers[~np.isnan(numbers)])
    has_nan = bool(np.isnan(numbers).any())
    return Feature(name, owner.sources, has_nan, float(known.max(initial=0.0)))
