"""Models that ask all training rows within a radius."""

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from preproc.export.answers import Answer, probabilities_answer
from preproc.export.converters.impute_neighbours import any_of
from preproc.export.converters.neighbour_targets import (
    LANE,
    codes_of,
    label_of,
    numbers_answer,
    sums_exactly,
    targets_of,
)
from preproc.export.converters.neighbour_votes import check_weights, distance_decided
from preproc.export.converters.neighbours import (
    Matrix,
    Way,
    checked_rows,
    distance_of,
    measure,
    way_of,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, least_certain
from preproc.graph import ordered_sum, pairwise_sum


def radius_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Count the classes within the radius, or add up their inverse distances.

    A row with nobody near gets the label for outliers, or is refused where there is none.
    """
    codes, classes, is_several = codes_of(fitted)
    way, block, order, inside, weights = _around(scope, fitted, table)
    is_weighted = check_weights(scope, fitted, way)
    order_by: Decided = distance_decided(way) if is_weighted else "ieee"
    decided = least_certain(block.decided, order_by)
    _check_loop(scope, fitted, way, is_several=is_several)
    is_alone = scope.op("Not", any_of(scope, inside))
    if fitted.outlier_label_ is None:
        text = "RadiusNeighborsClassifier finds no neighbours and has no label for outliers"
        scope.refuse(is_alone, [block.features[0].column], text)
    indices, names, answers = [], [], []
    for at, known in enumerate(classes):
        hot = np.eye(len(known))[codes[order, at]]
        shares = _class_shares(scope, weights, hot, is_counted=not is_weighted)
        share = _outlier_share(fitted, known, at)
        shares = scope.op("Where", is_alone, share, shares)
        target = at if is_several else None
        answers.append(probabilities_answer(shares, known, decided, target=target))
        index = scope.op("ArgMax", shares, axis=1, keepdims=0)
        if fitted.outlier_label_ is not None:
            outlier = fitted.outlier_label_[at]
            more, index = _with_outlier(scope, outlier, known, (shares, index))
        names.append(known if fitted.outlier_label_ is None else more)
        indices.append(index)
    label = label_of(scope, indices, names, decided, is_several=is_several)
    return (label, *answers)


def radius_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Average the targets within the radius; a row with nobody near gets NaN."""
    targets = targets_of(scope, fitted)
    if np.asarray(fitted._y).dtype != np.float64:  # noqa: SLF001  # no public way
        _refuse_integers(scope)
    way, block, order, inside, weights = _around(scope, fitted, table)
    targets, count = targets[order], len(targets)
    is_weighted = check_weights(scope, fitted, way)
    decided = least_certain(block.decided, distance_decided(way) if is_weighted else "ieee")
    # Of one target numpy adds the neighbours found in eight lanes: where each of them stands
    # depends on how many there are.
    if targets.shape[1] == 1 and (is_weighted or not sums_exactly(targets, count)):
        decided = least_certain(decided, "blas")
    add = ordered_sum if targets.shape[1] > 1 else pairwise_sum
    total = add(scope.graph, weights, count, scope=scope.path)
    columns = []
    for column in targets.T:
        weighted = scope.op("Mul", weights, scope.row(column))
        found = add(scope.graph, weighted, count, scope=scope.path)
        columns.append(scope.op("Div", found, total))
    is_alone = scope.op("Not", any_of(scope, inside))
    columns = [scope.op("Where", is_alone, np.array(np.nan), column) for column in columns]
    answer = numbers_answer(scope, fitted, columns, decided)
    return (replace(answer, scale=LANE * float(np.abs(targets).max())),)


def _check_loop(scope: Scope, fitted: Any, way: Way, *, is_several: bool) -> None:
    """Refuse scikit-learn's loop that counts while it measures.

    Of an array it checks nothing, of a frame everything; and it looks for the label of outliers
    among the numbers of the classes.
    """
    is_loop = way.method == "brute" and way.is_ordered and not is_several
    if is_loop and fitted.weights == "uniform":
        raise scope.error(
            f"RadiusNeighborsClassifier(algorithm='brute', metric={fitted.metric!r}): whether "
            "scikit-learn answers NaN depends on the kind of table; use algorithm='kd_tree'"
        )


def _refuse_integers(scope: Scope) -> NoReturn:
    raise scope.error(
        "RadiusNeighborsRegressor on integer targets gives the smallest integer to a row without "
        "neighbours; train on y.astype('float64')"
    )


def _around(scope: Scope, fitted: Any, table: Table) -> tuple[Way, Block, Any, str, str]:
    """Find who is within the radius: order of training rows, (n, m) claims and weights.

    Trees give neighbours in the order of their leaves, brute force in the order of training.
    """
    way = way_of(scope, fitted, table)
    is_weighted = check_weights(scope, fitted, way)
    block = checked_rows(scope, fitted, table)
    training: Matrix = np.asarray(fitted._fit_X, np.float64)  # noqa: SLF001  # no public way
    order = np.arange(len(training))
    if way.method != "brute":
        order = np.asarray(fitted._tree.get_arrays()[1])  # noqa: SLF001  # no public way
    measured = measure(scope, way, block, training[order])
    limit = np.array(way.reduced(float(fitted.radius)))
    inside = scope.op("LessOrEqual", measured.reduced, limit)
    if measured.margin is not None:
        away = scope.op("Abs", scope.op("Sub", measured.reduced, limit))
        is_near = scope.op("LessOrEqual", away, measured.margin)
        if way.is_ordered:
            # What lies on the radius to the last bit is inside for everyone.
            is_near = scope.op("And", is_near, scope.op("Greater", away, np.array(0.0)))
        text = f"{way.metric}: a training row lies on the radius within rounding"
        scope.doubt(any_of(scope, is_near), text)
    weights = scope.cast(inside, "float64")
    if is_weighted:
        distance = distance_of(scope, way, measured.reduced)
        is_hit = scope.op("And", inside, scope.op("Equal", distance, np.array(0.0)))
        inverse = scope.op("Div", np.array(1.0), distance)
        inverse = scope.op("Where", inside, inverse, np.array(0.0))
        hits = scope.cast(is_hit, "float64")
        weights = scope.op("Where", any_of(scope, is_hit), hits, inverse)
    return way, block, order, inside, weights


def _class_shares(scope: Scope, weights: str, hot: Matrix, *, is_counted: bool) -> str:
    """Add up the weights (n, m) of each class, and divide by what all have, (n, classes)."""
    count, classes = hot.shape
    if is_counted:
        sums = scope.op("MatMul", weights, hot)  # whole numbers: exact in any order
    else:
        parts = [
            ordered_sum(
                scope.graph, scope.op("Mul", weights, scope.row(mine)), count, scope=scope.path
            )
            for mine in hot.T
        ]
        sums = parts[0] if classes == 1 else scope.op("Concat", *parts, axis=1)
    total = pairwise_sum(scope.graph, sums, classes, scope=scope.path)
    is_zero = scope.op("Equal", total, np.array(0.0))
    return scope.op("Div", sums, scope.op("Where", is_zero, np.array(1.0), total))


def _outlier_share(fitted: Any, classes: Any, at: int) -> Matrix:
    """Give the probabilities of a row with nobody near, (1, classes)."""
    share = np.zeros((1, len(classes)))
    if fitted.outlier_label_ is not None:
        hits = np.flatnonzero(classes == fitted.outlier_label_[at]).tolist()
        share[0, hits] = 1.0
    return share


def _with_outlier(
    scope: Scope, label: Any, classes: Any, chosen: tuple[str, str]
) -> tuple[Any, str]:
    """Let rows without any probability have the label for outliers, which may be no class."""
    shares, index = chosen
    hits = np.flatnonzero(classes == label).tolist()
    at = hits[0] if hits else len(classes)
    if not hits:
        own = np.array([label], classes.dtype)
        classes = np.concatenate([classes, own])
    largest = scope.op("ReduceMax", shares, np.array([1]), keepdims=0)
    is_alone = scope.op("Equal", largest, np.array(0.0))
    return classes, scope.op("Where", is_alone, np.array(at), index)
