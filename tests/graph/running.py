"""One function of the graph package on arrays."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from preproc.graph import GraphBuilder
from preproc.runtime import Executor
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output

ODD: Final = np.array(
    [
        *(0.0, -0.0, 5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 0.5, 1.0, -1.0, 2.0),
        *(1.7976931348623157e308, -1.7976931348623157e308, 1e16, 709.78, 709.7827128933841, 710.0),
        *(-745.2, -40.0, np.inf, -np.inf, np.nan),
    ]
)


def executor(function: Callable[..., str]) -> Executor:
    graph = GraphBuilder()
    x = graph.input(Column("x", "float64"))
    y = function(graph, x, scope="f")
    return open_executor(graph.finish([(y, Output("y", "features", "float64", 1, None))]))


def run(compiled: Executor, x: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = compiled.execute({"x": x.reshape(-1, 1)})["y"].ravel()
    return values


def libm(function: Callable[[float], float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Call the C library one by one; numpy's vector form tells what happens at the ends."""

    def one(value: float) -> float:
        try:
            return function(value)
        except (OverflowError, ValueError):
            with np.errstate(all="ignore"):
                return float(getattr(np, function.__name__)(value))

    return np.array([one(value) for value in x.tolist()])


def assert_bits_stay(compiled: Executor, x: NDArray[np.float64]) -> None:
    """Assert that one row has the bits that it has in batches of several sizes and in all."""
    whole = run(compiled, x)
    for size in (1, 2, 3, 7, 64):
        parts = [run(compiled, x[at : at + size]) for at in range(0, len(x), size)]
        assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)
