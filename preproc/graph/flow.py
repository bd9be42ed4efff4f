"""How data flows between steps: a graph of inputs, steps and outputs, each node of one kind."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import onnx

from preproc.graph.builder import REFUSALS, dtypes_of
from preproc.signature import ROW_ERROR


@dataclass(frozen=True, slots=True)
class Part:
    """What one box of a picture stands for.

    Attributes
    ----------
    kind
        ``input``, ``step`` or ``output``.
    name
        Of a step, its path, empty where it is all of the pipeline.
    operators
        Of a step: operator → number of nodes.
    dtype
        Of an input or output.
    refuses
        Whether a rule of the step refuses rows.
    takes
        Numbers of the parts that it is computed from, ascending; all stand before it.
    """

    kind: Literal["input", "step", "output"]
    name: str
    operators: Mapping[str, int] = field(default_factory=dict)
    dtype: str = ""
    refuses: bool = False
    takes: tuple[int, ...] = ()


def flow_of(model: bytes) -> tuple[Part, ...]:
    """Contract a serialised model to its steps.

    Nodes that refuse rows are left out: a step that feeds them is marked, and ``row_error`` is no
    part. A step that both feeds another and takes from it, as a ColumnTransformer chooses columns
    and joins them, stands where it ends; what it gives before is looked through.

    Returns
    -------
    tuple
        Inputs, then steps in the order in which they end, then outputs.
    """
    graph = onnx.load_from_string(model).graph
    nodes: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        nodes.setdefault(_path(node), []).append(node)
    ends = {_path(node): at for at, node in enumerate(graph.node)}
    paths = sorted((path for path in nodes if path != REFUSALS), key=ends.__getitem__)
    inputs = [info.name for info in graph.input]
    numbers = {("input", name): at for at, name in enumerate(inputs)}
    numbers |= {("step", path): len(inputs) + at for at, path in enumerate(paths)}
    makers = {value: node for node in graph.node for value in node.output}
    dtypes = dtypes_of([*graph.input, *graph.output])
    ranks = {path: at for at, path in enumerate(paths)}
    ahead = _ahead(graph, ranks)
    refusing = _refusing(makers)
    parts = [Part("input", info.name, dtype=dtypes[info.name]) for info in graph.input]
    for path in paths:
        own = numbers["step", path]
        rest = [node for node in nodes[path] if node.name not in ahead]
        takes = {
            part
            for node in rest
            for item in node.input
            for part in _origins(item, own, makers, numbers)
        }
        counts = Counter(node.op_type for node in nodes[path])
        operators = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        parts.append(Part("step", path, operators, "", path in refusing, tuple(sorted(takes))))
    last = len(parts)
    for info in graph.output:
        if info.name != ROW_ERROR:
            takes = set(_origins(info.name, last, makers, numbers))
            parts.append(
                Part("output", info.name, dtype=dtypes[info.name], takes=tuple(sorted(takes)))
            )
    return tuple(parts)


def _origins(
    value: str,
    before: int,
    makers: Mapping[str, onnx.NodeProto],
    numbers: Mapping[tuple[str, str], int],
) -> Iterator[int]:
    """Find the parts in front of one that a value comes from."""
    waiting, seen = [value], {value}
    while waiting:
        value = waiting.pop()
        node = makers.get(value)
        number = numbers.get(("input", value) if node is None else ("step", _path(node)))
        if number is not None and number < before:
            yield number
        elif node is not None and number != before:
            fresh = [item for item in _values(node) if item not in seen]
            seen.update(fresh)
            waiting += fresh


def _ahead(graph: onnx.GraphProto, ranks: Mapping[str, int]) -> set[str]:
    """Find the nodes of each step that serve nothing but steps that stand before it."""
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for item in node.input:
            users.setdefault(item, []).append(node)
    found: set[str] = set()
    for node in reversed(graph.node):
        path, takers = _path(node), [user for item in node.output for user in users.get(item, ())]
        rank = ranks.get(path, 0)
        is_ahead = [
            user.name in found if _path(user) == path else ranks.get(_path(user), rank) < rank
            for user in takers
        ]
        if is_ahead and all(is_ahead):
            found.add(node.name)
    return found


def _refusing(makers: Mapping[str, onnx.NodeProto]) -> set[str]:
    """Find the steps whose conditions become ``row_error``."""
    waiting, found = [ROW_ERROR], set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and _path(node) == REFUSALS:
            waiting += node.input
        elif node is not None:
            found.add(_path(node))
    return found


def _path(node: onnx.NodeProto) -> str:
    if ROW_ERROR in node.output:
        return REFUSALS
    return node.name.strip("/").rpartition("/")[0]


def _values(node: onnx.NodeProto) -> list[str]:
    """List what a node's value is made of; where rows are poisoned, the value that is not."""
    return list(node.input)[-1:] if _path(node) == REFUSALS else list(node.input)
