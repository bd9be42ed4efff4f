"""Softmax: less the largest, exponential, over the sum."""

from collections.abc import Callable

import numpy as np

from preproc.graph.builder import GraphBuilder
from preproc.graph.exponential import exponential
from preproc.graph.sums import pairwise_sum

Sum = Callable[..., str]
"""`ordered_sum` or `pairwise_sum`."""


def softmax(graph: GraphBuilder, x: str, width: int, *, scope: str, add: Sum = pairwise_sum) -> str:
    """Turn scores into shares that add up to 1.

    The exponential is the one whose bits do not depend on the number of rows.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of shape (n, width), finite.
    width
        Number of columns, at least 1.
    scope
        Path of the step.
    add
        Order of the sum: numpy's, or that of a loop, as libraries in C++ have it.

    Returns
    -------
    str
        Name of a float64 value of the same shape.
    """
    largest = graph.op("ReduceMax", x, np.array([1]), scope=scope, keepdims=1)
    powers = exponential(graph, graph.op("Sub", x, largest, scope=scope), scope=scope)
    return graph.op("Div", powers, add(graph, powers, width, scope=scope), scope=scope)
