"""What other passes leave behind: names for one value, one operation done twice, odd tables.

Why it is exact: nothing is computed but the numbers of a constant table, and those are only moved
or made another dtype that holds them.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.fusion.words import codes_of
from preproc.graph.view import View, attributes_of

_MOST: Final = 2**53


def without_copies(view: View) -> None:
    """Do the same operation on the same values once, and give every value one name."""
    seen: dict[bytes, str] = {}
    for node in list(view.nodes.values()):
        if node.op_type == "Identity" and not _is_output(view, node.output[0]):
            view.rename(node, node.input[0])
    for node in view.in_order():
        key = onnx.NodeProto()
        key.CopyFrom(node)
        key.ClearField("output")
        key.ClearField("name")
        key.ClearField("doc_string")
        text = key.SerializeToString(deterministic=True)
        if text in seen and not _is_output(view, node.output[-1]):
            view.rename(node, seen[text])
        else:
            seen.setdefault(text, node.output[-1])
    for node in list(view.nodes.values()):
        made = view.nodes.get(node.input[0]) if node.op_type == "Identity" else None
        if made is not None and not _is_output(view, node.input[0]) and len(made.output) == 1:
            _give_name(view, made, node.output[0])


def tables_of_tables(view: View) -> None:
    """Look up in one table what is looked up in another, or cast, right after."""
    for node in list(view.nodes.values()):
        inner = view.maker(node.input[-1], "Gather") if node.op_type == "Gather" else None
        if node.op_type == "Cast":
            inner = view.maker(node.input[0], "Gather")
        table = None if inner is None else view.constants.get(inner.input[0])
        if inner is None or table is None or attributes_of(inner).get("axis", 0) != 0:
            continue
        if view.uses.get(inner.output[0], 0) > 1:
            continue
        if node.op_type == "Cast":
            made = _cast(table, attributes_of(node)["to"])
        else:
            outer = view.constants.get(node.input[0])
            is_first = attributes_of(node).get("axis", 0) == 0
            made = outer[table] if outer is not None and is_first else None
        if made is not None:
            view.rename(node, view.add("Gather", np.asarray(made), inner.input[1]))


def single_columns(view: View) -> None:
    """Take the one column of a value (n, 1) by a look-up.

    Why: one row takes 0.4 to 0.9 us less than with ``Squeeze``, whole graphs compared; in batches
    a row takes 8 ns more, of a thousand or more.
    """
    for node in list(view.nodes.values()):
        is_told = node.op_type == "Squeeze" and len(node.input) == 2  # noqa: PLR2004  # of which axes
        axes = view.constants.get(node.input[1]) if is_told else None
        if axes is not None and axes.tolist() == [1] and view.widths.get(node.input[0]) == 1:
            if _is_output(view, node.output[0]):
                continue
            view.rename(node, view.add("Gather", node.input[0], np.array(0), axis=1))


def columns_of_tables(view: View) -> None:
    """Let each column look into its own column of a table, not behind its start in a long one."""
    for node in list(view.nodes.values()):
        shift = view.maker(node.input[1], "Add") if node.op_type == "Gather" else None
        table = None if shift is None else view.constants.get(node.input[0])
        encoder = None if shift is None else view.maker(shift.input[0], "LabelEncoder")
        if shift is None or table is None or encoder is None or _is_output(view, node.output[0]):
            continue
        starts = view.constants.get(shift.input[1])
        width = view.widths.get(encoder.output[0], 0)
        if starts is None or not width or table.ndim != 1 or len(table) % width:
            continue
        length = len(table) // width
        codes = codes_of(encoder)
        is_even = np.array_equal(starts.ravel(), np.arange(width) * length)
        if is_even and codes.min() >= 0 and codes.max() < length:
            columns = np.ascontiguousarray(table.reshape(width, length).T)
            view.rename(node, view.add("GatherElements", columns, encoder.output[0], axis=0))


def _cast(table: NDArray[Any], kind: int) -> NDArray[np.float64] | None:
    is_exact = table.dtype == np.int64 and np.abs(table.astype(np.int64)).max() < _MOST
    return table.astype(np.float64) if is_exact and kind == onnx.TensorProto.DOUBLE else None


def _give_name(view: View, node: onnx.NodeProto, name: str) -> None:
    """Let a node make an output of the graph itself."""
    old = node.output[0]
    del view.nodes[old], view.nodes[name]
    node.output[0] = name
    view.nodes[name] = node
    for other in view.nodes.values():
        for at, value in enumerate(other.input):
            if value == old:
                other.input[at] = name


def _is_output(view: View, value: str) -> bool:
    return value in {output.name for output in view.public.graph.output}
