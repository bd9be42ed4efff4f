"""The hyperbolic tangent: libm's within two ULP, one row's bits always."""

import math

import numpy as np

from preproc import compare
from preproc.graph import tanh
from tests.graph.running import ODD, assert_bits_stay, executor, libm, run

DRAW = np.random.default_rng(0)
ARGUMENTS = np.concatenate(
    [
        DRAW.normal(size=20_000),
        DRAW.normal(size=20_000) * 0.06,
        DRAW.uniform(-25, 25, 20_000),
        10 ** DRAW.uniform(-320, 0, 10_000) * DRAW.choice([-1, 1], 10_000),
        np.nextafter([0.0625, -0.0625, 0.0625, 19.5, 1 / 128], [1, -1, -1, 99, -1]),
        ODD,
    ]
)


def test_tanh_is_within_two_ulp_of_libm_and_of_numpy() -> None:
    got = run(executor(tanh), ARGUMENTS)
    assert compare(np.tanh(ARGUMENTS), got).max_ulp <= 2
    assert compare(libm(math.tanh, ARGUMENTS), got).max_ulp <= 2


def test_tanh_of_a_tiny_number_is_the_number() -> None:
    x = np.array([5e-324, 1e-310, -1e-310, 1e-20, -1e-20, 0.0])
    assert np.array_equal(run(executor(tanh), x), x)


def test_tanh_is_odd_and_never_beyond_one() -> None:
    compiled = executor(tanh)
    got = run(compiled, ARGUMENTS)
    assert np.array_equal(run(compiled, -ARGUMENTS), -got, equal_nan=True)
    assert np.nanmax(np.abs(got)) == 1.0


def test_bits_do_not_depend_on_the_batch() -> None:
    assert_bits_stay(executor(tanh), np.concatenate([DRAW.choice(ARGUMENTS, 500), ODD]))
