"""A graph for people: which nodes each step of the pipeline became."""

from collections.abc import Mapping

import onnx
from onnx import numpy_helper

MAX_CELLS = 6
"""Cells of a constant that are shown."""


def nodes_by_step(model: bytes) -> Mapping[str, list[tuple[str, str, list[str]]]]:
    """Sort the nodes of a serialised model by the path of their step, in the order of the graph.

    Returns
    -------
    dict
        Path → triples of the value that a node gives, its operator and what it takes; small
        constants are written out.
    """
    graph = onnx.load_from_string(model).graph
    shown = {constant.name: _shown(constant) for constant in graph.initializer}
    steps: dict[str, list[tuple[str, str, list[str]]]] = {}
    for node in graph.node:
        path, _, name = node.name.strip("/").rpartition("/")
        operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        inputs = [shown.get(item, item.strip("/").rpartition("/")[2]) for item in node.input]
        steps.setdefault(path, []).append((name, operator, inputs))
    return steps


def _shown(constant: onnx.TensorProto) -> str:
    array = numpy_helper.to_array(constant)
    if array.size > MAX_CELLS:
        return f"{array.dtype}{list(array.shape)}"
    return str(array.tolist())
