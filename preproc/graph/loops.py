"""Bodies of loops: graphs of their own, whose names nothing outside has."""

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from preproc.graph.builder import GraphBuilder, element_type

Carried = Mapping[str, tuple[str, Sequence[int | str]]]
"""Name → dtype and shape of each value that goes from round to round."""


def loop_body(
    inner: GraphBuilder, prefix: str, carried: Carried, goes_on: str, results: Sequence[str]
) -> onnx.GraphProto:
    """Close the body of a ``Loop``.

    Nothing is taken from the graph around but what is carried: rewrites do not look into bodies.

    Parameters
    ----------
    inner
        Holds the nodes of one round, under paths that no node outside has. They find the number
        of the round as ``{prefix}/round`` and what is carried as ``{prefix}/{name}``.
    prefix
        Path of the loop, with a slash in front.
    carried
        What goes from round to round, in the order of the loop's inputs.
    goes_on
        Name of a boolean value of shape (), whether there is another round.
    results
        Names of what is carried to the next round, in the same order.

    Returns
    -------
    onnx.GraphProto
        Attribute ``body`` of the loop.
    """
    nodes, constants = inner.parts()
    names = {constant.name: f"{prefix}{constant.name}" for constant in constants}
    for constant in constants:
        constant.name = names[constant.name]
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
    shapes: dict[str, tuple[str, Sequence[int | str]]] = {"goes_on": ("bool", []), **carried}
    inputs = [helper.make_tensor_value_info(f"{prefix}/round", onnx.TensorProto.INT64, [])]
    outputs = []
    for at, (name, (dtype, shape)) in enumerate(shapes.items()):
        kind = element_type(dtype)
        inputs.append(helper.make_tensor_value_info(f"{prefix}/{name}", kind, shape))
        result = f"{prefix}/result_{at}"
        taken = [goes_on, *results][at]
        nodes.append(helper.make_node("Identity", [taken], [result], name=result))
        outputs.append(helper.make_tensor_value_info(result, kind, shape))
    return helper.make_graph(nodes, "round", inputs, outputs, constants)
