"""Chains of linear steps as one product: what a chain makes of unit rows are its weights.

Exact graphs add in the order of scipy, numpy or BLAS, in slices, lanes and running sums. All of
that is linear, so a form without that promise may replace it by one ``MatMul``. The weights come
out exactly: a unit row leaves one weight, times one, plus zeros.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
_AT_ONCE: Final = 256
"""Unit rows that are asked at once: of thousands of columns all would fill the memory."""


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


@dataclass(frozen=True, slots=True)
class Chain:
    """Nodes of a step whose last value is linear in others.

    Attributes
    ----------
    root
        The last value, of shape (n, columns).
    nodes
        Value → the node that makes it, in order; the root's comes last.
    ends
        Value (n, width), float64, that the chain begins with → width.
    """

    root: str
    nodes: Mapping[str, onnx.NodeProto]
    ends: Mapping[str, int]


def chain_of(view: View, root: str, summing: Mapping[str, frozenset[str]]) -> Chain | None:
    """Follow a value back as far as its step is linear.

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
    Chain or None
        None where no sum is made on the way within the step, or a shape is not known.
    """
    step = step_of(view.nodes[root])
    if step not in summing.get(root, ()):
        return None
    nodes: dict[str, onnx.NodeProto] = {}
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
            nodes[name] = node
            waiting += [item for item in node.input if item not in view.constants]
    is_known = all(ends.values()) and view.widths.get(root, 0)
    is_float = all(view.kinds[name] == onnx.TensorProto.DOUBLE for name in ends)
    return Chain(root, _ordered(root, nodes), ends) if is_known and is_float else None


def weights_of(view: View, chain: Chain) -> Mapping[str, NDArray[np.float64]]:
    """Ask a chain what it makes of the unit rows of each of its beginnings.

    Returns
    -------
    Mapping
        Value (n, width) → its weights, float64 (width, columns).
    """
    constants = {n for node in chain.nodes.values() for n in node.input if n in view.constants}
    kind, root = onnx.TensorProto.DOUBLE, chain.root
    graph = helper.make_graph(
        list(chain.nodes.values()),
        "chain",
        [
            helper.make_tensor_value_info(name, kind, [None, width])
            for name, width in chain.ends.items()
        ],
        [helper.make_tensor_value_info(root, kind, None)],
        [numpy_helper.from_array(view.constants[name], name) for name in sorted(constants)],
    )
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # 12 MB that a server never needs

    run = ReferenceEvaluator(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    )
    weights = {}
    for end, width in chain.ends.items():
        found: list[NDArray[np.float64]] = []
        for start in range(0, width, _AT_ONCE):
            units = np.eye(min(_AT_ONCE, width - start), width, start)
            rows = {name: np.zeros((len(units), other)) for name, other in chain.ends.items()}
            (made,) = run.run(None, {**rows, end: units})
            found.append(np.asarray(made, np.float64))
        weights[end] = np.concatenate(found)
    return weights


def _is_linear(view: View, node: onnx.NodeProto) -> bool:
    moving = [name not in view.constants for name in node.input]
    if node.domain or not moving[0]:
        return False
    if node.op_type in _JOINS:
        return all(moving)
    return node.op_type in _SUMS | _MOVES | _SCALES and not any(moving[1:])


def _ordered(root: str, nodes: Mapping[str, onnx.NodeProto]) -> dict[str, onnx.NodeProto]:
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
    return done
