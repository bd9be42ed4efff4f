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
    """Give the values of every initializer, and the inputs and attributes of every node.

    Returns
    -------
    dict
        Name of the initializer, or ``Op output`` and ``Op output.attribute`` of the node → values;
        text as object.
    """
    found = {tensor.name: _values(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        place = f"{node.op_type} {node.output[0]}"
        found[place] = _objects(list(node.input))
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
