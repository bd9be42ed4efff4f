"""Probabilities of pairs of classes coupled to one probability a class, as libsvm does it.

The method is the second of Wu, Lin and Weng: a quadratic form is minimized coordinate by
coordinate until its gradient is even. Each row stops in a round of its own; a row that has stopped
keeps its values, so that none depends on how long its neighbours take. All of it is plain
arithmetic in libsvm's order.
"""

from functools import partial
from typing import Final

import numpy as np
import onnx

from preproc.graph.builder import GraphBuilder
from preproc.graph.loops import Carried, loop_body

_ROUNDS: Final = 100
_EVEN: Final = 0.005
"""A row stops where no part of its gradient is farther from the mean than this over the classes."""


def coupled(graph: GraphBuilder, form: str, start: str, classes: int, *, scope: str) -> str:
    """Minimize p · Q · p over probabilities p.

    Parameters
    ----------
    graph
        Builder that receives one Loop.
    form
        Name of Q, float64 (n, classes, classes).
    start
        Name of the first p, float64 (n, classes).
    classes
        Their number.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of p, float64 (n, classes).
    """
    first = graph.op("Gather", start, np.array([0]), scope=scope, axis=1)
    active = graph.op("Equal", first, first, scope=scope)
    rounds = graph.constant(np.array(max(_ROUNDS, classes), np.int64))
    is_first = graph.constant(np.array(True))  # a value of the graph
    body = _round(classes, f"/{scope}/coupled")
    return graph.op("Loop", rounds, is_first, active, form, start, scope=scope, place=2, body=body)


def _round(classes: int, prefix: str) -> onnx.GraphProto:
    """One round: stop rows whose gradient is even, move the others along each coordinate."""
    inner = GraphBuilder()
    op = partial(inner.op, scope=prefix[1:])

    def last_of_running(value: str, axis: int) -> str:
        sums = op("CumSum", value, np.array(axis))
        return op("Gather", sums, np.array([classes - 1]), axis=axis)

    form, start = f"{prefix}/form", f"{prefix}/start"
    row = op("Unsqueeze", start, np.array([1]))
    gradient = op("Squeeze", last_of_running(op("Mul", form, row), 2), np.array([2]))
    mean = last_of_running(op("Mul", start, gradient), 1)
    errors = op("Abs", op("Sub", gradient, mean))
    uneven = op("GreaterOrEqual", errors, np.array(_EVEN / classes))
    worst = op("ReduceMax", op("Cast", uneven, to=7), np.array([1]), keepdims=1)
    active = op("And", f"{prefix}/active", op("Equal", worst, np.array(1)))
    value = start
    for at in range(classes):
        own = op("Gather", op("Gather", form, np.array(at), axis=1), np.array([at]), axis=1)
        slope = op("Gather", gradient, np.array([at]), axis=1)
        step = op("Div", op("Add", op("Neg", slope), mean), own)
        grown = op("Add", step, np.array(1.0))
        unit = np.eye(classes)[[at]]
        value = op("Where", unit > 0, op("Add", value, step), value)
        bent = op("Add", op("Mul", step, own), op("Mul", slope, np.array(2.0)))
        mean = op("Add", mean, op("Mul", step, bent))
        mean = op("Div", op("Div", mean, grown), grown)
        side = op("Mul", op("Gather", form, np.array(at), axis=1), step)
        gradient = op("Div", op("Add", gradient, side), grown)
        value = op("Div", value, grown)
    value = op("Where", active, value, start)
    number = op("Cast", active, to=7)
    # One more element, so that a batch without rows has a largest one as well.
    flat = op("Concat", op("Reshape", number, np.array([-1])), np.zeros(1, np.int64), axis=0)
    goes_on = op("Equal", op("ReduceMax", flat, keepdims=0), np.array(1))
    carried: Carried = {
        "active": ("bool", ["N", 1]),
        "form": ("float64", ["N", classes, classes]),
        "start": ("float64", ["N", classes]),
    }
    return loop_body(inner, prefix, carried, goes_on, (active, form, value))
