"""Regressors of a transformed target: what they predict is transformed back."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from preproc.export.answers import Answer, prediction_answer
from preproc.export.converters.bins import count_at_or_below
from preproc.export.converters.choices import flat, logistic_of
from preproc.export.converters.members import as_column, asked
from preproc.export.converters.products import exponential_of
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain
from preproc.graph import expm1, log1p, logarithm

_EPS: Final = float(np.finfo(np.float64).eps)
Inverse = Callable[[Scope, Any, str], tuple[str, Decided]]


def transformed_target(
    scope: Scope, fitted: TransformedTargetRegressor, table: Table
) -> tuple[Answer, ...]:
    """Predict with the regressor inside, then invert the transformation of its target."""
    answer = asked(scope, "regressor_", fitted.regressor_, table, "predict")
    here = scope.child("transformer_")
    value, decided = _inverted(here, fitted.transformer_, as_column(scope, answer))
    decided = least_certain(answer.decided, decided)
    width = answer.output.width or 1
    if fitted._training_dim == 1 and width == 1:  # noqa: SLF001  # no public way
        return (prediction_answer(flat(scope, value), decided),)
    return (prediction_answer(value, decided, width=width),)


def _inverted(scope: Scope, fitted: Any, x: str) -> tuple[str, Decided]:
    inverse = INVERSES.get(type(fitted))
    if inverse is None:
        known = ", ".join(kind.__name__ for kind in INVERSES)
        raise scope.error(
            f"the inverse of {type(fitted).__name__} is not exported; exported are {known}"
        )
    return inverse(scope, fitted, x)


def _pipeline(scope: Scope, fitted: Pipeline, x: str) -> tuple[str, Decided]:
    decided: Decided = "ieee"
    for name, step in reversed(fitted.steps):
        if step is not None and not isinstance(step, str):
            x, certain = _inverted(scope.child(name), step, x)
            decided = least_certain(decided, certain)
    return x, decided


def _standard(scope: Scope, fitted: StandardScaler, x: str) -> tuple[str, Decided]:
    _refuse_infinite(scope, x)
    scale = fitted.scale_ if fitted.with_std else None
    return _scaled_back(scope, x, scale, fitted.mean_ if fitted.with_mean else None), "ieee"


def _min_max(scope: Scope, fitted: MinMaxScaler, x: str) -> tuple[str, Decided]:
    _refuse_infinite(scope, x)
    x = scope.op("Sub", x, scope.row(fitted.min_))
    return scope.op("Div", x, scope.row(fitted.scale_)), "ieee"


def _max_abs(scope: Scope, fitted: MaxAbsScaler, x: str) -> tuple[str, Decided]:
    _refuse_infinite(scope, x)
    return scope.op("Mul", x, scope.row(fitted.scale_)), "ieee"


def _robust(scope: Scope, fitted: RobustScaler, x: str) -> tuple[str, Decided]:
    _refuse_infinite(scope, x)
    scale = fitted.scale_ if fitted.with_scaling else None
    return _scaled_back(scope, x, scale, fitted.center_ if fitted.with_centering else None), "ieee"


def _scaled_back(scope: Scope, x: str, scale: Any, center: Any) -> str:
    """Multiply, then add, and leave out what the scaler leaves out."""
    if scale is not None:
        x = scope.op("Mul", x, scope.row(scale))
    return x if center is None else scope.op("Add", x, scope.row(center))


def _power(scope: Scope, fitted: PowerTransformer, x: str) -> tuple[str, Decided]:
    """Invert as scikit-learn does: by a power for Yeo-Johnson, by logarithms for Box-Cox."""
    _refuse_infinite(scope, x)
    if fitted.standardize:
        scaler = fitted._scaler  # noqa: SLF001  # no public way
        x = _scaled_back(scope, x, scaler.scale_, scaler.mean_)
    invert = _box_cox if fitted.method == "box-cox" else _yeo_johnson
    columns = [
        invert(scope, scope.op("Gather", x, np.array([at]), axis=1), power)
        for at, power in enumerate(np.asarray(fitted.lambdas_, np.float64).tolist())
    ]
    return (columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)), "libm"


def _box_cox(scope: Scope, x: str, power: float) -> str:
    if power == 0:
        return exponential_of(scope, x)
    logarithms = log1p(scope.graph, scope.op("Mul", np.array(power), x), scope=scope.path)
    return exponential_of(scope, scope.op("Div", logarithms, np.array(power)))


def _yeo_johnson(scope: Scope, x: str, power: float) -> str:
    """Take the power of each side on a safe base: the other side's may be negative."""
    is_upper = scope.op("GreaterOrEqual", x, np.array(0.0))
    zero = np.array(0.0)
    upper = scope.op("Where", is_upper, x, zero)
    lower = scope.op("Where", is_upper, zero, x)
    one = np.array(1.0)
    if abs(power) < _EPS:
        above = scope.op("Sub", exponential_of(scope, upper), one)
    else:
        base = scope.op("Add", scope.op("Mul", upper, np.array(power)), one)
        above = scope.op("Sub", scope.op("Pow", base, np.array(1 / power)), one)
    if abs(power - 2) > _EPS:
        base = scope.op("Add", scope.op("Mul", np.array(-(2 - power)), lower), one)
        below = scope.op("Sub", one, scope.op("Pow", base, np.array(1 / (2 - power))))
    else:
        below = scope.op("Sub", one, exponential_of(scope, scope.op("Neg", lower)))
    return scope.op("Where", is_upper, above, below)


def _quantile(scope: Scope, fitted: QuantileTransformer, x: str) -> tuple[str, Decided]:
    if fitted.output_distribution != "uniform":
        raise scope.error(
            "the inverse of QuantileTransformer(output_distribution='normal') is not exported: it "
            "needs the distribution function of the normal; use output_distribution='uniform'"
        )
    _refuse_infinite(scope, x)
    shares = np.asarray(fitted.references_, np.float64)
    columns = [
        _between(scope, scope.op("Gather", x, np.array([at]), axis=1), shares, knots)
        for at, knots in enumerate(np.asarray(fitted.quantiles_, np.float64).T)
    ]
    return (columns[0] if len(columns) == 1 else scope.op("Concat", *columns, axis=1)), "ieee"


def _between(scope: Scope, x: str, shares: NDArray[np.float64], knots: NDArray[np.float64]) -> str:
    """Read one column off the knots; NaN stays."""
    value = _interpolated(scope, x, shares, knots)
    value = scope.op("Where", scope.op("Equal", x, np.array(1.0)), np.array(knots[-1]), value)
    value = scope.op("Where", scope.op("Equal", x, np.array(0.0)), np.array(knots[0]), value)
    return scope.op("Where", scope.op("IsNaN", x), x, value)


def _interpolated(
    scope: Scope, x: str, knots: NDArray[np.float64], values: NDArray[np.float64]
) -> str:
    """Interpolate between knots as ``numpy.interp`` does, level outside.

    Slope times distance from the left knot, plus its value: at and beyond the last knot the value
    itself, so that no rounding moves it.
    """
    knots = np.asarray(knots, np.float64)
    values = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        slopes = np.diff(values) / np.diff(knots)
    if not np.isfinite(slopes).all():
        raise scope.error("interpolation: two knots are too near to divide by; rescale")
    low, high = np.array(knots[0]), np.array(knots[-1])
    inside = scope.op("Where", scope.op("Less", x, low), low, x)
    inside = scope.op("Where", scope.op("Greater", inside, high), high, inside)
    index = scope.cast(count_at_or_below(scope, inside, [knots]), "int64")
    left = scope.op("Gather", np.concatenate([[0.0], knots[:-1], [0.0]]), index)
    slope = scope.op("Gather", np.concatenate([[0.0], slopes, [0.0]]), index)
    value = scope.op("Gather", np.concatenate([values[:1], values]), index)
    return scope.op("Add", scope.op("Mul", slope, scope.op("Sub", inside, left)), value)


def _function(scope: Scope, fitted: FunctionTransformer, x: str) -> tuple[str, Decided]:
    if fitted.validate:
        _refuse(scope, scope.op("Not", _is_finite(scope, x)), "NaN and infinity")
    function = fitted.inverse_func
    if function is None:
        return x, "ieee"
    if function not in FUNCTIONS or fitted.inv_kw_args:
        known = ", ".join(one.__name__ for one in FUNCTIONS)
        name = getattr(function, "__name__", repr(function))
        raise scope.error(
            f"TransformedTargetRegressor(inverse_func={name}): python code has no graph; "
            f"exported are {known}"
        )
    return FUNCTIONS[function](scope, x)


def _is_finite(scope: Scope, x: str) -> str:
    return scope.op("Less", scope.op("Abs", x), np.array(np.inf))


def _refuse_infinite(scope: Scope, x: str) -> None:
    _refuse(scope, scope.op("IsInf", x), "infinity")


def _refuse(scope: Scope, broken: str, what: str) -> None:
    """Refuse rows, as the validation of the inverse transformation does; one column stands for all.

    The columns are predictions: none has a name of its own.
    """
    marks = scope.op("ReduceMax", scope.cast(broken, "float64"), np.array([1]), keepdims=1)
    text = f"the inverse transformation of the target refuses {what}"
    scope.refuse(scope.cast(marks, "bool"), ["prediction"], text)


Function = Callable[[Scope, str], tuple[str, Decided]]

FUNCTIONS: Final[Mapping[Any, Function]] = {
    np.exp: lambda scope, x: (exponential_of(scope, x), "libm"),
    np.expm1: lambda scope, x: (expm1(scope.graph, x, scope=scope.path), "libm"),
    np.log: lambda scope, x: (logarithm(scope.graph, x, scope=scope.path), "libm"),
    np.log1p: lambda scope, x: (log1p(scope.graph, x, scope=scope.path), "libm"),
    np.negative: lambda scope, x: (scope.op("Neg", x), "ieee"),
    np.reciprocal: lambda scope, x: (scope.op("Div", np.array(1.0), x), "ieee"),
    np.sqrt: lambda scope, x: (scope.op("Sqrt", x), "ieee"),
    np.square: lambda scope, x: (scope.op("Mul", x, x), "ieee"),
    special.expit: lambda scope, x: (logistic_of(scope, x), "libm"),
}
"""Inverse function of a target → its nodes and what decides their bits."""

INVERSES: Final[Mapping[type, Inverse]] = {
    FunctionTransformer: _function,
    MaxAbsScaler: _max_abs,
    MinMaxScaler: _min_max,
    Pipeline: _pipeline,
    PowerTransformer: _power,
    QuantileTransformer: _quantile,
    RobustScaler: _robust,
    StandardScaler: _standard,
}
"""Transformer of a target → its inverse."""
