"""The numbers of a graph, by name: initializers and attributes, read without running it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_FIELDS: Final[Mapping[int, str]] = {
    onnx.AttributeProto.FLOAT: "f",
    onnx.AttributeProto.INT: "i",
    onnx.AttributeProto.STRING: "s",
    onnx.AttributeProto.FLOATS: "floats",
    onnx.AttributeProto.INTS: "ints",
    onnx.AttributeProto.STRINGS: "strings",
}


def parameters_of(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Give the constants and attributes of every node, and what it is joined to.

    Constants are named by the node that takes them, since their own numbers move along with any
    change before them.

    Returns
    -------
    dict
        ``step/Op_0, input 1``, ``step/Op_0.attribute`` and ``step/Op_0`` (operator and inputs) →
        values; text as object.
    """
    constants = {tensor.name: _values(tensor) for tensor in model.graph.initializer}
    found: dict[str, NDArray[Any]] = {}
    for node in model.graph.node:
        place = node.output[0].lstrip("/")
        inputs = ["constant" if name in constants else name for name in node.input]
        found[place] = _objects([node.op_type, *inputs])
        for at, name in enumerate(node.input):
            if name in constants:
                found[f"{place}, input {at}"] = constants[name]
        for attribute in node.attribute:
            found[f"{place}.{attribute.name}"] = _values(attribute)
    return found


def changed(want: NDArray[Any], got: NDArray[Any]) -> NDArray[np.int64]:
    """Positions, in the flattened arrays, of values that differ in their bits; NaN equals NaN."""
    first, second = want.ravel(), got.ravel()
    differs = first != second
    if want.dtype.kind == "f":
        differs = (differs | (np.signbit(first) != np.signbit(second))) & ~(
            np.isnan(first) & np.isnan(second)
        )
    return np.flatnonzero(differs)


def _values(source: onnx.TensorProto | onnx.AttributeProto) -> NDArray[Any]:
    if isinstance(source, onnx.TensorProto):
        return numpy_helper.to_array(source)
    if source.type == onnx.AttributeProto.TENSOR:
        return numpy_helper.to_array(source.t)
    if source.type not in _FIELDS:  # a graph within the graph
        return _objects([source.SerializeToString(deterministic=True)])
    value = getattr(source, _FIELDS[source.type])
    values = list(value) if source.type >= onnx.AttributeProto.FLOATS else [value]
    if values and isinstance(values[0], bytes):
        return _objects([text.decode(errors="replace") for text in values])
    return np.array(values)


def _objects(values: list[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
