"""Text as characters and back: apart into code points, together again.

Why ``com.microsoft.Tokenizer``: no operator of ``ai.onnx`` sees inside a text but by delimiters;
this one, told to take every match of ``(?s).`` for a token, gives the code points as Python has
them. Putting them together is a loop of concatenations, as many as the longest text has signs.
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from preproc.graph.builder import GraphBuilder
from preproc.signature import TEXT

_MICROSOFT: Final = "com.microsoft"


def characters(graph: GraphBuilder, x: str, width: int, *, scope: str) -> str:
    """Take texts apart.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a text value of shape (n, width).
    width
        Number of columns.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of a text value of shape (n, width, longest), one code point each, then empty texts;
        at least one wide.
    """
    # A row more, which is cut off again: the operator loses its axes where there is no row.
    longer = graph.op("Concat", x, np.full((1, width), "x", object), scope=scope, axis=0)
    tokens = graph.op(
        "Tokenizer", longer, scope=scope, domain=_MICROSOFT, mark=0, mincharnum=1, pad_value="",
        tokenexp="(?s).",
    )  # fmt: skip
    graph.describe(tokens, TEXT, ["rows_and_one", width, "longest"])
    return graph.op("Slice", tokens, np.array([0]), np.array([-1]), np.array([0]), scope=scope)


def joined_text(graph: GraphBuilder, parts: str, x: str, *, scope: str) -> str:
    """Put texts of shape (n, width, k) together along the last axis; x is any text (n, width)."""
    is_same = graph.op("Equal", x, x, scope=scope)
    empty = graph.op("Where", is_same, _EMPTY, x, scope=scope)
    count = graph.op("Shape", parts, scope=scope, start=2, end=3)
    count = graph.op("Squeeze", count, scope=scope)
    return graph.op("Loop", count, "", empty, scope=scope, body=_append(parts))


def _append(parts: str) -> onnx.GraphProto:
    """Append the i-th part; the parts belong to the graph around.

    Not ``Scan``: it takes seconds to cut a matrix of text along its last axis.
    """
    whole, truth, text = TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
    nodes = [
        helper.make_node("Gather", [parts, "join_at"], ["join_part"], axis=2),
        helper.make_node("StringConcat", ["join_so_far", "join_part"], ["join_longer"]),
        helper.make_node("Identity", ["join_on"], ["join_still_on"]),
    ]
    before = [
        helper.make_tensor_value_info("join_at", whole, []),
        helper.make_tensor_value_info("join_on", truth, []),
        helper.make_tensor_value_info("join_so_far", text, ["rows", "width"]),
    ]
    after = [
        helper.make_tensor_value_info("join_still_on", truth, []),
        helper.make_tensor_value_info("join_longer", text, ["rows", "width"]),
    ]
    return helper.make_graph(nodes, "join", before, after)


def positions(graph: GraphBuilder, parts: str, *, scope: str) -> str:
    """Give the places along the last axis their numbers: int64 (1, 1, k)."""
    count = graph.op("Shape", parts, scope=scope, start=2, end=3)
    count = graph.op("Squeeze", count, scope=scope)
    places = graph.op("Range", np.array(0), count, np.array(1), scope=scope)
    return graph.op("Unsqueeze", places, np.array([0, 1]), scope=scope)


def lengths(graph: GraphBuilder, parts: str, *, scope: str) -> str:
    """Count code points: int64 (n, width)."""
    is_there = graph.op("Not", graph.op("Equal", parts, _EMPTY, scope=scope), scope=scope)
    ones = graph.op("Cast", is_there, scope=scope, to=int(TensorProto.INT64))
    return graph.op("ReduceSum", ones, np.array([2]), scope=scope, keepdims=0)


_EMPTY: Final[NDArray[np.object_]] = np.array("", object)
