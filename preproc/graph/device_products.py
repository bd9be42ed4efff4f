"""Sums of products on the device: ``MatMul`` for numbers, ``Gather`` for one-hot columns."""

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.crossings import WHOLE
from preproc.graph.device import Device, Rule, Value
from preproc.graph.products import chain_of, weights_of


def linear(rule: Rule) -> Rule:
    """Try to make a sum of products first."""
    return lambda device, node: _product(device, node) or rule(device, node)


def _product(device: Device, node: onnx.NodeProto) -> Value | None:
    chain = chain_of(device.view, node.output[0], device.summing)
    if chain is None:
        return None
    sums, has_nan = [], False
    for name, weights in weights_of(device.view, chain).items():
        hot = _hot(device, node, name, weights)
        if hot is None:
            source = device.value(name)
            has_nan |= source.has_nan
            hot = device.op(node, "MatMul", source.name, device.number(weights))
        sums.append(hot)
    total = sums[0]
    for one in sums[1:]:
        total = device.op(node, "Add", total, one)
    return Value(total, has_nan)


def _hot(
    device: Device, node: onnx.NodeProto, name: str, weights: NDArray[np.float64]
) -> str | None:
    """Add the weights of the columns that are set, where codes say which those are."""
    codes = _codes_of(device, name, len(weights))
    if codes is None:
        return None
    low, high = np.array(-1, np.int32), np.array(len(weights), np.int32)
    code = device.op(node, "Clip", device.value(codes).name, low, high)
    place = device.op(node, "Add", code, np.array(1, np.int32))
    nothing = np.zeros((1, weights.shape[1]))
    table = device.number(np.concatenate([nothing, weights, nothing]))
    said = device.op(node, "Gather", table, place)
    return device.op(node, "ReduceSum", said, np.array([1]), keepdims=0)


def _codes_of(device: Device, name: str, width: int) -> str | None:
    """Match columns set by ``codes == 0, 1, …``, each of one code; give the codes, (n, k)."""
    nodes, constants = device.view.nodes, device.view.constants
    cast = nodes.get(name)
    equal = nodes.get(cast.input[0]) if cast is not None and cast.op_type == "Cast" else None
    if equal is None or equal.op_type != "Equal":
        return None
    spread = nodes.get(equal.input[0])
    marks = constants.get(equal.input[1])
    if spread is None or spread.op_type != "Gather" or spread.input[1] not in constants:
        return None
    is_code = device.view.kinds[spread.input[0]] in WHOLE
    if not is_code or marks is None or not np.array_equal(np.ravel(marks), np.arange(width)):
        return None
    return spread.input[0]
