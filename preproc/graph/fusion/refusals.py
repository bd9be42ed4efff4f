"""Refusals in fewer nodes: one check for all values that must be finite, one number a row.

Why it is exact: the rules stay what they are. An infinity is found in all checked values at once;
where a value is never NaN, not finite means infinite. A broken rule leaves its number less one
beyond all numbers, which is negative, so the smallest such number is the first rule and zero means
none. Its square root is NaN where a rule is broken, and +0 where none is, which may be subtracted
from any number. As an index it counts from the end of a table: of one that gives the number back,
of one where poisoned labels stand, as far from zero at least as labels are many, and of one that
starts with a constant that is added and goes on with NaN.

Where all rules refuse infinities, the inputs are asked for bounds, see `bounds`; that number comes
from there. What makes a product not finite is asked for only where the product is not, see `gates`.

Why not ``Where``: its kernel takes three times as long as one that adds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.fusion.bounds import Bounds, bounds_of, first_broken
from preproc.graph.fusion.gates import gates_of
from preproc.graph.fusion.infinities import infinite_in
from preproc.graph.fusion.origins import origin_of
from preproc.graph.view import View, attributes_of
from preproc.signature import ROW_ERROR

_AT_MOST_WIDER: Final = 4


def short_refusals(view: View, *, is_exact: bool = True) -> None:
    """Rewrite the nodes that join the rules and put the poison in.

    Parameters
    ----------
    view
        The graph.
    is_exact
        As for `gates.gates_of`.
    """
    end = view.maker(ROW_ERROR, "Identity")
    chosen = None if end is None else view.maker(end.input[0], "Where")
    first = None if chosen is None else view.maker(chosen.input[2], "ReduceMin")
    marked = None if first is None else view.maker(first.input[0], "Where")
    if chosen is None or first is None or marked is None or end is None:
        return
    numbers = view.constants[marked.input[1]].ravel().astype(np.int32)
    join = view.maker(marked.input[0], "Concat")
    parts = [marked.input[0]] if join is None else list(join.input)
    widths = [view.widths.get(part, 0) for part in parts]
    if sum(widths) != len(numbers) or not all(widths):
        return
    outputs = _outputs(view, chosen.output[0])
    entries = [len(view.constants[table.input[0]]) for _, table, _ in outputs if table is not None]
    beyond = int(numbers.max()) + max([1, *entries])
    ends = np.cumsum(widths)[:-1]
    worst = _worst(
        view, list(zip(parts, np.split(numbers, ends), strict=True)), beyond, is_exact=is_exact
    )
    view.replace(end, "Gather", [view.constant(np.arange(beyond, dtype=np.int32)), worst.number])
    for node, table, kind in outputs:
        if table is not None:
            _poison_label(view, node, table, worst)
        elif kind == "numbers":
            _poison_numbers(view, node, worst)
    refused = view.add("Less", worst.number, np.array(0))
    for node in list(view.nodes.values()):
        if node.op_type == "Greater" and node.input[0] == chosen.output[0]:
            view.rename(node, refused)


def _outputs(
    view: View, row_error: str
) -> list[tuple[onnx.NodeProto, onnx.NodeProto | None, Literal["label", "numbers", "other"]]]:
    """List the outputs that are poisoned where a row is refused, and of labels the table."""
    found: list[
        tuple[onnx.NodeProto, onnx.NodeProto | None, Literal["label", "numbers", "other"]]
    ] = []
    for output in view.public.graph.output:
        node = view.maker(output.name, "Where")
        test = None if node is None else view.nodes.get(node.input[0])
        if test is not None and test.op_type == "Unsqueeze":
            test = view.nodes.get(test.input[0])
        if node is None or test is None or test.op_type != "Greater":
            continue
        if test.input[0] != row_error:
            continue
        table = view.maker(node.input[2], "Gather")
        is_label = (
            table is not None
            and table.input[0] in view.constants
            and view.constants[table.input[0]].ndim == 1
            and not table.attribute
            and _is_index(view, table.input[1])
        )
        kind = output.type.tensor_type.elem_type
        if is_label:
            found.append((node, table, "label"))
        elif kind == onnx.TensorProto.DOUBLE and np.isnan(view.constants[node.input[1]]).all():
            found.append((node, None, "numbers"))
        else:
            found.append((node, None, "other"))
    return found


def _is_index(view: View, value: str) -> bool:
    """Whether a value is int64, of shape (n,), and never negative, by what makes it."""
    node = view.nodes.get(value)
    while node is not None and node.op_type == "Squeeze":
        node = view.nodes.get(node.input[0])
    if node is None or len(view.shapes.get(value, ())) != 1:
        return False
    if view.kinds.get(value) != onnx.TensorProto.INT64:
        return False
    if node.op_type == "Cast":
        return view.kinds.get(node.input[0]) == onnx.TensorProto.BOOL
    return node.op_type == "ArgMax"


def _poison_label(view: View, node: onnx.NodeProto, table: onnx.NodeProto, worst: "_Worst") -> None:
    """Let refused rows find the poison at the end of the table of labels."""
    labels = view.constants[table.input[0]]
    poison = np.full(worst.beyond, view.constants[node.input[1]].reshape(()), labels.dtype)
    index = view.add("Add", table.input[1], worst.number)
    longer = view.constant(np.concatenate([labels, poison]))
    view.replace(node, "Gather", [longer, index])


def _poison_numbers(view: View, node: onnx.NodeProto, worst: "_Worst") -> None:
    """Subtract what is NaN where a row is refused, and else +0, which changes no bit.

    A constant that is added last to one column is NaN itself where a row is refused.
    """
    is_row = len(view.shapes.get(node.output[0], ())) == 1
    summed = view.maker(node.input[2], "Squeeze") if is_row else None
    total = None if summed is None else view.maker(summed.input[0], "Add")
    constant = None if total is None else view.constants.get(total.input[1])
    is_column = total is not None and view.widths.get(total.input[0]) == 1
    if total is not None and constant is not None and is_column and constant.size == 1:
        poison = np.append(constant.ravel(), np.full(worst.beyond - 1, np.nan))
        added = view.add("Gather", poison, worst.number)
        view.replace(node, "Add", [view.add("Squeeze", total.input[0], np.array([1])), added])
    else:
        nothing = view.add("Sqrt", worst.row if is_row else worst.column)
        view.replace(node, "Sub", [node.input[2], nothing])


@dataclass(frozen=True, slots=True)
class _Worst:
    """The first broken rule of a row less `beyond`, zero for none.

    Attributes
    ----------
    number
        int64 (n,).
    row, column
        The same as float64 (n,) and (n, 1).
    beyond
        More than any rule's number.
    """

    number: str
    row: str
    column: str
    beyond: int


def _worst(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]], beyond: int, *, is_exact: bool
) -> _Worst:
    axis = np.array([1])
    told = _told(view, parts, beyond, is_exact=is_exact)
    if told is not None:
        row = view.add("Squeeze", told, axis)
        return _Worst(view.add("Cast", row, to=onnx.TensorProto.INT64), row, told, beyond)
    broken, order = _broken(view, parts)
    left = np.where(order > 0, order - beyond, 0).astype(np.int64).reshape(1, -1)
    marks = view.add("Mul", view.add("Cast", broken, to=onnx.TensorProto.INT64), left)
    number = view.add("ReduceMin", marks, axis, keepdims=0)
    row = view.add("Cast", number, to=onnx.TensorProto.DOUBLE)
    return _Worst(number, row, view.add("Unsqueeze", row, axis), beyond)


@dataclass(frozen=True, slots=True)
class _Bounded:
    """Rules of one value as bounds of its origin, by column, and products that may gate them."""

    value: str
    bounds: Mapping[int, Sequence[Bounds]]
    gates: Sequence[str]


def _told(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]], beyond: int, *, is_exact: bool
) -> str | None:
    """Bound the inputs, where all rules refuse infinities, and ask them for the first rule."""
    bounded = [_bounded(view, part, numbers, is_exact=is_exact) for part, numbers in parts]
    known = [one for one in bounded if one is not None]
    if len(known) < len(bounded):
        return None
    values = list(dict.fromkeys(one.value for one in known))
    ends = np.cumsum([view.widths[value] for value in values]).tolist()
    starts = dict(zip(values, [0, *ends], strict=False))
    behind = Counter(gate for one in known for gate in one.gates if gate in starts)
    gate = behind.most_common(1)[0][0] if behind else ""
    rules: dict[int, list[Bounds]] = {}
    gated: dict[int, list[Bounds]] = {}
    for one in known:
        for column, bounds in one.bounds.items():
            of = gated if gate in one.gates else rules
            of.setdefault(starts[one.value] + column, []).extend(bounds)
    joined = values[0] if len(values) == 1 else view.add("Concat", *values, axis=1)
    return first_broken(view, joined, rules, beyond, gated=gated, gate=starts.get(gate, 0))


def _bounded(
    view: View, part: str, numbers: NDArray[np.int32], *, is_exact: bool
) -> _Bounded | None:
    source, is_nan_refused = infinite_in(view, part)
    origin = None if source is None else origin_of(view, source)
    found = None if origin is None else bounds_of(origin, numbers, is_nan_refused=is_nan_refused)
    if source is None or origin is None or found is None or not view.widths.get(origin.value):
        return None
    if view.kinds.get(origin.value) != onnx.TensorProto.DOUBLE:  # as which limits are held
        return None
    gates = gates_of(view, source, is_nan_refused=is_nan_refused, is_exact=is_exact)
    return _Bounded(origin.value, found, gates)


def _broken(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]]
) -> tuple[str, NDArray[np.int32]]:
    """Join what the rules look at; give which are broken, bool (n, rules), and their numbers."""
    checked: list[str] = []
    numbers: list[NDArray[np.int32]] = []
    others: list[tuple[str, NDArray[np.int32]]] = []
    for part, mine in parts:
        source, is_nan_refused = infinite_in(view, part)
        if source is None or is_nan_refused:
            others.append((part, mine))
        else:
            value, of_columns = _whole(view, source, mine)
            if view.kinds.get(source) == onnx.TensorProto.FLOAT:
                value = view.add("Cast", value, to=onnx.TensorProto.DOUBLE)
            checked.append(value)
            numbers.append(of_columns)
    broken = []
    if checked:
        joined = checked[0] if len(checked) == 1 else view.add("Concat", *checked, axis=1)
        broken.append(view.add("IsInf", joined))
    broken += [part for part, _ in others]
    numbers += [mine for _, mine in others]
    together = broken[0] if len(broken) == 1 else view.add("Concat", *broken, axis=1)
    return together, np.concatenate(numbers)


def _whole(view: View, value: str, numbers: NDArray[np.int32]) -> tuple[str, NDArray[np.int32]]:
    """Check all columns of a value of which some are taken, where these are not few.

    Columns of no rule have the number zero.
    """
    taken = view.maker(value, "Gather")
    columns = None if taken is None else view.constants.get(taken.input[1])
    if taken is None or columns is None or attributes_of(taken).get("axis") != 1:
        return value, numbers
    width = view.widths.get(taken.input[0], 0)
    if columns.ndim != 1 or not 0 < width <= _AT_MOST_WIDER * len(columns):
        return value, numbers
    if len(np.unique(columns)) < len(columns):
        return value, numbers
    all_numbers = np.zeros(width, np.int32)
    all_numbers[columns] = numbers
    return taken.input[0], all_numbers
