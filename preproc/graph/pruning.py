"""Leaves out what no output needs."""

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
