"""Polynomial features: products of columns, multiplied in scikit-learn's order."""

import numpy as np
from sklearn.preprocessing import PolynomialFeatures

from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table, finite_numbers

Terms = list[tuple[int, ...]]


def polynomial_features(scope: Scope, fitted: PolynomialFeatures, table: Table) -> Table:
    """Multiply columns, one degree after the other.

    Integers become float64 first, as in scikit-learn, so nothing wraps around. A term of a dense
    row is its last factor times the others from right to left, a term of a sparse row its first
    times the others from left to right; from three factors on the two differ in the last bit.
    """
    block = finite_numbers(scope, fitted, table)
    lowest, highest = fitted._min_degree, fitted._max_degree  # noqa: SLF001  # no public way
    parts: list[Block] = []
    if fitted.include_bias:
        parts.append(_ones(scope, block))
    terms: Terms = [(at,) for at in range(block.width)]
    power = block
    for degree in range(1, highest + 1):
        if degree > 1:
            terms, power = _next(scope, block, (terms, power), fitted, is_sparse=table.is_sparse)
        if not terms:
            break
        if degree >= lowest:
            parts.append(power)
    if not parts:
        raise scope.error("PolynomialFeatures gives no column, expected at least one")
    return Table(tuple(parts), table.is_sparse)


def _next(
    scope: Scope,
    block: Block,
    last: tuple[Terms, Block],
    fitted: PolynomialFeatures,
    *,
    is_sparse: bool,
) -> tuple[Terms, Block]:
    """Multiply the terms of one degree by one column each, in the order of the new terms."""
    old, power = last
    gap = 1 if fitted.interaction_only else 0
    if is_sparse:
        pairs = [(i, at) for i, t in enumerate(old) for at in range(t[-1] + gap, block.width)]
        terms = [(*old[i], at) for i, at in pairs]
    else:
        pairs = [
            (i, at) for at in range(block.width) for i, t in enumerate(old) if t[0] >= at + gap
        ]
        terms = [(at, *old[i]) for i, at in pairs]
    if not terms:
        return [], power
    left = scope.op("Gather", power.value, np.array([i for i, _ in pairs]), axis=1)
    right = scope.op("Gather", block.value, np.array([at for _, at in pairs]), axis=1)
    value = scope.op("Mul", left, right)
    if is_sparse:
        # What a sparse row does not store makes no product, not even with infinity.
        unstored = scope.op("Equal", right, np.array(0.0))
        value = scope.op("Where", unstored, np.array(0.0), value)
    features = tuple(_product(power.features[i], block.features[at]) for i, at in pairs)
    return terms, Block(value, "float64", features, block.decided)


def _product(term: Feature, factor: Feature) -> Feature:
    """Describe a product; a term that overflowed times zero is NaN."""
    sources = tuple(dict.fromkeys((*term.sources, *factor.sources)))
    with np.errstate(over="ignore"):
        limit = float(np.float64(term.limit) * np.float64(factor.limit))
    has_nan = term.has_nan or term.limit == np.inf
    if limit != limit:  # noqa: PLR0124  # infinity times zero
        limit = np.inf
    return Feature(f"{factor.name} {term.name}", sources, has_nan, limit)


def _ones(scope: Scope, block: Block) -> Block:
    rows = scope.op("Shape", block.value, start=0, end=1)
    shape = scope.op("Concat", rows, np.array([1]), axis=0)
    value = scope.op("ConstantOfShape", shape, value=np.ones(1))
    return Block(value, "float64", (Feature("1", ()),))
