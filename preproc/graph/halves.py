"""The public graph cut in three: host, device, tail.

The host half runs on the CPU: text, nulls, refusals, codes, and whatever must be decided in
float64. The device half is plain ``ai.onnx``, without text and int64, for an accelerator. The tail
gives outputs their names, dtypes, texts and poison back; it computes nothing.

The three are joined by names: each takes its inputs from what the caller gave and what the ones
before it made.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import onnx
from onnx import helper

from preproc.errors import BackendError
from preproc.graph.builder import REFUSALS, GraphBuilder, checked_model
from preproc.graph.crossings import Crossings
from preproc.graph.device import Device, Leaves
from preproc.graph.device_rules import RULES
from preproc.graph.pruning import pruned
from preproc.graph.ranges import largest_input
from preproc.graph.view import View, attributes_of, step_of
from preproc.signature import ROW_ERROR, Rule

DeviceDtype = Literal["float32", "float64"]

TOO_LARGE: Final = "expected numbers up to {:g} in magnitude, which float32 computes with"
_HOST_CONSTANTS: Final = "/host"
_KEPT: Final = frozenset([onnx.TensorProto.STRING, onnx.TensorProto.INT64])
_JOINS: Final = frozenset(["Concat", "Squeeze", "Unsqueeze"])


@dataclass(frozen=True, slots=True)
class Halves:
    """Three models that together compute what the public graph does.

    Attributes
    ----------
    host
        Takes inputs of the public graph; gives what crosses, and ``row_error``.
    device
        Takes what crosses; gives numbers in `dtype` and codes as int32.
    tail
        Takes what the device and the host gave; gives the public outputs but ``row_error``.
    dtype
        In which the device computes: ``float32`` or ``float64``.
    counterparts
        Value of the public graph → value of the device half, to follow a difference back.
    leaves
        How to read which leaves trees reached.
    rounded
        Inputs and constants of the device half that its dtype had to round.
    parts
        Value of the device half that is only the high part of a number → values computed from it
        that take the low part as well.
    rule
        What the host refuses beside the public rules: numbers too large for the device.
    """

    host: onnx.ModelProto
    device: onnx.ModelProto
    tail: onnx.ModelProto
    dtype: str
    counterparts: Mapping[str, str]
    leaves: tuple[Leaves, ...]
    rounded: frozenset[str]
    parts: Mapping[str, frozenset[str]]
    rule: Rule | None


def lower(public: onnx.ModelProto, *, dtype: DeviceDtype = "float32") -> Halves:
    """Cut the public graph into halves.

    Parameters
    ----------
    public
        Exact graph.
    dtype
        In which the device computes. Splits of trees, codes and tests of numbers are exact in
        both; sums, products and functions are those of the dtype.

    Returns
    -------
    Halves
        Models that take the inputs and give the outputs of the public graph.

    Raises
    ------
    BackendError
        When an operation has no form that devices are sure to have, or nothing is left for one.
    """
    view = View.of(public)
    crossings = Crossings(view)
    device = Device(view, dtype, RULES, crossings)
    tail = _Tail(view, device)
    with _deep(len(public.graph.node)):
        for output in public.graph.output:
            if output.name != ROW_ERROR:
                tail.give(output)
    if not device.graph.parts()[0]:
        raise BackendError(
            "device half: expected arithmetic, got look-ups alone; "
            "serve this model with backend 'onnxruntime-cpu'"
        )
    model = _model(device.graph, crossings.values, tail.from_device)
    row_error, rule = view.nodes[ROW_ERROR].input[0], None
    taken = {item.name for item in model.graph.input}
    numbers = [name for sent, name in crossings.numbers.items() if sent in taken]
    if numbers:
        limit = largest_input(model)
        rule = Rule(_rules(view) + 1, "device", "", TOO_LARGE.format(limit), "contract")
        row_error = crossings.refused_beyond(limit, numbers, rule.number, row_error)
    sent = [*model.graph.input, *tail.from_host.values()]
    return Halves(
        host=_host(view, crossings, sent, row_error),
        device=model,
        tail=tail.model(),
        dtype=dtype,
        counterparts={name: value.name for name, value in device.values.items() if value.name},
        leaves=tuple(device.leaves),
        rounded=frozenset(device.rounded),
        parts={name: frozenset(users) for name, users in device.parts.items()},
        rule=rule,
    )


@contextmanager
def _deep(nodes: int) -> Iterator[None]:
    """Let functions call each other as deeply as sums of many models are long."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 8 * nodes)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class _Tail:
    """The tail under construction: walks back from outputs to what the device can give."""

    def __init__(self, view: View, device: Device) -> None:
        self.view = view
        self.from_device: dict[str, onnx.ValueInfoProto] = {}
        self.from_host: dict[str, onnx.ValueInfoProto] = {
            ROW_ERROR: helper.make_tensor_value_info(ROW_ERROR, onnx.TensorProto.INT32, ["N"])
        }
        self._device = device
        self._graph = GraphBuilder()
        self._outputs: list[onnx.ValueInfoProto] = []
        self._named: list[onnx.NodeProto] = []

    def give(self, output: onnx.ValueInfoProto) -> None:
        """Make a public output: its value, the poison of refused rows, its dtype."""
        node, kind = self.view.nodes[output.name], output.type.tensor_type.elem_type
        choice = self.view.nodes[node.input[0]] if node.op_type == "Cast" else node
        poison = self.view.constants[choice.input[1]]
        refused = self._graph.op("Greater", ROW_ERROR, np.array(0, np.int32), scope="tail")
        if len(self.view.shapes[output.name]) > 1:
            refused = self._graph.op("Unsqueeze", refused, np.array([1]), scope="tail")
        value = self._value(choice.input[2])
        chosen = self._graph.op("Where", refused, poison, value, scope="tail")
        if choice is not node:
            chosen = self._graph.op("Cast", chosen, scope="tail", to=kind)
        self._named.append(helper.make_node("Identity", [chosen], [output.name], output.name))
        self._outputs.append(output)

    def model(self) -> onnx.ModelProto:
        """Close the tail."""
        nodes, constants = self._graph.parts()
        inputs = [*self.from_device.values(), *self.from_host.values()]
        graph = helper.make_graph([*nodes, *self._named], "tail", inputs, self._outputs, constants)
        return checked_model(graph)

    def _value(self, name: str) -> str:
        """Rebuild labels from their index; take anything else as it comes."""
        node, kind = self.view.nodes.get(name), self.view.kinds[name]
        crossings = self._device.crossings
        if kind in _KEPT and crossings.is_light(name):
            return self._passed(name, kind)
        is_table = node is not None and node.op_type == "Gather"
        if node is not None and kind in _KEPT and is_table and node.input[0] in self.view.constants:
            index = self._value(node.input[1])
            return self._graph.op("Gather", self.view.constants[node.input[0]], index, scope="tail")
        if node is not None and kind in _KEPT and node.op_type in _JOINS:
            parts = [
                self._graph.constant(self.view.constants[item])
                if item in self.view.constants
                else self._value(item)
                for item in node.input
            ]
            return self._graph.op(node.op_type, *parts, scope="tail", **attributes_of(node))
        given, got = self._device.value(name), self._device.kind(name)
        if given.name in crossings.values:  # the device would only hand it on
            return self._passed(name, kind)
        self.from_device[given.name] = _info(self.view, name, got, given.name)
        if got == kind:
            return given.name
        return self._graph.op("Cast", given.name, scope="tail", to=kind)

    def _passed(self, name: str, kind: int) -> str:
        """Take a value from the host, as exact as it is."""
        self.from_host[name] = _info(self.view, name, kind)
        return name


def _info(view: View, like: str, kind: int, name: str = "") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name or like, kind, list(view.shapes[like]))


def _model(
    builder: GraphBuilder,
    inputs: Mapping[str, onnx.ValueInfoProto],
    outputs: Mapping[str, onnx.ValueInfoProto],
) -> onnx.ModelProto:
    nodes, constants = builder.parts()
    graph = helper.make_graph(
        nodes, "device", list(inputs.values()), list(outputs.values()), constants
    )
    return _without_unused_inputs(pruned(checked_model(graph)))


def _without_unused_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    used = {name for node in model.graph.node for name in node.input}
    kept = [item for item in model.graph.input if item.name in used]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


def _rules(view: View) -> int:
    """Count the rules of the public graph: its own table of their numbers tells."""
    joining = [node for node in view.nodes.values() if step_of(node) == REFUSALS]
    arrays = [view.constants.get(name) for node in joining for name in node.input]
    tables = [one for one in arrays if one is not None and one.dtype == np.int32 and one.ndim]
    return max((table.size for table in tables), default=0)


def _host(
    view: View,
    crossings: Crossings,
    outputs: Sequence[onnx.ValueInfoProto],
    row_error: str,
) -> onnx.ModelProto:
    """Keep of the public graph what the crossings and ``row_error`` need, and add the former."""
    public = view.public.graph
    last = helper.make_node("Identity", [row_error], [ROW_ERROR], f"/{ROW_ERROR}")
    nodes, constants = crossings.graph.parts()
    names = {constant.name: f"{_HOST_CONSTANTS}{constant.name}" for constant in constants}
    for constant in constants:
        constant.name = names[constant.name]
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
    graph = helper.make_graph(
        [*(node for node in public.node if ROW_ERROR not in node.output), *nodes, last],
        "host",
        list(public.input),
        outputs,
        [*public.initializer, *constants],
        value_info=public.value_info,
    )
    return pruned(checked_model(graph))
