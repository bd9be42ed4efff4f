"""Clusterings as predictors: the number of the nearest centre."""

from typing import Any

import numpy as np
from sklearn.utils.extmath import row_norms

from preproc.export.answers import Answer, label_answer
from preproc.export.converters.cluster import squared_distances
from preproc.export.converters.products import product, squared_norms
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Table, finite_numbers, least_certain


def k_means_label(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Take the nearest centre by |c|² - 2xc; the row's own square is the same for all."""
    block = finite_numbers(scope, fitted, table)
    index = _nearer(scope, block, fitted.cluster_centers_, is_sparse=table.is_sparse)
    classes = np.arange(len(fitted.cluster_centers_), dtype=np.int32)
    decided = _decided(block, is_sparse=table.is_sparse)
    return (label_answer(scope, index, classes, decided=decided),)


def bisecting_k_means_label(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Descend the tree of clusters: at each node the nearer of two centres."""
    block = finite_numbers(scope, fitted, table)
    shift = getattr(fitted, "_X_mean", None)

    def descend(node: Any) -> str:
        if node.left is None:
            return scope.graph.constant(np.array([int(node.label)]))
        centres = np.vstack((node.left.center, node.right.center))
        if shift is not None:
            centres += shift
        side = _nearer(scope, block, centres, is_sparse=table.is_sparse)
        is_left = scope.op("Equal", side, np.array(0))
        return scope.op("Where", is_left, descend(node.left), descend(node.right))

    index = descend(fitted._bisecting_tree)  # noqa: SLF001  # no public way
    if len(fitted.cluster_centers_) == 1:
        index = _constant(scope, block, 0)
    classes = np.arange(len(fitted.cluster_centers_), dtype=np.int32)
    decided = _decided(block, is_sparse=table.is_sparse)
    return (label_answer(scope, index, classes, decided=decided),)


def birch_label(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Take the cluster of the nearest subcluster."""
    labels = np.asarray(fitted.subcluster_labels_)
    return _nearest_label(scope, fitted, table, fitted.subcluster_centers_, labels)


def nearest_centre_label(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Take the number of the nearest centre; -1 where training found none."""
    centres = fitted.cluster_centers_
    if not len(centres):
        block = finite_numbers(scope, fitted, table)
        return (label_answer(scope, _constant(scope, block, 0), np.array([-1])),)
    return _nearest_label(scope, fitted, table, centres, np.arange(len(centres)))


def _nearest_label(
    scope: Scope, fitted: Any, table: Table, centres: Any, labels: Any
) -> tuple[Answer, ...]:
    block = finite_numbers(scope, fitted, table)
    squares = squared_distances(scope, block.value, np.asarray(centres), is_sparse=table.is_sparse)
    if not table.is_sparse:
        doubt_ties(scope, block.value, squares, np.asarray(centres, np.float64))
    index = scope.op("ArgMin", squares, axis=1, keepdims=0)
    classes, codes = np.unique(labels, return_inverse=True)
    index = scope.op("Gather", codes.astype(np.int64), index)
    return (label_answer(scope, index, classes, decided=least_certain(block.decided, "blas")),)


def doubt_ties(scope: Scope, value: str, squares: str, centres: Any) -> None:
    """Mark rows whose nearest centre BLAS chooses: two are as near within its roundings.

    Parameters
    ----------
    scope
        Of the step.
    value
        Rows (n, features).
    squares
        Squared distances by BLAS's expansion, (n, centres), whatever all have in common left out;
        where they overflow to both infinities the order of the sum decides as well.
    centres
        Of shape (centres, features).
    """
    norms = squared_norms(scope, value, centres.shape[1])
    bound = scope.op("Add", norms, scope.row(row_norms(centres, squared=True)))
    factor = (4.0 * centres.shape[1] + 16.0) * 2.0**-52
    # An infinite bound says nothing: where squares overflow alike the first centre stays.
    is_finite = scope.op("Less", bound, np.array(np.inf))
    margin = scope.op("Where", is_finite, scope.op("Mul", bound, np.array(factor)), np.array(0.0))
    axis = np.array([1])
    safe = scope.op("Where", scope.op("IsNaN", squares), np.array(np.inf), squares)
    reach = scope.op("ReduceMin", scope.op("Add", safe, margin), axis, keepdims=1)
    within = scope.op("LessOrEqual", scope.op("Sub", safe, margin), reach)
    within = scope.op("And", within, is_finite)
    rivals = scope.op("ReduceSum", scope.cast(within, "int64"), axis, keepdims=1)
    text = "two centres are as near within the roundings of BLAS"
    scope.doubt(scope.op("Greater", rivals, np.array(1)), text)
    scope.doubt(scope.op("IsNaN", squares), "squared distances overflow, in BLAS's order of sums")


def _nearer(scope: Scope, block: Block, centres: Any, *, is_sparse: bool) -> str:
    """Give the index of the nearest centre, (n,), the first of equals."""
    centres = np.ascontiguousarray(centres, np.float64)
    cross = product(scope, block.value, centres.T, is_sparse=is_sparse)
    found = scope.op("Mul", cross, np.array(-2.0))
    found = scope.op("Add", found, scope.row(row_norms(centres, squared=True)))
    if not is_sparse:
        doubt_ties(scope, block.value, found, centres)
    # An infinity never is below another: the first centre stays, as it does where all is NaN.
    found = scope.op("Where", scope.op("IsNaN", found), np.array(np.inf), found)
    return scope.op("ArgMin", found, axis=1, keepdims=0)


def _decided(block: Block, *, is_sparse: bool) -> Decided:
    return least_certain(block.decided, "ieee" if is_sparse else "blas")


def _constant(scope: Scope, block: Block, value: int) -> str:
    """Repeat a number for every row, (n,)."""
    rows = scope.op("Shape", block.value, start=0, end=1)
    return scope.op("Expand", np.array([value]), rows)
