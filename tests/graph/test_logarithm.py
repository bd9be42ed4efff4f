"""Logarithms: libm's bits, log1p's within one ULP, one row's bits always."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from preproc import compare
from preproc.graph import binary_logarithm, decimal_logarithm, log1p, logarithm
from tests.graph.running import ODD, assert_bits_stay, executor, libm, run

DRAW = np.random.default_rng(0)
POSITIVE = np.concatenate(
    [
        10 ** DRAW.uniform(-323, 308, 20_000),
        1 + DRAW.normal(size=20_000) * 1e-3,
        DRAW.lognormal(0, 2, 20_000),
        np.arange(128, 257) / 128,
        np.nextafter(np.arange(128, 257) / 128, 0),
        [math.ldexp(1.0, k) for k in range(-1074, 1024)],
        [math.nextafter(math.ldexp(1.0, k), 0.0) for k in range(-1073, 1024)],
        ODD,
    ]
)
ABOVE_MINUS_ONE = np.concatenate(
    [
        POSITIVE,
        -DRAW.random(10_000),
        10 ** DRAW.uniform(-16, 0, 10_000) - 1,
        DRAW.normal(size=10_000) * 1e-5,
        -(10 ** DRAW.uniform(-320, -5, 5_000)),
    ]
)


def test_the_logarithm_has_the_bits_of_libm() -> None:
    want = libm(math.log, POSITIVE)
    assert np.array_equal(run(executor(logarithm), POSITIVE), want, equal_nan=True)


@pytest.mark.parametrize(
    ("function", "base", "powers"),
    [
        (binary_logarithm, math.log2, [2.0**k for k in range(-1022, 1024)]),
        (decimal_logarithm, math.log10, [float(f"1e{k}") for k in range(-307, 309)]),
    ],
)
def test_other_bases_are_within_two_ulp_and_whole_for_powers(
    function: Callable[..., str], base: Callable[[float], float], powers: list[float]
) -> None:
    compiled, whole = executor(function), np.array(powers)
    assert compare(libm(base, POSITIVE), run(compiled, POSITIVE)).max_ulp <= 2
    assert np.array_equal(run(compiled, whole), libm(base, whole))


def test_log1p_is_within_one_ulp_of_libm_and_of_numpy() -> None:
    got = run(executor(log1p), ABOVE_MINUS_ONE)
    with np.errstate(all="ignore"):
        want = np.log1p(ABOVE_MINUS_ONE)
    assert compare(want, got).max_ulp <= 1
    assert compare(libm(math.log1p, ABOVE_MINUS_ONE), got).max_ulp <= 1


def test_log1p_of_a_tiny_number_is_the_number() -> None:
    x = np.array([5e-324, 1e-310, -1e-310, 1e-20, -1e-20, 0.0])
    assert np.array_equal(run(executor(log1p), x), x)


CHOSEN = np.concatenate([DRAW.choice(ABOVE_MINUS_ONE, 4_100), ODD])


@pytest.mark.parametrize("function", [logarithm, log1p])
def test_bits_do_not_depend_on_the_batch(function: Callable[..., str]) -> None:
    assert_bits_stay(executor(function), CHOSEN)


def test_the_operator_itself_would_not_do() -> None:
    """The reason for the module: ONNX Runtime's own Log changes with the batch."""
    compiled = executor(lambda graph, x, scope: graph.op("Log", x, scope=scope))
    with pytest.raises(AssertionError):
        assert_bits_stay(compiled, CHOSEN)
