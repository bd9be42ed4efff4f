"""The exponential: libm's bits nearly always, one row's bits always."""

import math

import numpy as np
import pytest
import scipy.special
from numpy.typing import NDArray

from preproc import compare
from preproc.graph import GraphBuilder, exponential, logistic
from preproc.runtime import Executor
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output

DRAW = np.random.default_rng(0)
ARGUMENTS = np.concatenate(
    [
        DRAW.normal(size=20_000) * 5,
        DRAW.uniform(-700, 700, 20_000),
        DRAW.normal(size=5_000) * 1e-9,
        [0.0, -0.0, 5e-324, 709.78, 709.782712893384, 709.7827128933841, -708.0, -745.0, -746.0],
        [710.0, 1e300, -1e300, np.inf, -np.inf],
    ]
)


def executor(function: object) -> Executor:
    graph = GraphBuilder()
    x = graph.input(Column("x", "float64"))
    y = function(graph, x, scope="f")  # type: ignore[operator]  # one of the two under test
    return open_executor(graph.finish([(y, Output("y", "features", "float64", 1, None))]))


def run(compiled: Executor, x: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = compiled.execute({"x": x.reshape(-1, 1)})["y"].ravel()
    return values


def libm(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def test_the_exponential_is_within_one_ulp_of_libm_and_mostly_equal() -> None:
    want = np.array([libm(x) for x in ARGUMENTS])
    found = compare(want, run(executor(exponential), ARGUMENTS))
    assert found.max_ulp <= 1
    assert found.bitwise_share >= 0.999


def test_the_logistic_function_is_scipys() -> None:
    x = ARGUMENTS[np.abs(ARGUMENTS) < 36]
    found = compare(scipy.special.expit(x), run(executor(logistic), x))
    assert found.max_ulp <= 2
    assert found.bitwise_share >= 0.999


@pytest.mark.parametrize("x", [800.0, -800.0, np.inf, -np.inf])
def test_the_logistic_function_ends_where_scipys_ends(x: float) -> None:
    assert run(executor(logistic), np.array([x]))[0] == scipy.special.expit(x)


def test_bits_do_not_depend_on_the_batch() -> None:
    compiled = executor(exponential)
    whole = run(compiled, ARGUMENTS[:500])
    single = np.concatenate([run(compiled, ARGUMENTS[i : i + 1]) for i in range(500)])
    assert np.array_equal(whole, single)


def test_the_operator_itself_would_not_do() -> None:
    """The reason for the module: ONNX Runtime's own Exp changes with the batch."""
    compiled = executor(lambda graph, x, scope: graph.op("Exp", x, scope=scope))
    whole = run(compiled, ARGUMENTS[:500])
    single = np.concatenate([run(compiled, ARGUMENTS[i : i + 1]) for i in range(500)])
    assert not np.array_equal(whole, single)
