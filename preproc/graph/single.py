"""Steps in float32: the same operations with half the digits, where the caller declares it.

Numbers become float32 on their way into a declared step and float64 on their way out. What decides
stays float64: comparisons, and the splits of trees, which are no arithmetic.
"""

from collections.abc import Collection
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from preproc.graph.view import View, step_of

OPERATIONS: Final = frozenset(
    [
        *("Abs", "Add", "Concat", "Div", "Exp", "Expand", "Gather", "Log", "MatMul", "Max", "Min"),
        *("Mul", "Neg", "Pow", "Reciprocal", "ReduceMax", "ReduceMin", "ReduceSum", "Reshape"),
        *("Slice", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where"),
    ]
)
"""What is narrowed. Sums in an order of their own stay float64."""
_FOLDED: Final = ("fast/product/", "fast/joined/")


def single(model: onnx.ModelProto, paths: Collection[str]) -> onnx.ModelProto:
    """Let the steps at some paths, and all inside them, compute in float32.

    Parameters
    ----------
    model
        Graph in float64, as it is or folded.
    paths
        Of steps, such as ``prep/scale``; all others stay as they are.

    Returns
    -------
    onnx.ModelProto
        Same inputs and outputs, of the same dtypes.
    """
    view = View.of(model)
    chosen = {
        name: node
        for name, node in view.nodes.items()
        if node.op_type in OPERATIONS
        and view.kinds.get(name) == TensorProto.DOUBLE
        and is_inside(step_of(node), paths)
    }
    for name, node in chosen.items():
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend(_narrowed(view, item) for item in node.input)
        copy.output[-1] = _single(name)
        view.nodes[_single(name)] = copy
        view.nodes[name] = _cast(_single(name), name, TensorProto.DOUBLE)
    return view.model()


def is_inside(step: str, paths: Collection[str]) -> bool:
    """Tell whether a step, or what was folded out of it, stands at a path or inside it."""
    for prefix in _FOLDED:
        step = step.removeprefix(prefix)
    return any(f"{step}/".startswith(f"{path}/") for path in paths)


def _narrowed(view: View, value: str) -> str:
    """Give a value in float32; what is no float64 stays as it is."""
    if view.kinds.get(value) != TensorProto.DOUBLE:
        return value
    name = _single(value)
    if value in view.constants:
        with np.errstate(over="ignore"):
            view.constants[name] = view.constants[value].astype(np.float32)
    elif name not in view.nodes:
        view.nodes[name] = _cast(value, name, TensorProto.FLOAT)
    return name


def _single(value: str) -> str:
    return f"{value}/single"


def _cast(value: str, name: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [value], [name], name=f"{name}/cast", to=kind)
