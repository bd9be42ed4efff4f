"""One-hot encoding: one column a category."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

from preproc.export.converters.encode import (
    Numbering,
    decided,
    free_number,
    key,
    numbered,
    refuse_unseen,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.export.versions import SKLEARN

_WHO: Final = "OneHotEncoder"
_NOWHERE: Final = -1
"""Position of a category that sets no column."""

_UNSEEN: Final = free_number([_NOWHERE])


def one_hot_encoder(scope: Scope, fitted: OneHotEncoder, table: Table) -> Table:
    """Set the column of the category that a cell holds.

    Infrequent categories share the last column of their feature, a dropped one sets none, an
    unknown one follows ``handle_unknown``. Ones and zeros are exact in every dtype.
    """
    dtype = np.dtype(fitted.dtype)
    if dtype.kind not in "biuf" or dtype.name == "float16":
        raise scope.error(
            f"OneHotEncoder(dtype={dtype.name}): expected a dtype that graphs compute in; "
            "use float64"
        )
    is_strict = fitted.handle_unknown == "error"
    numberings: list[Numbering] = []
    names: list[str] = []
    owners: list[int] = []
    for at, feature in enumerate(table.features):
        positions, elsewhere, columns = _positions(fitted, at)
        shifted = np.where(positions == _NOWHERE, _NOWHERE, positions + len(names))
        other = _NOWHERE if elsewhere == _NOWHERE else elsewhere + len(names)
        numberings.append(Numbering(shifted.tolist(), _UNSEEN if is_strict else other))
        names += [f"{feature.name} = {column}" for column in columns]
        owners += [at] * len(columns)
    if not names:
        raise scope.error("expected at least one column after drop, got none")
    position = numbered(scope, table, fitted.categories_, numberings, who=_WHO)
    if is_strict:
        refuse_unseen(scope, table, position, _UNSEEN, _WHO)
    spread = scope.op("Gather", position, np.array(owners), axis=1)
    hot = scope.op("Equal", spread, np.arange(len(names)).reshape(1, -1))
    features = tuple(
        Feature(name, table.features[at].sources) for name, at in zip(names, owners, strict=True)
    )
    value = hot if dtype.kind == "b" else scope.cast(hot, dtype.name)
    block = Block(value, dtype.name, features, decided(table))
    return Table((block,), is_sparse=bool(fitted.sparse_output))


def _positions(fitted: OneHotEncoder, at: int) -> tuple[NDArray[np.int64], int, list[str]]:
    """Find the column of each category of a feature, of unknown ones, and the columns' names."""
    categories = fitted.categories_[at]
    positions = np.arange(len(categories))
    infrequent = _infrequent(fitted, at)
    names = [str(category) for category in categories[~infrequent]]
    if infrequent.any():
        positions = np.cumsum(~infrequent) - 1
        positions[infrequent] = len(names)
        names.append("infrequent")
    elsewhere = _NOWHERE
    # Before 1.8 "warn" meant "ignore", whatever its documentation said.
    grouping = ("infrequent_if_exist", "warn") if SKLEARN >= (1, 8) else ("infrequent_if_exist",)
    if fitted.handle_unknown in grouping and infrequent.any():
        elsewhere = len(names) - 1
    dropped = None if fitted.drop_idx_ is None else fitted.drop_idx_[at]
    if dropped is not None:
        gone = int(positions[dropped])
        moved = np.append(positions, elsewhere)
        moved = np.where(moved == gone, _NOWHERE, moved - (moved > gone))
        positions, elsewhere = moved[:-1], int(moved[-1])
        del names[gone]
    return positions, elsewhere, names


def _infrequent(fitted: OneHotEncoder, at: int) -> NDArray[np.bool_]:
    categories = fitted.categories_[at].tolist()
    rare = rare_categories(fitted, at)
    return np.array([key(category) in rare for category in categories])


def rare_categories(fitted: Any, at: int) -> set[Any]:
    """Give the keys of the infrequent categories of a feature."""
    try:
        rare = fitted.infrequent_categories_[at]
    except AttributeError:  # neither min_frequency nor max_categories was given
        rare = None
    return set() if rare is None else {key(category) for category in rare.tolist()}
