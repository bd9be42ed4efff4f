"""The iterative imputer: linear models of each feature on the others, replayed round by round."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.impute import IterativeImputer
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
)

from preproc.export.converters.impute import simple_imputer
from preproc.export.converters.impute_missing import indicators, is_nan, missing_parts
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, least_certain

LINEAR: Final = (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
)
"""Estimators whose ``predict`` is one product with ``coef_`` and ``intercept_`` added."""

MAX_STEPS: Final = 1000
"""Models in all rounds; each is some ten nodes that every row passes."""


@dataclass(slots=True)
class _State:
    """The imputation under way: one graph value (n, 1) a feature.

    Attributes
    ----------
    cells
        Latest values.
    missing
        Where they were missing, None where that cannot be.
    predicted
        Features of which a prediction was made, which may have overflowed.
    refused
        Feature → where a model met an overflow of another feature.
    """

    cells: list[str]
    missing: list[str | None]
    predicted: set[int]
    refused: dict[int, str]


def iterative_imputer(scope: Scope, fitted: IterativeImputer, table: Table) -> Table:
    """Fill simply first, then let each fitted model of the sequence predict what was missing.

    The sequence is fixed at training, random orders and nearest features included, and no row
    looks at another: with one exception. A batch in which everything is missing keeps the first,
    simple filling, so that a row without any value is answered by its neighbours; it is answered
    here as among rows with values, and the proof counts it.

    Parameters
    ----------
    scope
        Of this step.
    fitted
        With ``imputation_sequence_`` of linear models.
    table
        Numbers.

    Returns
    -------
    Table
        float64; ``blas`` decides what was predicted.

    Raises
    ------
    ExportError
        For posterior samples, models that are not linear, and more than `MAX_STEPS` of them.
    """
    _check(scope, fitted)
    marker = fitted.missing_values
    float64 = np.dtype(np.float64)
    (part,) = missing_parts(scope, table, float64, marker, allow_nan=is_nan(marker))
    first = simple_imputer(scope, fitted.initial_imputer_, Table((part.block,)))
    (block,) = first.blocks
    empty = np.asarray(fitted._is_empty_feature)  # noqa: SLF001  # no public way
    kept = np.arange(len(empty)) if fitted.keep_empty_features else np.flatnonzero(~empty)
    can_miss = part.can_miss and fitted.n_iter_ > 0
    if can_miss:
        if not empty[kept].any():
            _doubt_nothing(scope, part.mask, kept, part.block.width)
        block = _predicted(scope, fitted, block, part.mask, kept)
    blocks = [block]
    if fitted.add_indicator:
        chosen = fitted.indicator_.features_.tolist()
        blocks += indicators(scope, [part], chosen, "float64")
    return Table(tuple(blocks))


def _check(scope: Scope, fitted: IterativeImputer) -> None:
    if fitted.sample_posterior:
        raise scope.error(
            "IterativeImputer(sample_posterior=True): its answer is drawn anew at each call; "
            "use sample_posterior=False"
        )
    for triplet in fitted.imputation_sequence_:
        if type(triplet.estimator) not in LINEAR:
            known = ", ".join(kind.__name__ for kind in LINEAR)
            raise scope.error(
                f"IterativeImputer(estimator={type(triplet.estimator).__name__}): only linear "
                f"models are exported; use one of {known}"
            )
    if len(fitted.imputation_sequence_) > MAX_STEPS:
        raise scope.error(
            f"IterativeImputer: expected at most {MAX_STEPS} models in all rounds, got "
            f"{len(fitted.imputation_sequence_)}; use a smaller max_iter"
        )


def _doubt_nothing(scope: Scope, mask: str, kept: NDArray[np.intp], width: int) -> None:
    """Mark rows without any value, which scikit-learn answers according to their batch.

    The graph answers as in a batch that holds other values.
    """
    if len(kept) < width:
        mask = scope.op("Gather", mask, kept.astype(np.int64), axis=1)
    count = scope.op("ReduceSum", scope.cast(mask, "int64"), np.array([1]), keepdims=1)
    rows = scope.op("Equal", count, np.array(len(kept), np.int64))
    scope.doubt(rows, "a row without any value has no answer of its own: it depends on the batch")


def _predicted(
    scope: Scope, fitted: IterativeImputer, block: Block, mask: str, kept: NDArray[np.intp]
) -> Block:
    empty = np.asarray(fitted._is_empty_feature)[kept]  # noqa: SLF001  # no public way
    split = [_column(scope, mask, int(at)) for at in kept]
    state = _State(
        cells=[_column(scope, block.value, at) for at in range(block.width)],
        missing=[None if empty[at] else split[at] for at in range(block.width)],
        predicted=set(),
        refused={},
    )
    for triplet in fitted.imputation_sequence_:
        _predict_one(scope, fitted, state, triplet)
    for feature, broken in state.refused.items():
        column = block.features[feature].column
        scope.refuse(broken, [column], "a prediction of another feature has overflowed")
    value = scope.op("Concat", *state.cells, axis=1)
    features = tuple(
        # A prediction can overflow, and infinities can cancel to NaN.
        replace(feature, has_nan=True, limit=np.inf) if at in state.predicted else feature
        for at, feature in enumerate(block.features)
    )
    decided = least_certain(block.decided, "blas")
    return replace(block, value=value, features=features, decided=decided)


def _predict_one(scope: Scope, fitted: IterativeImputer, state: _State, triplet: Any) -> None:
    """Let one model predict one feature of the rows where it was missing.

    A product of matrices, then the intercept, as ``predict`` does. Which way BLAS sums one column
    depends on the number of rows, so these bits are not scikit-learn's alone.
    """
    at = int(triplet.feat_idx)
    missing = state.missing[at]
    if missing is None:
        return
    neighbours = [int(feature) for feature in triplet.neighbor_feat_idx]
    others = scope.op("Concat", *(state.cells[other] for other in neighbours), axis=1)
    if not state.predicted.isdisjoint(neighbours):
        # What is given is finite, and so are first fillings; zero times anything else is NaN.
        nothing = scope.op("MatMul", others, np.zeros((len(neighbours), 1)))
        broken = scope.op("And", missing, scope.op("IsNaN", nothing))
        known = state.refused.get(at)
        state.refused[at] = broken if known is None else scope.op("Or", known, broken)
    weights = np.asarray(triplet.estimator.coef_, np.float64).reshape(-1, 1)
    product = scope.op("MatMul", others, weights)
    value = scope.op("Add", product, np.array(float(triplet.estimator.intercept_)))
    low = float(fitted._min_value[at])  # noqa: SLF001  # no public way
    high = float(fitted._max_value[at])  # noqa: SLF001  # no public way
    # Comparisons rather than Clip: NaN stays NaN, as in numpy.
    if low > -np.inf:
        value = scope.op("Where", scope.op("Less", value, np.array(low)), np.array(low), value)
    if high < np.inf:
        value = scope.op("Where", scope.op("Greater", value, np.array(high)), np.array(high), value)
    state.cells[at] = scope.op("Where", missing, value, state.cells[at])
    state.predicted.add(at)


def _column(scope: Scope, value: str, at: int) -> str:
    return scope.op("Gather", value, np.array([at]), axis=1)
