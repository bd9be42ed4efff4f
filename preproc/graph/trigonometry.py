"""Cosine and sine from exact operations, for every float64, the same bits in every batch.

Why: ONNX Runtime's vector code for ``Cos`` and ``Sin`` is off by thousands of ULP in places, and
one value alone takes another way than many. Here the argument is multiplied by 2/π modulo 4, in
exact parts: |x| is an integer M of 53 bits times a power of two, M is cut in two, and
2^q · 2/π modulo 4 stands in a table, in chunks of 24 bits, for every exponent. Products of the
parts are exact, so the largest float64 is reduced as exactly as the smallest.
"""

import math
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph.binary import halves, mantissa_exponent, two_sum
from preproc.graph.builder import GraphBuilder

_NEAR: Final = 0.785
"""Below π/4 there is nothing to reduce."""
_LOW: Final = -1
"""Least exponent of what is reduced."""
_LEVELS: Final = 7
_CHUNK: Final = 24
_HALF: Final = 26
"""Bits of the lower part of the integer; the upper part has 27."""
_BITS: Final = 1400
"""Bits of 2/π: the largest exponent, the chunks, and room."""
_SINES: Final = tuple((-1.0) ** i / math.factorial(2 * i + 1) for i in range(1, 9))
_COSINES: Final = tuple((-1.0) ** i / math.factorial(2 * i) for i in range(2, 10))
"""Taylor coefficients from x³ and x⁴ on: on |x| <= π/4 what follows is below 2^-59."""


@cache
def _pi() -> int:
    """π · 2^_BITS, by Machin's formula."""
    guard = 64
    one = 1 << (_BITS + guard)

    def arctangent_of_inverse(n: int) -> int:
        term, total, k = one // n, 0, 0
        while term:
            total += term // (2 * k + 1) * (-1) ** k
            term //= n * n
            k += 1
        return total

    return 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239)) >> guard


@cache
def _chunks(shift: int) -> NDArray[np.float64]:
    """2^(k - 52 + shift) · 2/π modulo 4 for every exponent k: rows of chunks, highest first."""
    two_over_pi = (1 << (2 * _BITS + 1)) // _pi()
    below = _CHUNK * _LEVELS - 2
    rows = []
    for k in range(_LOW, 1024):
        power = k - 52 + shift + below - _BITS
        scaled = two_over_pi << power if power >= 0 else two_over_pi >> -power
        scaled &= (1 << (_CHUNK * _LEVELS)) - 1
        row = []
        for level in range(1, _LEVELS + 1):
            chunk = scaled >> (_CHUNK * (_LEVELS - level)) & ((1 << _CHUNK) - 1)
            row.append(math.ldexp(chunk, 2 - _CHUNK * level))
        rows.append(row)
    return np.array(rows)


def cosine(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the cosine of each element.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of any shape; NaN and infinities give NaN.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of the result, same shape; within 1 ULP of the true value and of the C library.
    """
    return _turned(graph, x, scope, is_sine=False)


def sine(graph: GraphBuilder, x: str, *, scope: str) -> str:
    """Compute the sine of each element; see `cosine`."""
    return _turned(graph, x, scope, is_sine=True)


def _turned(graph: GraphBuilder, x: str, scope: str, *, is_sine: bool) -> str:
    op = partial(graph.op, scope=scope)
    size = op("Abs", x)
    is_finite = op("Less", size, np.array(np.inf))
    is_near = op("Less", size, np.array(_NEAR))
    is_far = op("And", is_finite, op("Not", is_near))
    quarter, high, low = _reduced(graph, op("Where", is_far, size, np.array(1.0)), scope)
    high = op("Where", is_far, high, op("Where", is_near, size, np.array(0.0)))
    low = op("Where", is_far, low, np.array(0.0))
    quarter = op("Where", is_far, quarter, np.array(0.0))
    quarter = op("Sub", quarter, op("Mul", op("Floor", op("Mul", quarter, _Q)), np.array(4.0)))
    is_odd = op("Equal", op("Abs", op("Sub", quarter, np.array(2.0))), np.array(1.0))
    sines, cosines = _sine_near(graph, high, low, scope), _cosine_near(graph, high, low, scope)
    if is_sine:
        value = op("Where", is_odd, cosines, sines)
        is_negative = op("GreaterOrEqual", quarter, np.array(2.0))
        is_negative = op("Xor", is_negative, op("Less", x, np.array(0.0)))
    else:
        value = op("Where", is_odd, sines, cosines)
        middle = op("Abs", op("Sub", quarter, np.array(1.5)))
        is_negative = op("Less", middle, np.array(1.0))
    value = op("Where", is_negative, op("Neg", value), value)
    value = op("Where", is_finite, value, np.array(np.nan))
    return graph.mark(value, "sine" if is_sine else "cosine", x)


_Q: Final = np.array(0.25)


def _reduced(graph: GraphBuilder, size: str, scope: str) -> tuple[str, str, str]:
    """Reduce a size from π/4 up by quarter turns: count modulo 4, rest in two parts."""
    op = partial(graph.op, scope=scope)
    mantissa, exponent = mantissa_exponent(graph, size, scope=scope)
    index = op("Cast", op("Sub", exponent, np.array(float(_LOW))), to=7)
    integer = op("Mul", mantissa, np.array(2.0**52))
    upper = op("Floor", op("Mul", integer, np.array(2.0**-_HALF)))
    lower = op("Sub", integer, op("Mul", upper, np.array(2.0**_HALF)))

    def product(part: str, table: NDArray[np.float64]) -> str:
        wide = op("Unsqueeze", part, np.array([-1]))
        turns = op("Mul", wide, op("Gather", table, index))
        return op("Sub", turns, op("Mul", op("Floor", op("Mul", turns, _Q)), np.array(4.0)))

    levels = op("Add", product(upper, _chunks(_HALF)), product(lower, _chunks(0)))
    level = [op("Gather", levels, np.array(at), axis=-1) for at in range(_LEVELS)]
    turns = op("Add", level[0], level[1])
    count = op("Round", turns)
    high, lost = two_sum(graph, op("Sub", turns, count), level[2], scope=scope)
    high, low = two_sum(graph, high, op("Add", lost, level[3]), scope=scope)
    rest = op("Add", level[4], op("Add", level[5], level[6]))
    high, low = two_sum(graph, high, op("Add", low, rest), scope=scope)
    return count, *_times_half_pi(graph, high, low, scope)


def _times_half_pi(graph: GraphBuilder, high: str, low: str, scope: str) -> tuple[str, str]:
    """Multiply a value in two parts by π/2 and give the product in two parts."""
    op = partial(graph.op, scope=scope)
    half_pi = math.pi / 2
    rest = float((_pi() - int(math.ldexp(math.pi, 100)) * 2 ** (_BITS - 100)) / 2 ** (_BITS + 1))
    coarse = math.floor(half_pi * 2**25) / 2**25
    product = op("Mul", high, np.array(half_pi))
    first, second = halves(graph, high, scope=scope)
    error = op("Sub", op("Mul", first, np.array(coarse)), product)
    error = op("Add", error, op("Mul", first, np.array(half_pi - coarse)))
    error = op("Add", error, op("Mul", second, np.array(coarse)))
    error = op("Add", error, op("Mul", second, np.array(half_pi - coarse)))
    extra = op("Add", op("Mul", high, np.array(rest)), op("Mul", low, np.array(half_pi)))
    return product, op("Add", error, extra)


def _series(graph: GraphBuilder, x: str, coefficients: tuple[float, ...], scope: str) -> str:
    value = graph.constant(np.array(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        value = graph.op("Mul", value, x, scope=scope)
        value = graph.op("Add", value, np.array(coefficient), scope=scope)
    return value


def _sine_near(graph: GraphBuilder, high: str, low: str, scope: str) -> str:
    """Compute the sine of a sum of two parts, |high| <= π/4: the small terms are joined first."""
    op = partial(graph.op, scope=scope)
    square = op("Mul", high, high)
    cube = op("Mul", square, high)
    tail = op("Mul", cube, _series(graph, square, _SINES[1:], scope))
    inner = op("Mul", square, op("Sub", op("Mul", low, np.array(0.5)), tail))
    inner = op("Sub", op("Sub", inner, low), op("Mul", cube, np.array(_SINES[0])))
    return op("Sub", high, inner)


def _cosine_near(graph: GraphBuilder, high: str, low: str, scope: str) -> str:
    """Compute the cosine of a sum of two parts; what 1 - x²/2 loses is added to the tail."""
    op = partial(graph.op, scope=scope)
    square = op("Mul", high, high)
    half = op("Mul", square, np.array(0.5))
    main = op("Sub", np.array(1.0), half)
    lost = op("Sub", op("Sub", np.array(1.0), main), half)
    tail = op("Mul", op("Mul", square, square), _series(graph, square, _COSINES, scope))
    tail = op("Sub", tail, op("Mul", high, low))
    return op("Add", main, op("Add", lost, tail))
