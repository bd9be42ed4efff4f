"""The device half under construction, value by value.

Where a value is a number of its own (an input, a look-up) it crosses from the host; where it is a
test of such numbers the host answers it, in float64, so that no split moves. Everything else is
computed here, in the device's dtype, by the rule of its operation. What no rule covers is refused
by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.errors import BackendError
from preproc.graph.builder import MARK, GraphBuilder, element_type
from preproc.graph.crossings import WHOLE, Crossings
from preproc.graph.products import summing_steps
from preproc.graph.view import View, attributes_of, step_of

BOOL, INT32, FLOAT = (
    int(kind) for kind in (onnx.TensorProto.BOOL, onnx.TensorProto.INT32, onnx.TensorProto.FLOAT)
)
COMPARISONS: Final = frozenset(["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
_LARGEST: Final = np.iinfo(np.int32).max
_ARITHMETIC: Final = frozenset(["Add", "Div", "Mod", "Mul", "Pow", "Sub"])
_FLOATS: Final = frozenset([onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE])
_PREPARED: Final = frozenset(
    [
        *("Add", "Cast", "Concat", "Div", "Gather", "Reshape", "Slice", "Squeeze", "Sub"),
        *("Transpose", "Unsqueeze", "Where"),
    ]
)
"""What prepares single numbers on the device: fill, shift, scale, choose, join. Other functions of
single numbers are the host's, in float64: many of them cancel."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the device half.

    Attributes
    ----------
    name
        Its name.
    has_nan
        Whether NaN can stand in it.
    always
        What stands in all of its cells, where that is known; then it has no name.
    """

    name: str
    has_nan: bool = False
    always: float | None = None


@dataclass(frozen=True, slots=True)
class Leaves:
    """How to read which leaves were reached.

    Attributes
    ----------
    ensemble
        Name of the public graph's sum over trees.
    nodes
        Name of the device half's value, int32 (n, trees).
    numbers
        Node → number of the leaf in the operator's own order, (nodes,).
    """

    ensemble: str
    nodes: str
    numbers: NDArray[np.int64]


@dataclass(slots=True)
class Device:
    """The device half under construction.

    Attributes
    ----------
    view
        The public graph.
    dtype
        In which it computes.
    rules
        Domain and operation, or a function's name, → what makes the value of such a node.
    crossings
        What the host sends.
    graph
        Its nodes.
    values
        Value of the public graph → value here.
    leaves
        The trees in it.
    rounded
        Inputs and constants that the dtype had to round.
    parts
        Value that is only the high part of a number → nodes that know the low part too.
    summing
        Value → steps in which it is a sum of products with constants.
    """

    view: View
    dtype: str
    rules: Mapping[tuple[str, str] | str, "Rule"]
    crossings: Crossings
    graph: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[str, Value] = field(default_factory=dict)
    leaves: list[Leaves] = field(default_factory=list)
    rounded: set[str] = field(default_factory=set)
    parts: dict[str, set[str]] = field(default_factory=dict)
    summing: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.summing = summing_steps(self.view)

    def value(self, name: str) -> Value:
        """Give the value that stands for one of the public graph.

        Raises
        ------
        BackendError
            When a node on the way cannot be lowered.
        """
        if name not in self.values:
            self.values[name] = self._made(name)
        return self.values[name]

    def low(self, name: str) -> str:
        """Name of what float32 rounded off a value; empty where the device half knows nothing."""
        node = self.view.nodes.get(name)
        is_double = self.view.kinds.get(name) == onnx.TensorProto.DOUBLE
        if self.dtype != "float32" or not is_double:
            return ""
        if self.value(name).name in self.crossings.values:
            low = self.crossings.low(name)
        elif node is not None and node.op_type == "Concat":
            low = self._joined_low(node)
        elif node is not None and node.op_type == "Where":
            low = self._chosen_low(node)
        else:
            low = ""
        if low:
            self.parts.setdefault(self.value(name).name, set())
        return low

    def number(self, array: NDArray[Any]) -> str:
        """Hold float64 numbers in the device's dtype."""
        held = array.astype(self.dtype)
        name = self.graph.constant(held)
        if not np.array_equal(held.astype(np.float64), array, equal_nan=True):
            self.rounded.add(name)
        return name

    def kind(self, name: str) -> int:
        """Element type of a public value in the device half."""
        kind = self.view.kinds[name]
        if kind == onnx.TensorProto.DOUBLE:
            return element_type(self.dtype)
        return INT32 if kind in WHOLE else kind

    def op(self, node: onnx.NodeProto, op_type: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node in the step of a public one."""
        return self.graph.op(op_type, *inputs, scope=f"device/{step_of(node)}", **attributes)

    def _made(self, name: str) -> Value:
        node = self.view.nodes.get(name)
        if node is None:
            return self._constant(name) if name in self.view.constants else self._sent(name)
        kind, is_light = self.view.kinds[name], self.crossings.is_light(name)
        is_test = node.op_type in COMPARISONS and not self._is_code_test(node)
        is_own = kind in _FLOATS and node.domain == "" and node.op_type not in _PREPARED
        function = node.doc_string.partition(MARK)[0]
        if is_light and (kind in WHOLE or is_test or function or is_own or self._is_plain(name)):
            return self._sent(name)
        if not is_light and kind in WHOLE:
            self._check_fits(node)
        rule = self.rules.get(function or (node.domain, node.op_type))
        made = rule(self, node) if rule else None
        if made is None and (not is_light or kind == onnx.TensorProto.STRING):
            raise refused(node, f"no {self.dtype} device is sure to have {function or 'it'}")
        return made or self._sent(name)

    def _is_code_test(self, node: onnx.NodeProto) -> bool:
        """Whether int32 decides a comparison: of whole numbers with constants within its ends."""
        fixed = [self.view.constants[name] for name in node.input if name in self.view.constants]
        is_within = any(np.abs(one).max(initial=0) < _LARGEST for one in fixed)
        return self._is_whole(node.input[0]) and is_within

    def _check_fits(self, node: onnx.NodeProto) -> None:
        """Refuse whole arithmetic with numbers that the host would have to cut to int32."""
        if node.op_type not in _ARITHMETIC:
            return
        for name in filter(self.crossings.is_light, node.input):
            fixed = self.view.constants.get(name)
            if fixed is None or np.abs(fixed).max(initial=0) >= _LARGEST:
                raise refused(node, "a device computes with whole numbers of 32 bits")

    def _is_whole(self, name: str) -> bool:
        """Whether a value holds whole numbers: codes, or bins among the floats."""
        node = self.view.nodes.get(name)
        if node is not None and node.op_type == "Gather":
            return self._is_whole(node.input[0])
        is_bin = node is not None and node.op_type == "TreeEnsemble"
        return self.view.kinds[name] in WHOLE or is_bin

    def _is_plain(self, name: str) -> bool:
        """Whether a value is inputs as they are: side by side, chosen, or whole numbers cast."""
        node = self.view.nodes.get(name)
        if node is None:
            return name not in self.view.constants
        if node.op_type == "Cast":
            is_whole = self.view.kinds[node.input[0]] in WHOLE
            return is_whole and self.crossings.is_light(name)
        moved = node.input if node.op_type == "Concat" else node.input[:1]
        return node.op_type in ("Concat", "Gather") and all(map(self._is_plain, moved))

    def _sent(self, name: str) -> Value:
        """Let the host send a value: a code, a truth or a number."""
        node, kind = self.view.nodes.get(name), self.view.kinds[name]
        if kind in WHOLE:
            return Value(self.crossings.whole(name))
        if kind == BOOL:
            sent = self.crossings.whole(name)
            return Value(self.graph.op("Cast", sent, scope="device", to=BOOL))
        is_whole = node is not None and node.op_type == "Cast"
        sent = self.crossings.high(name, self.kind(name))
        if self.kind(name) != kind:
            self.rounded.add(sent)
        return Value(sent, has_nan=not is_whole)

    def _joined_low(self, node: onnx.NodeProto) -> str:
        """Put zeros beside, where a part has nothing left to say."""
        parts = [self.low(item) for item in node.input]
        if not any(parts):
            return ""
        whole = [self.value(item).name for item in node.input]
        filled = [
            part or self.op(node, "Sub", one, one) for part, one in zip(parts, whole, strict=True)
        ]
        self._know(node, parts)
        return self.op(node, "Concat", *filled, **attributes_of(node))

    def _chosen_low(self, node: onnx.NodeProto) -> str:
        if node.input[1] not in self.view.constants:
            return ""
        rest, mask = self.low(node.input[2]), self.value(node.input[0]).name
        if not rest or not mask:
            return rest
        self._know(node, ["", "", rest])
        fill = self.number(rounded_off(self.view.constants[node.input[1]]))
        return self.op(node, "Where", mask, fill, rest)

    def _know(self, node: onnx.NodeProto, lows: Sequence[str]) -> None:
        """Note that a node's own low part takes the low parts of its inputs."""
        for name, low in zip(node.input, lows, strict=True):
            if low:
                self.parts[self.value(name).name].add(self.value(node.output[0]).name)

    def _constant(self, name: str) -> Value:
        given = self.view.constants[name]
        if given.dtype == np.int64:
            held = np.clip(given, -_LARGEST, _LARGEST).astype(np.int32)
            return Value(self.graph.constant(held))
        if given.dtype != np.float64:
            return Value(self.graph.constant(given))
        if self.dtype == "float32" and not _is_held(given):
            user = next(one for one in self.view.nodes.values() if name in one.input)
            raise refused(user, f"float32 does not hold {given.ravel()[:3].tolist()}")
        return Value(self.number(given), has_nan=bool(np.isnan(given).any()))


Rule = Callable[[Device, onnx.NodeProto], Value | None]
"""Makes the value of a node, or None where it is not one that the rule is for."""


def refused(node: onnx.NodeProto, why: str) -> BackendError:
    """Name the node that cannot be lowered."""
    return BackendError(
        f"step {step_of(node) or '.'}: expected operations that a device half has, got "
        f"{node.op_type}: {why}; serve this model with backend 'onnxruntime-cpu'"
    )


def rounded_off(array: NDArray[Any]) -> NDArray[np.float64]:
    """Give what float32 rounds off each number."""
    rest: NDArray[np.float64] = array - array.astype(np.float32).astype(np.float64)
    return np.nan_to_num(rest)


def _is_held(given: NDArray[Any]) -> bool:
    """Whether float32 holds numbers as normal ones, infinities and NaN apart."""
    size = np.abs(given[np.isfinite(given) & (given != 0)])
    limits = np.finfo(np.float32)
    return bool(((size >= limits.smallest_normal) & (size <= limits.max)).all())
