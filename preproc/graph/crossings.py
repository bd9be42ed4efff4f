"""What the host half computes for the device half: numbers, codes, ranks, truths."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper

from preproc.graph.builder import ML, GraphBuilder
from preproc.graph.ranks import RankedColumn, rank_table
from preproc.graph.traversal import ensemble_of
from preproc.graph.view import View

SCOPE: Final = "host"
_HEAVY: Final = frozenset(
    ["CumSum", "Einsum", "Gemm", "If", "Loop", "MatMul", "ReduceMean", "ReduceSum", "Scan", "TopK"]
)
_COUNTS: Final = frozenset(["CumSum", "ReduceSum"])
WHOLE: Final = frozenset([onnx.TensorProto.INT64, onnx.TensorProto.INT32])
_LARGEST: Final = np.iinfo(np.int32).max


@dataclass(slots=True)
class Crossings:
    """The values that go from host to device.

    Attributes
    ----------
    view
        The public graph.
    graph
        What the host computes beside the public graph.
    values
        Name of a value that crosses → what the device takes it for: element type and shape.
    numbers
        Name of a value that crosses → float64 value of the public graph that it rounds.
    """

    view: View
    graph: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    _heavy: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name, node in self.view.nodes.items():  # in order: what a node takes comes first
            if self._is_heavy(name, node) or not self._heavy.isdisjoint(node.input):
                self._heavy.add(name)

    def is_light(self, name: str) -> bool:
        """Whether a value takes no sums, products or trees: look-ups, text and single numbers."""
        return name not in self._heavy

    def heavy_above(self, name: str) -> onnx.NodeProto:
        """Find the node that makes a value heavy."""
        node = self.view.nodes[name]
        while not self._is_heavy(name, node):
            name = next(item for item in node.input if not self.is_light(item))
            node = self.view.nodes[name]
        return node

    def high(self, name: str, kind: int) -> str:
        """Send a number as an element type of the device."""
        value = self._sent(self.graph.op("Cast", name, scope=SCOPE, to=kind), name, kind)
        if kind != self.view.kinds[name]:
            self.numbers[value] = name
        return value

    def low(self, name: str) -> str:
        """Send what float32 rounded off a number; 0 where nothing is left to say."""
        high = self.graph.op("Cast", name, scope=SCOPE, to=onnx.TensorProto.FLOAT)
        wide = self.graph.op("Cast", high, scope=SCOPE, to=onnx.TensorProto.DOUBLE)
        rest = self.graph.op("Sub", name, wide, scope=SCOPE)
        is_nan = self.graph.op("IsNaN", rest, scope=SCOPE)
        rest = self.graph.op("Where", is_nan, np.array(0.0), rest, scope=SCOPE)
        value = self.graph.op("Cast", rest, scope=SCOPE, to=onnx.TensorProto.FLOAT)
        return self._sent(value, name, onnx.TensorProto.FLOAT)

    def whole(self, name: str) -> str:
        """Send a code or a truth as int32; beyond the ends of int32 it stays at the end."""
        if self.view.kinds[name] != onnx.TensorProto.BOOL:
            wide = self.graph.op("Cast", name, scope=SCOPE, to=onnx.TensorProto.INT64)
            ends = np.array(-_LARGEST), np.array(_LARGEST)
            name, like = self.graph.op("Clip", wide, *ends, scope=SCOPE), name
        else:
            like = name
        value = self.graph.op("Cast", name, scope=SCOPE, to=onnx.TensorProto.INT32)
        return self._sent(value, like, onnx.TensorProto.INT32)

    def ranks(self, name: str, columns: tuple[RankedColumn, ...]) -> str:
        """Send the ranks of columns of a value, int32 (n, columns)."""
        kind = helper.tensor_dtype_to_np_dtype(self.view.kinds[name]).name
        table = rank_table(columns, [column.feature for column in columns])
        found = table.emit(self.graph, name, len(columns), scope=SCOPE, dtype=kind)
        value = self.graph.op("Cast", found, scope=SCOPE, to=onnx.TensorProto.INT32)
        return self._sent(value, name, onnx.TensorProto.INT32, width=len(columns))

    def refused_beyond(
        self, limit: float, numbers: Sequence[str], rule: int, row_error: str
    ) -> str:
        """Refuse rows with a number beyond a limit, where no rule of the public graph does.

        Returns
        -------
        str
            Name of the new ``row_error``, int32 (n,).
        """

        def op(op_type: str, *inputs: Any, **attributes: Any) -> str:
            return self.graph.op(op_type, *inputs, scope=SCOPE, **attributes)

        broken = []
        for name in numbers:
            flat = op("Flatten", name, axis=1)
            broken.append(op("Greater", op("Abs", flat), np.array(limit)))
        joined = op("Concat", *broken, axis=1)
        marked = op("Where", joined, np.array(rule, np.int32), np.array(0, np.int32))
        number = op("ReduceMax", marked, np.array([1]), keepdims=0)
        is_free = op("Equal", row_error, np.array(0, np.int32))
        return op("Where", is_free, number, row_error)

    def _sent(self, value: str, like: str, kind: int, *, width: int | None = None) -> str:
        shape = list(self.view.shapes[like])
        if width is not None:
            shape[1] = width
        self.values[value] = helper.make_tensor_value_info(value, kind, shape)
        return value

    def _is_heavy(self, name: str, node: onnx.NodeProto) -> bool:
        """Whether a node adds or multiplies numbers; counts are whole and exact anywhere."""
        if node.domain == ML and node.op_type == "TreeEnsemble":
            ensemble = ensemble_of(node)
            return ensemble is None or not ensemble.is_lookup
        is_count = node.op_type in _COUNTS and self.view.kinds[name] in WHOLE
        return node.op_type in _HEAVY and not is_count
