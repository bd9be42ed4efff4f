"""Models that ask the nearest training rows: classes by votes, numbers by means, outliers."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import (
    Answer,
    label_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.impute_neighbours import any_of, inverse_of
from preproc.export.converters.neighbour_targets import (
    LANE,
    codes_of,
    label_of,
    numbers_answer,
    sums_exactly,
    targets_of,
)
from preproc.export.converters.neighbours import (
    Matrix,
    Nearest,
    Way,
    checked_rows,
    distance_of,
    ids_of,
    measure,
    nearest,
    way_of,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, least_certain
from preproc.graph import ordered_sum, pairwise_sum

_LANES: Final = 8
"""From so many summands on, numpy's sum depends on where a summand stands."""
_CLOSE: Final = 1 - 2.0**-40


def neighbours_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Count the classes of the k nearest, or add up their inverse distances."""
    codes, classes, is_several = codes_of(fitted)
    block, found = _found(scope, fitted, table, codes)
    weights, decided = _weights(scope, fitted, found, block)
    if weights is not None:
        _refuse_no_weight(scope, fitted, block, weights)
    indices, answers = [], []
    for at, names in enumerate(classes):
        votes = _votes(scope, found.index, weights, codes[:, at], len(names))
        shape = (int(fitted.n_neighbors), len(names))
        value, index = _shares(scope, found, votes, shape, is_weighted=weights is not None)
        indices.append(index)
        target = at if is_several else None
        answers.append(probabilities_answer(value, names, decided, target=target))
    label = label_of(scope, indices, classes, decided, is_several=is_several)
    return (label, *answers)


def neighbours_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Average the targets of the k nearest, or weigh them by their inverse distances.

    Of one target numpy adds in eight lanes, of several ones row after row.
    """
    targets = targets_of(scope, fitted)
    block, found = _found(scope, fitted, table, targets)
    weights, decided = _weights(scope, fitted, found, block)
    count, width = int(fitted.n_neighbors), targets.shape[1]
    is_free = weights is None and sums_exactly(targets, count)
    if count > 2 and not is_free:  # noqa: PLR2004  # two numbers have one sum
        _doubt_order(scope, found, targets)
        if not found.way.is_ordered:
            decided = least_certain(decided, "blas")
    columns = []
    for column in targets.T:
        values = scope.op("Gather", np.ascontiguousarray(column), found.index)
        if weights is None:
            add = pairwise_sum if width == 1 else ordered_sum
            total = add(scope.graph, values, count, scope=scope.path)
            columns.append(scope.op("Div", total, np.array(float(count))))
            continue
        weighted = scope.op("Mul", values, weights)
        total = pairwise_sum(scope.graph, weighted, count, scope=scope.path)
        share = pairwise_sum(scope.graph, weights, count, scope=scope.path)
        columns.append(scope.op("Div", total, share))
    answer = numbers_answer(scope, fitted, columns, decided)
    return (replace(answer, scale=LANE * float(np.abs(targets).max())),)


def local_outlier_factor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Compare the density around a row with the densities around its neighbours."""
    if not fitted.novelty:
        raise scope.error("LocalOutlierFactor(novelty=False) answers no new rows; use novelty=True")
    way = way_of(scope, fitted, table)
    block, count = checked_rows(scope, fitted, table), int(fitted.n_neighbors_)
    densities = np.asarray(fitted._lrd, np.float64)  # noqa: SLF001  # no public way
    reaches = np.asarray(fitted._distances_fit_X_, np.float64)[:, count - 1]  # no public way
    outcome = np.column_stack([densities, reaches])
    measured = measure(scope, way, block, fitted._fit_X)  # noqa: SLF001  # no public way
    found = nearest(scope, measured, count, outcome)
    if count > 2:  # noqa: PLR2004  # two numbers have one sum
        _doubt_order(scope, found, outcome)
    distance = distance_of(scope, way, found.reduced)
    reach = scope.op("Max", distance, scope.op("Gather", reaches, found.index))
    size = np.array(float(count))
    mean = scope.op("Div", pairwise_sum(scope.graph, reach, count, scope=scope.path), size)
    density = scope.op("Div", np.array(1.0), scope.op("Add", mean, np.array(1e-10)))
    ratios = scope.op("Div", scope.op("Gather", densities, found.index), density)
    mean = scope.op("Div", pairwise_sum(scope.graph, ratios, count, scope=scope.path), size)
    score = scope.op("Sub", scope.op("Neg", mean), np.array(float(fitted.offset_)))
    score = scope.op("Squeeze", score, np.array([1]))
    is_outside = scope.op("Less", score, np.array(0.0))
    index = scope.op("Where", is_outside, np.array(0), np.array(1))
    decided = least_certain(block.decided, distance_decided(way))
    return (
        label_answer(scope, index, np.array([-1, 1]), decided=decided),
        scores_answer(score, decided, is_default=True),
    )


def distance_decided(way: Way) -> Decided:
    """Tell what decides the bits of distances."""
    if not way.is_ordered:
        return "blas"
    return "libm" if way.metric == "minkowski" else "ieee"


def check_weights(scope: Scope, fitted: Any, way: Way) -> bool:
    """Tell whether neighbours are weighted, and refuse what no graph repeats."""
    name = type(fitted).__name__
    if fitted.weights in (None, "uniform"):
        return False
    if fitted.weights != "distance":
        raise scope.error(
            f"{name}(weights=<function>): python code has no graph; use 'uniform' or 'distance'"
        )
    if not way.is_ordered:
        raise scope.error(
            f"{name}(weights='distance') by {way.method} with metric {way.metric!r}: BLAS decides "
            "whether a training row is at distance 0 from itself, and its weight infinite; use "
            "algorithm='kd_tree' or weights='uniform'"
        )
    return True


def _found(scope: Scope, fitted: Any, table: Table, outcome: Any) -> tuple[Block, Nearest]:
    way = way_of(scope, fitted, table)
    check_weights(scope, fitted, way)
    block = checked_rows(scope, fitted, table)
    measured = measure(scope, way, block, fitted._fit_X)  # noqa: SLF001  # no public way
    return block, nearest(scope, measured, int(fitted.n_neighbors), outcome)


def _weights(scope: Scope, fitted: Any, found: Nearest, block: Block) -> tuple[str | None, Decided]:
    if not check_weights(scope, fitted, found.way):
        # Which neighbours count is settled by the margins, whatever decides the last bits.
        return None, block.decided
    distance = distance_of(scope, found.way, found.reduced)
    decided = least_certain(block.decided, distance_decided(found.way))
    return inverse_of(scope, distance), decided


def _refuse_no_weight(scope: Scope, fitted: Any, block: Block, weights: str) -> None:
    largest = scope.op("ReduceMax", weights, np.array([1]), keepdims=1)
    text = f"{type(fitted).__name__} refuses a row whose neighbours all weigh nothing"
    broken = scope.op("Equal", largest, np.array(0.0))
    scope.refuse(broken, [block.features[0].column], text)


def _votes(
    scope: Scope, index: str, weights: str | None, codes: NDArray[np.int64], count: int
) -> str:
    """Lay out votes as (n, neighbours, classes)."""
    mine = scope.op("Unsqueeze", scope.op("Gather", codes, index), np.array([2]))
    hot = scope.cast(scope.op("Equal", mine, np.arange(count).reshape(1, 1, -1)), "float64")
    if weights is None:
        return hot
    return scope.op("Mul", hot, scope.op("Unsqueeze", weights, np.array([2])))


def _shares(
    scope: Scope, found: Nearest, votes: str, shape: tuple[int, int], *, is_weighted: bool
) -> tuple[str, str]:
    """Give probabilities (n, classes) and the index of the label (n,), of votes as in `_votes`.

    Probabilities add the votes neighbour by neighbour; the weighted label adds them in numpy's
    eight lanes, so the two may part in the last bit, as they do in scikit-learn.
    """
    count, classes = shape
    running = scope.op("CumSum", votes, np.array(1))
    sums = scope.op("Gather", running, np.array(count - 1), axis=1)
    if not is_weighted:
        value = scope.op("Div", sums, np.array(float(count)))
        return value, scope.op("ArgMax", sums, axis=1, keepdims=0)
    total = pairwise_sum(scope.graph, sums, classes, scope=scope.path)
    value = scope.op("Div", sums, total)
    if count >= _LANES:
        turned = scope.op("Transpose", votes, perm=[0, 2, 1])
        flat = scope.op("Reshape", turned, np.array([-1, count]))
        flat = pairwise_sum(scope.graph, flat, count, scope=scope.path)
        sums = scope.op("Reshape", flat, np.array([-1, classes]))
        _doubt_close(scope, found, votes, sums)
    return value, scope.op("ArgMax", sums, axis=1, keepdims=0)


def _doubt_close(scope: Scope, found: Nearest, votes: str, sums: str) -> None:
    """Mark rows where the order of equally near neighbours may decide between two classes."""
    axis = np.array([1])
    largest = scope.op("ReduceMax", sums, axis, keepdims=1)
    is_close = scope.op("GreaterOrEqual", sums, scope.op("Mul", largest, np.array(_CLOSE)))
    rivals = scope.op("ReduceSum", scope.cast(is_close, "int64"), axis, keepdims=1)
    names = scope.op("ArgMax", votes, axis=2, keepdims=0)
    rows = _ties_inside(scope, found, names)
    rows = scope.op("And", rows, scope.op("Greater", rivals, np.array(1)))
    scope.doubt(rows, f"{found.way.metric}: equal votes of neighbours as near as each other")


def _doubt_order(scope: Scope, found: Nearest, outcome: Matrix) -> None:
    """Mark rows with equally near neighbours of different outcomes: their order is the heap's."""
    ids = scope.op("Gather", ids_of(outcome), found.index)
    rows = _ties_inside(scope, found, ids)
    text = f"{found.way.metric}: neighbours as near as each other are added in an unknown order"
    scope.doubt(rows, text)


def _ties_inside(scope: Scope, found: Nearest, ids: str) -> str:
    """Tell where neighbours next to each other are as near and have other outcomes, (n, 1)."""

    def pair(value: str) -> tuple[str, str]:
        axis = np.array([1])
        first = scope.op("Slice", value, np.array([0]), np.array([-1]), axis)
        return first, scope.op("Slice", value, np.array([1]), np.array([2**31 - 1]), axis)

    is_same = scope.op("Equal", *pair(found.reduced))
    differs = scope.op("Not", scope.op("Equal", *pair(ids)))
    return any_of(scope, scope.op("And", is_same, differs))
