"""Text that a frame keeps in Arrow's memory → bytes of one width, without an object a cell.

Why: an object is made in 80 ns and the runtime makes its own text of it in 50; bytes are padded in
10 and read in 15.

Why not always: such bytes end at the first zero, so they hold neither zero bytes nor null tokens,
and one long text makes all cells long. Then all text goes as objects.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.signature import Column

MANY_ROWS: Final = 1024
"""Rows from which it pays: a column takes some 60 us more, however few they are."""
MAX_WIDTH: Final = 64
"""Bytes of the longest text, about what an object takes."""
_OFFSETS: Final[Mapping[str, type[np.integer[Any]]]] = {
    "string": np.int32,
    "large_string": np.int64,
}


def utf8_columns(data: Any, known: Mapping[str, Column]) -> dict[str, NDArray[np.bytes_]]:
    """Take all text out of a frame at once.

    Parameters
    ----------
    data
        Frame of any library.
    known
        Name → column of the contract.

    Returns
    -------
    dict
        Name → array (n,) of UTF-8, padded with zeros; empty where some text cannot go so.
    """
    names = [name for name, column in known.items() if column.is_text]
    found: dict[str, NDArray[np.bytes_]] = {}
    for name, column in zip(names, _in_arrow(data, names), strict=False):
        padded = None if column is None or column.null_count else _padded(column)
        if padded is None:
            return {}
        found[name] = padded
    return found


def _in_arrow(data: Any, names: Iterable[str]) -> Iterable[Any]:
    """Give columns as Arrow's chunked arrays, None for what is no text of Arrow's."""
    is_pandas = nw.dependencies.is_pandas_dataframe(data)
    if not (is_pandas or nw.dependencies.is_pyarrow_table(data)) or len(data) < MANY_ROWS:
        return
    held = Counter(data.columns.tolist() if is_pandas else data.column_names)
    for name in names:
        column: Any = data[name] if held[name] == 1 else None
        if is_pandas and getattr(getattr(column, "dtype", None), "storage", "") == "pyarrow":
            column = column.array.__arrow_array__()
        yield column if str(getattr(column, "type", "")) in _OFFSETS else None


def _padded(column: Any) -> NDArray[np.bytes_] | None:
    from pyarrow.compute import ascii_rpad  # noqa: PLC0415  # there, since the column is of it

    chunks = [chunk for chunk in getattr(column, "chunks", [column]) if len(chunk)]
    ends = [_ends(chunk) for chunk in chunks]
    width = max(1, *(int(np.diff(one).max()) for one in ends))
    if width > MAX_WIDTH:
        return None
    padded = [ascii_rpad(chunk, width, "\0") for chunk in chunks]  # it counts bytes
    cells = np.concatenate(
        [np.frombuffer(chunk.buffers()[2], np.uint8, len(chunk) * width) for chunk in padded]
    )
    has_zeros = np.count_nonzero(cells) < sum(int(one[-1] - one[0]) for one in ends)
    return None if has_zeros else cells.view(f"S{width}")


def _ends(chunk: Any) -> NDArray[np.integer[Any]]:
    """Give where each text begins and the last one ends, integers (n + 1,)."""
    ends = np.frombuffer(chunk.buffers()[1], _OFFSETS[str(chunk.type)])
    return ends[chunk.offset : chunk.offset + len(chunk) + 1]
