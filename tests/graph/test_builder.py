"""The builder beyond single operators."""

import numpy as np
import pytest

from preproc.graph import GraphBuilder, element_type, unused_inputs
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


def test_an_input_is_used_where_a_value_depends_on_its_cells() -> None:
    graph = GraphBuilder()
    x, y, rows = (graph.input(Column(name, "float64")) for name in ("x", "y", "rows"))
    size = graph.op("Shape", rows, start=0, end=1)
    value = graph.op("Add", x, graph.op("Cast", size, to=element_type("float64")))
    broken = graph.op("IsNaN", y)
    graph.refuse(broken, ["y"], step="a", text="NaN")
    graph.refuse(graph.op("IsNaN", rows), ["rows"], step="a", text="ours", origin="contract")
    model = graph.finish([(value, Output("out", "features", "float64", 1, None))])
    assert graph.oracle_rules == (broken,)
    assert unused_inputs(model, [value]) == ("y", "rows")
    assert unused_inputs(model, [value, broken]) == ("rows",)
    assert unused_inputs(model, [size]) == ()  # nothing would tell how many rows there are


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
