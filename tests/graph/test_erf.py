"""The error function: scipy's within one ULP, one row's bits always."""

import numpy as np
from scipy.special import erf as scipy_erf

from preproc import compare
from preproc.graph import erf
from tests.graph.running import ODD, assert_bits_stay, executor, run

DRAW = np.random.default_rng(0)
NEAR = np.concatenate(
    [
        DRAW.uniform(-1, 1, 20_000),
        10 ** DRAW.uniform(-320, 0, 10_000) * DRAW.choice([-1, 1], 10_000),
        np.array([0.0, -0.0, 1.0, -1.0, 5e-324]),
    ]
)
FAR = np.concatenate(
    [DRAW.normal(size=20_000) * 4, np.nextafter([1.0, 6.0, 8.0], 9), np.nextafter([6.0, 8.0], 0)]
)


def test_erf_up_to_one_is_scipy_bit_for_bit() -> None:
    assert np.array_equal(run(executor(erf), NEAR), scipy_erf(NEAR))


def test_erf_beyond_one_is_within_one_ulp_of_scipy() -> None:
    x = np.concatenate([FAR, ODD])
    found = compare(scipy_erf(x), run(executor(erf), x))
    assert found.max_ulp <= 1
    assert found.equal / found.elements > 0.999


def test_bits_do_not_depend_on_the_batch() -> None:
    assert_bits_stay(executor(erf), np.concatenate([DRAW.choice(FAR, 500), ODD]))
