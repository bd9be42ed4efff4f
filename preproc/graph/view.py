"""A graph that can be asked who makes what, for those who rewrite it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

from preproc.graph.builder import MARK, checked_model
from preproc.graph.pruning import pruned


@dataclass(frozen=True, slots=True)
class View:
    """A graph that can be asked who makes what.

    Attributes
    ----------
    public
        Where it comes from.
    nodes
        Value → the node that makes it, in order.
    constants
        Value → array.
    widths
        Value of shape (n, width) → width.
    kinds
        Value → ONNX element type.
    shapes
        Value → its dimensions, a word or None for one that is not known.
    uses
        Value → number of nodes and outputs that take it.
    """

    public: onnx.ModelProto
    nodes: dict[str, onnx.NodeProto]
    constants: dict[str, NDArray[np.generic]]
    widths: Mapping[str, int]
    kinds: Mapping[str, int]
    shapes: Mapping[str, tuple[int | str | None, ...]]
    uses: dict[str, int]

    @classmethod
    def of(cls, public: onnx.ModelProto) -> "View":
        """Look at a model."""
        graph = shape_inference.infer_shapes(public).graph
        values = (*graph.input, *graph.value_info, *graph.output)
        shapes: dict[str, tuple[int | str | None, ...]] = {
            item.name: tuple(
                dim.dim_value or dim.dim_param or None for dim in item.type.tensor_type.shape.dim
            )
            for item in values
        }
        widths = {
            name: shape[1] if isinstance(shape[1], int) else 0
            for name, shape in shapes.items()
            if len(shape) == 2  # noqa: PLR2004  # rows and columns
        }
        kinds = {item.name: item.type.tensor_type.elem_type for item in values}
        kinds |= {tensor.name: tensor.data_type for tensor in graph.initializer}
        uses: dict[str, int] = {}
        for node in public.graph.node:
            for name in node.input:
                uses[name] = uses.get(name, 0) + 1
        for output in public.graph.output:
            uses[output.name] = uses.get(output.name, 0) + 1
        nodes = {}
        for node in public.graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            nodes[node.output[-1]] = copy
        constants = {t.name: numpy_helper.to_array(t) for t in public.graph.initializer}
        return cls(public, nodes, constants, widths, kinds, shapes, uses)

    def constant(self, value: NDArray[np.generic]) -> str:
        """Hold one more array and give its name."""
        name = _free("/rewritten/constant", self.constants)
        self.constants[name] = value
        return name

    def add(self, op_type: str, *inputs: str | NDArray[np.generic], **attributes: Any) -> str:
        """Add a node; give the name of what it makes.

        Arrays among the inputs become constants. The domain is an attribute like any other.
        """
        names = [item if isinstance(item, str) else self.constant(item) for item in inputs]
        output = _free(f"/rewritten/{op_type}", self.nodes)
        self.nodes[output] = helper.make_node(op_type, names, [output], name=output, **attributes)
        return output

    def maker(self, value: str, op_type: str) -> onnx.NodeProto | None:
        """Give the node that makes a value, if it is of this operator."""
        node = self.nodes.get(value)
        return node if node is not None and node.op_type == op_type else None

    def rename(self, node: onnx.NodeProto, value: str) -> None:
        """Let a value take the place of what a node makes, wherever that is taken or marked."""
        (old,) = node.output[-1:]
        outputs = {output.name for output in self.public.graph.output}
        if old in outputs:
            self.replace(node, "Identity", [value])
            return
        for other in self.nodes.values():
            for at, name in enumerate(other.input):
                if name == old:
                    other.input[at] = value
            function, mark, argument = other.doc_string.partition(MARK)
            if argument == old:
                other.doc_string = f"{function}{mark}{value}"
        del self.nodes[old]

    def replace(self, node: onnx.NodeProto, op_type: str, inputs: Sequence[str]) -> None:
        """Let another operation make what a node makes."""
        (output,) = node.output[-1:]
        self.nodes[output] = helper.make_node(op_type, inputs, [output], name=node.name)

    def in_order(self) -> list[onnx.NodeProto]:
        """List the nodes that outputs need, every one behind those that it takes from."""
        return _sorted(self.nodes, self.public.graph)

    def model(self, *, is_checked: bool = True) -> onnx.ModelProto:
        """Close the graph again, without what nobody needs any more.

        Parameters
        ----------
        is_checked
            Whether to check it; what is rewritten once more is checked then.
        """
        known = {tensor.name for tensor in self.public.graph.initializer}
        added = [
            numpy_helper.from_array(array, name)
            for name, array in self.constants.items()
            if name not in known
        ]
        graph = helper.make_graph(
            _sorted(self.nodes, self.public.graph),
            self.public.graph.name,
            list(self.public.graph.input),
            list(self.public.graph.output),
            [*self.public.graph.initializer, *added],
            value_info=self.public.graph.value_info,
        )
        return pruned(checked_model(graph, is_checked=is_checked))


def _free(stem: str, taken: Mapping[str, object]) -> str:
    number = len(taken)
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Attributes of a node by name."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def step_of(node: onnx.NodeProto) -> str:
    """Path of the pipeline step that a node belongs to."""
    return node.name.rpartition("/")[0].strip("/")


def _sorted(nodes: Mapping[str, onnx.NodeProto], public: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Put every node behind those that it takes from."""
    done: dict[str, onnx.NodeProto] = {}
    waiting = [output.name for output in reversed(public.output)]
    while waiting:
        name = waiting[-1]
        node = nodes.get(name)
        ahead = [] if node is None else [i for i in node.input if i in nodes and i not in done]
        if name in done or node is None or not ahead:
            waiting.pop()
            if node is not None:
                done.setdefault(name, node)
        else:
            waiting += ahead
    return list(done.values())
