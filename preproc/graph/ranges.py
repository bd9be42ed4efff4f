"""How large numbers may be that a float32 device is given, so that nothing on the way overflows.

Each value of the device half is followed as one interval. A quotient whose divisor may be zero is
the exact graph's to guard; it counts as no larger than what is divided.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

from preproc.errors import BackendError

Interval = tuple[float, float]

CANDIDATES: Final = (2.0**120, 2.0**96, 2.0**63, 2.0**40, 2.0**20)
_ROOM: Final = 2.0**126
_TRUTH: Final = (0.0, 1.0)
_WHOLE: Final = (-(2.0**31), 2.0**31)


def largest_input(device: onnx.ModelProto) -> float:
    """Choose the largest of `CANDIDATES` that no float32 value of a device half overflows from.

    Parameters
    ----------
    device
        Model of a device half.

    Raises
    ------
    BackendError
        When even numbers up to the smallest candidate may overflow.
    """
    for limit in CANDIDATES:
        if all(max(-low, high) <= _ROOM for low, high in _intervals(device, limit).values()):
            return limit
    raise BackendError(
        f"device half: expected sums and products that float32 holds, got some that may overflow "
        f"from numbers of magnitude {CANDIDATES[-1]:g}; serve this model with backend "
        "'onnxruntime-cpu'"
    )


def _intervals(device: onnx.ModelProto, limit: float) -> Mapping[str, Interval]:
    graph = shape_inference.infer_shapes(device).graph
    widths = {
        item.name: [dim.dim_value for dim in item.type.tensor_type.shape.dim]
        for item in (*graph.input, *graph.value_info, *graph.output)
    }
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    known: dict[str, Interval] = {name: _hull(array) for name, array in arrays.items()}
    for item in graph.input:
        is_float = item.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        known[item.name] = (-limit, limit) if is_float else _WHOLE
    largest = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "ReduceMax"}
    for node in graph.node:
        taken = [known[name] for name in node.input]
        count = 1
        if node.op_type == "MatMul":
            count = widths[node.input[0]][-1]
        elif node.op_type == "ReduceSum":
            count = widths[node.input[0]][int(arrays[node.input[1]].ravel()[0])]
        low, high = _found(node, taken, count)
        if node.op_type == "Sub" and largest.get(node.input[1]) == node.input[0]:
            high = 0.0
        known[node.output[0]] = low, high
    return known


def _hull(array: Any) -> Interval:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _found(node: onnx.NodeProto, taken: Sequence[Interval], count: int) -> Interval:
    name = node.op_type
    if name == "Clip":
        (low, high), (least, _), (_, most) = taken
        return min(max(low, least), most), min(max(high, least), most)
    if name in ("Concat", "Where"):
        parts = taken[1:] if name == "Where" else taken
        return min(part[0] for part in parts), max(part[1] for part in parts)
    if name in ("MatMul", "ReduceSum"):
        low, high = _product(*taken) if name == "MatMul" else taken[0]
        return count * low, count * high
    if name in _SAME:
        return taken[0]
    if name in _TRUTHS:
        return _TRUTH
    return _STEPS[name](*taken)


def _product(a: Interval, b: Interval) -> Interval:
    corners = [left * right for left in a for right in b]
    return min(corners), max(corners)


def _quotient(a: Interval, b: Interval) -> Interval:
    if b[0] <= 0 <= b[1]:
        size = max(1.0, -a[0], a[1])
        return -size, size
    return _product(a, (1 / b[1], 1 / b[0]))


def _size(a: Interval) -> Interval:
    return (0.0, max(-a[0], a[1])) if a[0] <= 0 <= a[1] else (min(map(abs, a)), max(map(abs, a)))


_SAME: Final = frozenset(
    [
        *("Cast", "Floor", "Gather", "GatherElements", "ReduceMax", "ReduceMin"),
        *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
    ]
)
_TRUTHS: Final = frozenset(
    ["And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not"]
)
_STEPS: Final[Mapping[str, Callable[..., Interval]]] = {
    "Abs": _size,
    "Add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "Div": _quotient,
    "Erf": lambda _: (-1.0, 1.0),
    "Exp": lambda a: (float(np.exp(a[0])), float(np.exp(min(a[1], 200.0)))),
    "Log": lambda _: (-128.0, 128.0),
    "Max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "Min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "Mul": _product,
    "Neg": lambda a: (-a[1], -a[0]),
    "Reciprocal": lambda a: _quotient((1.0, 1.0), a),
    "Sqrt": lambda a: (max(a[0], 0.0) ** 0.5, max(a[1], 0.0) ** 0.5),
    "Sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "Tanh": lambda _: (-1.0, 1.0),
}
