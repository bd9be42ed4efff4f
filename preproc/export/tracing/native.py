"""What a step really takes and gives: frames and arrays from matrices, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.errors import ProofError
from preproc.export.oracle import pandas_frame
from preproc.export.table import Block, Table
from preproc.export.tracing.membership import is_null
from preproc.runtime.nulls import nulls_of, tokens_of
from preproc.signature import TEXT
from preproc.wording import counted


def native_of(table: Table, matrices: Sequence[NDArray[Any]], like: Any) -> Any:
    """Build what the step takes.

    Parameters
    ----------
    table
        Its description.
    matrices
        A matrix a block, (rows, width): null tokens in text, times as int64.
    like
        A row of the training frame, whose columns tell the dtypes of raw columns, or None.
    """
    if table.frame == "pandas":
        import pandas as pd  # noqa: PLC0415  # only where training used it

        known = set(like.columns) if like is not None else set()
        columns: dict[str, Any] = {}
        for block, matrix in zip(table.blocks, matrices, strict=True):
            for at, feature in enumerate(block.features):
                cells = matrix[:, at]
                is_raw = feature.name in known and feature.sources == (feature.name,)
                if is_raw and _fits(block, like[feature.name]):
                    raw = pandas_frame(
                        {feature.name: cells},
                        {feature.name} if block.dtype == TEXT else set(),
                        like[[feature.name]],
                    )
                    columns[feature.name] = raw[feature.name]
                else:
                    columns[feature.name] = _series(block, cells)
        frame = pd.DataFrame(columns)
        return frame.iloc[:, 0] if table.is_flat else frame
    parts = [
        nulls_of(matrix) if block.dtype == TEXT else matrix
        for block, matrix in zip(table.blocks, matrices, strict=True)
    ]
    array = np.concatenate(parts, axis=1)
    return array[:, 0] if table.is_flat else array


def _fits(block: Block, own: Any) -> bool:
    """Whether a column is still of the kind that it had in the training frame."""
    is_time = block.dtype.startswith(("datetime64", "timedelta64"))
    return is_time == (getattr(own.dtype, "kind", "") in "mM")


def _series(block: Block, cells: NDArray[Any]) -> Any:
    import pandas as pd  # noqa: PLC0415  # only where training used it

    if block.dtype == TEXT:
        return pd.Series(nulls_of(cells), dtype=object)
    if block.dtype.startswith(("datetime64", "timedelta64")):
        return times_of(block.dtype, cells)
    return pd.Series(cells.astype(block.dtype))


def times_of(dtype: str, cells: NDArray[Any]) -> Any:
    """Turn int64 in a unit into a series of dates, with a time zone where the dtype has one."""
    import pandas as pd  # noqa: PLC0415  # only where training used it

    zone = dtype.rstrip("]").partition(", ")[2]
    plain = dtype.replace(f", {zone}", "") if zone else dtype
    series = pd.Series(cells.astype(np.int64).view(plain))
    return series.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else series


def shown_cell(dtype: str, cell: Any) -> Any:
    """Write one cell of a matrix as people do: a plain number, a text or null, a moment."""
    if dtype == TEXT:
        shown = nulls_of(np.array([cell], object))[0]
        return str(shown) if isinstance(shown, str) else shown
    if dtype.startswith(("datetime64", "timedelta64")):
        moment = times_of(dtype, np.array([cell]))[0]
        return str(moment)
    return cell.item()


def cells_of(result: Any, given: Table, path: str) -> list[NDArray[Any]]:
    """Take apart what a step really gave, as matrices like those of its graph.

    Raises
    ------
    ProofError
        When it has another shape or other columns.
    """
    import pandas as pd  # noqa: PLC0415  # results may be pandas even where data is not

    columns: list[Any]
    names = [feature.name for block in given.blocks for feature in block.features]
    if isinstance(result, pd.DataFrame):
        got = [str(name) for name in result.columns]
        if given.frame != "pandas" or got != names:
            raise ProofError(path, f"expected columns {names}, got {got} of the function")
        columns = [result.iloc[:, at] for at in range(result.shape[1])]
    elif isinstance(result, pd.Series):
        columns = [result]
    else:
        array = np.asarray(result)
        array = array.reshape(len(array), -1)
        columns = [array[:, at] for at in range(array.shape[1])]
    if len(columns) != len(names):
        raise ProofError(
            path, f"expected {counted(len(names), 'column')}, got {len(columns)} of the function"
        )
    matrices, at = [], 0
    for block in given.blocks:
        parts = [_cells(column, block) for column in columns[at : at + block.width]]
        matrices.append(np.column_stack(parts))
        at += block.width
    return matrices


def _cell(cell: Any) -> Any:
    """Give text and nulls as what they are, anything else as text."""
    if cell is None or isinstance(cell, str):
        return cell
    return np.nan if is_null(cell) else str(cell)


def _cells(column: Any, block: Block) -> NDArray[Any]:
    import pandas as pd  # noqa: PLC0415  # results may be pandas even where data is not

    if block.dtype == TEXT:
        cells = np.asarray(column, object)
        cells = np.array([_cell(cell) for cell in cells], object)
        return tokens_of(cells)
    if block.dtype.startswith(("datetime64", "timedelta64")):
        zone = block.dtype.rstrip("]").partition(", ")[2]
        plain = block.dtype.replace(f", {zone}", "") if zone else block.dtype
        series = pd.Series(column)
        if getattr(series.dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        times: NDArray[Any] = series.to_numpy().astype(plain).astype(np.int64)
        return times
    if isinstance(column, pd.Series):
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.dtype.categories.dtype)
        if column.dtype == object or not isinstance(column.dtype, np.dtype):
            return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))
        return np.asarray(column.to_numpy())
    array = np.asarray(column)
    return array.astype(np.float64) if array.dtype == object else array
