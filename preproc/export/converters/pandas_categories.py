"""Category columns of pandas, as gradient boosting libraries number them: by position."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from preproc.export.scope import Scope
from preproc.export.table import Block, Table, numbers, take
from preproc.graph import lookup
from preproc.signature import NULL_NAN, NULL_NONE, TEXT

EXACT_IN_SINGLE: Final = 2**24
"""Largest magnitude up to which every integer is a float32 of its own."""
_WIDE: Final = frozenset(["int32", "uint32", "int64", "uint64"])


def coded(
    scope: Scope, table: Table, known: Sequence[Sequence[Any]], is_code: Sequence[bool]
) -> Table:
    """Replace category columns by positions of their categories, NaN for nulls and unseen ones.

    Parameters
    ----------
    scope
        Where nodes go.
    table
        Features of the model; text stands in category columns alone.
    known
        Categories of each category column, in the order of the columns.
    is_code
        Which features the model takes for codes. A category column of numbers is one of them
        that stands in a frame whose category columns are all accounted for.
    """
    features = table.features
    texts = [at for at, dtype in enumerate(_dtypes(table)) if dtype == TEXT]
    columns = texts
    if len(known) != len(texts):
        columns = [at for at in range(len(features)) if at in texts or is_code[at]]
    if len(columns) != len(known) or any(
        (at in texts) != isinstance(words[0] if len(words) else "", str)
        for at, words in zip(columns, known, strict=False)
    ):
        raise scope.error(
            f"expected category columns for {len(known)} lists of categories, got "
            f"{[features[at].name for at in columns]}; make all category columns text"
        )
    if not columns:
        return table
    blocks: list[Block] = []
    for at in range(len(features)):
        part = take(scope, table, [at])
        if at in columns:
            blocks.append(positions(scope, part, known[columns.index(at)]))
        else:
            blocks += part.blocks
    return replace(table, blocks=tuple(blocks))


def _dtypes(table: Table) -> list[str]:
    return [block.dtype for block in table.blocks for _ in block.features]


def positions(scope: Scope, table: Table, words: Sequence[Any], *, unseen: float = np.nan) -> Block:
    """Replace a category column by positions of its categories, float64 (n, 1).

    Parameters
    ----------
    scope
        Where nodes go.
    table
        One column, text or numbers.
    words
        Its categories.
    unseen
        For other words; nulls give NaN.
    """
    (block,) = table.blocks
    keys = TEXT
    if block.dtype != TEXT:
        block, keys = numbers(scope, widened(scope, table)), "float64"
    places: dict[Any, float] = {word: float(at) for at, word in enumerate(words)}
    if keys == TEXT:
        places |= {NULL_NONE: np.nan, NULL_NAN: np.nan}
    value = lookup(
        scope.graph,
        block.value,
        [places],
        unknown=[unseen],
        missing=None if keys == TEXT else [np.nan],
        keys=keys,
        dtype="float64",
        scope=scope.path,
    )
    features = tuple(replace(f, has_nan=True, limit=float(len(words))) for f in block.features)
    return Block(value, "float64", features, block.decided)


def widened(scope: Scope, table: Table) -> Table:
    """Cast float32 columns to float64, which is exact, for models that compare float64."""
    blocks = [
        replace(block, value=scope.cast(block.value, "float64"), dtype="float64")
        if block.dtype == "float32"
        else block
        for block in table.blocks
    ]
    return replace(table, blocks=tuple(blocks))


def single_integers_refused(scope: Scope, table: Table) -> Block:
    """Join as float64; integers alone must fit float32, to which an array of them is cast.

    A frame of integers is cast to float64: where both agree, it does not matter which it was.
    """
    dtypes = {block.dtype for block in table.blocks}
    is_integers = not any(dtype.startswith("float") for dtype in dtypes)
    for block in table.blocks:
        if is_integers and block.dtype in _WIDE:
            limit = np.array(EXACT_IN_SINGLE, block.dtype)
            broken = scope.op("Greater", block.value, limit)
            if block.dtype.startswith("int"):
                broken = scope.op("Or", broken, scope.op("Less", block.value, -limit))
            scope.refuse(
                broken,
                [feature.column for feature in block.features],
                "expected an integer of magnitude at most 2^24, which float32 holds exactly",
                origin="contract",
            )
    return numbers(scope, widened(scope, table))
