"""One-hot columns for trees: only those that a split asks for, made at once.

Why not as they stood: ``Gather`` moves each number by a call of its own, which costs five times
what a comparison does. So positions are spread over blocks of columns, not over columns. Where one
block an owner is best, its rows lie ready in a table and are copied whole: half the time, and fewer
nodes. What is left over in a block is never asked for.
"""

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


def told_columns(
    view: View, hot: Hot, used: NDArray[np.int64], kind: int
) -> tuple[str, int, NDArray[np.int64]]:
    """Make those one-hot columns that are asked for.

    Parameters
    ----------
    view
        Graph that receives the nodes.
    hot
        All columns.
    used
        Which of them are asked for, int64 (m,), ascending, at least one.
    kind
        ONNX element type.

    Returns
    -------
    str
        Value of shape (n, width).
    int
        Its width.
    NDArray[np.int64]
        Place of each column, (m,).
    """
    owners, counts = np.unique(hot.owner[used], return_counts=True)
    rank = np.arange(len(used)) - np.repeat(np.cumsum(counts) - counts, counts)
    blocks, size = _blocks(counts)
    widest = int(counts.max())
    is_small = _rows(view, hot) * widest <= _CELLS
    if is_small and len(owners) * widest <= blocks.sum() * size:
        rows = np.zeros((len(hot.number), widest))
        rows[used, rank] = 1
        table = hot.table(rows).astype(helper.tensor_dtype_to_np_dtype(kind))
        is_all = len(owners) == view.widths.get(hot.position)
        position = hot.position if is_all else view.add("Gather", hot.position, owners, axis=1)
        columns = view.add("Gather", table, position)
        blocks, size = np.ones(len(owners), np.int64), widest
    else:
        hot = in_vocabulary(view, hot)
        spread = np.repeat(owners, blocks).reshape(-1, 1)
        asked = np.zeros(blocks.sum() * size, np.int64)
        asked[_firsts(blocks, size, counts) + rank] = hot.number[used]
        position = view.add("Gather", hot.position, spread, axis=1)
        equal = view.add("Equal", position, asked.reshape(1, -1, size))
        columns = view.add("Cast", equal, to=kind)
    width = int(blocks.sum()) * size
    shaped = view.add("Reshape", columns, np.array([0, width]))
    return shaped, width, _firsts(blocks, size, counts) + rank


def _rows(view: View, hot: Hot) -> int:
    """Count the rows of a table, which may become one with the table of positions."""
    node = view.maker(hot.position, "Gather")
    table = None if node is None else view.constants.get(node.input[0])
    return max(len(hot.table(np.zeros(len(hot.number)))), 0 if table is None else len(table))


def _blocks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Spread owners of so many columns over blocks; give those of each, and the size of all."""
    sizes = np.arange(1, counts.max() + 1)
    blocks = np.ceil(counts / sizes[:, np.newaxis]).astype(np.int64)
    best = int(np.argmin(blocks.sum(axis=1) * (_MOVED + sizes)))
    return blocks[best], int(sizes[best])


def _firsts(blocks: NDArray[np.int64], size: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give for each column where its owner's first one lies."""
    return np.repeat(np.cumsum(blocks) - blocks, counts) * size
