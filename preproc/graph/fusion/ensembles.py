"""Trees: splits on what was made of the inputs become splits on the inputs.

Why it is exact: scaling, filling and casting keep the order of numbers, so a split on what they
make is one on what they are made of, at a bound that `Origin` finds. A missing number goes where
its filling would go. A one-hot column says whether a number is one value, and so does a comparison
with any number that finds the same value, such as a word's place in the vocabulary of all columns.

Forests that count, on features that are cast to float32, stay behind these casts instead, and in
float32: smaller nodes and features are worth more to deep trees than fewer operations before them.

Why all nodes ask ``>``: the runtime keeps the branch for *no* right behind its node, and looks the
rule up at each node where they differ. Few rows have the word that is asked for, so nearly every
step of a chain of words is one to the neighbour: a deep forest takes half the time.

Why a missing number never says *yes*: then no node need be asked whether it would. Where a missing
number goes with the larger ones, its node asks whether the negated number is large. scikit-learn
sends missing numbers where most rows went, and a filling stands in the middle of a column, so this
also puts the branch that more rows take behind its node: processors guess that way, and each wrong
guess costs a dozen steps. A deep forest takes a quarter less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.indicators import told_columns
from preproc.graph.fusion.origins import Floats, Origin, Step, origin_of
from preproc.graph.fusion.words import Hot, hot_of
from preproc.graph.view import View, attributes_of

_DTYPES: Final[Mapping[int, type[np.floating[Any]]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
_AT_MOST: Final = 0
_MORE: Final = 3
_SUM: Final = 1
_COUNTED: Final = 2**24
"""Below it every whole number is a float32."""
_MANY: Final = 50
"""Trees that gain on one row what negated columns cost it."""
_SIDES: Final = (
    ("nodes_truenodeids", "nodes_falsenodeids"),
    ("nodes_trueleafs", "nodes_falseleafs"),
)


def trees_on_inputs(view: View) -> None:
    """Let trees ask for what their features are made of."""
    for node in list(view.nodes.values()):
        if node.op_type == "TreeEnsemble":
            _rewrite(view, node)


@dataclass(slots=True)
class _Splits:
    """The nodes of an ensemble while they move to other features, all of shape (nodes,)."""

    feature: NDArray[np.int64]
    limit: NDArray[np.float64]
    is_missing_true: NDArray[np.bool_]
    is_turned: NDArray[np.bool_]
    """Whether *yes* means at most the limit."""


def _rewrite(view: View, node: onnx.NodeProto) -> None:
    value = node.input[0]
    casts: tuple[type[np.floating[Any]] | None, ...] = ()
    while (cast := view.maker(value, "Cast")) is not None and hot_of(view, value) is None:
        casts = (_DTYPES.get(attributes_of(cast)["to"]), *casts)
        value = cast.input[0]
    told = attributes_of(node)
    is_short = casts == (np.float32, np.float64) and _is_counting(told)
    join = view.maker(value, "Concat")
    names = [value] if join is None else list(join.input)
    parts = [_part(view, name, casts, is_short=is_short) for name in names]
    is_plain = not np.any(numpy_helper.to_array(told["nodes_modes"]) != _AT_MOST)
    if not is_plain or not all(parts) or view.kinds.get(node.input[0]) != onnx.TensorProto.DOUBLE:
        return
    count = len(told["nodes_featureids"])
    splits = _Splits(
        np.array(told["nodes_featureids"]),
        np.array(numpy_helper.to_array(told["nodes_splits"])),
        np.array(told.get("nodes_missing_value_tracks_true", [0] * count)) > 0,
        np.zeros(count, bool),
    )
    known = [part for part in parts if part is not None]
    kind = onnx.TensorProto.FLOAT if is_short else onnx.TensorProto.DOUBLE
    columns = _moved(view, known, splits, kind)
    _turn(view, columns, splits, len(told["tree_roots"]))
    limits = _rounded_down(splits.limit, np.float32 if is_short else np.float64)
    limits = np.where(splits.is_turned, _below(-limits), limits)
    joined = next(iter(columns)) if len(columns) == 1 else view.add("Concat", *columns, axis=1)
    for true, false in _SIDES:
        yes, no = np.array(told[true]), np.array(told[false])
        told[true] = np.where(splits.is_turned, yes, no).tolist()
        told[false] = np.where(splits.is_turned, no, yes).tolist()
    tracks = ~splits.is_missing_true & ~splits.is_turned
    told |= {
        "nodes_featureids": splits.feature.tolist(),
        "nodes_splits": numpy_helper.from_array(limits, "splits"),
        "nodes_modes": numpy_helper.from_array(np.full(count, _MORE, np.uint8), "nodes_modes"),
        "nodes_missing_value_tracks_true": tracks.astype(int).tolist(),
    }
    if not tracks.any():
        del told["nodes_missing_value_tracks_true"]
    if not is_short:
        view.rename(node, view.add("TreeEnsemble", joined, domain=ML, **told))
        return
    weights = np.asarray(numpy_helper.to_array(told["leaf_weights"]), np.float32)
    told["leaf_weights"] = numpy_helper.from_array(weights, "leaf_weights")
    counted = view.add("TreeEnsemble", joined, domain=ML, **told)
    view.rename(node, view.add("Cast", counted, to=onnx.TensorProto.DOUBLE))


def _is_counting(told: Mapping[str, Any]) -> bool:
    """Whether the leaves hold whole numbers whose sum is a float32 in any order."""
    weights = np.asarray(numpy_helper.to_array(told["leaf_weights"]))
    most = np.abs(weights).max() * len(told["tree_roots"])
    return bool(
        (weights == np.round(weights)).all()
        and most < _COUNTED
        and told["aggregate_function"] == _SUM
    )


def _rounded_down(limits: NDArray[np.float64], dtype: type[np.floating[Any]]) -> Floats:
    """Give the largest numbers of a dtype that are at most the limits."""
    with np.errstate(over="ignore"):  # infinity is the number next to the largest
        near = limits.astype(dtype)
    down: Floats = np.where(near > limits, _below(near), near)
    return down


def _below(numbers: Floats) -> Floats:
    with np.errstate(over="ignore"):
        below: Floats = np.nextafter(numbers, numbers.dtype.type(-np.inf))
    return below


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


def _moved(
    view: View, parts: Sequence[Hot | Origin], splits: _Splits, kind: int
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
            splits.is_missing_true[mine] = True  # none is missing
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


def _turn(view: View, columns: dict[str, range], splits: _Splits, trees: int) -> None:
    """Ask for negated numbers where missing ones go with the larger, if trees are many.

    A negated number is at least a bound where it is more than the number below it. Below minus
    infinity is none, so what is at most infinity stays as it is.
    """
    is_large = ~splits.is_missing_true & (splits.limit < np.inf)
    feature = splits.feature.copy()
    total = max(held.stop for held in columns.values())
    for value, held in list(columns.items()):
        mine = is_large & (feature >= held.start) & (feature < held.stop)
        if mine.any() and trees > max(_MANY, len(held)):
            splits.is_turned |= mine
            splits.feature[mine] += total - held.start
            columns[view.add("Neg", value)] = range(total, total + len(held))
            total += len(held)


def _move(splits: _Splits, origin: Origin, mine: NDArray[np.int64], at: NDArray[np.int64]) -> None:
    """Ask for the origin of columns `at` what the nodes `mine` ask for them."""
    filled, limits = origin.filled(at), splits.limit[mine]
    is_true = np.where(np.isnan(filled), splits.is_missing_true[mine], filled <= limits)
    splits.is_missing_true[mine] = is_true
    splits.limit[mine] = origin.bounds(limits, at)
