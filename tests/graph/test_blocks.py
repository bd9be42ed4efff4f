"""Products of rows of any length, held to OpenBLAS's, by as many nodes however long they are."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from preproc.export.converters import convert_model, convert_transformer, products, vector_product
from preproc.export.scope import Scope
from preproc.graph import GraphBuilder
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output

Matrix = NDArray[np.float64]
Product = Callable[[Scope, str, Matrix], str]

IN_ORDER: Final = (
    *((300, 1), (512, 1), (2003, 1), (2048, 1), (2050, 1), (4096, 1), (6001, 1)),
    *((20, 2), (100, 3), (200, 17), (256, 2), (256, 16), (256, 32), (512, 32)),
)
"""Columns and answers of products that have OpenBLAS's bits."""
CUT: Final = (
    (257, 2),
    (300, 32),
    (512, 3),
    (513, 32),
    (700, 2),
    (2000, 16),
    (2000, 64),
    (5000, 10),
)
"""Those that are cut elsewhere than OpenBLAS cuts them."""
NUMPY: Final = """
import sys
import numpy as np
asked = np.load(sys.argv[1])
done = {}
with np.errstate(all="ignore"):
    for name in (n[1:] for n in asked if n[0] == "x"):
        x, w = asked["x" + name], asked["w" + name]
        done[name] = x @ w
        done["alone" + name] = np.concatenate([x[at : at + 1] @ w for at in range(len(x))])
np.savez(sys.argv[2], **done)
"""


def of_finite(scope: Scope, value: str, weights: Matrix) -> str:
    return vector_product.vector_product(scope, value, weights[:, 0], is_finite=True)


def drawn(width: int, columns: int) -> tuple[Matrix, Matrix]:
    """Draw rows and weights; the last ten rows are not finite."""
    draw = np.random.default_rng(width)
    weights = draw.normal(size=(width, columns))
    weights[7] = 0.0
    rows = draw.normal(size=(80, width)) * 10.0 ** draw.integers(-9, 9, (80, width))
    rows[0], rows[1], rows[2] = 1.7e308 * np.sign(weights[:, 0]), 0.0, -0.0
    rows[3], rows[4] = 5e-324, np.where(np.arange(width) % 2, -0.0, 1.0)
    rows[np.arange(70, 80), draw.integers(0, width, 10)] = [np.inf, -np.inf, np.nan, *[np.inf] * 7]
    rows[73, 7], rows[74, -1], rows[75, 0], rows[76, -1] = np.inf, -np.inf, np.inf, np.inf
    return rows, weights


@pytest.fixture(scope="module")
def numpys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Matrix]:
    """Ask numpy, as scikit-learn does, with OpenBLAS's routines for 256-bit registers.

    Shape → the answer to a batch; ``alone`` and shape → that to each row alone.
    """
    folder = tmp_path_factory.mktemp("blas")
    asked: dict[str, Any] = {}
    for shape in (*IN_ORDER, *CUT):
        rows, weights = drawn(*shape)
        asked[f"x{shape}"], asked[f"w{shape}"] = rows, weights[:, 0] if shape[1] == 1 else weights
    np.savez(folder / "asked.npz", **asked)
    places = [str(folder / "asked.npz"), str(folder / "done.npz")]
    only = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", NUMPY, *places], env={**os.environ, **only}, check=True, timeout=60
    )
    with np.load(places[1]) as done:
        return {name: done[name].reshape(80, -1) for name in done}


def graph_of(multiply: Product, weights: Matrix) -> onnx.ModelProto:
    scope = Scope(GraphBuilder(), "step", convert_transformer, convert_model)
    value = scope.graph.input(Column("x", "float64", width=len(weights)))
    sums = multiply(scope, value, weights)
    output = Output("y", "features", "float64", weights.shape[1], None)
    return scope.graph.finish([(sums, output)])


def answers(model: onnx.ModelProto, rows: Matrix) -> Matrix:
    with open_executor(model) as executor:
        found: Matrix = executor.execute({"x": rows})["y"].reshape(len(rows), -1)
    return found


def bits(values: Matrix) -> list[int]:
    whole: list[int] = np.where(np.isnan(values), np.nan, values).view(np.int64).ravel().tolist()
    return whole


@pytest.mark.parametrize("shape", IN_ORDER)
def test_rows_are_summed_as_blas_sums_a_batch(
    shape: tuple[int, int], numpys: dict[str, Matrix]
) -> None:
    rows, weights = drawn(*shape)
    found = answers(graph_of(vector_product.dense_product, weights), rows)
    assert bits(found) == bits(numpys[str(shape)])
    assert np.isnan(found[70:]).any()
    assert np.isinf(found[70:]).any()
    assert np.isfinite(found[:70]).any()
    if shape[1] == 1:
        assert bits(answers(graph_of(of_finite, weights), rows[:70])) == bits(found[:70])


def distances(numpys: dict[str, Matrix], spoil: float = 1.0) -> tuple[float, float]:
    """Tell how far graph and batch, row alone and batch lie apart, as a share of all summands."""
    graphs, alones = [], []
    for shape in CUT:
        rows, weights = drawn(*shape)
        batch = numpys[str(shape)][5:70]
        summands = np.abs(rows[5:70]) @ np.abs(weights)
        found = answers(graph_of(products.product, weights * spoil), rows)
        graphs.append(np.abs(found[5:70] - batch) / summands)
        alones.append(np.abs(numpys[f"alone{shape}"][5:70] - batch) / summands)
        assert (np.isnan(found[70:]) == np.isnan(numpys[str(shape)][70:])).all()
    return max(map(np.max, graphs)), max(map(np.max, alones))


def test_rows_that_are_cut_elsewhere_are_as_near_to_blas_as_blas_to_itself(
    numpys: dict[str, Matrix],
) -> None:
    graph, alone = distances(numpys)
    assert 0 < graph <= 2 * alone
    spoiled, _ = distances(numpys, 1 + 2.0**-48)
    assert spoiled > 2 * alone


@pytest.mark.parametrize(
    "shape", [(300, 1), (2050, 1), (4096, 1), (512, 3), (2000, 16), (300, 32), (2000, 64)]
)
def test_a_row_alone_has_its_bits_of_a_batch(shape: tuple[int, int]) -> None:
    rows, weights = drawn(*shape)
    model = graph_of(vector_product.dense_product, weights)
    alone = [answers(model, rows[at : at + 1]) for at in range(0, 80, 9)]
    assert bits(np.concatenate(alone)) == bits(answers(model, rows)[::9])


@pytest.mark.parametrize(("block", "width"), [(1024, 2048), (4096, 4096)])
def test_other_blocks_are_seen(
    block: int, width: int, numpys: dict[str, Matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_product, "_BLOCK", block)
    rows, weights = drawn(width, 1)
    found = answers(graph_of(vector_product.dense_product, weights), rows)
    assert (found[5:70] != numpys[f"({width}, 1)"][5:70]).any()


@pytest.mark.parametrize(
    ("columns", "widths", "count"),
    [
        (1, (20, 300, 512), 4),
        (1, (600, 2000, 2048), 5),
        (1, (5000, 10_000), 7),
        (2, (20, 300, 2000, 10_000), 1),
        (20, (20, 300, 2000, 10_000), 1),
    ],
)
def test_nodes_do_not_grow_with_blocks(columns: int, widths: tuple[int, ...], count: int) -> None:
    multiply = of_finite if columns == 1 else products.product
    graphs = [graph_of(multiply, np.ones((width, columns))).graph for width in widths]
    steps = [sum(node.name.startswith("/step/") for node in graph.node) for graph in graphs]
    assert steps == [count] * len(widths)
