"""Element by element: numpy's ufuncs as nodes, in the dtypes in which numpy computes them.

`LOOPS` is the coverage: name of the ufunc → what it adds to the graph. Each takes carriers of the
dtype of numpy's own inner loop, which `numpy.ufunc.resolve_dtypes` tells.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from preproc.export.tracing.rounded import ROUNDED
from preproc.export.tracing.tracer import BOOL, NAT, Tracer, carrier

Loop = Callable[..., str]
"""Tracer, dtypes of numpy's loop (inputs, then the output), carriers → graph value."""

Dtypes = Sequence[np.dtype[Any]]


def _node(op_type: str) -> Loop:
    def loop(tracer: Tracer, dtypes: Dtypes, *inputs: str | ArrayLike) -> str:
        return tracer.wrapped(tracer.op(op_type, *inputs), dtypes[-1])

    return loop


def _over_time(op_type: str) -> Loop:
    """Add or subtract, where a date or a difference takes NaT along."""

    def loop(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
        if dtypes[-1] == BOOL:
            return tracer.op("Or" if op_type == "Add" else "Xor", left, right)
        total = tracer.op(op_type, left, right)
        if dtypes[-1].kind not in "mM":
            return tracer.wrapped(total, dtypes[-1])
        return _with_nat(tracer, total, (left, right))

    return loop


def _with_nat(tracer: Tracer, name: str, inputs: Sequence[str | ArrayLike]) -> str:
    for given in inputs:
        is_null = tracer.op("Equal", given, np.array(NAT))
        name = tracer.op("Where", is_null, np.array(NAT), name)
    return name


def _multiply(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
    if dtypes[-1] == BOOL:
        return tracer.op("And", left, right)
    if dtypes[-1].kind == "m":
        if "f" in {dtype.kind for dtype in dtypes}:
            tracer.refuse("expected a difference times a whole number, got a float")
        times = [
            given for given, dtype in zip((left, right), dtypes, strict=False) if dtype.kind == "m"
        ]
        return _with_nat(tracer, tracer.op("Mul", left, right), times)
    return tracer.wrapped(tracer.op("Mul", left, right), dtypes[-1])


def _divide(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
    if dtypes[0].kind != "m":
        return tracer.op("Div", left, right)
    if dtypes[1].kind != "m":
        tracer.refuse("expected a difference over a difference, such as pd.Timedelta(days=1)")
    quotient = tracer.op("Div", tracer.op("Cast", left, to=11), tracer.op("Cast", right, to=11))
    for given in (left, right):
        is_null = tracer.op("Equal", given, np.array(NAT))
        quotient = tracer.op("Where", is_null, np.array(np.nan), quotient)
    return quotient


def _floor_divide(
    tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike
) -> str:
    return _divided(tracer, dtypes, left, right)[0]


def _remainder(
    tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike
) -> str:
    return _divided(tracer, dtypes, left, right)[1]


def _divided(
    tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike
) -> tuple[str, str]:
    kind = dtypes[0].kind
    if kind == "f":
        return _divided_floats(tracer, dtypes[0], left, right)
    if kind == "m":
        right_null = tracer.op("Equal", right, np.array(NAT))
        safe = tracer.op("Where", right_null, np.array(0), right)
        quotient, rest = _divided_integers(tracer, left, safe)
        if dtypes[1].kind == "m":
            for given in (left, right):
                is_null = tracer.op("Equal", given, np.array(NAT))
                quotient = tracer.op("Where", is_null, np.array(0), quotient)
        is_zero = tracer.op("Equal", safe, np.array(0))
        rest = tracer.op("Where", is_zero, np.array(NAT), rest)
        return quotient, _with_nat(tracer, rest, (left, right))
    quotient, rest = _divided_integers(tracer, left, right)
    return tracer.wrapped(quotient, dtypes[-1]), tracer.wrapped(rest, dtypes[-1])


def _divided_integers(
    tracer: Tracer, left: str | ArrayLike, right: str | ArrayLike
) -> tuple[str, str]:
    """Divide downwards; by zero gives 0, and the smallest by -1 itself, as numpy wraps."""
    is_zero = tracer.op("Equal", right, np.array(0))
    is_minus = tracer.op("Equal", right, np.array(-1))
    safe = tracer.op("Where", tracer.op("Or", is_zero, is_minus), np.array(1), right)
    rest = tracer.op("Mod", left, safe)
    # The smallest integer less its rest would wrap; the machine's division cuts towards zero.
    cut = tracer.op("Div", left, safe)
    exact = tracer.op("Equal", tracer.op("Mul", cut, safe), left)
    is_below = tracer.op(
        "Less", tracer.op("Mul", tracer.op("Sign", left), tracer.op("Sign", safe)), np.array(0)
    )
    lower = tracer.op("And", tracer.op("Not", exact), is_below)
    quotient = tracer.op("Sub", cut, tracer.to(lower, "int64"))
    quotient = tracer.op("Where", is_minus, tracer.op("Sub", np.array(0), left), quotient)
    quotient = tracer.op("Where", is_zero, np.array(0), quotient)
    nothing = tracer.op("Or", is_zero, is_minus)
    return quotient, tracer.op("Where", nothing, np.array(0), rest)


def _divided_floats(
    tracer: Tracer, dtype: np.dtype[Any], left: str | ArrayLike, right: str | ArrayLike
) -> tuple[str, str]:
    """Divide downwards as numpy's ``npy_divmod`` does, step by step."""

    def c(number: float) -> Any:
        return np.array(number, dtype)

    op = tracer.op
    rest = op("Mod", left, right, fmod=1)
    quotient = op("Div", op("Sub", left, rest), right)
    has_rest = op("Not", op("Equal", rest, c(0)))
    differs = op("Xor", op("Less", right, c(0)), op("Less", rest, c(0)))
    adjust = op("And", has_rest, differs)
    quotient = op("Where", adjust, op("Sub", quotient, c(1)), quotient)
    signed_zero = op("Mul", op("Sign", right), c(0))
    rest = op("Where", adjust, op("Add", rest, right), op("Where", has_rest, rest, signed_zero))
    floor = op("Floor", quotient)
    up = op("Greater", op("Sub", quotient, floor), c(0.5))
    floor = op("Where", up, op("Add", floor, c(1)), floor)
    plain = op("Div", left, right)
    floor = op("Where", op("Equal", quotient, c(0)), op("Mul", op("Sign", plain), c(0)), floor)
    by_zero = op("Equal", right, c(0))
    nan = op("Where", by_zero, c(np.nan), rest)
    return op("Where", by_zero, plain, floor), nan


def _compare(op_type: str) -> Loop:
    """Compare; comparisons with NaN are false in both, those with NaT are made so."""

    def loop(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
        if dtypes[0] == BOOL and op_type != "Equal":
            left, right = (tracer.op("Cast", side, to=7) for side in (left, right))
        result = tracer.op(op_type, left, right)
        if dtypes[0].kind in "mM":
            for side in (left, right):
                is_null = tracer.op("Equal", side, np.array(NAT))
                result = tracer.op("And", result, tracer.op("Not", is_null))
        return result

    return loop


def _not_equal(
    tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike
) -> str:
    return tracer.op("Not", _compare("Equal")(tracer, dtypes, left, right))


def _bits(logical: str, bitwise: str) -> Loop:
    def loop(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
        return tracer.op(logical if dtypes[0] == BOOL else bitwise, left, right)

    return loop


def _logical(op_type: str) -> Loop:
    def loop(tracer: Tracer, dtypes: Dtypes, *inputs: str | ArrayLike) -> str:
        truths = [
            side
            if dtype == BOOL
            else tracer.op("Not", tracer.op("Equal", side, np.array(0, carrier(dtype))))
            for side, dtype in zip(inputs, dtypes, strict=False)
        ]
        return tracer.op(op_type, *truths)

    return loop


def _invert(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    if dtypes[0] == BOOL:
        return tracer.op("Not", x)
    return tracer.wrapped(tracer.op("Sub", np.array(-1), x), dtypes[-1])


def _larger(op_type: str, *, ignores_nan: bool = False) -> Loop:
    """Take the larger or the smaller; a NaN wins, or loses where numpy ignores it.

    Never ``Max`` and ``Min``: they do not say which of two zeros they take.
    """

    def loop(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
        if dtypes[0] == BOOL:
            return tracer.op("Or" if op_type == "Greater" else "And", left, right)
        takes_left = tracer.op(f"{op_type}OrEqual", left, right)
        chosen = tracer.op("Where", takes_left, left, right)
        if dtypes[0].kind == "f":
            # A NaN takes its own side, or lets the other side be taken where it is ignored.
            first, second = (right, left) if ignores_nan else (left, right)
            for tested, taken in ((first, left), (second, right)):
                is_nan = tracer.op("Not", tracer.op("Equal", tested, tested))
                chosen = tracer.op("Where", is_nan, taken, chosen)
        return _with_nat(tracer, chosen, (left, right)) if dtypes[0].kind in "mM" else chosen

    return loop


def _negative(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    return tracer.wrapped(tracer.op("Neg", x), dtypes[-1])


def _absolute(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    return x if dtypes[0] == BOOL else tracer.wrapped(tracer.op("Abs", x), dtypes[-1])


def _sign(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    sign = tracer.op("Sign", x)
    if dtypes[0].kind != "f":
        return sign
    return tracer.op("Where", tracer.op("IsNaN", x), x, sign)


def _rounding(op_type: str) -> Loop:
    def loop(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
        return x if dtypes[0].kind != "f" else tracer.op(op_type, x)

    return loop


def _trunc(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    if dtypes[0].kind != "f":
        return x
    zero = np.array(0, dtypes[0])
    return tracer.op(
        "Where", tracer.op("Less", x, zero), tracer.op("Ceil", x), tracer.op("Floor", x)
    )


def _square(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    return tracer.wrapped(tracer.op("Mul", x, x), dtypes[-1])


def _reciprocal(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    if dtypes[0].kind != "f":
        tracer.refuse("expected floats under np.reciprocal, got integers; divide 1.0 by them")
    return tracer.op("Div", np.array(1, dtypes[0]), x)


def _scaled(factor: float) -> Loop:
    def loop(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
        return tracer.op("Mul", x, np.array(factor, dtypes[0]))

    return loop


def _is_nan(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    if dtypes[0].kind in "mM":
        return tracer.op("Equal", x, np.array(NAT))
    if dtypes[0].kind != "f":
        zero = tracer.op("Sub", x, x) if dtypes[0] != BOOL else x
        return tracer.op("Xor", x, x) if dtypes[0] == BOOL else tracer.op("Less", zero, zero)
    return tracer.op("IsNaN", x)


def _is_inf(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    return tracer.op("IsInf", x) if dtypes[0].kind == "f" else _is_nan(tracer, dtypes, x)


def _is_finite(tracer: Tracer, dtypes: Dtypes, x: str) -> str:
    if dtypes[0].kind != "f":
        return tracer.op("Not", _is_nan(tracer, dtypes, x))
    return tracer.op("Less", tracer.op("Abs", x), np.array(np.inf, dtypes[0]))


def _copysign(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
    is_negative = _signbit(tracer, dtypes[:1], right)
    size = tracer.op("Abs", left)
    return tracer.op("Where", is_negative, tracer.op("Neg", size), size)


def _signbit(tracer: Tracer, dtypes: Dtypes, x: str | ArrayLike) -> str:
    """Tell negative numbers; -0.0 too, by the infinity that its reciprocal is."""
    zero = np.array(0, dtypes[0])
    is_negative = tracer.op("Less", x, zero)
    inverse = tracer.op("Div", np.array(1, dtypes[0]), x)
    is_minus_zero = tracer.op("And", tracer.op("Equal", x, zero), tracer.op("Less", inverse, zero))
    return tracer.op("Or", is_negative, is_minus_zero)


def _fmod(tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike) -> str:
    if dtypes[0].kind != "f":
        tracer.refuse("expected floats under np.fmod, got integers; use % instead")
    return tracer.op("Mod", left, right, fmod=1)


def _heaviside(
    tracer: Tracer, dtypes: Dtypes, left: str | ArrayLike, right: str | ArrayLike
) -> str:
    zero, one = np.array(0, dtypes[0]), np.array(1, dtypes[0])
    step = tracer.op("Where", tracer.op("Less", left, zero), zero, one)
    step = tracer.op("Where", tracer.op("Equal", left, zero), right, step)
    is_nan = tracer.op("Not", tracer.op("Equal", left, left))
    return tracer.op("Where", is_nan, left, step)


LOOPS: Final[Mapping[str, Loop]] = {
    "absolute": _absolute,
    "add": _over_time("Add"),
    "bitwise_and": _bits("And", "BitwiseAnd"),
    "bitwise_or": _bits("Or", "BitwiseOr"),
    "bitwise_xor": _bits("Xor", "BitwiseXor"),
    "ceil": _rounding("Ceil"),
    "copysign": _copysign,
    "deg2rad": _scaled(np.pi / 180),
    "degrees": _scaled(180 / np.pi),
    "divide": _divide,
    "equal": _compare("Equal"),
    "fabs": _absolute,
    "float_power": ROUNDED["float_power"],
    "floor": _rounding("Floor"),
    "floor_divide": _floor_divide,
    "fmax": _larger("Greater", ignores_nan=True),
    "fmin": _larger("Less", ignores_nan=True),
    "fmod": _fmod,
    "greater": _compare("Greater"),
    "greater_equal": _compare("GreaterOrEqual"),
    "heaviside": _heaviside,
    "invert": _invert,
    "isfinite": _is_finite,
    "isinf": _is_inf,
    "isnan": _is_nan,
    "isnat": _is_nan,
    "less": _compare("Less"),
    "less_equal": _compare("LessOrEqual"),
    "logical_and": _logical("And"),
    "logical_not": _logical("Not"),
    "logical_or": _logical("Or"),
    "logical_xor": _logical("Xor"),
    "maximum": _larger("Greater"),
    "minimum": _larger("Less"),
    "multiply": _multiply,
    "negative": _negative,
    "not_equal": _not_equal,
    "positive": lambda _tracer, _dtypes, x: x,
    "rad2deg": _scaled(180 / np.pi),
    "radians": _scaled(np.pi / 180),
    "reciprocal": _reciprocal,
    "remainder": _remainder,
    "rint": _rounding("Round"),
    "sign": _sign,
    "signbit": _signbit,
    "sqrt": _node("Sqrt"),
    "square": _square,
    "subtract": _over_time("Sub"),
    "trunc": _trunc,
    **ROUNDED,
}
"""Name of a ufunc → what it adds to the graph."""
