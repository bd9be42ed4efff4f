"""Rules that refuse infinities, and maybe NaN, asked of the inputs: one node for all of them.

Why it is exact: a step that keeps the order makes an infinity of the numbers beyond a bound, which
`Origin` finds. So each column of the inputs has bounds, and a tree of a few splits says which of
its rules is broken first; the smallest of all columns is the first rule. What was made of the
inputs need not be joined and looked at once more, and steps that nothing else needs can go.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.builder import ML
from preproc.graph.fusion.origins import Origin
from preproc.graph.view import View

MIN: Final = 2
AT_MOST: Final = 0
_COLUMNS: Final = 32
"""In one tree; its nodes grow with the square."""
_LIMITS: Final = 512
"""Asked one after the other in one tree, which the runtime loads by recursion."""
_LARGEST: Final = float(np.finfo(np.float64).max)

Limit = tuple[int, float, bool]
"""Number of a rule, what breaks it, numbers at most this, or above it, and whether NaN does."""
Child = tuple[int, bool]
"""Node or leaf, and whether it is a leaf."""
Bounds = tuple[int, float, float, bool]
"""Number of a rule; it is broken below or at the first bound, above the second, maybe by NaN."""


def bounds_of(
    origin: Origin, numbers: NDArray[np.int32], *, is_nan_refused: bool
) -> dict[int, list[Bounds]] | None:
    """Bound the origin of values that must be finite, by column of the origin.

    Parameters
    ----------
    origin
        Of the values.
    numbers
        Of the rules, int32 (columns,), zero where none looks.
    is_nan_refused
        Whether a value that is not a number breaks its rule too.

    Returns
    -------
    dict or None
        None where a missing number would be made infinite.
    """
    at = np.flatnonzero(numbers)
    filled = origin.filled(at)
    if np.isinf(filled).any():
        return None
    is_nan = np.isnan(filled) & is_nan_refused
    below = origin.bounds(np.full(len(at), -np.inf), at)
    above = origin.bounds(np.full(len(at), _LARGEST), at)
    found: dict[int, list[Bounds]] = {}
    for one, low, high, missing in zip(at, below, above, is_nan, strict=True):
        bounds = (int(numbers[one]), float(low), float(high), bool(missing))
        found.setdefault(int(origin.columns[one]), []).append(bounds)
    return found


def first_broken(
    view: View,
    value: str,
    rules: Mapping[int, Sequence[Bounds]],
    beyond: int,
    *,
    gated: Mapping[int, Sequence[Bounds]],
    gate: int,
) -> str:
    """Give the number of the first broken rule less `beyond`, zero for none, float64 (n, 1).

    Parameters
    ----------
    view
        Graph that receives the node.
    value
        All that is asked, float64 (n, columns).
    rules
        Column → bounds.
    beyond
        More than any rule's number.
    gated
        The same of rules that can be broken only where a column is not finite.
    gate
        That column.
    """
    trees = _Trees(beyond)
    join = view.maker(value, "Concat")
    parts = [value] if join is None else list(join.input)
    ends = [0, *np.cumsum([view.widths[part] for part in parts]).tolist()]
    for is_below in (True, False):
        known = _sided(rules, is_below=is_below)
        known.sort(key=lambda one: one[1][-1])
        for first, end in pairwise(ends):
            inside = [one for one in known if first <= one[0] < end]
            for start in range(0, len(inside), _COLUMNS):
                trees.grow(inside[start : start + _COLUMNS], is_below=is_below)
    asked = sorted(
        (limit, column, is_below)
        for is_below in (True, False)
        for column, limits in _sided(gated, is_below=is_below)
        for limit in limits
    )
    for start in range(0, len(asked), _LIMITS):
        trees.grow_behind(gate, asked[start : start + _LIMITS])
    return view.add("TreeEnsemble", value, domain=ML, **trees.attributes())


def _sided(
    rules: Mapping[int, Sequence[Bounds]], *, is_below: bool
) -> list[tuple[int, list[Limit]]]:
    """List what columns are asked for on one side, without what is never told."""
    found = []
    for column, all_of in rules.items():
        limits = [
            (rule, low if is_below else high, nan and not is_below)
            for rule, low, high, nan in all_of
            if is_below or high < np.inf or nan
        ]
        if limits:
            found.append((column, _telling(limits, is_below=is_below)))
    return found


def _telling(limits: Sequence[Limit], *, is_below: bool) -> list[Limit]:
    """Leave out rules that cannot be the first: all they refuse is refused before."""
    kept: list[Limit] = []
    for number, limit, is_nan in sorted(limits):
        tightest = kept[-1][1] if kept else -np.inf if is_below else np.inf
        is_tighter = limit > tightest if is_below else limit < tightest
        is_first_nan = is_nan and not any(nan for _, _, nan in kept)
        if not kept or is_tighter or is_first_nan:
            kept.append((number, limit if is_tighter else tightest, is_nan))
    return kept


class _Trees:
    """Trees under construction, from their leaves; the least of what they tell counts.

    Why a chain of columns, not a tree for each: a step that nearly always goes the same way takes
    a nanosecond, a tree five. Only the tightest rule of each is asked, and where one is broken,
    all that come before it, of this column and those behind it.
    """

    def __init__(self, beyond: int) -> None:
        self._beyond = beyond
        self._roots: list[int] = []
        self._nodes: list[tuple[int, float, bool]] = []
        self._children: list[list[Child]] = []
        self._leaves: list[float] = []

    def grow(self, columns: Sequence[tuple[int, list[Limit]]], *, is_below: bool) -> None:
        """Add the limits of some columns, each tighter than the one before."""
        child = self._leaf(0)
        for at in reversed(range(len(columns))):
            column, limits = columns[at]
            tightest, limit, _ = limits[-1]
            is_nan = any(nan for _, _, nan in limits)
            broken = self._leaf(tightest - self._beyond)
            earlier = [
                (number, other, looser, nan)
                for other, known in columns[at:]
                for number, looser, nan in known
                if number < tightest
            ]
            for number, other, looser, nan in sorted(earlier, reverse=True):
                first = self._leaf(number - self._beyond)
                broken = self._node((other, looser, nan), first, broken, is_below=is_below)
            child = self._node((column, limit, is_nan), broken, child, is_below=is_below)
        self._roots.append(child[0])

    def grow_behind(self, gate: int, asked: Sequence[tuple[Limit, int, bool]]) -> None:
        """Add limits that are asked in order of their numbers where a column is not finite.

        Twice: two ways to one node are more than the runtime takes.
        """
        below = self._node((gate, -np.inf, False), self._chain(asked), self._leaf(0), is_below=True)
        root = self._node((gate, _LARGEST, True), self._chain(asked), below, is_below=False)
        self._roots.append(root[0])

    def _chain(self, asked: Sequence[tuple[Limit, int, bool]]) -> Child:
        child = self._leaf(0)
        for (number, limit, is_nan), column, is_below in reversed(asked):
            broken = self._leaf(number - self._beyond)
            child = self._node((column, limit, is_nan), broken, child, is_below=is_below)
        return child

    def _node(
        self, asked: tuple[int, float, bool], broken: Child, kept: Child, *, is_below: bool
    ) -> Child:
        column, limit, nan = asked
        self._nodes.append((column, limit, not (is_below or nan)))
        self._children.append([broken, kept] if is_below else [kept, broken])
        return len(self._nodes) - 1, False

    def _leaf(self, mark: int) -> Child:
        self._leaves.append(float(mark))
        return len(self._leaves) - 1, True

    def attributes(self) -> dict[str, object]:
        """Lay them out as ``TreeEnsemble`` takes them: the least of all trees."""
        columns, limits, missing = zip(*self._nodes, strict=True)
        modes = np.full(len(columns), AT_MOST, np.uint8)
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
            "aggregate_function": MIN,
            "post_transform": 0,
        }
