"""Negative controls: graphs that are wrong in one way, for a harness that must object."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from preproc.errors import ParityError
from preproc.graph import inner_dtypes
from preproc.signature import ROW_ERROR

WEIGHT_STEP: Final = 1e-3


def spoil(model: onnx.ModelProto, fault: str) -> onnx.ModelProto:
    """Copy a public graph with one fault.

    Parameters
    ----------
    model
        Public graph of an artifact.
    fault
        One of `SPOILERS`.

    Raises
    ------
    ParityError
        When the graph holds nothing that this fault could spoil.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    SPOILERS[fault](copy.graph)
    return copy


def move_weight(graph: onnx.GraphProto) -> None:
    """Add 0.001 to one weight of the last node that has float64 weights: a leaf, or a factor."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in reversed(graph.node):
        tensors = [item.t for item in node.attribute if item.name == "leaf_weights"]
        if node.op_type in {"Mul", "MatMul", "Gemm"}:
            tensors += [constants[name] for name in node.input if name in constants]
        for tensor in tensors:
            weights = numpy_helper.to_array(tensor).copy()
            if weights.size > 1 and weights.dtype == np.float64:
                at = int(np.argmax(np.abs(weights)))
                weights.flat[at] += WEIGHT_STEP
                tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
                return
    raise ParityError("move_weight: expected a node with weights, got none")


def swap_columns(graph: onnx.GraphProto) -> None:
    """Swap the first two inputs of the first join of columns of one dtype."""
    for node in graph.node:
        if node.op_type == "Concat" and len(node.input) > 1:
            node.input[0], node.input[1] = node.input[1], node.input[0]
            return
    raise ParityError("swap_columns: expected a join of columns, got none")


def change_vocabulary(graph: onnx.GraphProto) -> None:
    """Let the first two words of the first vocabulary trade places."""
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "LabelEncoder" and attribute.name == "keys_tensor":
                words = attribute.t.string_data
                if len(words) > 1:
                    words[0], words[1] = words[1], words[0]
                    return
    raise ParityError("change_vocabulary: expected a vocabulary of two words, got none")


def drop_nan_handling(graph: onnx.GraphProto) -> None:
    """Let missing numbers through where they are replaced, or down the other branch of trees."""
    asked = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "IsNaN"}
    for node in graph.node:
        if node.op_type == "Where" and asked.get(node.input[0]) == node.input[2]:
            value = node.input[2]
            del node.input[:]
            node.op_type = "Identity"
            node.input.append(value)
            return
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_missing_value_tracks_true":
                attribute.ints[:] = [1 - way for way in attribute.ints]
                return
    raise ParityError("drop_nan_handling: expected missing numbers that are replaced, got none")


def remove_poison(graph: onnx.GraphProto) -> None:
    """Let refused rows show what the graph computed for them."""
    outputs = {item.name for item in graph.output} - {ROW_ERROR}
    for node in graph.node:
        if node.op_type == "Where" and node.output[0] in outputs:
            value = node.input[2]
            del node.input[:], node.attribute[:]
            node.op_type = "Identity"
            node.input.append(value)


def reduce_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """Round every float32 that a model computes to bfloat16, as a fast device may do unasked."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    single = {name for name, dtype in inner_dtypes(model).items() if dtype == "float32"}
    nodes = []
    for node in copy.graph.node:
        nodes.append(node)
        for at, name in enumerate(node.output):
            if name in single:
                node.output[at] = f"{name} wide"
                nodes += [
                    _cast(f"{name} wide", f"{name} narrow", onnx.TensorProto.BFLOAT16),
                    _cast(f"{name} narrow", name, onnx.TensorProto.FLOAT),
                ]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    to = onnx.AttributeProto(name="to", type=onnx.AttributeProto.INT, i=kind)
    return onnx.NodeProto(op_type="Cast", input=[source], output=[target], attribute=[to])


SPOILERS: Final[Mapping[str, Callable[[onnx.GraphProto], None]]] = {
    "a weight moved by 0.001": move_weight,
    "two columns swapped": swap_columns,
    "a wrong vocabulary": change_vocabulary,
    "NaN handling dropped": drop_nan_handling,
    "the poison removed": remove_poison,
}
