"""The builder beyond single operators."""

import numpy as np

from preproc.graph import GraphBuilder
from preproc.signature import Column


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
