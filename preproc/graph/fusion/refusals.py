"""Refusals in fewer nodes: one check for all values that must be finite, one number a row.

Why it is exact: the rules stay what they are. An infinity is found in all checked values at once;
where a value is never NaN, not finite means infinite. A broken rule leaves its number less one
beyond all numbers, which is negative, so the smallest such number is the first rule and zero means
none. Its square root is NaN where a rule is broken, and +0 where none is, which may be subtracted
from any number. As an index it counts from the end of a table: of one that gives the number back,
and of one where poisoned labels stand; it is at least as far from zero as labels are many.

Where all rules refuse infinities, the inputs are asked for bounds, see `bounds`; that number comes
from there.

Why not ``Where``: its kernel takes three times as long as one that adds.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.fusion.bounds import Bounds, bounds_of, first_broken
from preproc.graph.fusion.origins import origin_of
from preproc.graph.view import View, attributes_of
from preproc.signature import ROW_ERROR

_AT_MOST_WIDER: Final = 4
_KEEP_NUMBERS: Final = frozenset(["Abs", "Cast", "Clip", "Gather", "Neg"])
_STEPS: Final = frozenset(["Add", "Div", "Mul", "Sub"])
_FLOATS: Final = frozenset([onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE])
_NEVER_DEEPER: Final = 64
"""Steps that a value is followed back."""


def short_refusals(view: View) -> None:
    """Rewrite the nodes that join the rules and put the poison in."""
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
    worst, nothing = _worst(view, list(zip(parts, np.split(numbers, ends), strict=True)), beyond)
    view.replace(end, "Gather", [view.constant(np.arange(beyond, dtype=np.int32)), worst])
    for node, table, kind in outputs:
        if table is not None:
            _poison_label(view, node, table, worst, beyond)
        elif kind == "numbers":
            _poison_numbers(view, node, nothing)
    refused = view.add("Less", worst, np.array(0))
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


def _poison_label(
    view: View, node: onnx.NodeProto, table: onnx.NodeProto, worst: str, beyond: int
) -> None:
    """Let refused rows find the poison at the end of the table of labels."""
    labels = view.constants[table.input[0]]
    poison = np.full(beyond, view.constants[node.input[1]].reshape(()), labels.dtype)
    index = view.add("Add", table.input[1], worst)
    longer = view.constant(np.concatenate([labels, poison]))
    view.replace(node, "Gather", [longer, index])


def _poison_numbers(view: View, node: onnx.NodeProto, nothing: str) -> None:
    """Subtract what is NaN where a row is refused, and else +0, which changes no bit."""
    if len(view.shapes.get(node.output[0], ())) == 1:
        nothing = view.add("Squeeze", nothing, np.array([1]))
    view.replace(node, "Sub", [node.input[2], nothing])


def _worst(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]], beyond: int
) -> tuple[str, str]:
    """Give the first broken rule less `beyond`, int64 (n), and the poison, float64 (n, 1)."""
    asked = _bounds(view, parts)
    if asked is not None:
        told = first_broken(view, *asked, beyond)
        number = view.add("Cast", told, to=onnx.TensorProto.INT64)
        return view.add("Squeeze", number, np.array([1])), view.add("Sqrt", told)
    broken, order = _broken(view, parts)
    left = np.where(order > 0, order - beyond, 0).astype(np.int64).reshape(1, -1)
    marks = view.add("Mul", view.add("Cast", broken, to=onnx.TensorProto.INT64), left)
    worst = view.add("ReduceMin", marks, np.array([1]), keepdims=0)
    nothing = view.add("Sqrt", view.add("Cast", worst, to=onnx.TensorProto.DOUBLE))
    return worst, view.add("Unsqueeze", nothing, np.array([1]))


def _bounds(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]]
) -> tuple[str, dict[int, list[Bounds]]] | None:
    """Bound the inputs, where all rules refuse infinities: the inputs joined, and the bounds."""
    values: dict[str, int] = {}
    rules: dict[int, list[Bounds]] = {}
    total = 0
    for part, numbers in parts:
        source, is_nan_refused = _infinite(view, part)
        origin = None if source is None else origin_of(view, source)
        found = (
            None if origin is None else bounds_of(origin, numbers, is_nan_refused=is_nan_refused)
        )
        if origin is None or found is None or not view.widths.get(origin.value):
            return None
        if view.kinds.get(origin.value) != onnx.TensorProto.DOUBLE:  # as which limits are held
            return None
        if origin.value not in values:
            values[origin.value] = total
            total += view.widths[origin.value]
        for column, bounds in found.items():
            rules.setdefault(values[origin.value] + column, []).extend(bounds)
    joined = list(values)
    return (joined[0] if len(joined) == 1 else view.add("Concat", *joined, axis=1)), rules


def _broken(
    view: View, parts: Sequence[tuple[str, NDArray[np.int32]]]
) -> tuple[str, NDArray[np.int32]]:
    """Join what the rules look at; give which are broken, bool (n, rules), and their numbers."""
    checked: list[str] = []
    numbers: list[NDArray[np.int32]] = []
    others: list[tuple[str, NDArray[np.int32]]] = []
    for part, mine in parts:
        source, is_nan_refused = _infinite(view, part)
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


def _infinite(view: View, part: str) -> tuple[str | None, bool]:
    """Give the value whose infinities a rule refuses, and whether it refuses NaN there too.

    None where it asks for something else.
    """
    plain = view.maker(part, "IsInf")
    if plain is not None:
        is_both = not attributes_of(plain)
        is_double = view.kinds.get(plain.input[0]) == onnx.TensorProto.DOUBLE
        return (plain.input[0] if is_both and is_double else None), False
    negated = view.maker(part, "Not")
    below = None if negated is None else view.maker(negated.input[0], "Less")
    size = None if below is None else view.maker(below.input[0], "Abs")
    if below is None or size is None:
        return None, False
    bound, value = view.constants.get(below.input[1]), size.input[0]
    is_float = view.kinds.get(value) in _FLOATS
    if bound is None or not (bound.astype(np.float64) == np.inf).all() or not is_float:
        return None, False
    return value, not _never_nan(view, value)


def _never_nan(view: View, value: str) -> bool:
    """Whether a value is a number or an infinity: filled, and no step since could make NaN."""
    for _ in range(_NEVER_DEEPER):
        node = view.nodes.get(value)
        if node is None or node.input[0] in view.constants:
            return False
        if node.op_type == "Where":
            break
        if node.op_type not in _KEEP_NUMBERS and not _is_plain_step(view, node):
            return False
        value = node.input[0]
    else:
        return False
    test, filled = view.maker(node.input[0], "IsNaN"), view.constants.get(node.input[1])
    is_filled = filled is not None and not np.isnan(filled.astype(np.float64)).any()
    return test is not None and test.input[0] == node.input[2] and is_filled


def _is_plain_step(view: View, node: onnx.NodeProto) -> bool:
    """Whether a node adds, or scales by, finite constants other than a factor of zero."""
    given = view.constants.get(node.input[1]) if node.op_type in _STEPS else None
    if given is None or not np.isfinite(given.astype(np.float64)).all():
        return False
    return node.op_type in ("Add", "Sub") or bool((given != 0).all())
