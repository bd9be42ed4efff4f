"""Encoders of categories of other libraries: what they make of each word, asked once, in a table.

Such an encoder computes each of its outputs from one column, and from nothing but the word there.
So the real ``transform`` is asked about every word of training, about a word that training did not
see and about null; what it says becomes a look-up. The trial asks it again, about other words and
about mixtures, and refuses the export of an encoder that is not like that, as hashing is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table, least_certain
from preproc.export.tracing.native import native_of
from preproc.graph import lookup
from preproc.signature import MAX_CATEGORIES, NULL_NAN, NULL_NONE, TEXT

_UNSEEN: Final = "\x01 a word that nobody has seen"

TABULATED: Final[Mapping[str, str]] = {
    **{
        f"category_encoders.{module}.{name}": "cols"
        for module, name in (
            ("backward_difference", "BackwardDifferenceEncoder"),
            ("basen", "BaseNEncoder"),
            ("binary", "BinaryEncoder"),
            ("cat_boost", "CatBoostEncoder"),
            ("count", "CountEncoder"),
            ("glmm", "GLMMEncoder"),
            ("gray", "GrayEncoder"),
            ("helmert", "HelmertEncoder"),
            ("james_stein", "JamesSteinEncoder"),
            ("leave_one_out", "LeaveOneOutEncoder"),
            ("m_estimate", "MEstimateEncoder"),
            ("one_hot", "OneHotEncoder"),
            ("ordinal", "OrdinalEncoder"),
            ("polynomial", "PolynomialEncoder"),
            ("quantile_encoder", "QuantileEncoder"),
            ("rankhot", "RankHotEncoder"),
            ("sum_coding", "SumEncoder"),
            ("target_encoder", "TargetEncoder"),
            ("woe", "WOEEncoder"),
        )
    },
    **{
        f"feature_engine.encoding.{module}.{name}": "variables_"
        for module, name in (
            ("count_frequency", "CountFrequencyEncoder"),
            ("mean_encoding", "MeanEncoder"),
            ("one_hot", "OneHotEncoder"),
            ("ordinal", "OrdinalEncoder"),
            ("rare_label", "RareLabelEncoder"),
            ("woe", "WoEEncoder"),
        )
    },
}
"""Full name of a class → its attribute that lists the columns that it encodes."""


def is_tabulated(fitted: Any) -> bool:
    """Whether a step is one of those encoders."""
    return _full_name(fitted) in TABULATED


def _full_name(fitted: Any) -> str:
    kind = type(fitted)
    return f"{kind.__module__}.{kind.__qualname__}"


def tabulated(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert an encoder by asking it about every word.

    Raises
    ------
    ExportError
        When it does not take a pandas frame of text, or an output depends on several columns.
    """
    if table.frame != "pandas" or scope.ground is None:
        raise scope.error("expected a pandas frame, got another input; train on a frame")
    encoded = {str(name) for name in getattr(fitted, TABULATED[_full_name(fitted)])}
    words = {name: _words(scope, table, name) for name in encoded}
    like = scope.ground.oracle.like
    asker = _Asker(fitted, table, words, like)
    base = asker.rows({}, 1)
    names = [str(name) for name in base.columns]
    owners = _owners(scope, asker, names, words)
    blocks = []
    for name in names:
        source = owners.get(name)
        if source is None:
            blocks.append(_passed(scope, table, name))
        else:
            blocks.append(_looked_up(scope, asker, table, source, name))
    return Table(tuple(blocks), frame="pandas")


class _Asker:
    """The real encoder, asked about one column at a time."""

    def __init__(
        self, fitted: Any, table: Table, words: Mapping[str, Sequence[str]], like: Any
    ) -> None:
        self._fitted = fitted
        self._table = table
        self.words = words
        self._like = like
        self._known: dict[str, Any] = {}

    def rows(self, cells: Mapping[str, Sequence[str]], count: int) -> Any:
        """Transform rows that hold given cells and else the first word, or 1."""
        matrices = []
        for block in self._table.blocks:
            columns = []
            for feature in block.features:
                if block.dtype == TEXT:
                    given = cells.get(
                        feature.name, [self.words.get(feature.name, ["a"])[0]] * count
                    )
                    columns.append(np.array(given, object))
                else:
                    columns.append(np.ones(count, block.dtype))
            matrices.append(np.column_stack(columns))
        return self._fitted.transform(native_of(self._table, matrices, self._like))

    def column(self, source: str) -> tuple[Any, Mapping[str, Any]]:
        """Say what becomes of each word of a column, and of an unseen word and null."""
        if source not in self._known:
            words = self.words[source]
            odd: dict[str, Any] = {}
            for cell in (_UNSEEN, NULL_NAN):
                try:
                    odd[cell] = self.rows({source: [cell]}, 1)
                except (ValueError, TypeError, KeyError):
                    odd[cell] = None
            self._known[source] = (self.rows({source: words}, len(words)), odd)
        found: tuple[Any, Mapping[str, Any]] = self._known[source]
        return found


def _words(scope: Scope, table: Table, name: str) -> Sequence[str]:
    ground = scope.ground
    columns = {c.name: c for c in ground.oracle.signature.columns} if ground else {}
    feature = next((f for f in table.features if f.name == name), None)
    column = columns.get(name)
    if feature is None or feature.sources != (name,) or column is None or not column.is_text:
        raise scope.error(f"expected the raw text column {name!r}; encode it before other steps")
    known: Sequence[str] = (column.domain or {}).get("categories", ())
    if not known:
        raise scope.error(f"expected at most {MAX_CATEGORIES} words in {name!r}, got more")
    return known


def _owners(
    scope: Scope, asker: _Asker, names: Sequence[str], words: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Find the column that each output is computed from: the one that moves it."""
    owners: dict[str, str] = {}
    for source in words:
        table, odd = asker.column(source)
        for name in names:
            parts = [table[name], *(o[name] for o in odd.values() if o is not None)]
            cells = {repr(cell) for part in parts for cell in part.tolist()}
            moves = len(cells) > 1
            if moves and name in owners:
                raise scope.error(f"expected {name!r} to depend on one column, got several")
            if moves or name == source:
                owners[name] = source
    constant = [name for name in names if name not in owners]
    passed = {feature.name for feature in asker._table.features}  # noqa: SLF001  # its own asker
    for name in constant:
        if name not in passed:
            owners[name] = next(iter(words))
    return owners


def _passed(scope: Scope, table: Table, name: str) -> Block:
    for block in table.blocks:
        for at, feature in enumerate(block.features):
            if feature.name == name:
                value = block.value
                if block.width > 1:
                    value = scope.op("Gather", value, np.array([at]), axis=1)
                return replace(block, value=value, features=(feature,))
    raise scope.error(f"expected {name!r} among the columns that are passed on, got nothing")


def _looked_up(scope: Scope, asker: _Asker, table: Table, source: str, name: str) -> Block:
    """Add the look-up of one output."""
    answers, odd = asker.column(source)
    words = asker.words[source]
    given = _passed(scope, table, source)
    keys = {word: float(at) for at, word in enumerate(words)}
    count = len(words)
    keys |= {NULL_NONE: count + 1, NULL_NAN: count + 1}
    at = lookup(scope.graph, given.value, [keys], unknown=[count], scope=scope.path)
    cells = list(answers[name].tolist())
    for cell, place in ((_UNSEEN, count), (NULL_NAN, count + 1)):
        if odd[cell] is None:
            broken = scope.op("Equal", at, np.array(place))
            scope.refuse(broken, [source], "the encoder refuses unseen words, or null")
            cells.append(cells[0])
        else:
            cells.append(odd[cell][name].tolist()[0])
    column = _column(scope, cells)
    feature = given.features[0]
    is_text = column.dtype == object
    numbers = np.zeros(1) if is_text else np.abs(column[~np.isnan(column)])
    made = Feature(
        name,
        feature.sources,
        has_nan=not is_text and bool(np.isnan(column).any()),
        limit=float(numbers.max(initial=0.0)),
    )
    value = scope.op("Gather", column, at)
    dtype = TEXT if is_text else "float64"
    return Block(value, dtype, (made,), least_certain(given.decided))


def _column(scope: Scope, cells: Sequence[Any]) -> NDArray[Any]:
    if any(isinstance(cell, str) for cell in cells):
        return np.array([NULL_NAN if c is None or c != c else str(c) for c in cells], object)  # noqa: PLR0124
    try:
        return np.array(cells, np.float64)
    except (TypeError, ValueError) as error:
        raise scope.error(f"expected numbers or text of the encoder, got {cells[:3]}") from error
