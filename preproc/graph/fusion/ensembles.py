"""Trees: splits on one-hot columns become splits on the number of the word.

Why it is exact: a one-hot column is 0 or 1, so its split says whether the number is one value,
which is what ``BRANCH_EQ`` asks. The numbers are small and whole, in float32 too.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.words import Hot, hot_of
from preproc.graph.view import View, attributes_of

_EQUAL: Final = 4
_AT_MOST: Final = 0
_SWAPPED: Final = (
    ("nodes_truenodeids", "nodes_falsenodeids"),
    ("nodes_trueleafs", "nodes_falseleafs"),
)
_MOST: Final = 2**24
"""Below it every whole number is a float32."""


def splits_by_word(view: View) -> None:
    """Let trees ask for the number of a word instead of its one-hot column."""
    for node in list(view.nodes.values()):
        if node.op_type == "TreeEnsemble":
            _rewrite(view, node)


def _rewrite(view: View, node: onnx.NodeProto) -> None:
    value, casts = node.input[0], []
    while (cast := view.maker(value, "Cast")) is not None and hot_of(view, value) is None:
        casts.append(attributes_of(cast)["to"])
        value = cast.input[0]
    join = view.maker(value, "Concat")
    parts = [value] if join is None else list(join.input)
    hots = [hot_of(view, part) for part in parts]
    widths = [view.widths.get(part, 0) for part in parts]
    told = attributes_of(node)
    is_float = view.kinds.get(node.input[0]) == onnx.TensorProto.DOUBLE
    is_plain = not np.any(numpy_helper.to_array(told["nodes_modes"]) != _AT_MOST)
    if not any(hots) or not all(widths) or not is_plain or not is_float:
        return
    place, number = np.zeros(sum(widths), np.int64), np.full(sum(widths), -1)
    moved: list[tuple[str, Hot | None]] = []
    start = total = 0
    for part, width, hot in zip(parts, widths, hots, strict=True):
        columns = slice(start, start + width)
        place[columns] = total + (np.arange(width) if hot is None else hot.owner)
        if hot is not None:
            if hot.number.max() >= _MOST:
                return
            number[columns] = hot.number
        moved.append((part if hot is None else hot.position, hot))
        total += width if hot is None else view.widths[hot.position]
        start += width
    changed = _with_words(told, place, number)
    if changed is None:
        return
    joined = _joined(view, moved, casts[::-1])
    view.rename(node, view.add("TreeEnsemble", joined, domain=ML, **changed))


def _with_words(
    told: dict[str, Any], place: NDArray[np.int64], number: NDArray[np.int64]
) -> dict[str, Any] | None:
    """Move splits to other columns; None where a split of a one-hot column tells nothing."""
    feature = np.array(told["nodes_featureids"])
    splits = np.array(numpy_helper.to_array(told["nodes_splits"]))
    modes = np.array(numpy_helper.to_array(told["nodes_modes"]))
    is_word = number[feature] >= 0
    if ((splits[is_word] < 0) | (splits[is_word] >= 1)).any():
        return None
    splits[is_word] = number[feature][is_word]
    modes[is_word] = _EQUAL
    changed = dict(told)
    for left, right in _SWAPPED:
        true, false = np.array(told[left]), np.array(told[right])
        changed[left] = np.where(is_word, false, true).tolist()
        changed[right] = np.where(is_word, true, false).tolist()
    changed["nodes_featureids"] = place[feature].tolist()
    changed["nodes_splits"] = numpy_helper.from_array(splits, "nodes_splits")
    changed["nodes_modes"] = numpy_helper.from_array(modes, "nodes_modes")
    return changed


def _joined(view: View, parts: list[tuple[str, Hot | None]], casts: list[int]) -> str:
    """Join the features as float64; what was no word is cast as it was."""
    ready = []
    for value, hot in parts:
        chain = casts if hot is None else [onnx.TensorProto.DOUBLE]
        for kind in chain:
            value = view.add("Cast", value, to=kind)  # noqa: PLW2901
        ready.append(value)
    return ready[0] if len(ready) == 1 else view.add("Concat", *ready, axis=1)
