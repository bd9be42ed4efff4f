"""Forests whose leaves hold whole numbers: counted by the trees' own sum.

Why it is exact: whole numbers add up to the same in any order. So the rows of the leaves need not
be looked up tree by tree and added one after the other.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.view import View, attributes_of

_LARGEST: Final = 2.0**53
_BINARY: Final = 2


def counted_leaves(view: View) -> None:
    """Let a forest add the numbers of its leaves where no order can change the sum."""
    for node in list(view.nodes.values()):
        trees, table = _forest(view, node)
        if trees is None or table is None:
            continue
        told = attributes_of(trees)
        row = np.asarray(numpy_helper.to_array(told["leaf_weights"])).astype(np.int64)
        numbers, columns = table[row], table.shape[1]
        if (np.count_nonzero(numbers, axis=1) > 1).any():
            continue
        value = trees.input[0]
        total = float(len(told["tree_roots"]))
        if columns == _BINARY and (numbers.sum(axis=1) == 1).all():
            second = _summed(view, value, told, np.zeros(len(row), np.int64), numbers[:, 1], 1)
            first = view.add("Sub", np.array([[total]]), second)
            view.rename(node, view.add("Concat", first, second, axis=1))
        else:
            target = np.argmax(numbers != 0, axis=1)
            weight = numbers[np.arange(len(row)), target]
            view.rename(node, _summed(view, value, told, target, weight, columns))


def _forest(
    view: View, last: onnx.NodeProto
) -> tuple[onnx.NodeProto | None, NDArray[np.float64] | None]:
    """Match trees that give rows of a table, one target a tree, added up over the trees."""
    running = view.maker(last.input[0], "CumSum") if last.op_type == "Gather" else None
    rows = None if running is None else view.maker(running.input[0], "Gather")
    cast = None if rows is None else view.maker(rows.input[1], "Cast")
    trees = None if cast is None else view.maker(cast.input[0], "TreeEnsemble")
    if rows is None or trees is None or running is None:
        return None, None
    table, index = view.constants.get(rows.input[0]), view.constants.get(last.input[1])
    axis = view.constants.get(running.input[1])
    if table is None or index is None or axis is None or attributes_of(running):
        return None, None
    told = attributes_of(trees)
    count = len(told["tree_roots"])
    is_all = index.ndim == 0 and int(index) == count - 1 and told["n_targets"] == count
    numbers = np.asarray(table, np.float64)
    is_whole = (
        numbers.ndim == _BINARY
        and np.isfinite(numbers).all()
        and not np.signbit(numbers).any()
        and (numbers == np.floor(numbers)).all()
        and numbers.max() * count < _LARGEST
    )
    if not is_all or not is_whole or int(np.ravel(axis)[0]) != 1:
        return None, None
    return trees, numbers


def _summed(
    view: View,
    value: str,
    told: dict[str, Any],
    target: NDArray[np.int64],
    weight: NDArray[np.float64],
    columns: int,
) -> str:
    changed = {
        **told,
        "n_targets": columns,
        "leaf_targetids": target.tolist(),
        "leaf_weights": numpy_helper.from_array(weight, "leaf_weights"),
    }
    return view.add("TreeEnsemble", value, domain=ML, **changed)
