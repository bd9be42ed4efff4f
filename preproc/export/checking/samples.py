"""Rows of native data (frames, arrays, lists, sparse matrices), and answers as plain cells."""

from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.runtime.feeding import is_sparse

AGREEMENT: Final = 1e-5
"""Share of a row's largest magnitude by which two answers may differ: BLAS sums single rows and
batches in another order, which cancellation has been seen to raise to 2e-6; faults of logic are
larger."""

Cells = NDArray[Any]
"""An answer of shape (n, k): float64 where all of it is numbers, else object."""


def rows_in(data: Any) -> int:
    """Count the rows of any kind of data."""
    return int(data.shape[0]) if hasattr(data, "shape") else len(data)


def taken(data: Any, rows: Sequence[int]) -> Any:
    """Choose rows by position, in the order given; repeated ones come repeatedly."""
    at = list(rows)
    if is_sparse(data):
        return data.tocsr()[at]
    if nw.dependencies.is_pandas_like_dataframe(data):
        return data.iloc[at]
    if nw.dependencies.is_into_dataframe(data):
        return nw.from_native(data, eager_only=True)[at].to_native()
    if nw.dependencies.is_into_series(data):
        return nw.from_native(data, series_only=True)[at].to_native()
    if isinstance(data, np.ndarray):
        return data[at]
    return [data[row] for row in at]


def cells_of(answer: Any) -> Cells:
    """Turn what a step gives into one array (n, k).

    Dates and durations become text, since subtracting them is no measure of anything.
    """
    if is_sparse(answer):
        answer = answer.toarray()
    elif nw.dependencies.is_pyarrow_table(answer):
        answer = nw.from_native(answer).to_numpy()
    elif hasattr(answer, "to_numpy"):  # pandas and polars, also where two columns share a name
        answer = answer.to_numpy()
    array = np.asarray(answer)
    array = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    if array.dtype.kind in "Mm":
        return array.astype(str).astype(object)
    if array.dtype.kind in "biuf":
        # int64 beyond 2^53 must not be rounded before it is compared.
        is_exact = array.dtype.kind != "i" or not (np.abs(array) > 2**53).any()
        return array.astype(np.float64) if is_exact else array.astype(object)
    return array.astype(object)


def differing(want: Cells, got: Cells) -> NDArray[np.bool_]:
    """Mark the cells of two answers of one shape that differ beyond `AGREEMENT` of their row."""
    if want.dtype == got.dtype == np.float64:
        finite = np.where(np.isfinite(want), np.abs(want), 0.0)
        scale = finite.max(axis=1, keepdims=True, initial=0.0)
        with np.errstate(invalid="ignore"):
            is_near = (want == got) | (np.abs(want - got) <= AGREEMENT * scale)
        return np.asarray(~(is_near | (np.isnan(want) & np.isnan(got))), bool)
    return np.array(
        [
            [not _same(*pair) for pair in zip(*rows, strict=True)]
            for rows in zip(want, got, strict=True)
        ],
        bool,
    ).reshape(want.shape)


def _same(want: Any, got: Any) -> bool:
    is_number = isinstance(want, int | float | np.number) and isinstance(
        got, int | float | np.number
    )
    if is_number and want == want and got == got:  # noqa: PLR0124  # NaN
        return bool(want == got or abs(want - got) <= AGREEMENT * abs(want))
    if _is_null(want) or _is_null(got):
        return _is_null(want) and _is_null(got)
    return bool(np.all(want == got))


def _is_null(cell: Any) -> bool:
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float | np.floating) and bool(np.isnan(cell))
