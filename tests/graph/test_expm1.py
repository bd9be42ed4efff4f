"""e^x - 1: libm's within one ULP, one row's bits always."""

import math

import numpy as np

from preproc import compare
from preproc.graph import expm1
from tests.graph.running import ODD, assert_bits_stay, executor, libm, run

DRAW = np.random.default_rng(0)
ARGUMENTS = np.concatenate(
    [
        DRAW.normal(size=20_000),
        DRAW.normal(size=20_000) * 0.06,
        DRAW.uniform(-50, 720, 20_000),
        10 ** DRAW.uniform(-320, 0, 10_000) * DRAW.choice([-1, 1], 10_000),
        np.nextafter(np.log([0.5, 0.5, 2.0, 2.0]), [-1, 0, 0, 1]),
        ODD,
    ]
)


def test_expm1_is_within_one_ulp_of_libm_and_of_numpy() -> None:
    got = run(executor(expm1), ARGUMENTS)
    with np.errstate(all="ignore"):
        want = np.expm1(ARGUMENTS)
    assert compare(want, got).max_ulp <= 1
    assert compare(libm(math.expm1, ARGUMENTS), got).max_ulp <= 1


def test_expm1_of_a_tiny_number_is_the_number() -> None:
    x = np.array([5e-324, 1e-310, -1e-310, 1e-20, -1e-20, 0.0])
    assert np.array_equal(run(executor(expm1), x), x)


def test_bits_do_not_depend_on_the_batch() -> None:
    assert_bits_stay(executor(expm1), np.concatenate([DRAW.choice(ARGUMENTS, 500), ODD]))
