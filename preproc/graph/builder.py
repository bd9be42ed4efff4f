"""Builds one ONNX graph: nodes named by step path, constants shared, refusals gathered.

Refusals. A rule is a boolean value of shape (n, k), true where a row breaks it, one number a
column. `GraphBuilder.finish` joins all of them into ``row_error`` (the smallest number broken,
0 for none) and replaces the outputs of refused rows by their poison, so that a server that knows
nothing of refusals still never shows a plausible answer.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper

from preproc.graph.pruning import pruned
from preproc.signature import ROW_ERROR, TEXT, Column, Origin, Output, Rule

OPSET: Final = 21
ML_OPSET: Final = 5
IR_VERSION: Final = 10
ML: Final = "ai.onnx.ml"

MARK: Final = " of "
"""Between the name of a function and its argument, in the description of the node that ends it."""

REFUSALS: Final = "refuse"
"""Path of the nodes that join the rules and put the poison in."""

_NEUTRAL: Final[Mapping[str, float]] = {"Add": 0.0, "Div": 1.0, "Mul": 1.0, "Sub": 0.0}
_SMALL_INTEGERS: Final = frozenset(["int8", "int16", "uint16", "uint32"])
_NO_ERROR: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Doubt:
    """Where the oracle's own answer is a matter of chance.

    Attributes
    ----------
    rows
        Name of a boolean value of shape (n, k), true on such rows; no output depends on it.
    step
        Path of the step.
    text
        Why, in words.
    """

    rows: str
    step: str
    text: str


class GraphBuilder:
    """A graph under construction; every method adds to it and returns names of values."""

    def __init__(self) -> None:
        self._inputs: list[onnx.ValueInfoProto] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._counts: dict[str, int] = {}
        self._made: dict[Hashable, str] = {}
        self._broken: list[tuple[str, Origin]] = []
        self._rules: list[Rule] = []
        self._doubts: list[Doubt] = []
        self._described: list[onnx.ValueInfoProto] = []

    @property
    def doubts(self) -> tuple["Doubt", ...]:
        """Doubts so far."""
        return tuple(self._doubts)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Rules so far, in pipeline order, numbered from 1."""
        return tuple(self._rules)

    @property
    def oracle_rules(self) -> tuple[str, ...]:
        """Values, boolean (n, k), that tell which rows the oracle refuses."""
        return tuple(value for value, origin in self._broken if origin == "oracle")

    def input(self, column: Column) -> str:
        """Declare a graph input of shape (n, width) and return its name."""
        info = helper.make_tensor_value_info(
            column.name, element_type(column.dtype), ["N", column.width]
        )
        self._inputs.append(info)
        return column.name

    def constant(self, value: ArrayLike) -> str:
        """Hold an array of any shape; equal arrays are held once.

        Text arrays (object or str) become ONNX strings; the array's dtype is kept as it is.
        """
        array = np.asarray(value)
        if array.dtype.kind in "OU":
            array = array.astype(object)
            key = (TEXT, array.shape, repr(array.tolist()).encode())
        else:
            key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"/constant_{len(self._initializers)}"
            self._initializers.append(_tensor(array, name))
            self._constants[key] = name
        return self._constants[key]

    def op(
        self,
        op_type: str,
        *inputs: str | ArrayLike,
        scope: str = "",
        domain: str = "",
        place: int = 0,
        outputs: int = 1,
        **attributes: Any,
    ) -> str:
        """Add a node with one output; the same operation on the same values is done once.

        Parameters
        ----------
        op_type
            Operator of `domain`.
        inputs
            Names of values; anything else becomes a constant.
        scope
            Path of the pipeline step, the prefix of the names.
        domain
            Empty for ``ai.onnx``.
        place
            Which of several outputs is wanted; the others get names that nobody uses.
        outputs
            How many the operator has at least.
        attributes
            Attributes of the operator; arrays become tensors.

        Returns
        -------
        str
            Name of the output.
        """
        names = self._names(op_type, inputs, scope)
        is_plain = all(isinstance(item, int | float | str) for item in attributes.values())
        same = (op_type, domain, place, *names, *sorted(attributes.items())) if is_plain else None
        if same in self._made:
            return self._made[same]
        stem = f"/{scope}/{op_type}" if scope else f"/{op_type}"
        count = self._counts[stem] = self._counts.get(stem, -1) + 1
        name = f"{stem}_{count}"
        ready: dict[str, Any] = {
            key: _tensor(item, key) if isinstance(item, np.ndarray) else item
            for key, item in attributes.items()
        }
        given = [name if at == place else f"{name}_{at}" for at in range(max(place + 1, outputs))]
        self._nodes.append(
            helper.make_node(op_type, names, given, name=name, domain=domain, **ready)
        )
        if same:
            self._made[same] = name
        return name

    def _names(self, op_type: str, inputs: Sequence[str | ArrayLike], scope: str) -> list[str]:
        """Name the inputs; a constant that the runtime would take for a neutral one is computed.

        ONNX Runtime leaves out a factor of 1 and a summand of 0, and narrows a float64 to float32
        to tell: what is 1 + 1e-9 or 1e-46 would be left out as well.
        """
        neutral = _NEUTRAL.get(op_type)
        values = [item for item in inputs if isinstance(item, str)]
        names = []
        for item in inputs:
            if isinstance(item, str):
                names.append(item)
            elif neutral is not None and values and _is_nearly(np.asarray(item), neutral):
                size = self.op("Shape", values[0], scope=scope, start=0, end=1)
                nothing = self.op("Cast", size, scope=scope, to=element_type("float64"))
                nothing = self.op("Mul", nothing, np.array(0.0), scope=scope)
                cell = self.constant(np.asarray(item).reshape(1))
                is_there = self.op("Equal", nothing, np.array(0.0), scope=scope)
                names.append(self.op("Where", is_there, cell, np.array([np.nan]), scope=scope))
            else:
                names.append(self.constant(item))
        return names

    def mark(self, value: str, function: str, argument: str) -> str:
        """Say what a value is a function of, for rewrites that know a shorter way; give it back."""
        for node in reversed(self._nodes):
            if value in node.output:
                node.doc_string = f"{function}{MARK}{argument}"
                break
        return value

    def refuse(
        self,
        broken: str,
        columns: Sequence[str],
        *,
        step: str,
        text: str,
        origin: Origin = "oracle",
    ) -> None:
        """Refuse the rows where `broken`, boolean (n, k), is true; a rule for each of k columns.

        What is refused already is not refused again.
        """
        if broken in [value for value, _ in self._broken]:
            return
        self._broken.append((broken, origin))
        for column in columns:
            self._rules.append(Rule(len(self._rules) + 1, step, column, text, origin))

    def describe(self, value: str, dtype: str, shape: Sequence[int | str]) -> None:
        """Tell dtype and shape of a value that no inference of ONNX knows."""
        if value not in {info.name for info in self._described}:
            info = helper.make_tensor_value_info(value, element_type(dtype), list(shape))
            self._described.append(info)

    def so_far(self, values: Sequence[tuple[str, str, int]]) -> onnx.ModelProto:
        """Make a model of what there is that gives inner values: name, dtype, width of each."""
        infos = [
            helper.make_tensor_value_info(value, element_type(dtype), ["N", width])
            for value, dtype, width in dict.fromkeys(values)
        ]
        graph = helper.make_graph(
            self._nodes,
            "so_far",
            self._inputs,
            infos,
            self._initializers,
            value_info=self._described,
        )
        return pruned(checked_model(graph))

    def parts(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Give nodes and constants so far, for a graph inside another one."""
        return list(self._nodes), list(self._initializers)

    def doubt(self, rows: str, *, step: str, text: str) -> None:
        """Mark rows, boolean (n, k), that the oracle answers by chance."""
        self._doubts.append(Doubt(rows, step, text))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Add nodes whose refusals and doubts do not count, for what no output depends on."""
        kept = [(held, len(held)) for held in (self._broken, self._rules, self._doubts)]
        yield
        for held, count in kept:
            del held[count:]

    def finish(self, outputs: Sequence[tuple[str, Output]]) -> onnx.ModelProto:
        """Close the graph: poison refused rows, name the outputs, check the model.

        Parameters
        ----------
        outputs
            Pairs of a value, (n,) or (n, width), and what it is to be called.

        Returns
        -------
        onnx.ModelProto
            Checked model; ``row_error`` is its last output.
        """
        row_error = self._row_error()
        infos = []
        for value, output in outputs:
            self._poison(value, output, row_error)
            tail = [] if output.width is None else [output.width]
            info = helper.make_tensor_value_info(
                output.name, element_type(output.dtype), ["N", *tail]
            )
            infos.append(info)
        self._nodes.append(
            helper.make_node("Identity", [row_error], [ROW_ERROR], name="/row_error")
        )
        infos.append(helper.make_tensor_value_info(ROW_ERROR, onnx.TensorProto.INT32, ["N"]))
        graph = helper.make_graph(
            self._nodes,
            "preproc",
            self._inputs,
            infos,
            self._initializers,
            value_info=self._described,
        )
        return checked_model(graph)

    def _poison(self, value: str, output: Output, row_error: str) -> None:
        """Put the poison in the place of refused rows and name the result."""
        scope = REFUSALS
        refused = self.op("Greater", row_error, np.array(0, np.int32), scope=scope)
        if output.width is not None:
            refused = self.op("Unsqueeze", refused, np.array([1]), scope=scope)
        # ONNX Runtime's Where knows few dtypes; small integers make the way as int64.
        is_small = output.dtype in _SMALL_INTEGERS
        dtype: Any = "int64" if is_small else object if output.dtype == TEXT else output.dtype
        poison = np.array(np.nan if output.poison is None else output.poison, dtype)
        if is_small:
            value = self.op("Cast", value, scope=scope, to=element_type("int64"))
            chosen = self.op("Where", refused, poison, value, scope=scope)
            kind = element_type(output.dtype)
            node = helper.make_node("Cast", [chosen], [output.name], to=kind)
        else:
            inputs = [refused, self.constant(poison), value]
            node = helper.make_node("Where", inputs, [output.name])
        node.name = f"/refuse/{output.name}"
        self._nodes.append(node)

    def _row_error(self) -> str:
        scope = REFUSALS
        if not self._broken:
            first = self._inputs[0].name
            rows = self.op("Shape", first, scope=scope, start=0, end=1)
            zero = np.zeros(1, np.int32)
            return self.op("ConstantOfShape", rows, scope=scope, value=zero)
        conditions = [value for value, _ in self._broken]
        broken = conditions[0]
        if len(conditions) > 1:
            broken = self.op("Concat", *conditions, scope=scope, axis=1)
        numbers = np.arange(1, len(self._rules) + 1, dtype=np.int32).reshape(1, -1)
        worst = np.array(_NO_ERROR, np.int32)
        marked = self.op("Where", broken, numbers, worst, scope=scope)
        first = self.op("ReduceMin", marked, np.array([1]), scope=scope, keepdims=0)
        unbroken = self.op("Equal", first, worst, scope=scope)
        return self.op("Where", unbroken, np.array(0, np.int32), first, scope=scope)


def _is_nearly(item: NDArray[Any], neutral: float) -> bool:
    """Whether a single float64 is not neutral but becomes so in float32."""
    if item.dtype != np.float64 or item.size != 1:
        return False
    cell = float(item.reshape(-1)[0])
    with np.errstate(all="ignore"):
        return cell != neutral and float(np.float32(cell)) == neutral


def checked_model(graph: onnx.GraphProto, *, is_checked: bool = True) -> onnx.ModelProto:
    """Wrap a graph into a model with our operator sets and, unless told not to, check it."""
    domains = {node.domain for node in graph.node} | {""}
    versions = {"": OPSET, ML: ML_OPSET}
    model = helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid(domain, versions.get(domain, 1)) for domain in sorted(domains)
        ],
        ir_version=IR_VERSION,
        producer_name="preproc",
    )
    if is_checked:
        onnx.checker.check_model(model, full_check=True)
    return model


def element_type(dtype: str) -> int:
    """ONNX element type of a dtype of the contract; times are int64 in their unit."""
    if dtype == TEXT:
        return int(onnx.TensorProto.STRING)
    if dtype.startswith(("datetime64", "timedelta64")):
        return int(onnx.TensorProto.INT64)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def dtypes_of(values: Sequence[onnx.ValueInfoProto]) -> Mapping[str, str]:
    """Name → dtype of the contract, for graph inputs or outputs."""
    return {
        value.name: TEXT
        if value.type.tensor_type.elem_type == onnx.TensorProto.STRING
        else str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name)
        for value in values
    }


def _tensor(array: NDArray[Any], name: str) -> onnx.TensorProto:
    if array.dtype.kind in "OU":
        return numpy_helper.from_array(array.astype(object), name)
    return numpy_helper.from_array(np.array(array, order="C"), name)
