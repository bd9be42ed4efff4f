"""Rows drawn from the training data, of whatever kind it is, as columns."""

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.compare import compare
from preproc.errors import ExportError, ProofError
from preproc.export.batches import Columns
from preproc.export.oracle import Oracle
from preproc.runtime.feeding import columns_of, frame_of, is_sparse
from preproc.signature import Signature


def sample_rows(data: Any, rows: int, signature: Signature, seed: int) -> Columns:
    """Draw rows without replacement, as columns with null tokens.

    Raises
    ------
    ExportError
        When there are none.
    """
    generator = np.random.default_rng(seed)
    if signature.kind != "frame":
        count = data.shape[0] if is_sparse(data) else len(data)
        at = generator.permutation(_there(count))[:rows]
        columns = columns_of(rows_at(data, at), signature)
        return {name: values.reshape(len(at), -1) for name, values in columns.items()}
    frame = frame_of(data)
    at = generator.permutation(_there(len(frame)))[:rows]
    names = [column.name for column in signature.columns]
    columns = columns_of(frame[at.tolist()].select(names).to_native(), signature)
    return {name: columns[name].reshape(len(at), -1) for name in names}


def rows_at(data: Any, at: NDArray[np.int64]) -> Any:
    """Take some rows of an array, a sparse matrix, a list or a series."""
    if is_sparse(data):
        return data.tocsr()[at]
    if isinstance(data, list):
        return [data[i] for i in at.tolist()]
    if nw.dependencies.is_into_series(data):
        return nw.from_native(data, series_only=True)[at.tolist()].to_native()
    return data[at]


def _there(rows: int) -> int:
    if not rows:
        raise ExportError("", "X: expected at least one row, got none")
    return rows


def check_round_trip(oracle: Oracle, real: Columns) -> None:
    """Rows rebuilt from columns must mean to scikit-learn what the training rows meant.

    Raises
    ------
    ProofError
        With the column and the first row that does not.
    """
    if oracle.signature.kind != "frame":
        return
    rebuilt = columns_of(oracle.native(real), oracle.signature)
    for name, values in real.items():
        found = compare(values, np.asarray(rebuilt[name], values.dtype).reshape(values.shape))
        if not found.is_pass:
            raise ProofError("", f"field {name!r}: row {found.worst[0]} changes when rebuilt")
