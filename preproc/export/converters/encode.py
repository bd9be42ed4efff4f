"""What the encoders share: the number that a step gives to each category of each column.

scikit-learn looks a cell up in ``categories_`` of its column, in the dtype that the column had:
text by equality, with None and NaN as categories of their own; integers and booleans by equality;
floats by equality, with NaN equal to NaN. Columns of one kind are looked up together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope
from preproc.export.table import (
    Block,
    Decided,
    Feature,
    Table,
    least_certain,
    numbers,
    refuse_infinite,
)
from preproc.graph import lookup
from preproc.signature import NULL_NAN, NULL_NONE, TEXT

Word = str | int | float

_BIGGEST_INTEGER: Final = 2**63
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    TEXT: (str,),
    "int64": (int, np.integer, np.bool_),
    "float64": (float, np.floating),
}


@dataclass(frozen=True, slots=True)
class Numbering:
    """What a step gives for one column.

    Attributes
    ----------
    numbers
        One a category, in the order of ``categories_``.
    unknown
        For any other cell.
    """

    numbers: Sequence[float]
    unknown: float


@dataclass(frozen=True, slots=True)
class _Part:
    """Columns that are looked up together: where they stand, their cells, dtype of their keys."""

    at: tuple[int, ...]
    block: Block
    keys: str


def numbered(
    scope: Scope,
    table: Table,
    categories: Sequence[NDArray[Any]],
    numberings: Sequence[Numbering],
    *,
    dtype: str = "int64",
    who: str = "",
) -> str:
    """Replace each cell by the number of its category.

    Parameters
    ----------
    scope
        Where nodes go.
    table
        Cells in k columns.
    categories
        One array a column.
    numberings
        One a column.
    dtype
        ``int64`` or ``float64``.
    who
        Class that refuses infinity, empty where none does.

    Returns
    -------
    str
        Name of a value of shape (n, k).
    """
    parts = _parts(scope, categories, table)
    if who:
        parts = [_checked(scope, part, categories, who) for part in parts]
    values = []
    for part in parts:
        words = [_words(scope, categories[at], part.keys) for at in part.at]
        mine = [numberings[at] for at in part.at]
        unknown = [numbering.unknown for numbering in mine]
        given = [dict(zip(w, n.numbers, strict=True)) for w, n in zip(words, mine, strict=True)]
        missing = None
        if part.keys == "float64":
            missing = [
                column.pop(NULL_NAN, other) for column, other in zip(given, unknown, strict=True)
            ]
        values.append(
            lookup(
                scope.graph,
                part.block.value,
                given,
                unknown=unknown,
                missing=missing,
                keys=part.keys,
                dtype=dtype,
                scope=scope.path,
            )
        )
    return _in_order(scope, values, [at for part in parts for at in part.at])


def refuse_unseen(
    scope: Scope, table: Table, value: str, unseen: float, who: str, *, dtype: str = "int64"
) -> None:
    """Refuse rows where a number, `value` of shape (n, k), is the one that unknown cells got."""
    broken = scope.op("Equal", value, np.array(unseen, dtype))
    columns = [feature.column for feature in table.features]
    scope.refuse(broken, columns, f"{who} refuses a category that it did not see")


def free_number(used: Sequence[float]) -> int:
    """Give a negative number, as small as can be, that no category has."""
    taken = set(used)
    return next(number for number in count(-1, -1) if number not in taken)


def decided(table: Table) -> Decided:
    """Tell what decides the cells of a table."""
    return least_certain(*(block.decided for block in table.blocks))


def key(category: Any) -> Any:
    """Give a category a form that equals itself: NaN does not."""
    if category is None:
        return NULL_NONE
    is_number = isinstance(category, float | np.floating)
    return NULL_NAN if is_number and np.isnan(category) else category


def category_edges(fitted: Any) -> Mapping[int, NDArray[np.float64]]:
    """Give the categories of each numeric column, where an encoder's output jumps."""
    return {
        at: categories.astype(np.float64)
        for at, categories in enumerate(fitted.categories_)
        if categories.dtype.kind in "iuf"
    }


def _parts(scope: Scope, categories: Sequence[NDArray[Any]], table: Table) -> list[_Part]:
    """Group columns by dtype, join each group and bring it to the dtype of its keys."""
    groups: dict[tuple[str, str], list[tuple[tuple[int, ...], Block]]] = {}
    start = 0
    for block in table.blocks:
        at = tuple(range(start, start + block.width))
        start += block.width
        kinds = {_keys(block.dtype, categories[i]) for i in at}
        if len(kinds) > 1:
            raise scope.error(f"expected categories of one kind in columns {at}, got {kinds}")
        groups.setdefault((block.dtype, kinds.pop()), []).append((at, block))
    parts = []
    for (_, keys), group in groups.items():
        joined = _joined(scope, [block for _, block in group])
        at = tuple(i for columns, _ in group for i in columns)
        parts.append(_Part(at, _as_keys(scope, joined, keys), keys))
    return parts


def _keys(dtype: str, categories: NDArray[Any]) -> str:
    """Find the dtype in which cells meet their categories.

    Integers beside floats in one array were floats to scikit-learn, and so are the categories.
    """
    if dtype == TEXT:
        return TEXT
    is_float = dtype.startswith("float") or categories.dtype.kind == "f"
    return "float64" if is_float else "int64"


def _as_keys(scope: Scope, block: Block, keys: str) -> Block:
    """Cast to the dtype of the keys; every cast is exact or, for large integers, refused.

    uint64 wraps into int64: one to one, and the categories wrap alike.
    """
    if block.dtype == keys:
        return block
    if keys == "float64" and not block.dtype.startswith("float"):
        return numbers(scope, Table((block,)))
    return replace(block, value=scope.cast(block.value, keys), dtype=keys)


def _checked(scope: Scope, part: _Part, categories: Sequence[NDArray[Any]], who: str) -> _Part:
    """Refuse infinities, unless the column was an object array: there nothing is checked."""
    if part.keys != "float64" or any(categories[at].dtype == object for at in part.at):
        return part
    return replace(part, block=refuse_infinite(scope, part.block, f"{who} refuses infinity"))


def _words(scope: Scope, categories: NDArray[Any], keys: str) -> list[Word]:
    """Give the categories of a column as keys: nulls as their tokens, +0 and -0 as one."""
    words = [key(category) for category in categories.tolist()]
    kind = _KINDS[keys]
    nulls = (NULL_NONE, NULL_NAN) if keys == TEXT else (NULL_NAN,) if keys == "float64" else ()
    strange = {
        type(word)
        for word in words
        if not isinstance(word, kind) and not (isinstance(word, str) and word in nulls)
    }
    if strange:
        got = sorted(kind.__name__ for kind in strange)
        raise scope.error(f"expected categories that are {keys} values, got {got}; cast the column")
    if keys == "int64":
        return [(int(word) + _BIGGEST_INTEGER) % 2**64 - _BIGGEST_INTEGER for word in words]
    return [str(word) for word in words] if keys == TEXT else words


def _joined(scope: Scope, blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    value = scope.op("Concat", *(block.value for block in blocks), axis=1)
    features: tuple[Feature, ...] = tuple(f for block in blocks for f in block.features)
    return replace(blocks[0], value=value, features=features)


def _in_order(scope: Scope, values: Sequence[str], at: Sequence[int]) -> str:
    value = values[0] if len(values) == 1 else scope.op("Concat", *values, axis=1)
    if list(at) == sorted(at):
        return value
    return scope.op("Gather", value, np.argsort(at), axis=1)
