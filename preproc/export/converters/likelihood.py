"""From log-likelihoods of classes to labels and probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from preproc.export.converters.products import exponential_of
from preproc.export.scope import Scope
from preproc.graph import GraphBuilder, log1p, logarithm, ordered_sum, pairwise_sum

Sum = Callable[..., str]


def first_largest(scope: Scope, scores: str) -> str:
    """Give the index of the largest score, (n, k) to (n,): the first of equals, NaN before all.

    ``ArgMax`` promises nothing for NaN; numpy takes the first of them.
    """
    is_nan = scope.op("IsNaN", scores)
    flags = scope.cast(is_nan, "int64")
    has_nan = scope.op("ReduceMax", flags, np.array([1]), keepdims=0)
    plain = scope.op("Where", is_nan, np.array(-np.inf), scores)
    largest = scope.op("ArgMax", plain, axis=1, keepdims=0)
    first = scope.op("ArgMax", flags, axis=1, keepdims=0)
    return scope.op("Where", scope.op("Equal", has_nan, np.array(1)), first, largest)


def largest_of(scope: Scope, scores: str) -> str:
    """Give the largest score of a row, (n, k) to (n, 1); NaN where one is, as numpy does."""
    is_nan = scope.op("IsNaN", scores)
    has_nan = scope.op("ReduceMax", scope.cast(is_nan, "int64"), np.array([1]), keepdims=1)
    plain = scope.op("Where", is_nan, np.array(-np.inf), scores)
    largest = scope.op("ReduceMax", plain, np.array([1]), keepdims=1)
    return scope.op("Where", scope.op("Equal", has_nan, np.array(1)), np.array(np.nan), largest)


def normalized(scope: Scope, scores: str, width: int, *, is_contiguous: bool = True) -> str:
    """Turn log-likelihoods (n, width) into probabilities: less their log-sum-exp, exponential.

    The largest is taken out of the sum of exponentials and comes back through ``log1p``, equals
    of it as a count; scikit-learn's own operations in their order. Rows whose classes lie in
    columns one after the other in memory are added without numpy's eight lanes.
    """
    largest = largest_of(scope, scores)
    is_largest = scope.op("Equal", scores, largest)
    count = scope.cast(is_largest, "float64")
    count = scope.op("ReduceSum", count, np.array([1]), keepdims=1)
    size = scope.op("Abs", largest)
    is_finite = scope.op("Less", size, np.array(np.inf))
    shift = scope.op("Where", is_finite, largest, np.array(0.0))
    others = scope.op("Where", is_largest, np.array(-np.inf), scores)
    powers = exponential_of(scope, scope.op("Sub", others, shift))
    add: Sum = pairwise_sum if is_contiguous else ordered_sum
    total = add(scope.graph, powers, width, scope=scope.path)
    share = scope.op("Div", total, count)
    share = scope.op("Where", scope.op("Equal", total, np.array(0.0)), total, share)
    total = scope.op("Add", _applied(scope, log1p, share), _applied(scope, logarithm, count))
    total = scope.op("Add", total, largest)
    return exponential_of(scope, scope.op("Sub", scores, total))


def shifted(scope: Scope, scores: str, width: int, *, is_contiguous: bool = True) -> str:
    """Turn discriminant scores (n, width) into probabilities: twice through the exponential.

    ``exp(s - log(sum(exp(s))))`` with s less its largest, which is what scikit-learn computes.
    """
    apart = scope.op("Sub", scores, largest_of(scope, scores))
    powers = exponential_of(scope, apart)
    add: Sum = pairwise_sum if is_contiguous else ordered_sum
    total = add(scope.graph, powers, width, scope=scope.path)
    logs = _applied(scope, logarithm, total)
    return exponential_of(scope, scope.op("Sub", apart, logs))


def _applied(scope: Scope, function: Callable[..., str], value: str) -> str:
    """Apply a function of the graph package, in this step."""
    graph: GraphBuilder = scope.graph
    return function(graph, value, scope=scope.path)


def difference(scope: Scope, scores: str) -> str:
    """Subtract the first of two scores from the second, (n, 2) to (n,)."""
    second: Any = scope.op("Gather", scores, np.array(1), axis=1)
    return scope.op("Sub", second, scope.op("Gather", scores, np.array(0), axis=1))
