"""Tests of categories in trees: each distinct set of categories becomes a column of 0 and 1.

Why: trees that test whether a code is in a set would need a chain of nodes a set, and the chain's
target copied for each of its links. A table from code to 0 (left) and 1 (right), one column a
set, costs one look-up a feature, and the trees go on to test numbers alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Scope
from preproc.graph import Tree


@dataclass(frozen=True, slots=True)
class CategoryTests:
    """The distinct tests of categories that the trees of a model make.

    Attributes
    ----------
    numbers
        Feature, and which of its codes go right as bytes → number of the test.
    """

    numbers: dict[tuple[int, bytes], int] = field(default_factory=dict)

    def placeholder(self, feature: int, goes_right: NDArray[np.bool_]) -> int:
        """Give the negative number that stands for a test until `emit` knows its column.

        All tests of a feature tell of the same codes, in the same order.
        """
        key = (feature, np.asarray(goes_right, bool).tobytes())
        return -1 - self.numbers.setdefault(key, len(self.numbers))

    def emit(
        self,
        scope: Scope,
        block: tuple[str, int],
        codes: Mapping[int, str],
        trees: Sequence[Tree],
        dtype: str = "float64",
    ) -> tuple[str, list[Tree]]:
        """Put the tests behind the numbers, and their columns into the trees.

        Parameters
        ----------
        scope
            Where nodes go.
        block
            Numbers, (n, width) of dtype `dtype`, and their width.
        codes
            Feature that is tested → code, int64 (n,).
        trees
            With placeholders.
        dtype
            Of the numbers.

        Returns
        -------
        tuple
            Value (n, width + tests), and the trees, all of whose tests are of numbers.
        """
        value, width = block
        if not self.numbers:
            return value, list(trees)
        columns = np.empty(len(self.numbers), np.int64)
        parts = [value]
        for feature in sorted({feature for feature, _ in self.numbers}):
            mine = [(test, at) for (tested, test), at in self.numbers.items() if tested == feature]
            table = np.stack([np.frombuffer(test, bool) for test, _ in mine], axis=1)
            parts.append(scope.op("Gather", table.astype(dtype), codes[feature]))
            columns[[at for _, at in mine]] = width + np.arange(len(mine))
            width += len(mine)
        return scope.op("Concat", *parts, axis=1), [_placed(tree, columns) for tree in trees]


def category_code(
    scope: Scope, value: str, feature: int, count: int, *, is_whole: bool, dtype: str = "float64"
) -> str:
    """Turn a column of numbers into codes, int64 (n,): `count` for others, one more for NaN.

    Parameters
    ----------
    scope
        Where nodes go.
    value
        Numbers, (n, features) of dtype `dtype`.
    feature
        Column.
    count
        Codes from 0 to below it are known; other numbers may become any code in C, which is why
        none of them is cast.
    is_whole
        Whether numbers between -1 and 0 are none of the codes; else they are cut off to 0, as
        a C cast does.
    dtype
        Of the numbers.
    """
    column = scope.op("Gather", value, np.array(feature), axis=1)
    low = (
        scope.op("GreaterOrEqual", column, np.array(0, dtype))
        if is_whole
        else scope.op("Greater", column, np.array(-1, dtype))
    )
    is_known = scope.op("And", low, scope.op("Less", column, np.array(count, dtype)))
    safe = scope.op("Where", is_known, column, np.array(count, dtype))
    safe = scope.op("Where", scope.op("IsNaN", column), np.array(count + 1, dtype), safe)
    return scope.cast(safe, "int64")


def tested(
    tree: Tree,
    at: NDArray[np.int64],
    tests: CategoryTests,
    goes_right: Mapping[int, NDArray[np.bool_]],
) -> Tree:
    """Replace the nodes `at` of a tree by tests of categories; node → which codes go right."""
    feature, threshold = tree.feature.copy(), tree.threshold.copy()
    missing_left = tree.missing_left.copy()
    for node in at.tolist():
        feature[node] = tests.placeholder(int(tree.feature[node]), goes_right[node])
    threshold[at], missing_left[at] = 0.5, False
    return replace(tree, feature=feature, threshold=threshold, missing_left=missing_left)


def _placed(tree: Tree, columns: NDArray[np.int64]) -> Tree:
    is_test = tree.feature < 0
    at = np.where(is_test, -1 - tree.feature, 0)
    return replace(tree, feature=np.where(is_test, columns[at], tree.feature))
