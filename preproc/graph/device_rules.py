"""What makes each operation of the device half, from operations that every device has.

Measured on WebGPU: it has no ``IsNaN``, ``Or``, ``Round`` or ``OneHot``, slices and gathers
elements of float32 alone, and joins no truths.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import onnx
from onnx import helper

from preproc.graph.builder import MARK, ML
from preproc.graph.device import BOOL, COMPARISONS, INT32, Device, Rule, Value, rounded_off
from preproc.graph.device_products import linear
from preproc.graph.device_trees import trees
from preproc.graph.exponential import FALLING
from preproc.graph.view import attributes_of

_AXES: Final = frozenset(["ReduceMax", "ReduceMin", "ReduceSum", "Reshape", "Squeeze", "Unsqueeze"])
"""Operations whose further inputs are shapes and axes, which stay int64."""
_LARGEST_POWER: Final = 87.0
"""Beyond it, either way, the exponential comes near the ends of float32's normal numbers."""


def _same(device: Device, node: onnx.NodeProto) -> Value:
    """Repeat an operation."""
    taken = [device.value(node.input[0])]
    if node.op_type in _AXES:
        shapes = [device.graph.constant(device.view.constants[name]) for name in node.input[1:]]
        taken += [Value(name) for name in shapes]
    else:
        taken += [device.value(name) for name in node.input[1:]]
    known = _folded(node, taken[0].always)
    if known is not None:
        return known
    names = [
        one.name if one.always is None else _spelled(device, item, one.always)
        for item, one in zip(node.input, taken, strict=True)
    ]
    made = device.op(node, node.op_type, *names, **attributes_of(node))
    is_test = device.kind(node.output[0]) == BOOL
    return Value(made, not is_test and any(one.has_nan for one in taken))


def _spelled(device: Device, name: str, always: float) -> str:
    return device.graph.constant(
        np.array(always, helper.tensor_dtype_to_np_dtype(device.kind(name)))
    )


def _folded(node: onnx.NodeProto, always: float | None) -> Value | None:
    """Follow "nowhere NaN" through what exact graphs make of the places of NaN."""
    if always is None:
        return None
    if node.op_type in ("ReduceMax", "Squeeze", "Unsqueeze"):
        return Value("", always=always)
    if node.op_type == "Not":
        return Value("", always=float(not always))
    return Value("", always=0.0) if node.op_type == "Greater" and not always else None


def _joined(device: Device, node: onnx.NodeProto) -> Value:
    """Join; truths as whole numbers."""
    if device.kind(node.output[0]) != BOOL:
        return _same(device, node)
    parts = [device.op(node, "Cast", device.value(name).name, to=INT32) for name in node.input]
    whole = device.op(node, "Concat", *parts, **attributes_of(node))
    return Value(device.op(node, "Cast", whole, to=BOOL))


def _cast(device: Device, node: onnx.NodeProto) -> Value:
    source = device.value(node.input[0])
    want, got = device.kind(node.output[0]), device.kind(node.input[0])
    if want == got or source.always is not None:
        return source
    return replace(source, name=device.op(node, "Cast", source.name, to=want))


def _is_nan(device: Device, node: onnx.NodeProto) -> Value:
    """Find NaN as what does not equal itself."""
    source = device.value(node.input[0])
    if not source.has_nan:
        return Value("", always=0.0)
    return Value(device.op(node, "Not", device.op(node, "Equal", source.name, source.name)))


def _where(device: Device, node: onnx.NodeProto) -> Value:
    mask = device.value(node.input[0])
    if mask.always is not None:
        return device.value(node.input[1 if mask.always else 2])
    chosen, other = (device.value(name) for name in node.input[1:])
    made = device.op(node, "Where", mask.name, chosen.name, other.name)
    test = device.view.nodes.get(node.input[0])
    fills = test is not None and test.op_type == "IsNaN" and test.input[0] == node.input[2]
    return Value(made, chosen.has_nan or (other.has_nan and not fills))


def _or(device: Device, node: onnx.NodeProto) -> Value:
    """Join truths by De Morgan's law."""
    taken = [device.value(name) for name in node.input]
    for one, other in (taken, taken[::-1]):
        if one.always is not None:
            return Value("", always=1.0) if one.always else other
    negated = [device.op(node, "Not", one.name) for one in taken]
    return Value(device.op(node, "Not", device.op(node, "And", *negated)))


def _shifted(device: Device, node: onnx.NodeProto) -> Value | None:
    """Add or subtract a constant from a number in two parts, which cancel without loss."""
    name, constant = node.input
    fixed = device.view.constants.get(constant)
    rest = device.low(name) if fixed is not None else ""
    if fixed is None or not rest:
        is_host = device.dtype == "float32" and device.crossings.is_light(node.output[0])
        return None if is_host else _same(device, node)
    whole = device.value(name)
    high = device.op(node, node.op_type, whole.name, device.value(constant).name)
    low = device.op(node, node.op_type, rest, device.number(rounded_off(fixed)))
    device.parts[whole.name].add(high)
    return Value(device.op(node, "Add", high, low), whole.has_nan)


def _gathered(device: Device, node: onnx.NodeProto) -> Value:
    """Choose columns, entries of a table, or the last of a running sum, which is the sum."""
    axis = attributes_of(node).get("axis", 0)
    total = _total(device, node, axis)
    if total is not None:
        return total
    source, at = (device.value(name) for name in node.input)
    return replace(source, name=device.op(node, "Gather", source.name, at.name, axis=axis))


def _total(device: Device, node: onnx.NodeProto, axis: int) -> Value | None:
    running = device.view.nodes.get(node.input[0])
    chosen = device.view.constants.get(node.input[1], np.zeros(0))
    if running is None or running.op_type != "CumSum" or chosen.size != 1:
        return None
    count = device.view.shapes[running.input[0]][axis]
    is_along = int(device.view.constants[running.input[1]]) == axis
    if not is_along or int(chosen.ravel()[0]) + 1 != count:
        return None
    source = device.value(running.input[0])
    made = device.op(node, "ReduceSum", source.name, np.array([axis]), keepdims=chosen.ndim)
    return replace(source, name=made)


def _sliced(device: Device, node: onnx.NodeProto) -> Value:
    """Choose columns in a row, by ``Gather``."""
    start, stop, axis = (int(device.view.constants[name].ravel()[0]) for name in node.input[1:4])
    source = device.value(node.input[0])
    columns = np.arange(start, stop, dtype=np.int32)
    return replace(source, name=device.op(node, "Gather", source.name, columns, axis=axis))


def _first_best(device: Device, node: onnx.NodeProto) -> Value:
    """Find the first column that equals the best; ``ArgMax`` and ``ArgMin`` give int64."""
    source = device.value(node.input[0])
    best = "ReduceMax" if node.op_type == "ArgMax" else "ReduceMin"
    width = device.view.widths[node.input[0]]
    along = np.array([1])
    top = device.op(node, best, source.name, along, keepdims=1)
    is_top = device.op(node, "Equal", source.name, top)
    places = np.arange(width, dtype=np.float32).reshape(1, -1)
    place = device.op(node, "Where", is_top, places, np.array(width - 1, np.float32))
    keepdims = attributes_of(node).get("keepdims", 1)
    first = device.op(node, "ReduceMin", place, along, keepdims=keepdims)
    return Value(device.op(node, "Cast", first, to=INT32))


def _exponential(device: Device, node: onnx.NodeProto) -> Value:
    function, _, argument = node.doc_string.partition(MARK)
    source = device.value(argument)
    name = source.name
    if function == FALLING:
        name = device.op(node, "Neg", name)
    if device.dtype == "float32":
        ends = (np.array(end, np.float32) for end in (-_LARGEST_POWER, _LARGEST_POWER))
        name = device.op(node, "Clip", name, *ends)
    return replace(source, name=device.op(node, "Exp", name))


def _function(op_type: str, dtypes: tuple[str, ...] = ("float32", "float64")) -> Rule:
    """Leave a function, which the public graph computes from exact steps, to one operator."""

    def rule(device: Device, node: onnx.NodeProto) -> Value | None:
        if device.dtype not in dtypes:
            return None
        source = device.value(node.doc_string.partition(MARK)[2])
        return replace(source, name=device.op(node, op_type, source.name))

    return rule


_ELEMENTWISE: Final = (
    *("Abs", "Add", "And", "Div", "Floor", "Max", "Min", "Mul", "Neg", "Not", "Reciprocal"),
    *("Sqrt", "Sub", *sorted(COMPARISONS)),
)
_SUMS: Final = ("Add", "Concat", "Div", "Gather", "MatMul", "Mul", "ReduceSum", "Slice", "Squeeze")
"""Where a sum of products may end."""

_PLAIN: Final[Mapping[str, Rule]] = {
    **dict.fromkeys((*_ELEMENTWISE, *sorted(_AXES), "MatMul", "Transpose"), _same),
    "Add": _shifted,
    "ArgMax": _first_best,
    "ArgMin": _first_best,
    "Cast": _cast,
    "Concat": _joined,
    "Gather": _gathered,
    "IsNaN": _is_nan,
    "Or": _or,
    "Slice": _sliced,
    "Sub": _shifted,
    "Where": _where,
}

RULES: Final[Mapping[tuple[str, str] | str, Rule]] = {
    **{("", name): linear(rule) if name in _SUMS else rule for name, rule in _PLAIN.items()},
    (ML, "TreeEnsemble"): trees,
    "cosine": _function("Cos", ("float64",)),
    "erf": _function("Erf", ("float32",)),
    "exponential": _exponential,
    FALLING: _exponential,
    "logarithm": _function("Log"),
    "sine": _function("Sin", ("float64",)),
    "tanh": _function("Tanh"),
}
"""Operation by domain and name, or function by the name that marks its end, → rule.

Sine and cosine of float32 devices may be off by 2^-11, so there are none."""
