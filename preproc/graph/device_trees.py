"""Trees on the device: ranks from the host, the way down and the sum here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import onnx
from onnx import helper

from preproc.graph.device import BOOL, FLOAT, Device, Leaves, Value, refused
from preproc.graph.ranks import RankedColumn
from preproc.graph.traversal import (
    MAX_RANKS,
    Levels,
    descend,
    ensemble_of,
    is_table,
    leaf_sums,
    levels_of,
    look_up,
)
from preproc.graph.view import View, step_of

_FLOATS: Final = frozenset([onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE])


def trees(device: Device, node: onnx.NodeProto) -> Value:
    """Make the sum over trees of a ``TreeEnsemble``."""
    ensemble = ensemble_of(node)
    if ensemble is None:
        raise refused(node, "only sums over tests value <= threshold are lowered")
    levels = levels_of(ensemble)
    if not levels.columns:
        raise refused(node, "none of its trees has a test")
    if max(len(column.thresholds) for column in levels.columns) >= MAX_RANKS:
        raise refused(node, f"a column has {MAX_RANKS} thresholds or more")
    scope = f"device/{step_of(node)}"
    dtype = helper.tensor_dtype_to_np_dtype(device.kind(node.output[0])).name
    if is_table(ensemble, levels):
        ranks = _sent_ranks(device, node, levels.columns)
        return Value(look_up(device.graph, ranks, ensemble, levels, dtype, scope=scope))
    ranks, levels = _ranks(device, node, levels)
    reached = descend(device.graph, ranks, levels, scope=scope)
    device.leaves.append(Leaves(node.output[0], reached, levels.leaf))
    return Value(leaf_sums(device.graph, reached, ensemble, levels, dtype, scope=scope))


def _ranks(device: Device, node: onnx.NodeProto, levels: Levels) -> tuple[str, Levels]:
    """Join ranks from the host with those of truths, which the device knows itself."""
    groups: dict[str, list[int]] = {}
    origins = [_origin(device.view, node.input[0], one.feature) for one in levels.columns]
    for at, (source, _) in enumerate(origins):
        groups.setdefault(source if _is_truth(device.view, source) else "", []).append(at)
    parts = [
        _of_truths(device, node, source, [(levels.columns[at], origins[at][1]) for at in mine])
        if source
        else device.op(
            node, "Cast", _sent_ranks(device, node, [levels.columns[at] for at in mine]), to=FLOAT
        )
        for source, mine in groups.items()
    ]
    ranks = parts[0] if len(parts) == 1 else device.op(node, "Concat", *parts, axis=1)
    place = np.argsort([at for mine in groups.values() for at in mine]).astype(np.int32)
    return ranks, replace(levels, column=place[levels.column])


def _sent_ranks(device: Device, node: onnx.NodeProto, columns: Sequence[RankedColumn]) -> str:
    """Let the host rank numbers, in the dtype that the exact graph compares in."""
    (x,) = node.input
    if not device.crossings.is_light(x):
        heavy = device.crossings.heavy_above(x)
        raise refused(
            node,
            f"its splits follow {heavy.op_type} of step {step_of(heavy)}, "
            "which only the exact graph computes exactly",
        )
    return device.crossings.ranks(x, tuple(columns))


def _of_truths(
    device: Device, node: onnx.NodeProto, source: str, columns: list[tuple[RankedColumn, int]]
) -> str:
    """Rank columns of 0 and 1 by choosing one of two numbers."""
    truths = device.value(device.view.nodes[source].input[0]).name
    at = np.array([place for _, place in columns], np.int32)
    if not np.array_equal(at, np.arange(device.view.widths[source])):
        truths = device.op(node, "Gather", truths, at, axis=1)
    ranks = np.stack([column.rank(np.array([0.0, 1.0])) for column, _ in columns], axis=1)
    zero, one = ranks.astype(np.float32)[:, np.newaxis]
    return device.op(node, "Where", truths, one, zero)


def _is_truth(view: View, name: str) -> bool:
    node = view.nodes.get(name)
    return node is not None and node.op_type == "Cast" and view.kinds[node.input[0]] == BOOL


def _is_choice(view: View, node: onnx.NodeProto) -> bool:
    chosen = view.constants.get(node.input[1])
    return chosen is not None and chosen.ndim == 1


def _origin(view: View, name: str, column: int) -> tuple[str, int]:
    """Follow a column back through casts, choices and joins."""
    while (node := view.nodes.get(name)) is not None:
        is_float = view.kinds[node.input[0]] in _FLOATS
        if node.op_type == "Cast" and is_float:
            (name,) = node.input
        elif node.op_type == "Concat" and all(view.widths.get(item) for item in node.input):
            ends = np.cumsum([view.widths[item] for item in node.input])
            part = int(np.searchsorted(ends, column, side="right"))
            name, column = node.input[part], column - int(ends[part - 1] if part else 0)
        elif node.op_type == "Gather" and is_float and _is_choice(view, node):
            name, column = node.input[0], int(view.constants[node.input[1]][column])
        else:
            break
    return name, column
