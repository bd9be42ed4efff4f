"""Power transforms, in the order in which scikit-learn does them.

Since 1.9 scikit-learn leaves Yeo-Johnson to scipy, which computes (1 + x)^λ - 1 as
expm1(λ · log1p(x)) and so keeps all digits where x is small. Before, it took the power itself,
which loses them; what was trained so is served so.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.preprocessing import PowerTransformer

from preproc.export.converters.products import exponential_of
from preproc.export.converters.scale import standard_scaler
from preproc.export.scope import Scope
from preproc.export.table import (
    MAX_FLOAT,
    Block,
    Table,
    least_certain,
    numbers,
    refuse_infinite,
)
from preproc.graph import expm1, log1p, logarithm

_EPS: Final = float(np.finfo(np.float64).eps)
_NO_POWER: Final = 1e-19
"""Below this scipy's Box-Cox takes λ for zero."""
_OVERFLOW: Final = 709.78
"""From this exponent on scipy's Box-Cox divides by λ inside the exponential."""
_LEAST: Final = 5e-324
IS_POWER: Final = hasattr(PowerTransformer, "_yeo_johnson_transform")
"""Whether this scikit-learn computes Yeo-Johnson with a power of its own."""
_MARGIN: Final = 1 + 1e-9
"""For the rounding of a bound."""


def power_transformer(scope: Scope, fitted: PowerTransformer, table: Table) -> Table:
    """Transform each column with its λ, then standardize where asked; NaN stays.

    What overflows on the way is refused by the standardization, as scikit-learn refuses it.
    """
    text = "PowerTransformer refuses infinity"
    block = refuse_infinite(scope, numbers(scope, table), text)
    lambdas = np.asarray(fitted.lambdas_, np.float64)
    if not np.isfinite(lambdas).all():
        raise scope.error(
            f"PowerTransformer: expected finite lambdas, got {lambdas.tolist()}; "
            "drop the columns that hold nothing"
        )
    if fitted.method == "box-cox":
        broken = scope.op("LessOrEqual", block.value, np.array(0.0))
        columns = [feature.column for feature in block.features]
        scope.refuse(broken, columns, "PowerTransformer(box-cox) refuses what is not positive")
        value = _box_cox(scope, block.value, lambdas)
    else:
        transform = _yeo_johnson_by_power if IS_POWER else _yeo_johnson
        value = transform(scope, block.value, lambdas)
    features = tuple(
        replace(feature, limit=_limit(fitted.method, power, feature.limit))
        for feature, power in zip(block.features, lambdas.tolist(), strict=True)
    )
    given = Block(value, "float64", features, least_certain(block.decided, "libm"))
    if fitted.standardize:
        return standard_scaler(scope, fitted._scaler, Table((given,)))  # noqa: SLF001  # no public way
    return Table((given,))


def power_transformer_edges(fitted: PowerTransformer) -> Mapping[int, NDArray[np.float64]]:
    """Give 0 for each feature: below it another formula holds, or nothing does."""
    return {at: np.zeros(1) for at in range(len(fitted.lambdas_))}


def _yeo_johnson(scope: Scope, x: str, lambdas: NDArray[np.float64]) -> str:
    """Transform with λ at and above 0, with 2 - λ and both signs turned below."""
    below = 2 - lambdas
    is_upper = scope.op("GreaterOrEqual", x, np.array(0.0))
    power = scope.op("Where", is_upper, scope.row(lambdas), scope.row(below))
    logarithms = log1p(scope.graph, scope.op("Abs", x), scope=scope.path, is_distance=True)
    grown = expm1(scope.graph, scope.op("Mul", power, logarithms), scope=scope.path)
    signed = scope.op("Where", is_upper, scope.row(lambdas), scope.row(-below))
    value = scope.op("Div", grown, signed)
    plain = [np.abs(lambdas) < _EPS, np.abs(lambdas - 2) <= _EPS]
    if np.any(plain):
        upper, lower = (row.reshape(1, -1).astype(np.int64) for row in plain)
        is_plain = scope.cast(scope.op("Where", is_upper, upper, lower), "bool")
        logarithms = scope.op("Where", is_upper, logarithms, scope.op("Neg", logarithms))
        value = scope.op("Where", is_plain, logarithms, value)
    return value


def _yeo_johnson_by_power(scope: Scope, x: str, lambdas: NDArray[np.float64]) -> str:
    """Transform as `_yeo_johnson` does, by ``Pow``, which calls the C library for each number."""
    below = 2 - lambdas
    is_upper = scope.op("GreaterOrEqual", x, np.array(0.0))
    plain = np.stack([np.abs(lambdas) < _EPS, np.abs(lambdas - 2) <= _EPS])
    upper, lower = np.where(plain, 1.0, np.stack([lambdas, below]))
    power = scope.op("Where", is_upper, scope.row(upper), scope.row(lower))
    distance = scope.op("Abs", x)
    grown = scope.op("Pow", scope.op("Add", distance, np.array(1.0)), power)
    value = scope.op("Div", scope.op("Sub", grown, np.array(1.0)), power)
    if plain.any():
        marks = [row.reshape(1, -1).astype(np.int64) for row in plain]
        is_plain = scope.cast(scope.op("Where", is_upper, *marks), "bool")
        logarithms = log1p(scope.graph, distance, scope=scope.path)
        value = scope.op("Where", is_plain, logarithms, value)
    return scope.op("Where", is_upper, value, scope.op("Neg", value))


def _box_cox(scope: Scope, x: str, lambdas: NDArray[np.float64]) -> str:
    """Transform what is positive; anything else gives some value, never an error."""
    logarithms = logarithm(scope.graph, x, scope=scope.path)
    is_plain = np.abs(lambdas) < _NO_POWER
    power = np.where(is_plain, 1.0, lambdas)
    exponent = scope.op("Mul", scope.row(power), logarithms)
    value = scope.op("Div", expm1(scope.graph, exponent, scope=scope.path), scope.row(power))
    largest = power * np.where(power > 0, math.log(MAX_FLOAT), math.log(_LEAST))
    if (largest >= _OVERFLOW).any():
        is_over = scope.op("GreaterOrEqual", exponent, np.array(_OVERFLOW))
        shift = [math.log(abs(one)) for one in power.tolist()]
        grown = exponential_of(scope, scope.op("Sub", exponent, scope.row(shift)))
        over = scope.op("Mul", scope.row(np.sign(power)), grown)
        over = scope.op("Sub", over, scope.row(1 / power))
        value = scope.op("Where", is_over, over, value)
    if is_plain.any():
        value = scope.op("Where", is_plain.reshape(1, -1), logarithms, value)
    return value


def _limit(method: str, power: float, limit: float) -> float:
    """Bound the magnitude of a result: both transforms grow with x."""
    ends: Any
    with np.errstate(all="ignore"):
        if method == "box-cox":
            ends = special.boxcox(np.array([_LEAST, limit]), power)
        else:
            ends = stats.yeojohnson(np.array([-limit, limit]), power)
        largest = float(np.abs(ends).max()) * _MARGIN
    return largest if largest < MAX_FLOAT else np.inf
