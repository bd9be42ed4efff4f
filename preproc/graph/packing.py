"""The packed form: one matrix a dtype instead of one input a column.

Why: each input costs a call about as much as three nodes, so 28 columns cost more than the whole
graph behind them. The rewrite is pure: the public graph's inputs are replaced by matrices
(n, columns), and where the public graph joins columns it now takes them out of a matrix at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from preproc.graph.builder import checked_model, dtypes_of, element_type
from preproc.signature import TEXT

PACKED_INPUTS: Final[Mapping[str, str]] = {
    "float64": "packed_float64",
    "float32": "packed_float32",
    TEXT: "packed_string",
    "bool": "packed_bool",
}
"""Dtype of a column → matrix that holds it; every integer dtype has one of its own."""


@dataclass(frozen=True, slots=True)
class PackedGraph:
    """A rewritten model and where each column went.

    Attributes
    ----------
    model
        Computes the same outputs from matrices.
    places
        Column → (matrix, first index along its second axis).
    matrices
        Matrix → (dtype, number of columns).
    """

    model: onnx.ModelProto
    places: Mapping[str, tuple[str, int]]
    matrices: Mapping[str, tuple[str, int]]


def pack(public: onnx.ModelProto) -> PackedGraph:
    """Rewrite the public graph to take one matrix a dtype.

    Parameters
    ----------
    public
        Model whose inputs have shape (n, width).

    Returns
    -------
    PackedGraph
        Columns of one dtype lie in the order in which the graph joins them first.
    """
    graph = public.graph
    dtypes = dtypes_of(list(graph.input))
    widths = {item.name: item.type.tensor_type.shape.dim[1].dim_value for item in graph.input}
    places: dict[str, tuple[str, int]] = {}
    totals: dict[str, tuple[str, int]] = {}
    for name in _joined_order(graph):
        matrix = PACKED_INPUTS.get(dtypes[name], f"packed_{dtypes[name]}")
        start = totals.get(matrix, (dtypes[name], 0))[1]
        places[name] = (matrix, start)
        totals[matrix] = (dtypes[name], start + widths[name])
    taker = _Taker(places, totals, widths)
    nodes = [taker.rewritten(node) for node in graph.node]
    inputs = [
        helper.make_tensor_value_info(matrix, element_type(dtype), ["N", width])
        for matrix, (dtype, width) in totals.items()
    ]
    packed = helper.make_graph(
        [*taker.nodes, *(node for node in nodes if node is not None)],
        graph.name,
        inputs,
        list(graph.output),
        [*graph.initializer, *taker.initializers],
        value_info=graph.value_info,
    )
    return PackedGraph(checked_model(packed), places, totals)


def _joined_order(graph: onnx.GraphProto) -> list[str]:
    """List the inputs in the order in which nodes use them; unused ones last."""
    names = [item.name for item in graph.input]
    known = set(names)
    used = [name for node in graph.node for name in node.input if name in known]
    return list(dict.fromkeys([*used, *names]))


class _Taker:
    """Takes columns out of matrices: the whole matrix, or a Gather along axis 1, each once."""

    def __init__(
        self,
        places: Mapping[str, tuple[str, int]],
        totals: Mapping[str, tuple[str, int]],
        widths: Mapping[str, int],
    ) -> None:
        self._places = places
        self._totals = totals
        self._widths = widths
        self._taken: dict[tuple[str, ...], str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def rewritten(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Copy a node with its inputs replaced, or None where the taking replaces it."""
        is_join = node.op_type == "Concat" and all(name in self._places for name in node.input)
        if is_join:
            self.nodes.append(
                helper.make_node("Identity", [self._take(tuple(node.input))], list(node.output))
            )
            return None
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for position, name in enumerate(node.input):
            if name in self._places:
                copy.input[position] = self._take((name,))
        return copy

    def _take(self, columns: tuple[str, ...]) -> str:
        if columns not in self._taken:
            matrix = self._places[columns[0]][0]
            indices = [
                self._places[name][1] + offset
                for name in columns
                for offset in range(self._widths[name])
            ]
            if indices == list(range(self._totals[matrix][1])):
                self._taken[columns] = matrix
            else:
                value = f"/packed/take_{len(self._taken)}"
                where = numpy_helper.from_array(np.array(indices, np.int64), f"{value}/columns")
                self.initializers.append(where)
                self.nodes.append(
                    helper.make_node("Gather", [matrix, where.name], [value], value, axis=1)
                )
                self._taken[columns] = value
        return self._taken[columns]
