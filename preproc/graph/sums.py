"""Row sums in a known order: floating-point addition gives other last bits in any other.

``ReduceSum`` promises no order but for two summands, which have one. ``CumSum`` adds from left to
right, and so does ``MatMul`` a few summands with ones: what is built of these has one order on
every machine and for every number of rows.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from preproc.graph.builder import GraphBuilder

_LANES: Final = 8
_PAIRS: Final = (2, 2, 2)
"""Eight running sums as a tree: neighbours are added along the last axis first."""
_BLOCK: Final = 128


def ordered_sum(graph: GraphBuilder, x: str, width: int, *, scope: str) -> str:
    """Add the columns of x, float64 (n, width), from left to right; give (n, 1)."""
    if width == 1:
        return x
    sums = graph.op("CumSum", x, np.array(1), scope=scope)
    return graph.op("Gather", sums, np.array([width - 1]), scope=scope, axis=1)


def pairwise_sum(graph: GraphBuilder, x: str, width: int, *, scope: str) -> str:
    """Add the columns of x as numpy's ``sum`` adds a contiguous row.

    Up to 128 columns go into eight running sums, joined as a tree, what is left over behind
    them; more columns are halved first. All that came of halving is added side by side: twice
    the columns take one node more. A sum of negative zeros is 0, as numpy begins with 0.

    Parameters
    ----------
    graph
        Builder that receives the nodes.
    x
        Name of a float64 value of shape (n, width).
    width
        Number of columns, at least 1.
    scope
        Path of the step.

    Returns
    -------
    str
        Name of a float64 value of shape (n, 1).
    """
    units, rest = divmod(width, _LANES)
    if not units:
        return _total(graph, x, width, scope)
    head = _slice(graph, x, 0, width - rest, scope) if rest else x
    tail = [_slice(graph, x, width - rest, width, scope)] if rest else []
    lanes = graph.op("Reshape", head, np.array([0, units, *_PAIRS]), scope=scope)
    if width > _BLOCK:
        return _total(graph, _halves(graph, lanes, tail, width, scope), 2, scope)
    running = graph.op("CumSum", lanes, np.array(1), scope=scope)
    sums = graph.op("Gather", running, np.array(units - 1), scope=scope, axis=1)
    pair = _joined(graph, sums, (3, 2), scope)
    summands = graph.op("Concat", pair, *tail, scope=scope, axis=1) if rest else pair
    return _total(graph, summands, 2 + rest, scope)


def paired_sum(graph: GraphBuilder, x: str, width: int, *, scope: str) -> str:
    """Add the columns of x as numpy's ``einsum`` adds products along a contiguous row.

    Two running sums, of the even and of the odd columns; within eight columns the last pair
    comes first. Wider registers or fused multiplication would give another order, so this is
    numpy's order on x86-64 only.
    """
    whole = width - width % _LANES
    starts = [block + pair for block in range(0, whole, _LANES) for pair in (6, 4, 2, 0)]
    starts += range(whole, width, 2)
    sums = []
    for lane in (0, 1):
        at = [start + lane for start in starts if start + lane < width]
        if at:
            column = _columns(graph, x, at, scope)
            sums.append(ordered_sum(graph, column, len(at), scope=scope))
    return graph.op("Add", *sums, scope=scope) if len(sums) > 1 else sums[0]


def _halves(graph: GraphBuilder, lanes: str, tail: Sequence[str], width: int, scope: str) -> str:
    """Add both halves of more columns than a block, (n, units, 2, 2, 2) and what is left.

    Halving is even until some parts are blocks; only there a part may be halved once more, and
    only the last part has a tail.
    """
    parts = [range(width)]
    while all(len(part) > _BLOCK for part in parts):
        parts = [half for part in parts for half in _halved(part)]
    blocks: list[Sequence[int]] = []
    chains: list[Sequence[int]] = []
    for part in parts:
        found = [part] if len(part) <= _BLOCK else _halved(part)
        chains.append(range(len(blocks), len(blocks) + len(found)))
        blocks += [range(one.start // _LANES, one.stop // _LANES) for one in found]
    if tail:
        # Two summands in the other order have the same sum: the half before may come last.
        *before, last = chains[-1]
        chains[-1] = [last, *range(len(blocks), len(blocks) + width % _LANES), *before]
    depth = len(parts).bit_length() - 1
    tree = [2] * depth
    is_even = all(len(chain) == 1 for chain in chains)
    shape = tree if is_even else [len(blocks)]
    sums = _chained(graph, lanes, blocks, shape, _PAIRS, scope)
    rank = len(shape)
    sums = _joined(graph, sums, range(rank + 3, rank, -1), scope)
    if not is_even:
        ends = graph.op("Concat", sums, *tail, scope=scope, axis=1) if tail else sums
        sums = _chained(graph, ends, chains, tree, (), scope)
    return _joined(graph, sums, range(depth, 1, -1), scope)


def _halved(part: range) -> list[range]:
    half = len(part) // 2
    half -= half % _LANES
    return [part[:half], part[half:]]


def _chained(
    graph: GraphBuilder,
    x: str,
    chains: Sequence[Sequence[int]],
    shape: Sequence[int],
    inner: Sequence[int],
    scope: str,
) -> str:
    """Add entries of x, (n, entries, *inner), in the order of each chain; (n, *shape, *inner).

    All chains are running sums side by side, read where each ends: what a short one is filled up
    with is never added to it.
    """
    longest = max(len(chain) for chain in chains)
    ends = np.array([len(chain) - 1 for chain in chains])
    is_equal = bool((ends == longest - 1).all())
    index = np.array(
        [[chain[min(at, len(chain) - 1)] for chain in chains] for at in range(longest)]
    )
    if is_equal:
        index = index.reshape(longest, *shape)
    rows = graph.op("Gather", x, index, scope=scope, axis=1)
    running = graph.op("CumSum", rows, np.array(1), scope=scope)
    if is_equal:
        return graph.op("Gather", running, np.array(longest - 1), scope=scope, axis=1)
    flat = graph.op("Reshape", running, np.array([0, index.size, *inner]), scope=scope)
    last = (ends * len(chains) + np.arange(len(chains))).reshape(shape)
    return graph.op("Gather", flat, last, scope=scope, axis=1)


def _joined(graph: GraphBuilder, x: str, axes: Iterable[int], scope: str) -> str:
    """Add the two entries along each of the axes, one axis after the other."""
    for axis in axes:
        x = graph.op("ReduceSum", x, np.array([axis]), scope=scope, keepdims=0)
    return x


def _total(graph: GraphBuilder, x: str, width: int, scope: str) -> str:
    """Add a few columns to 0, from left to right; give (n, 1)."""
    return graph.op("MatMul", x, np.ones((width, 1)), scope=scope)


def _slice(graph: GraphBuilder, x: str, start: int, stop: int, scope: str) -> str:
    ends = (np.array([at]) for at in (start, stop, 1))
    return graph.op("Slice", x, *ends, scope=scope)


def _columns(graph: GraphBuilder, x: str, at: range | list[int], scope: str) -> str:
    return graph.op("Gather", x, np.array(at, np.int64), scope=scope, axis=1)
