"""The value that flows between steps: named features in blocks of one dtype each."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from preproc.export.scope import Scope
from preproc.signature import MAX_EXACT_INTEGER, TEXT

MAX_FLOAT: Final = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a step's input or output.

    Attributes
    ----------
    name
        For people: the input column, or what a step made of it.
    sources
        Input columns that it is computed from.
    has_nan
        Whether NaN can stand there.
    limit
        Bound of the magnitude of what else can: infinity where infinities can.
    """

    name: str
    sources: tuple[str, ...]
    has_nan: bool = False
    limit: float = 1.0

    @property
    def has_inf(self) -> bool:
        """Whether an infinity can stand there."""
        return self.limit == np.inf

    @property
    def column(self) -> str:
        """What a refusal names: the input column where there is one, else the feature."""
        return self.sources[0] if len(self.sources) == 1 else self.name


Decided = Literal["ieee", "libm", "blas"]
"""What decides the last bits of a value: IEEE arithmetic in a known order, a function of the C
library (or numpy's vector form of it), or the order in which BLAS sums."""

DECIDED: Final[tuple[Decided, ...]] = ("ieee", "libm", "blas")


@dataclass(frozen=True, slots=True)
class Block:
    """A graph value of shape (n, features) and what its columns are.

    Attributes
    ----------
    value
        Name of the graph value.
    dtype
        Dtype of the contract.
    features
        One a column.
    decided
        The least certain of all operations on the way.
    """

    value: str
    dtype: str
    features: tuple[Feature, ...]
    decided: Decided = "ieee"

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.features)


@dataclass(frozen=True, slots=True)
class Table:
    """Blocks side by side.

    Attributes
    ----------
    blocks
        From left to right.
    is_sparse
        Whether scikit-learn holds this value as a sparse matrix: it then sums in another order.
    is_flat
        Whether scikit-learn gives this value, one column, as an array (n,).
    frame
        Whether it is a frame, of which library; features are named by its columns then.
    summed
        Graph value (n, any): sums of the magnitudes of all summands of each row, where all columns
        are sums. It says nothing of what a later step makes of them.
    """

    blocks: tuple[Block, ...]
    is_sparse: bool = False
    is_flat: bool = False
    frame: Literal["", "pandas", "polars"] = ""
    summed: str = ""

    @property
    def features(self) -> tuple[Feature, ...]:
        """All features from left to right."""
        return tuple(feature for block in self.blocks for feature in block.features)


def least_certain(*decided: Decided) -> Decided:
    """Tell what decides the bits of something computed from several values."""
    return max(decided, key=DECIDED.index, default="ieee")


def take(scope: Scope, table: Table, columns: Sequence[int]) -> Table:
    """Choose columns by position, in the order given."""
    owners = [(block, at) for block in table.blocks for at in range(block.width)]
    blocks: list[Block] = []
    for block, group in _runs([owners[column] for column in columns]):
        if group == list(range(block.width)):
            blocks.append(block)
        else:
            value = scope.op("Gather", block.value, np.array(group), axis=1)
            features = tuple(block.features[at] for at in group)
            blocks.append(replace(block, value=value, features=features))
    return Table(tuple(blocks), table.is_sparse, frame=table.frame)


def _runs(owners: Sequence[tuple[Block, int]]) -> list[tuple[Block, list[int]]]:
    runs: list[tuple[Block, list[int]]] = []
    for block, at in owners:
        if runs and runs[-1][0] is block and (not at or at > runs[-1][1][-1]):
            runs[-1][1].append(at)
        else:
            runs.append((block, [at]))
    return runs


def texts(scope: Scope, table: Table) -> Block:
    """Join a table of text columns; anything else refuses the export."""
    dtypes = {block.dtype for block in table.blocks}
    if dtypes != {TEXT}:
        other = sorted(dtypes - {TEXT})
        if TEXT in dtypes:
            raise scope.error(
                f"expected columns that go together, got text beside {other}; cast them to text "
                "before training, or let text go through an encoder"
            )
        raise scope.error(f"expected text columns, got {other}; cast them to text before training")
    return _join(scope, table.blocks, TEXT)


def numbers(scope: Scope, table: Table) -> Block:
    """Join a table as float64, as scikit-learn does for estimators that compute in float64.

    Integers that float64 cannot hold are refused row by row; a table that scikit-learn would
    compute in float32 refuses the export.
    """
    dtypes = [block.dtype for block in table.blocks]
    if TEXT in dtypes:
        names = [f.name for b in table.blocks if b.dtype == TEXT for f in b.features]
        raise scope.error(f"expected numbers, got text columns {names}; encode them first")
    refuse_times(scope, table)
    joined = np.result_type(*dtypes)
    if joined.kind == "f" and joined != np.float64:
        raise scope.error(f"expected float64 columns, got {joined}; train in float64")
    parts = []
    for dtype in dict.fromkeys(dtypes):
        part = _join(scope, [block for block in table.blocks if block.dtype == dtype], dtype)
        parts.append(part if dtype == "float64" else _widened(scope, part))
    joined_block = _join(scope, parts, "float64")
    order = {id(f): at for at, f in enumerate(joined_block.features)}
    want = [order[id(feature)] for feature in table.features]
    if want == sorted(want):
        return joined_block
    value = scope.op("Gather", joined_block.value, np.array(want), axis=1)
    return replace(joined_block, value=value, features=table.features)


def refuse_times(scope: Scope, table: Table) -> None:
    """Refuse the export where numbers are needed and times came."""
    times = [block for block in table.blocks if block.dtype.startswith(("datetime", "timedelta"))]
    if times:
        names = [feature.name for block in times for feature in block.features]
        raise scope.error(
            f"expected numbers, got times {names}; derive numbers from them in a transformer, such "
            "as X['t'].dt.hour, or seconds between two of them"
        )


def joined(scope: Scope, table: Table) -> Block:
    """Join a table as numpy does: to the common dtype of its parts."""
    refuse_times(scope, table)
    dtypes = [block.dtype for block in table.blocks]
    if TEXT in dtypes:
        return texts(scope, table)
    dtype = np.result_type(*dtypes).name
    if dtype == "float64" and set(dtypes) != {dtype}:
        return numbers(scope, table)
    blocks = [
        block
        if block.dtype == dtype
        else replace(block, value=scope.cast(block.value, dtype), dtype=dtype)
        for block in table.blocks
    ]
    return _join(scope, blocks, dtype)


def _join(scope: Scope, blocks: Sequence[Block], dtype: str) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    value = scope.op("Concat", *(block.value for block in blocks), axis=1)
    features = tuple(feature for block in blocks for feature in block.features)
    return Block(value, dtype, features, least_certain(*(block.decided for block in blocks)))


def _widened(scope: Scope, block: Block) -> Block:
    """Cast integers and booleans to float64, refusing what float64 would round."""
    refuse_inexact(scope, block)
    return replace(block, value=scope.cast(block.value, "float64"), dtype="float64")


def refuse_inexact(scope: Scope, block: Block) -> None:
    """Refuse integers that float64 would round, as the contract says."""
    if block.dtype in ("int64", "uint64"):
        limit = np.array(MAX_EXACT_INTEGER, block.dtype)
        broken = scope.op("Greater", block.value, limit)
        if block.dtype == "int64":
            broken = scope.op("Or", broken, scope.op("Less", block.value, -limit))
        scope.refuse(
            broken,
            [feature.column for feature in block.features],
            "expected an integer of magnitude at most 2^53, which float64 holds exactly",
            origin="contract",
        )


def refuse_infinite(scope: Scope, block: Block, text: str) -> Block:
    """Refuse rows with an infinity, as validation with ``ensure_all_finite="allow-nan"`` does."""
    at = [i for i, feature in enumerate(block.features) if feature.has_inf]
    if at:
        broken = scope.op("IsInf", _columns(scope, block, at))
        scope.refuse(broken, [block.features[i].column for i in at], text)
    return replace(block, features=tuple(_finite(feature) for feature in block.features))


def refuse_not_finite(scope: Scope, block: Block, text: str) -> Block:
    """Refuse rows with NaN or an infinity, as validation does by default."""
    at = [i for i, feature in enumerate(block.features) if feature.has_inf or feature.has_nan]
    if at:
        magnitude = scope.op("Abs", _columns(scope, block, at))
        finite = scope.op("Less", magnitude, np.array(np.inf, block.dtype))
        scope.refuse(scope.op("Not", finite), [block.features[i].column for i in at], text)
    features = tuple(replace(_finite(feature), has_nan=False) for feature in block.features)
    return replace(block, features=features)


def finite_numbers(scope: Scope, fitted: Any, table: Table) -> Block:
    """Join the input as float64 and refuse NaN and infinity, as validation does by default."""
    text = f"{type(fitted).__name__} refuses NaN and infinity"
    return refuse_not_finite(scope, numbers(scope, table), text)


def not_finite(scope: Scope, value: str) -> str:
    """Tell in which rows, (n, 1), of (n, k) a number is NaN or an infinity."""
    finite = scope.op("Less", scope.op("Abs", value), np.array(np.inf))
    share = scope.op("ReduceMin", scope.cast(finite, "float64"), np.array([1]), keepdims=1)
    return scope.op("Less", share, np.array(1.0))


def _finite(feature: Feature) -> Feature:
    return replace(feature, limit=min(feature.limit, MAX_FLOAT))


def _columns(scope: Scope, block: Block, at: Sequence[int]) -> str:
    if len(at) == block.width:
        return block.value
    return scope.op("Gather", block.value, np.array(at), axis=1)
