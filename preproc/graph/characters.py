"""Text as characters and back: apart into code points, together again.

Why ``com.microsoft.Tokenizer``: no operator of ``ai.onnx`` sees inside a text but by delimiters;
this one, told to take every match of ``(?s).`` for a token, gives the code points as Python has
them. Putting them together is a loop of concatenations, whose number is the longest text's length.
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from preproc.graph.builder import GraphBuilder

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
    return graph.op("Slice", tokens, np.array([0]), np.array([-1]), np.array([0]), scope=scope)


def joined_text(graph: GraphBuilder, parts: str, x: str, *, scope: str) -> str:
    """Put texts of shape (n, width, k) together along the last axis; x is any text (n, width)."""
    is_same = graph.op("Equal", x, x, scope=scope)
    empty = graph.op("Where", is_same, np.array("", object), x, scope=scope)
    count = graph.op("Shape", parts, scope=scope, start=2, end=3)
    count = graph.op("Squeeze", count, scope=scope)
    return graph.op("Loop", count, "", empty, scope=scope, body=_body(parts))


def _body(parts: str) -> onnx.GraphProto:
    """Append the i-th of the parts, which belong to the graph around."""
    whole, truth, text = TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
    nodes = [
        helper.make_node("Gather", [parts, "join_i"], ["join_part"], axis=2),
        helper.make_node("StringConcat", ["join_so_far", "join_part"], ["join_longer"]),
        helper.make_node("Identity", ["join_on"], ["join_still_on"]),
    ]
    return helper.make_graph(
        nodes,
        "join",
        [
            helper.make_tensor_value_info("join_i", whole, []),
            helper.make_tensor_value_info("join_on", truth, []),
            helper.make_tensor_value_info("join_so_far", text, None),
        ],
        [
            helper.make_tensor_value_info("join_still_on", truth, []),
            helper.make_tensor_value_info("join_longer", text, None),
        ],
    )


def positions(graph: GraphBuilder, parts: str, *, scope: str) -> str:
    """Number the places along the last axis: int64 (1, 1, k)."""
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
