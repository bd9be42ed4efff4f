"""The exponential: libm's bits nearly always, one row's bits always."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.special

from preproc import compare
from preproc.graph import exponential, logistic
from tests.graph.running import ODD, assert_bits_stay, executor, libm, run

DRAW = np.random.default_rng(0)
NEAR = np.concatenate(
    [DRAW.normal(size=20_000) * 5, DRAW.uniform(-40, 40, 20_000), DRAW.normal(size=5_000) * 1e-9]
)
FAR = np.concatenate(
    [
        DRAW.uniform(-745, 709, 20_000),
        [709.782712893384, 709.7827128933841, -708.0, -745.0, -745.1332191019412, -746.0],
        ODD,
    ]
)
CHOSEN = np.concatenate([DRAW.choice(NEAR, 2_000), DRAW.choice(FAR, 2_100), ODD])


def test_the_exponential_is_libms_but_for_one_value_in_a_thousand() -> None:
    found = compare(libm(math.exp, NEAR), run(executor(exponential), NEAR))
    assert found.max_ulp <= 1
    assert found.bitwise_share >= 0.999


def test_the_exponential_is_within_one_ulp_of_libm_up_to_the_ends() -> None:
    found = compare(libm(math.exp, FAR), run(executor(exponential), FAR))
    assert found.max_ulp <= 1
    assert found.bitwise_share >= 0.97


def test_the_logistic_function_is_scipys() -> None:
    found = compare(scipy.special.expit(NEAR), run(executor(logistic), NEAR))
    assert found.max_ulp <= 2
    assert found.bitwise_share >= 0.999


@pytest.mark.parametrize("x", [800.0, -800.0, np.inf, -np.inf, np.nan])
def test_the_logistic_function_ends_where_scipys_ends(x: float) -> None:
    got = run(executor(logistic), np.array([x]))
    assert np.array_equal(got, [scipy.special.expit(x)], equal_nan=True)


@pytest.mark.parametrize("function", [exponential, logistic])
def test_bits_do_not_depend_on_the_batch(function: Callable[..., str]) -> None:
    assert_bits_stay(executor(function), CHOSEN)


def test_the_operator_itself_would_not_do() -> None:
    """The reason for the module: ONNX Runtime's own Exp changes with the batch."""
    compiled = executor(lambda graph, x, scope: graph.op("Exp", x, scope=scope))
    with pytest.raises(AssertionError):
        assert_bits_stay(compiled, CHOSEN)
