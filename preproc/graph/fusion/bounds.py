"""Rules that refuse infinities, asked of the inputs: one node for all of them.

Why it is exact: a step that keeps the order makes an infinity of the numbers beyond a bound, which
`Origin` finds. So each column of the inputs has bounds, and a tree of a few splits says which of
its rules is broken first; the smallest of all columns is the first rule. What was made of the
inputs need not be joined and looked at once more, and steps that nothing else needs can go.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.origins import Origin
from preproc.graph.view import View

_MIN: Final = 2
_AT_MOST: Final = 0

Bounds = tuple[int, float, float]
"""Number of a rule; it is broken below or at the first bound, and above the second."""


def bounds_of(origin: Origin, numbers: NDArray[np.int32]) -> dict[int, list[Bounds]] | None:
    """Bound the origin of values that must be finite, by column of the origin.

    Parameters
    ----------
    origin
        Of the values.
    numbers
        Of the rules, int32 (columns,), zero where none looks.

    Returns
    -------
    dict or None
        None where a missing number would be refused.
    """
    at = np.flatnonzero(numbers)
    if np.isinf(origin.filled(at)).any():
        return None
    below = origin.bounds(np.full(len(at), -np.inf), at)
    above = origin.bounds(np.full(len(at), np.finfo(np.float64).max), at)
    found: dict[int, list[Bounds]] = {}
    for one, low, high in zip(at, below, above, strict=True):
        bounds = (int(numbers[one]), float(low), float(high))
        found.setdefault(int(origin.columns[one]), []).append(bounds)
    return found


def first_broken(view: View, value: str, rules: dict[int, list[Bounds]], beyond: int) -> str:
    """Give the number of the first broken rule less `beyond`, zero for none, float64 (n, 1)."""
    trees = _Trees()
    for column, bounds in sorted(rules.items()):
        trees.grow(column, _telling(bounds), beyond)
    return view.add("TreeEnsemble", value, domain=ML, **trees.attributes())


def _telling(bounds: Sequence[Bounds]) -> list[Bounds]:
    """Leave out rules that cannot be the first: all they refuse is refused before."""
    kept: list[Bounds] = []
    for number, low, high in sorted(bounds):
        if all(low > one[1] or high < one[2] for one in kept):
            kept.append((number, low, high))
    return kept


class _Trees:
    """Trees under construction; a child that is None is no node but the next leaf."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._nodes: list[tuple[int, float, bool]] = []
        self._children: list[list[tuple[int, bool]]] = []
        self._leaves: list[float] = []

    def grow(self, column: int, bounds: Sequence[Bounds], beyond: int) -> None:
        """Add the tree of one column: within all bounds first, then one bound after another."""
        self._roots.append(len(self._nodes))
        marks = [number - beyond for number, _, _ in bounds]
        inside = self._node(column, min(high for _, _, high in bounds), is_missing_true=True)
        outside = self._node(column, max(low for _, low, _ in bounds), is_missing_true=False)
        self._children[inside] = [
            (outside, False),
            self._chain(column, marks, [one[2] for one in bounds], is_below=False),
        ]
        self._children[outside] = [
            self._chain(column, marks, [one[1] for one in bounds], is_below=True),
            self._leaf(0),
        ]

    def _chain(
        self, column: int, marks: Sequence[int], limits: Sequence[float], *, is_below: bool
    ) -> tuple[int, bool]:
        """Find the first rule that is broken; the last one is, if no other."""
        if len(marks) == 1:
            return self._leaf(marks[0])
        node = self._node(column, limits[0], is_missing_true=False)
        rest = self._chain(column, marks[1:], limits[1:], is_below=is_below)
        mine = self._leaf(marks[0])
        self._children[node] = [mine, rest] if is_below else [rest, mine]
        return node, False

    def _node(self, column: int, limit: float, *, is_missing_true: bool) -> int:
        self._nodes.append((column, limit, is_missing_true))
        self._children.append([])
        return len(self._nodes) - 1

    def _leaf(self, mark: int) -> tuple[int, bool]:
        self._leaves.append(float(mark))
        return len(self._leaves) - 1, True

    def attributes(self) -> dict[str, object]:
        """Lay them out as ``TreeEnsemble`` takes them: the least of all trees."""
        columns, limits, missing = zip(*self._nodes, strict=True)
        modes = np.full(len(columns), _AT_MOST, np.uint8)
        sides = {"true": 0, "false": 1}
        return {
            "tree_roots": self._roots,
            "nodes_featureids": list(columns),
            "nodes_splits": numpy_helper.from_array(np.array(limits), "nodes_splits"),
            "nodes_modes": numpy_helper.from_array(modes, "nodes_modes"),
            "nodes_missing_value_tracks_true": [int(one) for one in missing],
            **{
                f"nodes_{side}nodeids": [c[at][0] for c in self._children]
                for side, at in sides.items()
            },
            **{
                f"nodes_{side}leafs": [int(c[at][1]) for c in self._children]
                for side, at in sides.items()
            },
            "leaf_targetids": [0] * len(self._leaves),
            "leaf_weights": numpy_helper.from_array(np.array(self._leaves), "leaf_weights"),
            "n_targets": 1,
            "aggregate_function": _MIN,
            "post_transform": 0,
        }
