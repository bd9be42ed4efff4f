"""Chains of linear steps as one product: what a chain makes of unit rows are its weights.

Exact graphs add in the order of scipy, numpy or BLAS, in slices, lanes and running sums. All of
that is linear, so a form without that promise may replace it by one ``MatMul``. The weights come
out exactly: a unit row leaves one weight, times one, plus zeros.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from preproc.graph.builder import OPSET
from preproc.graph.view import View, step_of

_SUMS: Final = frozenset(["CumSum", "MatMul", "ReduceSum"])
_MOVES: Final = frozenset(["Gather", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"])
"""A step may share these with another one that chooses alike."""
_SCALES: Final = frozenset(["Div", "Mul"])
_JOINS: Final = frozenset(["Add", "Concat", "Neg", "Sub"])


def summing_steps(view: View) -> Mapping[str, frozenset[str]]:
    """Tell for each value in which steps a chain of linear nodes up to it makes a sum.

    Once for all values: to walk back from each would take the square of a long chain.
    """
    found: dict[str, frozenset[str]] = {}
    for name, node in view.nodes.items():  # in order: what a node takes comes first
        if not _is_linear(view, node):
            continue
        above = frozenset[str]().union(*(found.get(item, ()) for item in node.input))
        step = step_of(node)
        if node.op_type in _MOVES:
            found[name] = above
        elif node.op_type in _SUMS or step in above:
            found[name] = frozenset([step])
    return found


def product_of(
    view: View, root: str, summing: Mapping[str, frozenset[str]]
) -> Mapping[str, NDArray[np.float64]] | None:
    """Read a value as a sum of products of others with constants.

    Parameters
    ----------
    view
        The graph.
    root
        Name of a value of shape (n, columns).
    summing
        What `summing_steps` found.

    Returns
    -------
    Mapping or None
        Value (n, width) → its weights, float64 (width, columns); None where no sum is made on
        the way within the step, or a shape is not known.
    """
    step = step_of(view.nodes[root])
    if step not in summing.get(root, ()):
        return None
    nodes: list[onnx.NodeProto] = []
    ends: dict[str, int] = {}
    waiting, seen = [root], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = view.nodes.get(name)
        is_here = node is not None and (step_of(node) == step or node.op_type in _MOVES)
        if node is None or not is_here or not _is_linear(view, node):
            ends[name] = view.widths.get(name, 0)
        else:
            nodes.append(node)
            waiting += [item for item in node.input if item not in view.constants]
    is_known = all(ends.values()) and view.widths.get(root, 0)
    is_float = all(view.kinds[name] == onnx.TensorProto.DOUBLE for name in ends)
    if not is_known or not is_float:
        return None
    return _probed(view, root, nodes, ends)


def _is_linear(view: View, node: onnx.NodeProto) -> bool:
    moving = [name not in view.constants for name in node.input]
    if node.domain or not moving[0]:
        return False
    if node.op_type in _JOINS:
        return all(moving)
    return node.op_type in _SUMS | _MOVES | _SCALES and not any(moving[1:])


def _probed(
    view: View, root: str, nodes: list[onnx.NodeProto], ends: Mapping[str, int]
) -> dict[str, NDArray[np.float64]]:
    """Ask the chain what it makes of the unit rows of each of its beginnings."""
    constants = {name for node in nodes for name in node.input if name in view.constants}
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        _ordered(root, {node.output[0]: node for node in nodes}),
        "chain",
        [helper.make_tensor_value_info(name, kind, [None, width]) for name, width in ends.items()],
        [helper.make_tensor_value_info(root, kind, None)],
        [numpy_helper.from_array(view.constants[name], name) for name in sorted(constants)],
    )
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # 12 MB that a server never needs

    run = ReferenceEvaluator(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    )
    weights = {}
    for end, width in ends.items():
        rows = {name: np.zeros((width, other)) for name, other in ends.items()}
        rows[end] = np.eye(width)
        (found,) = run.run(None, rows)
        weights[end] = np.asarray(found, np.float64)
    return weights


def _ordered(root: str, nodes: Mapping[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Put every node of a chain behind those that it takes from."""
    done: dict[str, onnx.NodeProto] = {}
    waiting = [root]
    while waiting:
        name = waiting[-1]
        ahead = [item for item in nodes[name].input if item in nodes and item not in done]
        if ahead and name not in done:
            waiting += ahead
        else:
            done.setdefault(name, nodes[name])
            waiting.pop()
    return list(done.values())
