"""Trees: splits on what was made of the inputs become splits on the inputs.

Why it is exact: scaling, filling and casting keep the order of numbers, so a split on what they
make is one on what they are made of, at a bound that `Origin` finds. A missing number goes where
its filling would go. A one-hot column says whether a number is one value, and so does a comparison
with any number that finds the same value, such as a word's place in the vocabulary of all columns.

Why all nodes ask ``>``: the runtime keeps the branch for *no* right behind its node, and looks the
rule up at each node where they differ. Few rows have the word that is asked for, so nearly every
step of a chain of words is one to the neighbour: a deep forest takes half the time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.origins import Origin, Step, origin_of
from preproc.graph.fusion.words import Hot, hot_of, in_vocabulary
from preproc.graph.view import View, attributes_of

_DTYPES: Final[Mapping[int, type[np.floating[Any]]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
_AT_MOST: Final = 0
_MORE: Final = 3
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


def _rewrite(view: View, node: onnx.NodeProto) -> None:
    value = node.input[0]
    casts: tuple[type[np.floating[Any]] | None, ...] = ()
    while (cast := view.maker(value, "Cast")) is not None and hot_of(view, value) is None:
        casts = (_DTYPES.get(attributes_of(cast)["to"]), *casts)
        value = cast.input[0]
    join = view.maker(value, "Concat")
    parts = [_part(view, part, casts) for part in ([value] if join is None else join.input)]
    told = attributes_of(node)
    is_plain = not np.any(numpy_helper.to_array(told["nodes_modes"]) != _AT_MOST)
    if not is_plain or not all(parts) or view.kinds.get(node.input[0]) != onnx.TensorProto.DOUBLE:
        return
    count = len(told["nodes_featureids"])
    splits = _Splits(
        np.array(told["nodes_featureids"]),
        np.array(numpy_helper.to_array(told["nodes_splits"])),
        np.array(told.get("nodes_missing_value_tracks_true", [0] * count)) > 0,
    )
    moved = _moved(view, [part for part in parts if part is not None], splits)
    modes = np.full(count, _MORE, np.uint8)
    told |= {
        "nodes_featureids": splits.feature.tolist(),
        "nodes_splits": numpy_helper.from_array(splits.limit, "nodes_splits"),
        "nodes_modes": numpy_helper.from_array(modes, "nodes_modes"),
        "nodes_missing_value_tracks_true": (~splits.is_missing_true).astype(int).tolist(),
    }
    for true, false in _SIDES:
        told[true], told[false] = told[false], told[true]
    joined = moved[0] if len(moved) == 1 else view.add("Concat", *moved, axis=1)
    view.rename(node, view.add("TreeEnsemble", joined, domain=ML, **told))


def _part(
    view: View, value: str, casts: Sequence[type[np.floating[Any]] | None]
) -> Hot | Origin | None:
    """Read some features as one-hot columns or as what they are made of; None where that fails."""
    hot, origin = hot_of(view, value), origin_of(view, value)
    if hot is not None:
        return in_vocabulary(view, hot)
    steps = [Step("Cast", np.zeros(len(origin.columns), one)) for one in casts if one is not None]
    is_float64 = view.kinds.get(origin.value) == onnx.TensorProto.DOUBLE
    if not is_float64 or not len(origin.columns) or len(steps) < len(casts):
        return None
    return Origin(origin.value, origin.columns, (*origin.steps, *steps))


def _moved(view: View, parts: Sequence[Hot | Origin], splits: _Splits) -> list[str]:
    """Move the splits to other features; give the values that hold these, in order."""
    values: dict[str, int] = {}
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
            values[_columns(view, part, used)] = total
            splits.feature[mine] = total + at
            total += len(used)
            continue
        if part.value not in values:
            values[part.value] = total
            total += view.widths[part.value]
        splits.feature[mine] = values[part.value] + part.columns[used][at]
        _move(splits, part, mine, used[at])
    return list(values)


def _columns(view: View, hot: Hot, used: NDArray[np.int64]) -> str:
    """Make those one-hot columns that are asked for."""
    spread = view.add("Gather", hot.position, hot.owner[used], axis=1)
    equal = view.add("Equal", spread, hot.number[used].reshape(1, -1))
    return view.add("Cast", equal, to=onnx.TensorProto.DOUBLE)


def _move(splits: _Splits, origin: Origin, mine: NDArray[np.int64], at: NDArray[np.int64]) -> None:
    """Ask for the origin of columns `at` what the nodes `mine` ask for them."""
    filled, limits = origin.filled(at), splits.limit[mine]
    is_true = np.where(np.isnan(filled), splits.is_missing_true[mine], filled <= limits)
    splits.is_missing_true[mine] = is_true
    splits.limit[mine] = origin.bounds(limits, at)
