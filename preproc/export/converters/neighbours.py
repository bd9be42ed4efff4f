"""Distances to training rows, and which of them are nearest.

Trees and loops over pairs add the features of one pair from left to right, which is repeated to
the bit. scikit-learn's Euclidean brute force is BLAS's expansion |x|² - 2xy + |y|². Which rows are
nearest is then a comparison of distances; where one that was left out may be as near as one that
was taken, the heap's history or numpy's partition decides, and such rows are marked as doubtful.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import row_norms

from preproc.export.converters.impute_neighbours import (
    any_of,
    nan_distances,
    tied,
)
from preproc.export.converters.products import at_least_zero, product, squared_norms
from preproc.export.converters.training_rows import (
    check_magnitude,
    check_size,
    largest_over_features,
    ordered_over_features,
)
from preproc.export.scope import Scope
from preproc.export.table import (
    Block,
    Table,
    numbers,
    refuse_infinite,
    refuse_not_finite,
    refuse_times,
)

Matrix = NDArray[np.float64]

_ALIASES: Final = {
    "l2": "euclidean",
    "l1": "manhattan",
    "cityblock": "manhattan",
    "infinity": "chebyshev",
    "p": "minkowski",
}
_ORDERED: Final = ("canberra", "chebyshev", "euclidean", "manhattan", "minkowski", "seuclidean")
_SUMMED: Final = ("cosine", "euclidean", "nan_euclidean", "sqeuclidean")
_ROOTED: Final = ("euclidean", "nan_euclidean", "seuclidean")
"""Metrics that are compared as squares."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a fitted model measures.

    Attributes
    ----------
    metric
        Its one name.
    method
        ``kd_tree``, ``ball_tree`` or ``brute``.
    is_ordered
        Whether features are added from left to right.
    power, weights
        Of Minkowski's metric; weights are variances for ``seuclidean``.
    """

    metric: str
    method: str
    is_ordered: bool
    power: float = 2.0
    weights: Matrix | None = None

    @property
    def has_heap(self) -> bool:
        """Whether neighbours come from a heap, which keeps the first row for what is infinite."""
        return self.metric not in ("cosine", "nan_euclidean")

    def reduced(self, radius: float) -> float:
        """Turn a distance into what is compared."""
        if self.metric in _ROOTED:
            return radius * radius
        return float(radius**self.power) if self.metric == "minkowski" else radius


@dataclass(frozen=True, slots=True)
class Measured:
    """Graph values of shape (n, training rows).

    Attributes
    ----------
    way
        How.
    reduced
        Distances as they are compared.
    margin
        How far scikit-learn's own comparison may be off, None where it is exact.
    """

    way: Way
    reduced: str
    margin: str | None


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest training rows, graph values of shape (n, count), nearest first."""

    way: Way
    index: str
    reduced: str


def way_of(scope: Scope, fitted: Any, table: Table) -> Way:
    """Read how a fitted model measures, or refuse the export by name."""
    refuse_times(scope, table)
    name, training = type(fitted).__name__, fitted._fit_X  # noqa: SLF001  # no public way
    given = fitted.effective_metric_
    metric, parameters = _ALIASES.get(given, given), dict(fitted.effective_metric_params_)
    method = fitted._fit_method  # noqa: SLF001  # no public way
    power, weights = float(parameters.pop("p", 2.0)), parameters.pop("w", None)
    weights = parameters.pop("V", weights)
    if table.is_sparse:
        raise scope.error(
            f"{name} on sparse features is not exported; make them dense, as by "
            "ColumnTransformer(sparse_threshold=0)"
        )
    if not isinstance(given, str) or metric not in (*_ORDERED, *_SUMMED) or parameters:
        shown = given if isinstance(given, str) else "<function>"
        raise scope.error(f"{name}(metric={shown!r}): use one of {sorted({*_ORDERED, *_SUMMED})}")
    check_size(scope, name, training.shape, "train on a sample")
    check_magnitude(scope, name, training)
    is_ordered = metric in _ORDERED and (method != "brute" or given != "euclidean")
    if is_ordered and method == "brute" and training.dtype != np.float64:
        raise scope.error(
            f"{name}(metric={given!r}, algorithm='brute') on integers: scipy's sum has an order of "
            "its own; train on float64 columns or use algorithm='kd_tree'"
        )
    vector = None if weights is None else np.asarray(weights, np.float64)
    return Way(metric, method, is_ordered, power, vector)


def checked_rows(scope: Scope, fitted: Any, table: Table) -> Block:
    """Join the input as float64 and refuse what validation does."""
    block, name = numbers(scope, table), type(fitted).__name__
    if fitted.metric == "nan_euclidean":
        return refuse_infinite(scope, block, f"{name} refuses infinity")
    return refuse_not_finite(scope, block, f"{name} refuses NaN and infinity")


def measure(scope: Scope, way: Way, block: Block, training: Matrix) -> Measured:
    """Measure from each row of a block to each training row (m, features)."""
    training = np.ascontiguousarray(training, np.float64)
    if way.is_ordered:
        reduced = _ordered(scope, way, block.value, training)
        return Measured(way, reduced, _tree_margin(scope, way, block.value, training, reduced))
    if way.metric == "nan_euclidean":
        mask, gone = scope.op("IsNaN", block.value), np.isnan(training)
        found = nan_distances(scope, block, mask, training, gone)
        return Measured(way, found.squared, found.doubt)
    if way.metric == "cosine":
        return _cosine(scope, way, block, training)
    norms, own = squared_norms(scope, block.value, block.width), row_norms(training, squared=True)
    cross = scope.op("Mul", product(scope, block.value, training.T), np.array(-2.0))
    reduced = scope.op("Add", scope.op("Add", norms, cross), scope.row(own))
    factor = np.array((4.0 * block.width + 16.0) * 2.0**-52)
    margin = scope.op("Mul", scope.op("Add", norms, scope.row(own)), factor)
    return Measured(way, at_least_zero(scope, reduced), margin)


def _ordered(scope: Scope, way: Way, value: str, training: Matrix) -> str:
    """Add the features one after the other, for some training rows at a time."""

    def terms(wide: str, some: Matrix) -> str:
        return _terms(scope, way, wide, some[np.newaxis])

    if way.metric == "chebyshev":
        return largest_over_features(scope, value, training, terms)
    return ordered_over_features(scope, value, training, terms)


def _terms(scope: Scope, way: Way, x: str, y: Matrix) -> str:
    """Give what each feature adds: rows (n, 1, k) against training rows (1, m, k)."""
    apart = scope.op("Sub", x, y)
    if way.metric in ("euclidean", "seuclidean"):
        square = scope.op("Mul", apart, apart)
        if way.weights is None:
            return square
        return scope.op("Div", square, np.asarray(way.weights, np.float64).reshape(1, 1, -1))
    size = scope.op("Abs", apart)
    if way.metric == "canberra":
        both = scope.op("Add", scope.op("Abs", x), np.abs(y))
        is_apart = scope.op("Greater", both, np.array(0.0))
        divisor = scope.op("Where", is_apart, both, np.array(1.0))
        return scope.op("Where", is_apart, scope.op("Div", size, divisor), np.array(0.0))
    if way.metric == "minkowski":
        # A vector of exponents: the runtime takes a single 3 for two multiplications.
        grown = scope.op("Pow", size, np.full(y.shape, way.power))
        if way.weights is None:
            return grown
        return scope.op("Mul", np.asarray(way.weights, np.float64).reshape(1, 1, -1), grown)
    return size


def _tree_margin(scope: Scope, way: Way, value: str, training: Matrix, reduced: str) -> str | None:
    """Tell how far a tree's bounds of its nodes may be off: they cut off whole branches.

    Those of a k-d tree are off by a share of the distance, those of a ball tree by a share of the
    distance to the ball's centre, which lies among the training rows.
    """
    if way.method == "brute":
        # Powers are the C library's, whose last bit is not ours to know.
        if way.metric != "minkowski":
            return None
        return scope.op("Mul", reduced, np.array(2.0**-48))
    share = np.array((training.shape[1] + 8.0) * 2.0**-50)
    margin = scope.op("Mul", reduced, share)
    if way.method == "ball_tree":
        centre = training.mean(axis=0, keepdims=True)
        far = _ordered(scope, way, value, centre)
        own = np.abs(training - centre)
        reach = (
            np.square(own).sum(axis=1) if way.metric in _ROOTED else own.sum(axis=1) ** way.power
        )
        bound = scope.op("Add", far, scope.row(reach))
        margin = scope.op("Add", margin, scope.op("Mul", bound, np.array(2.0**-46)))
    return margin


def _cosine(scope: Scope, way: Way, block: Block, training: Matrix) -> Measured:
    length = scope.op("Sqrt", squared_norms(scope, block.value, block.width))
    is_zero = scope.op("Equal", length, np.array(0.0))
    length = scope.op("Where", is_zero, np.array(1.0), length)
    cross = product(scope, scope.op("Div", block.value, length), normalize(training).T)
    apart = scope.op("Add", scope.op("Neg", cross), np.array(1.0))
    apart = scope.op("Min", at_least_zero(scope, apart), np.array(2.0))
    margin = np.full((1, len(training)), (4.0 * block.width + 16.0) * 2.0**-52)
    return Measured(way, apart, scope.graph.constant(margin))


def nearest(scope: Scope, measured: Measured, count: int, outcome: Matrix) -> Nearest:
    """Choose the `count` nearest training rows.

    Rows of which others are as near are marked as doubtful where their outcomes differ.

    Parameters
    ----------
    scope
        Of the step.
    measured
        Distances to m training rows.
    count
        Between 1 and m.
    outcome
        What the model reads of a neighbour, (m, any).
    """
    reduced, infinity = measured.reduced, np.array(np.inf)
    far = scope.op("Where", scope.op("IsNaN", reduced), infinity, reduced)
    index = scope.op("TopK", far, np.array([count]), axis=1, largest=0, sorted=1, place=1)
    near = scope.op("GatherElements", far, index, axis=1)
    is_near = scope.op("Less", near, infinity)
    ids = ids_of(outcome)
    name = measured.way.metric
    if count < len(ids) and ids.max() > 0:
        low = high = far
        if measured.margin is not None:
            low = scope.op("Sub", far, measured.margin)
            high = scope.op("Add", far, measured.margin)
            # Infinity less infinity: no margin there.
            low = scope.op("Where", scope.op("Less", far, infinity), low, infinity)
            high = scope.op("Where", scope.op("Less", far, infinity), high, infinity)
        rows = tied(scope, (low, high), (index, is_near), ids.reshape(1, -1))
        scope.doubt(
            rows, f"{name}: the last neighbour and one left out are as near within rounding"
        )
    is_far = scope.op("Not", is_near)
    if measured.way.has_heap:
        index = scope.op("Where", is_far, np.array(0, np.int64), index)
    if not measured.way.is_ordered:
        scope.doubt(any_of(scope, is_far), f"{name}: a neighbour is infinitely far or not a number")
    return Nearest(measured.way, index, near)


def ids_of(outcome: Matrix) -> Matrix:
    """Give each distinct row of (m, any) a number, float64 (m,)."""
    _, found = np.unique(outcome.reshape(len(outcome), -1), axis=0, return_inverse=True)
    return found.reshape(-1).astype(np.float64)


def distance_of(scope: Scope, way: Way, reduced: str) -> str:
    """Turn what was compared into distances."""
    if way.metric in _ROOTED:
        return scope.op("Sqrt", reduced)
    if way.metric == "minkowski":
        return scope.op("Pow", reduced, np.array(1.0 / way.power))
    return reduced
