"""The builder beyond single operators."""

import numpy as np
import pytest

from preproc.graph import GraphBuilder
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output


def test_what_is_refused_or_doubted_aside_does_not_count() -> None:
    graph = GraphBuilder()
    x = graph.input(Column("x", "float64"))
    graph.refuse(graph.op("IsNaN", x), ["x"], step="a", text="kept")
    with graph.aside():
        broken = graph.op("Less", x, np.array(0.0))
        graph.refuse(broken, ["x"], step="b", text="aside")
        graph.doubt(broken, step="b", text="aside")
    assert [rule.text for rule in graph.rules] == ["kept"]
    assert graph.doubts == ()


@pytest.mark.parametrize(
    ("op_type", "constant", "x", "want"),
    [
        ("Mul", 1 + 2.0**-51, 3.0, 3.0 * (1 + 2.0**-51)),
        ("Div", 1 + 1e-9, 3.0, 3.0 / (1 + 1e-9)),
        ("Add", 1e-300, 1e-300, 2e-300),
        ("Sub", 1e-46, 3e-46, 3e-46 - 1e-46),
        ("Mul", 1.0, 3.0, 3.0),
    ],
)
def test_a_constant_next_to_the_neutral_one_is_not_left_out(
    op_type: str, constant: float, x: float, want: float
) -> None:
    graph = GraphBuilder()
    value = graph.op("Abs", graph.input(Column("x", "float64")))
    value = graph.op("Abs", graph.op(op_type, value, np.array(constant)))
    model = graph.finish([(value, Output("y", "features", "float64", 1, None))])
    got = open_executor(model).execute({"x": np.array([[x], [x]])})["y"]
    assert got.tolist() == [[want], [want]]
