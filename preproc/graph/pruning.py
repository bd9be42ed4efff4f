"""Leaves out what no output needs, and tells which inputs none needs."""

from collections.abc import Sequence

import onnx


def pruned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model without the nodes and the constants that no output depends on."""
    needed = {output.name for output in model.graph.output}
    nodes = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    copy.graph.node.extend(reversed(nodes))
    kept = [constant for constant in model.graph.initializer if constant.name in needed]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(kept)
    return copy


def unused_inputs(model: onnx.ModelProto, values: Sequence[str]) -> tuple[str, ...]:
    """Name the inputs whose cells none of some values depends on, in the order of the graph.

    None where that is all of them: a batch has its number of rows from one at least.
    """
    needed = set(values)
    for node in reversed(model.graph.node):
        if node.op_type != "Shape" and needed.intersection(node.output):
            needed.update(node.input)
    names = [given.name for given in model.graph.input]
    found = tuple(name for name in names if name not in needed)
    return found if len(found) < len(names) else ()
