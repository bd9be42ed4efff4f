"""Rules of the factors of a product, asked only where the product is not finite.

Why it is exact: what is multiplied by a finite matrix, after steps that keep the order, makes all
columns of the product infinite or NaN as soon as one of it is not finite, or a step makes it so:
infinity times zero is NaN, and no sum brings either back. So where one column of the product is a
number, no such rule is broken. Two questions take the place of two for each column.
"""

from typing import Any, Final

import numpy as np
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.bounds import AT_MOST, MIN
from preproc.graph.fusion.origins import origin_of
from preproc.graph.view import View, attributes_of

_TENSORS: Final = frozenset(["leaf_weights", "nodes_modes", "nodes_splits"])


def gated_refusals(view: View) -> None:
    """Let trees of rules that ask the factors alone ask the product first."""
    for node in list(view.nodes.values()):
        is_trees = node.op_type == "TreeEnsemble"
        given = attributes_of(node) if is_trees else {}
        join = (
            view.maker(node.input[0], "Concat") if given.get("aggregate_function") == MIN else None
        )
        if join is None:
            continue
        ends = np.cumsum([view.widths.get(part, 0) for part in join.input])
        starts = dict(zip(join.input, [0, *ends.tolist()], strict=False))
        for part in join.input:
            factor = _factor(view, part)
            if factor is not None and factor in starts:
                asked = range(starts[factor], starts[factor] + view.widths[factor])
                gated = _gated(given, asked, starts[part])
                view.rename(node, view.add("TreeEnsemble", node.input[0], domain=ML, **gated))
                break


def _factor(view: View, value: str) -> str | None:
    """Give what a product with constants is made of, column by column."""
    product = view.maker(value, "MatMul")
    weights = None if product is None else view.constants.get(product.input[1])
    if product is None or weights is None or not np.isfinite(weights.astype(np.float64)).all():
        return None
    origin = origin_of(view, product.input[0])
    width = view.widths.get(origin.value, 0)
    is_whole = np.array_equal(origin.columns, np.arange(width))
    is_filled = any(step.op_type == "Where" for step in origin.steps)
    return origin.value if width and is_whole and not is_filled else None


def _gated(given: dict[str, Any], asked: range, gate: int) -> dict[str, Any]:
    """Put a node before each tree that asks nothing else, and another before a copy of it.

    One leads to the tree where the product is NaN or above all numbers, the other where it is
    below; two ways to one tree are more than the runtime takes.
    """
    made = {
        name: numpy_helper.to_array(item).tolist() if name in _TENSORS else list(item)
        for name, item in given.items()
        if name.startswith(("leaf_", "nodes_", "tree_"))
    }
    none = (len(made["leaf_weights"]), 1)
    made["leaf_weights"].append(0.0)
    made["leaf_targetids"].append(0)
    for at, root in enumerate(list(made["tree_roots"])):
        tree = _nodes_below(made, root)
        if {made["nodes_featureids"][node] for node in tree} <= set(asked):
            copy = _copied(made, tree)
            above = _add(made, gate, float(np.finfo(np.float64).max), none, (root, 0))
            made["tree_roots"][at] = above
            made["tree_roots"].append(_add(made, gate, -np.inf, (copy, 0), none))
    kinds = {"leaf_weights": np.float64, "nodes_modes": np.uint8, "nodes_splits": np.float64}
    tensors = {
        name: numpy_helper.from_array(np.array(made[name], kind), name)
        for name, kind in kinds.items()
    }
    return {**given, **made, **tensors}


def _add(
    made: dict[str, Any], column: int, split: float, yes: tuple[int, int], no: tuple[int, int]
) -> int:
    """Add a node to which NaN says no; children are numbers and whether these are leaves'."""
    made["nodes_featureids"].append(column)
    made["nodes_splits"].append(split)
    made["nodes_modes"].append(AT_MOST)
    made["nodes_missing_value_tracks_true"].append(0)
    for side, (child, is_leaf) in (("true", yes), ("false", no)):
        made[f"nodes_{side}nodeids"].append(child)
        made[f"nodes_{side}leafs"].append(is_leaf)
    return len(made["nodes_splits"]) - 1


def _nodes_below(made: dict[str, Any], root: int) -> list[int]:
    """List the nodes of a tree, the root first."""
    found = [root]
    for node in found:
        found += [
            made[f"nodes_{side}nodeids"][node]
            for side in ("true", "false")
            if not made[f"nodes_{side}leafs"][node]
        ]
    return found


def _copied(made: dict[str, Any], tree: list[int]) -> int:
    """Add the nodes of a tree once more; give the new root. Leaves may be shared."""
    first = len(made["nodes_splits"])
    new = {node: first + at for at, node in enumerate(tree)}
    for name, items in made.items():
        if name.startswith("nodes_"):
            items += [items[node] for node in tree]
    for side in ("true", "false"):
        children, is_leaf = made[f"nodes_{side}nodeids"], made[f"nodes_{side}leafs"]
        for at in range(first, len(children)):
            children[at] = children[at] if is_leaf[at] else new[children[at]]
    return first
