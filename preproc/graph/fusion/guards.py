"""Guards against NaN around functions that need none.

Why it is exact: what only adds, multiplies or calls a plain function gives NaN for NaN by itself,
so it need be neither kept from NaN nor told afterwards.
"""

from typing import Final

import numpy as np
import onnx

from preproc.graph.view import View

_UNARY: Final = frozenset(["Abs", "Exp", "Log", "Neg", "Reciprocal", "Sqrt"])
_BINARY: Final = frozenset(["Add", "Div", "Mul", "Sub"])


def without_guards(view: View) -> None:
    """Drop ``Where(IsNaN(x), NaN, f(Where(IsNaN(x), c, x)))`` where f passes NaN on."""
    for node in list(view.nodes.values()):
        given = view.constants.get(node.input[1]) if node.op_type == "Where" else None
        if given is None or given.dtype != np.float64 or not np.isnan(given.astype(float)).all():
            continue
        inner = _start(view, node.input[2])
        if given.size != 1 or inner is None or inner.input[0] != node.input[0]:
            continue
        is_nan = view.maker(inner.input[0], "IsNaN")
        if is_nan is not None and is_nan.input[0] == inner.input[2]:
            value = node.input[2]
            view.rename(inner, inner.input[2])
            view.rename(node, value)


def _start(view: View, value: str) -> onnx.NodeProto | None:
    """Follow a value that is used once back through steps that pass NaN on, to a ``Where``."""
    while view.uses.get(value, 0) == 1:
        node = view.nodes.get(value)
        if node is None or node.op_type == "Where":
            return node
        moving = [name for name in node.input if name not in view.constants]
        is_step = node.op_type in _UNARY or node.op_type in _BINARY
        if not is_step or len(moving) != 1:
            return None
        value = moving[0]
    return None
