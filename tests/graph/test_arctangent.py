"""Arcus functions and other logarithms: libm's within their bounds, one row's bits always."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from preproc import compare
from preproc.graph import arcsine, arctangent, binary_logarithm, decimal_logarithm
from tests.graph.running import ODD, assert_bits_stay, executor, libm, run

DRAW = np.random.default_rng(0)
ANY = np.concatenate(
    [
        DRAW.normal(size=5_000) * 3,
        10 ** DRAW.uniform(-320, 308, 5_000) * DRAW.choice([-1, 1], 5_000),
        np.arange(-130, 130) / 64,
        ODD,
    ]
)
UNIT = np.concatenate([DRAW.uniform(-1, 1, 5_000), [0.0, -0.0, 1.0, -1.0, 1e-300, np.nan]])
POSITIVE = np.concatenate(
    [np.abs(ANY), 2.0 ** np.arange(-1074, 1024), 10.0 ** np.arange(-300, 300)]
)


def _log(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: function(x) if x > 0 else -math.inf if x == 0 else math.nan


@pytest.mark.parametrize(
    ("function", "want", "arguments", "bound"),
    [
        (arctangent, math.atan, ANY, 1),
        (arcsine, math.asin, UNIT, 2),
        (lambda g, x, *, scope: arcsine(g, x, scope=scope, is_cosine=True), math.acos, UNIT, 2),
        (binary_logarithm, _log(math.log2), POSITIVE, 1),
        (decimal_logarithm, _log(math.log10), POSITIVE, 2),
    ],
    ids=["arctangent", "arcsine", "arccosine", "log2", "log10"],
)
def test_each_is_near_libm(
    function: Callable[..., str],
    want: Callable[[float], float],
    arguments: np.ndarray,
    bound: int,
) -> None:
    found = compare(libm(want, arguments), run(executor(function), arguments))
    assert found.max_ulp <= bound
    assert_bits_stay(executor(function), DRAW.choice(arguments, 200))


def test_whole_powers_have_whole_logarithms() -> None:
    powers = np.array([10.0**k for k in range(23)])
    assert run(executor(decimal_logarithm), powers).tolist() == list(range(23))
    assert run(executor(binary_logarithm), np.array([8.0, 0.25])).tolist() == [3, -2]
