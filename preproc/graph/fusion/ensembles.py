"""Trees: splits on what was made of the inputs become splits on the inputs.

Why it is exact: scaling, filling and casting keep the order of numbers, so a split on what they
make is one on what they are made of, at a bound that `Origin` finds. A missing number goes where
its filling would go. A one-hot column says whether a number is one value, and so does a comparison
with any number that finds the same value, such as a word's place in the vocabulary of all columns.

Forests that count, on features that are cast to float32, stay behind these casts instead, and in
float32: smaller nodes and features are worth more to deep trees than fewer operations before them.
But nothing is filled for them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.indicators import told_columns
from preproc.graph.fusion.origins import Origin, Step, origin_of
from preproc.graph.fusion.splits import Splits, asked, splits_of, turn
from preproc.graph.fusion.words import Hot, hot_of
from preproc.graph.view import View, attributes_of

_DTYPES: Final[Mapping[int, type[np.floating[Any]]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
_SUM: Final = 1
_COUNTED: Final = 2**24
"""Below it every whole number is a float32."""


def trees_on_inputs(view: View) -> None:
    """Let trees ask for what their features are made of."""
    for node in list(view.nodes.values()):
        if node.op_type == "TreeEnsemble":
            _rewrite(view, node)


def _rewrite(view: View, node: onnx.NodeProto) -> None:
    behind = [node.input[0]]
    casts: tuple[type[np.floating[Any]] | None, ...] = ()
    while (cast := view.maker(behind[-1], "Cast")) is not None and not hot_of(view, behind[-1]):
        casts = (_DTYPES.get(attributes_of(cast)["to"]), *casts)
        behind.append(cast.input[0])
    told = attributes_of(node)
    is_short = casts == (np.float32, np.float64) and _is_counting(told)
    join = view.maker(behind[-1], "Concat")
    names = behind[-1:] if join is None else list(join.input)
    parts = [_part(view, name, casts, is_short=is_short) for name in names]
    known = [part for part in parts if part is not None]
    splits = splits_of(told)
    is_double = view.kinds.get(behind[0]) == onnx.TensorProto.DOUBLE
    if splits is None or len(known) < len(parts) or not is_double:
        return
    if is_short and all(view.uses.get(name) == 1 for name in behind):
        known = [one if isinstance(one, Hot) else _unfilled(view, one) for one in known]
    kind = onnx.TensorProto.FLOAT if is_short else onnx.TensorProto.DOUBLE
    columns = _moved(view, known, splits, kind)
    if told["aggregate_function"] == _SUM:  # rules that refuse take the smallest answer
        turn(view, columns, splits, len(told["tree_roots"]))
    joined = next(iter(columns)) if len(columns) == 1 else view.add("Concat", *columns, axis=1)
    changed = asked(splits, told, _DTYPES[kind])
    if is_short:
        weights = np.asarray(numpy_helper.to_array(told["leaf_weights"]), np.float32)
        changed["leaf_weights"] = numpy_helper.from_array(weights, "leaf_weights")
    made = view.add("TreeEnsemble", joined, domain=ML, **changed)
    view.rename(node, view.add("Cast", made, to=onnx.TensorProto.DOUBLE) if is_short else made)


def _is_counting(told: Mapping[str, Any]) -> bool:
    """Whether the leaves hold whole numbers whose sum is a float32 in any order."""
    weights = np.asarray(numpy_helper.to_array(told["leaf_weights"]))
    most = np.abs(weights).max() * len(told["tree_roots"])
    return bool(
        (weights == np.round(weights)).all()
        and most < _COUNTED
        and told["aggregate_function"] == _SUM
    )


def _part(
    view: View, value: str, casts: Sequence[type[np.floating[Any]] | None], *, is_short: bool
) -> Hot | Origin | None:
    """Read some features as one-hot columns or as what they are made of; None where that fails."""
    hot = hot_of(view, value)
    if hot is not None:
        return hot
    origin = (
        Origin(value, np.arange(view.widths.get(value, 0)), ())
        if is_short
        else origin_of(view, value)
    )
    casts = () if is_short else casts
    steps = [Step("Cast", np.zeros(len(origin.columns), one)) for one in casts if one is not None]
    is_float64 = view.kinds.get(origin.value) == onnx.TensorProto.DOUBLE
    if not is_float64 or not len(origin.columns) or len(steps) < len(casts):
        return None
    return Origin(origin.value, origin.columns, (*origin.steps, *steps))


def _unfilled(view: View, part: Origin) -> Origin:
    """Fill nothing where nobody else takes it, since splits know where a filling would go."""
    filled = origin_of(view, part.value).filled(part.columns).astype(np.float32)
    name = part.value
    while (node := view.nodes.get(name)) is not None and view.uses.get(name) == 1:
        if node.op_type == "Where" and not np.isnan(filled).any():
            value = node.input[2] if name == part.value else part.value
            view.rename(node, node.input[2])
            return Origin(value, part.columns, (Step("Where", filled.astype(np.float64)),))
        if node.op_type not in ("Add", "Sub", "Mul", "Div"):
            break
        name = node.input[0]
    return part


def _moved(
    view: View, parts: Sequence[Hot | Origin], splits: Splits, kind: int
) -> dict[str, range]:
    """Move the splits to other features; give the values that hold these, cast, and where."""
    columns: dict[str, range] = {}
    casts: dict[str, str] = {}
    start = total = 0
    feature = splits.feature.copy()
    for part in parts:
        width = len(part.owner) if isinstance(part, Hot) else len(part.columns)
        mine = np.flatnonzero((feature >= start) & (feature < start + width))
        used, at = np.unique(feature[mine] - start, return_inverse=True)
        start += width
        if not len(mine):
            continue
        if isinstance(part, Hot):
            limits = splits.limit[mine]
            may_share = bool((limits >= 0).all() and (limits < 1).all())
            words = told_columns(view, part, used, np.bincount(at), kind, may_share=may_share)
            columns[words.value] = range(total, total + words.width)
            splits.feature[mine] = total + words.place[at]
            splits.is_missing_first[mine] = True
            splits.is_turned[mine] = words.is_negative[at]
            total += words.width
            continue
        if part.value not in casts:
            is_same = view.kinds[part.value] == kind
            casts[part.value] = part.value if is_same else view.add("Cast", part.value, to=kind)
            columns[casts[part.value]] = range(total, total + view.widths[part.value])
            total += view.widths[part.value]
        splits.feature[mine] = columns[casts[part.value]].start + part.columns[used][at]
        _move(splits, part, mine, used[at])
    return columns


def _move(splits: Splits, origin: Origin, mine: NDArray[np.int64], at: NDArray[np.int64]) -> None:
    """Ask for the origin of columns `at` what the nodes `mine` ask for them."""
    filled, limits = origin.filled(at), splits.limit[mine]
    is_first = np.where(np.isnan(filled), splits.is_missing_first[mine], filled <= limits)
    splits.is_missing_first[mine] = is_first
    splits.limit[mine] = origin.bounds(limits, at)
