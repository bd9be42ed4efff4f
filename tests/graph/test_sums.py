"""Sums of a row: the bits of numpy's own, whatever the batch, and nodes that do not grow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc.graph import GraphBuilder, pairwise_sum, sums
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import Column, Output

SHORT = range(1, 138)
LONG = [200, 250, 255, 256, 257, 264, 272, 273, 513, 527, 528, 700, 1000, 1024, 1025, 1030, 1088]
LONGER = [1111, 1999, 2000, 2003, 2047, 2048, 2049, 2176, 2177, 2500, 2999, 3000, 6000]


def _rows(width: int) -> NDArray[np.float64]:
    """Draw rows over many magnitudes; then zeros of both signs, infinities, NaN, what overflows."""
    draw = np.random.default_rng(width)
    rows = draw.normal(size=(24, width)) * 10.0 ** draw.integers(-12, 13, (24, width))
    rows[:4] = draw.normal(size=(4, width))
    at = draw.integers(width, size=4)
    rows[4], rows[5], rows[6] = -0.0, np.where(np.arange(width) % 2, -0.0, 0.0), -0.0
    rows[6, at[0]] = -1.5
    rows[7, at[0]] = np.inf
    rows[8, at[1:3]] = np.inf, -np.inf
    rows[9, at[3]] = np.nan
    rows[10, -1], rows[11, 0] = -np.inf, np.inf
    rows[12], rows[13], rows[14] = 5e-324, 1e308, draw.choice([-1e308, 1e308], width)
    return rows


def _wrong(width: int) -> list[int]:
    """Tell the rows whose sum has other bits than numpy's, in a batch or alone."""
    graph = GraphBuilder()
    value = pairwise_sum(
        graph, graph.input(Column("x", "float64", width=width)), width, scope="sum"
    )
    compiled = open_executor(graph.finish([(value, Output("y", "features", "float64", 1, None))]))
    rows = _rows(width)
    with np.errstate(over="ignore", invalid="ignore"):
        want = _bits(rows.sum(axis=1, keepdims=True))
    got = _bits(compiled.execute({"x": rows})["y"])
    alone = [_bits(compiled.execute({"x": rows[[at]]})["y"]) for at in range(len(rows))]
    differs = (got != want) | (np.concatenate(alone) != want)
    assert compiled.execute({"x": rows[:0]})["y"].shape == (0, 1)
    return np.flatnonzero(differs).tolist()


def _bits(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def _count(width: int) -> int:
    graph = GraphBuilder()
    pairwise_sum(graph, graph.input(Column("x", "float64", width=width)), width, scope="sum")
    return len(graph.parts()[0])


@pytest.mark.parametrize("widths", [SHORT, LONG, LONGER], ids=["short", "long", "longer"])
def test_a_sum_has_the_bits_of_numpys_alone_and_in_a_batch(widths: range | list[int]) -> None:
    assert {width: _wrong(width) for width in widths} == {width: [] for width in widths}


@pytest.mark.parametrize(("width", "block"), [(128, 120), (1000, 120), (136, 136), (2003, 136)])
def test_blocks_of_another_size_are_seen(
    width: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "_BLOCK", block)
    assert _wrong(width)


@pytest.mark.parametrize("width", [20, 128, 1000])
def test_lanes_joined_in_another_order_are_seen(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = sums._joined

    def far_ones(graph: GraphBuilder, x: str, axes: Sequence[int], scope: str) -> str:
        return joined(graph, x, [min(axes)] * len(axes), scope)

    monkeypatch.setattr(sums, "_joined", far_ones)
    assert _wrong(width)


@pytest.mark.parametrize("width", [2000, 2003])
def test_what_fills_a_short_chain_up_would_change_bits(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chained = sums._chained

    def filled(graph: GraphBuilder, x: str, chains: Sequence[Sequence[int]], *rest: Any) -> str:
        longest = max(len(chain) for chain in chains)
        chains = [[*chain, *[chain[-1]] * (longest - len(chain))] for chain in chains]
        return chained(graph, x, chains, *rest)

    monkeypatch.setattr(sums, "_chained", filled)
    assert _wrong(width)


def test_twice_the_columns_take_one_node_more() -> None:
    assert [_count(width) for width in (1, 7, 8, 20, 100, 127, 128)] == [1, 1, 6, 9, 9, 9, 6]
    assert [_count(128 * 2**depth) for depth in range(1, 8)] == list(range(8, 15))
    most = [
        max(_count(at) for at in range(end, 2 * end, end // 64 + 1)) for end in (256, 512, 1024)
    ]
    assert most == [17, 18, 19]
