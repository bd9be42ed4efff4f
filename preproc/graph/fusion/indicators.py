"""One-hot columns for trees: only those that a split asks for, made at once, as few as will do.

Why not as they stood: ``Gather`` moves each number by a call of its own, which costs five times
what a comparison does. So positions are spread over blocks of columns, not over columns. Where one
block an owner is best, its rows lie ready in a table and are copied whole: half the time, and fewer
nodes. What is left over in a block is never asked for.

Why two words share a column of a table, as 1 and -1: trees walk over many rows at a time, which
are to stay in the first-level cache. Who asks for -1 has its rare answer where the processor
expects the frequent one, so this is for words that few splits ask for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from preproc.graph.fusion.words import Hot, in_vocabulary
from preproc.graph.view import View

_MOVED: Final = 5
"""What it costs to move a number, in comparisons."""
_CELLS: Final = 2**17
"""Of the largest table, a megabyte of float64."""
_FEW: Final = 1 / 8
"""Share of the splits that may ask for -1."""


@dataclass(frozen=True, slots=True)
class Told:
    """Columns that tell which words a row has.

    Attributes
    ----------
    value
        Of shape (n, width).
    width
        Number of columns.
    place
        Which of them each word is told by, int64 (words,).
    is_negative
        Whether it is told by -1, (words,); else by 1, and so may be another word by -1.
    """

    value: str
    width: int
    place: NDArray[np.int64]
    is_negative: NDArray[np.bool_]


def told_columns(
    view: View,
    hot: Hot,
    used: NDArray[np.int64],
    splits: NDArray[np.int64],
    kind: int,
    *,
    may_share: bool,
) -> Told:
    """Make those one-hot columns that are asked for.

    Parameters
    ----------
    view
        Graph that receives the nodes.
    hot
        All columns.
    used
        Which of them are asked for, int64 (words,), ascending, at least one.
    splits
        How many splits ask for each, int64 (words,).
    kind
        ONNX element type.
    may_share
        Whether two words may be told by one column.
    """
    owners, counts = np.unique(hot.owner[used], return_counts=True)
    order = np.lexsort((-splits, hot.owner[used]))
    rank = np.empty(len(used), np.int64)
    rank[order] = np.arange(len(used)) - np.repeat(np.cumsum(counts) - counts, counts)
    blocks, size = _blocks(counts)
    width = _shared_width(rank, splits) if may_share else int(counts.max())
    is_small = _rows(view, hot) * width <= _CELLS
    if is_small and len(owners) * width <= blocks.sum() * size:
        is_negative = rank >= width
        rank = np.where(is_negative, 2 * width - 1 - rank, rank)
        rows = np.zeros((len(hot.number), width))
        rows[used, rank] = np.where(is_negative, -1, 1)
        table = hot.table(rows).astype(helper.tensor_dtype_to_np_dtype(kind))
        is_all = len(owners) == view.widths.get(hot.position)
        position = hot.position if is_all else view.add("Gather", hot.position, owners, axis=1)
        columns = view.add("Gather", table, position)
        place = np.repeat(np.arange(len(owners)) * width, counts) + rank
        total = len(owners) * width
    else:
        hot = in_vocabulary(view, hot)
        place = np.repeat((np.cumsum(blocks) - blocks) * size, counts) + rank
        total = int(blocks.sum()) * size
        is_negative = np.zeros(len(used), bool)
        asked = np.zeros(total, np.int64)
        asked[place] = hot.number[used]
        spread = np.repeat(owners, blocks).reshape(-1, 1)
        position = view.add("Gather", hot.position, spread, axis=1)
        equal = view.add("Equal", position, asked.reshape(1, -1, size))
        columns = view.add("Cast", equal, to=kind)
    return Told(view.add("Reshape", columns, np.array([0, total])), total, place, is_negative)


def _blocks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Spread owners of so many columns over blocks; give those of each, and the size of all."""
    sizes = np.arange(1, counts.max() + 1)
    blocks = np.ceil(counts / sizes[:, np.newaxis]).astype(np.int64)
    best = int(np.argmin(blocks.sum(axis=1) * (_MOVED + sizes)))
    return blocks[best], int(sizes[best])


def _shared_width(rank: NDArray[np.int64], splits: NDArray[np.int64]) -> int:
    """Find the least width at which few splits ask for a word that shares another's column."""
    widest = int(rank.max()) + 1
    widths = range(-(-widest // 2), widest)
    few = splits.sum() * _FEW
    return next((width for width in widths if splits[rank >= width].sum() <= few), widest)


def _rows(view: View, hot: Hot) -> int:
    """Count the rows of a table, which may become one with the table of positions."""
    node = view.maker(hot.position, "Gather")
    table = None if node is None else view.constants.get(node.input[0])
    return max(len(hot.table(np.zeros(len(hot.number)))), 0 if table is None else len(table))
