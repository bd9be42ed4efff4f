"""Answers of a session as the columns of a table, refused rows empty and with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from preproc.signature import ROW_ERROR, TEXT, Output, Signature


def answer_fields(signature: Signature, *, with_reasons: bool) -> list[pa.Field]:
    """List the columns of the answers, in the order of the contract.

    Parameters
    ----------
    signature
        Of the session; a wide output becomes a column for each class or feature, named
        ``probabilities_<class>``, by position where the contract has no names.
    with_reasons
        Whether ``row_error`` tells in words why a row was refused.
    """
    fields = [
        pa.field(name, _type(output)) for output in signature.outputs for name in _names(output)
    ]
    return [*fields, pa.field(ROW_ERROR, pa.string())] if with_reasons else fields


def answer_columns(
    answers: Mapping[str, NDArray[Any]], signature: Signature, *, with_reasons: bool
) -> list[pa.Array]:
    """Lay the answers of one call out as columns, in the order of `answer_fields`.

    Parameters
    ----------
    answers
        Output → array (n,) or (n, width), ``row_error`` among them.
    """
    row_error = answers[ROW_ERROR]
    is_refused = row_error != 0
    columns = []
    for output in signature.outputs:
        values = answers[output.name]
        parts = values.reshape(len(values), -1).T if output.width is not None else [values]
        columns += [
            # NaN is an answer among numbers, and a null among features that are text.
            pa.array(part, _type(output), mask=is_refused, from_pandas=output.dtype == TEXT)
            for part in parts
        ]
    return [*columns, reasons(row_error, signature)] if with_reasons else columns


def reasons(row_error: NDArray[np.int32], signature: Signature) -> pa.Array:
    """Say why each row was refused, null where it was answered."""
    texts: dict[int, str | None] = {0: None}
    for number in np.unique(row_error[row_error != 0]).tolist():
        rule = signature.rule(number)
        texts[number] = f"column {rule.column!r}: {rule.text} (rule {number}, step {rule.step})"
    return pa.array([texts[number] for number in row_error.tolist()], pa.string())


def _names(output: Output) -> Sequence[str]:
    if output.width is None:
        return (output.name,)
    known = output.names or tuple(map(str, range(output.width)))
    return tuple(f"{output.name}_{each}" for each in known)


def _type(output: Output) -> Any:
    return pa.string() if output.dtype == TEXT else pa.from_numpy_dtype(np.dtype(output.dtype))
