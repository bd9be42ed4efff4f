"""Functions of the C library: what decides their last bits is the library that computes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from preproc.export.tracing.tracer import FLOAT64, Tracer
from preproc.graph import (
    arcsine,
    arctangent,
    arctangent2,
    binary_logarithm,
    cosine,
    decimal_logarithm,
    expm1,
    exponential,
    log1p,
    logarithm,
    sine,
    tanh,
)

Emulation = Callable[..., str]
_LN2: Final = math.log(2)


def _plain(function: Emulation) -> Callable[..., str]:
    def whole(tracer: Tracer, x: str) -> str:
        return function(tracer.scope.graph, x, scope=tracer.scope.path)

    return whole


_exp, _log = _plain(exponential), _plain(logarithm)
_sine, _cosine = _plain(sine), _plain(cosine)


def _tangent(tracer: Tracer, x: str) -> str:
    return tracer.op("Div", _sine(tracer, x), _cosine(tracer, x))


def _sinh(tracer: Tracer, x: str) -> str:
    """Compute (u + u / (u + 1)) / 2 of u = e^|x| - 1, which keeps all bits near zero."""
    size = tracer.op("Min", tracer.op("Abs", x), np.array(708.0))
    grown = _plain(expm1)(tracer, size)
    half = tracer.op("Add", grown, tracer.op("Div", grown, tracer.op("Add", grown, np.array(1.0))))
    near = tracer.op("Mul", half, np.array(0.5))
    value = tracer.op("Where", _is_large(tracer, x), _half_exponential(tracer, x), near)
    return tracer.op("Where", tracer.op("Less", x, np.array(0.0)), tracer.op("Neg", value), value)


def _cosh(tracer: Tracer, x: str) -> str:
    size = tracer.op("Min", tracer.op("Abs", x), np.array(708.0))
    grown = _exp(tracer, size)
    total = tracer.op("Add", grown, tracer.op("Reciprocal", grown))
    near = tracer.op("Mul", total, np.array(0.5))
    return tracer.op("Where", _is_large(tracer, x), _half_exponential(tracer, x), near)


def _is_large(tracer: Tracer, x: str) -> str:
    return tracer.op("Greater", tracer.op("Abs", x), np.array(40.0))


def _half_exponential(tracer: Tracer, x: str) -> str:
    """Compute e^|x| / 2 without overflow where the half does not overflow."""
    half = _exp(tracer, tracer.op("Mul", tracer.op("Abs", x), np.array(0.5)))
    return tracer.op("Mul", tracer.op("Mul", half, np.array(0.5)), half)


def _exp2(tracer: Tracer, x: str) -> str:
    """Compute 2^x as 2^whole times e^(rest ln 2), so that whole powers are exact."""
    bounded = tracer.op("Max", tracer.op("Min", x, np.array(1100.0)), np.array(-1100.0))
    whole = tracer.op("Round", bounded)
    rest = tracer.op("Mul", tracer.op("Sub", bounded, whole), np.array(_LN2))
    return tracer.op(
        "Where",
        tracer.op("IsNaN", x),
        x,
        tracer.op("Mul", _exp(tracer, rest), tracer.op("Pow", np.array(2.0), whole)),
    )


def _cube_root(tracer: Tracer, x: str) -> str:
    size = tracer.op("Abs", x)
    is_plain = tracer.op(
        "And", tracer.op("Greater", size, np.array(0.0)), tracer.op("Less", size, np.array(np.inf))
    )
    safe = tracer.op("Where", is_plain, size, np.array(1.0))
    root = _exp(tracer, tracer.op("Div", _log(tracer, safe), np.array(3.0)))
    for _ in range(2):  # Newton's steps
        square = tracer.op("Mul", root, root)
        missing = tracer.op("Sub", tracer.op("Div", safe, square), root)
        root = tracer.op("Add", root, tracer.op("Div", missing, np.array(3.0)))
    signed = tracer.op("Where", tracer.op("Less", x, np.array(0.0)), tracer.op("Neg", root), root)
    return tracer.op("Where", is_plain, signed, x)


def _hypotenuse(tracer: Tracer, x: str | ArrayLike, y: str | ArrayLike) -> str:
    """Compute the root of the sum of squares; numbers are halved or grown so that none overflow."""
    op = tracer.op
    left, right = op("Abs", x), op("Abs", y)
    largest = op("Max", left, right)
    is_large = op("Greater", largest, np.array(1e150))
    is_small = op("Less", largest, np.array(1e-150))
    scale = op("Where", is_large, np.array(2.0**-600), np.array(1.0))
    scale = op("Where", is_small, np.array(2.0**600), scale)
    left, right = op("Mul", left, scale), op("Mul", right, scale)
    root = op("Sqrt", op("Add", op("Mul", left, left), op("Mul", right, right)))
    root = op("Div", root, scale)
    is_inf = op("Or", op("IsInf", x), op("IsInf", y))
    return op("Where", is_inf, np.array(np.inf), root)


def _arc(tracer: Tracer, x: str, *, is_cosine: bool) -> str:
    return arcsine(tracer.scope.graph, x, scope=tracer.scope.path, is_cosine=is_cosine)


def _power(tracer: Tracer, dtypes: Sequence[np.dtype[Any]], x: Any, y: Any) -> str:
    if dtypes[0].kind in "iu":
        return _whole_power(tracer, dtypes, x, y)
    is_root = not isinstance(y, str) and np.size(y) == 1 and np.ravel(y)[0] == 0.5  # noqa: PLR2004  # a half
    if is_root and dtypes[-1] == FLOAT64:
        return tracer.op("Sqrt", x)  # numpy takes the root, which is NaN for -inf
    return _real_power(tracer, dtypes, x, y)


def _real_power(tracer: Tracer, dtypes: Sequence[np.dtype[Any]], x: Any, y: Any) -> str:
    _check(tracer, dtypes)
    # A scalar exponent of 2 or 3 would be multiplied out by the runtime, which rounds otherwise.
    full = tracer.op(
        "Add",
        tracer.op(
            "Mul", tracer.op("Where", tracer.op("IsInf", x), np.array(0.0), x), np.array(0.0)
        ),
        y,
    )
    full = tracer.op("Where", tracer.op("IsNaN", full), y, full)
    return _nudged(tracer, tracer.op("Pow", x, full))


def _whole_power(tracer: Tracer, dtypes: Sequence[np.dtype[Any]], x: Any, y: Any) -> str:
    """Multiply integers out, which wrap as numpy's do."""
    if isinstance(y, str) or np.size(y) != 1:
        tracer.refuse("expected integers to one constant power, got several; use floats")
    exponent = int(np.asarray(y).reshape(-1)[0])
    if exponent < 0:
        tracer.refuse("integers to negative integer powers are refused by numpy; use floats")
    result: str | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else tracer.op("Mul", result, x)
        exponent >>= 1
        x = tracer.op("Mul", x, x) if exponent else x
    if result is None:
        zero = tracer.op("Sub", x, x)
        return tracer.op("Add", zero, np.array(1))
    return tracer.wrapped(result, dtypes[-1])


def _check(tracer: Tracer, dtypes: Sequence[np.dtype[Any]]) -> None:
    if dtypes[-1] != FLOAT64:
        tracer.refuse(
            f"expected float64 under a function of the C library, got {dtypes[-1]}; "
            "train in float64"
        )


def _nudged(tracer: Tracer, name: str) -> str:
    return tracer.op("Mul", name, np.array(1.0 + tracer.nudge)) if tracer.nudge else name


def _rounded(function: Callable[..., str]) -> Callable[..., str]:
    def loop(tracer: Tracer, dtypes: Sequence[np.dtype[Any]], *inputs: str | ArrayLike) -> str:
        _check(tracer, dtypes)
        return _nudged(tracer, function(tracer, *inputs))

    return loop


ROUNDED: Final[Mapping[str, Callable[..., str]]] = {
    "arccos": _rounded(lambda tracer, x: _arc(tracer, x, is_cosine=True)),
    "arcsin": _rounded(lambda tracer, x: _arc(tracer, x, is_cosine=False)),
    "arctan": _rounded(_plain(arctangent)),
    "arctan2": _rounded(
        lambda tracer, y, x: arctangent2(tracer.scope.graph, y, x, scope=tracer.scope.path)
    ),
    "cbrt": _rounded(_cube_root),
    "cos": _rounded(_cosine),
    "cosh": _rounded(_cosh),
    "exp": _rounded(_exp),
    "exp2": _rounded(_exp2),
    "expm1": _rounded(_plain(expm1)),
    "float_power": _real_power,
    "hypot": _rounded(_hypotenuse),
    "log": _rounded(_log),
    "log10": _rounded(_plain(decimal_logarithm)),
    "log1p": _rounded(_plain(log1p)),
    "log2": _rounded(_plain(binary_logarithm)),
    "power": _power,
    "sin": _rounded(_sine),
    "sinh": _rounded(_sinh),
    "tan": _rounded(_tangent),
    "tanh": _rounded(_plain(tanh)),
}
"""Name of a ufunc → what it adds to the graph."""
