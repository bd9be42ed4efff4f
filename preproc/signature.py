"""What a graph takes, gives and refuses: columns, outputs, rules; checks a batch.

Null tokens. ONNX text has no null, so ``None`` and ``NaN`` in a text column travel as the two
reserved texts `NULL_NONE` and `NULL_NAN`. They begin with a zero byte: no data holds them by
accident, and data that does is refused.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.wording import counted

NULL_NONE: Final = "\0none"
NULL_NAN: Final = "\0nan"
NULL_TOKENS: Final[Mapping[str, str]] = {"none": NULL_NONE, "nan": NULL_NAN}

TEXT: Final = "string"
ROW_ERROR: Final = "row_error"
MAX_CATEGORIES: Final = 1000
"""Words of a column up to which its domain lists them."""
MAX_EXACT_INTEGER: Final = 2**53
"""Largest magnitude up to which every integer is a float64 of its own."""

NAT: Final = -(2**63)
"""How a time that is none travels, as in numpy."""

Kind = Literal["frame", "array", "vector"]
Null = Literal["none", "nan", "nat"]
Origin = Literal["oracle", "contract"]
Role = Literal["label", "probabilities", "scores", "prediction", "features"]


@dataclass(frozen=True, slots=True)
class Column:
    """One named input.

    Attributes
    ----------
    name
        Name at training.
    dtype
        numpy name of the dtype, ``string`` for text.
    null
        Which null an absent value means, None where the column has no null.
    width
        1 for a column of a frame, the number of features for a 2-D array.
    domain
        What training knew of the values: ``{"categories": [...]}`` or ``{"range": [low, high]}``;
        with ``"whole": true`` they are whole numbers that have nulls, as nullable integers are;
        ``"time"`` is the dtype of times that travel as int64, such as ``datetime64[us, UTC]``.
    freshness
        Age limit of a looked-up value, None for a value that the caller knows.
    """

    name: str
    dtype: str
    null: Null | None = None
    width: int = 1
    domain: Mapping[str, Any] | None = field(default=None, compare=False)
    freshness: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return self.dtype == TEXT

    @property
    def moment(self) -> str:
        """Dtype of the times that int64 carries, in its unit since 1970 in UTC; else empty."""
        return str((self.domain or {}).get("time", ""))

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers, whatever the dtype that carries them."""
        return "int" in self.dtype or bool((self.domain or {}).get("whole"))


@dataclass(frozen=True, slots=True)
class Output:
    """One named output.

    Attributes
    ----------
    name
        Name on the graph and on the wire.
    role
        What it means to scikit-learn.
    dtype
        numpy name of the dtype, ``string`` for text.
    width
        Size of the second dimension, None for one value a row.
    poison
        What stands there for a refused row, None for NaN: never a plausible answer.
    names
        Class or feature names along the second dimension, when known.
    target
        Which of several targets it is about, None where it is about all or there is one.
    """

    name: str
    role: Role
    dtype: str
    width: int | None
    poison: int | str | None
    names: tuple[str, ...] = ()
    target: int | None = None

    @property
    def key(self) -> str:
        """What a caller asks for it by: the role, and the target where there is one."""
        return self.role if self.target is None else f"{self.role}_{self.target}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to refuse a row.

    Attributes
    ----------
    number
        From 1 in pipeline order: the value of ``row_error``.
    step
        Path of the step that refuses.
    column
        Input column, or feature of the step, that breaks the rule.
    text
        The rule in words.
    origin
        ``oracle``: scikit-learn refuses the row too; ``contract``: only we do, on purpose.
    """

    number: int
    step: str
    column: str
    text: str
    origin: Origin = "oracle"


@dataclass(frozen=True, slots=True)
class Signature:
    """Columns in, outputs out, rules between.

    Attributes
    ----------
    kind
        ``frame``: one input a column; ``array``: one input ``X`` of shape (n, features);
        ``vector``: one input of shape (n, 1), for a list or a series.
    columns, outputs, rules
        In graph order; ``row_error`` is implied and not among the outputs.
    """

    kind: Kind
    columns: tuple[Column, ...]
    outputs: tuple[Output, ...] = ()
    rules: tuple[Rule, ...] = ()

    def check(self, batch: Mapping[str, NDArray[Any]], *, min_rows: int = 1) -> int:
        """Check names, dtypes and shapes; order is irrelevant.

        Parameters
        ----------
        batch
            One array a column, shape (n,) or (n, width); text as object, str or StringDType, or
            as bytes of UTF-8 without zeros.
        min_rows
            0 to look at columns alone.

        Returns
        -------
        int
            Number of rows, at least `min_rows`.

        Raises
        ------
        SignatureError
            At the first missing, extra, wrongly typed or wrongly shaped column, in the order of
            the contract; then for columns of different lengths, and for a batch without rows,
            which scikit-learn refuses too.
        """
        known = {column.name for column in self.columns}
        for name in batch:
            if name not in known:
                raise SignatureError(str(name), "expected no such column, got one; leave it out")
        lengths = [_check_column(column, batch.get(column.name)) for column in self.columns]
        rows = lengths[0] if lengths else 0
        if lengths.count(rows) < len(lengths):
            raise unequal_rows([column.name for column in self.columns], lengths)
        if rows < min_rows:
            raise SignatureError("", "expected at least one row, got none")
        return rows

    def rule(self, number: int) -> Rule:
        """Look a rule up by the number that ``row_error`` holds."""
        return self.rules[number - 1]


def unequal_rows(names: Sequence[str], lengths: Sequence[int]) -> SignatureError:
    """Make the error for columns that differ in length: name the odd one where most agree."""
    usual, agreeing = Counter(lengths).most_common(1)[0]
    at = next(at for at, length in enumerate(lengths) if length != usual)
    if 2 * agreeing > len(lengths):
        problem = f"expected {counted(usual, 'row')}, as in most columns, got {lengths[at]}"
        return SignatureError(names[at], problem)
    other = lengths.index(usual)
    first, second = (f"{lengths[spot]} in {names[spot]!r}" for spot in sorted((at, other)))
    return SignatureError("", f"expected as many rows in each column, got {first} and {second}")


def _check_column(column: Column, values: NDArray[Any] | None) -> int:
    if values is None:
        raise SignatureError(column.name, "expected a column, got nothing")
    if not isinstance(values, np.ndarray):
        raise SignatureError(column.name, f"expected an array, got {type(values).__name__}")
    dtype = values.dtype
    if dtype.type.__name__ != column.dtype:  # text, or a number by another name
        is_text = dtype.kind in "OUST"
        if is_text != column.is_text or not (is_text or dtype.name == column.dtype):
            want = f"{column.moment} or int64" if column.moment else column.dtype
            got = _found(column, values)
            raise SignatureError(column.name, f"expected dtype {want}, got {got}")
    is_vector = values.ndim == 1 and column.width == 1
    if not is_vector and values.shape[1:] != (column.width,):
        raise SignatureError(column.name, f"expected shape (n, {column.width}), got {values.shape}")
    return len(values)


def _found(column: Column, values: NDArray[Any]) -> str:
    """Say what an array of another dtype than the column's holds."""
    if values.dtype.kind in "UST":
        return TEXT
    if values.dtype.kind == "O":
        kinds = set(map(type, values.ravel().tolist()))
        if not kinds or any(issubclass(kind, str) for kind in kinds):
            return TEXT
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        return f"cells of type {names}; cast the column"
    nulls = np.isnan(values).ravel() if values.dtype.kind == "f" else np.zeros(1, bool)
    if nulls.any() and column.null is None:
        return f"{values.dtype.name}, and NaN in row {int(nulls.argmax())}; the column has no null"
    return values.dtype.name
