"""Where the columns of a batch go in the inputs of a form of the graph, and their way there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.signature import TEXT, Signature


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column goes in the inputs of one form of the graph.

    Attributes
    ----------
    places
        Column → (input, first index along its second axis).
    inputs
        Input → (dtype, width).
    """

    places: Mapping[str, tuple[str, int]]
    inputs: Mapping[str, tuple[str, int]]


def public_layout(signature: Signature) -> Layout:
    """Layout of the public graph: every column is an input of its own."""
    return Layout(
        {column.name: (column.name, 0) for column in signature.columns},
        {column.name: (column.dtype, column.width) for column in signature.columns},
    )


def matrices_of(
    columns: Mapping[str, NDArray[Any]], layout: Layout, rows: int
) -> dict[str, NDArray[Any]]:
    """Lay checked columns out as the inputs of a graph.

    Parameters
    ----------
    columns
        Name → array (rows,) or (rows, width), checked; text as object, or as bytes of UTF-8.
    layout
        Of the form that will run.
    rows
        Number of rows.

    Returns
    -------
    dict
        Input → C-contiguous array (rows, width). Text is bytes where all of the input is, with a
        zero behind the longest, since who reads them reads on to a zero; else object.
    """
    inputs = {
        name: np.empty((rows, width), _text_of(name, columns, layout) if dtype == TEXT else dtype)
        for name, (dtype, width) in layout.inputs.items()
    }
    for name, (matrix, start) in layout.places.items():
        values = columns[name]
        if values.dtype.kind == "S" and inputs[matrix].dtype.kind == "O":
            values = np.char.decode(values, "utf-8")
        if values.ndim == 1:
            inputs[matrix][:, start] = values
        else:
            inputs[matrix][:, start : start + values.shape[1]] = values
    return inputs


def _text_of(matrix: str, columns: Mapping[str, NDArray[Any]], layout: Layout) -> str:
    """Tell the dtype of an input of text."""
    dtypes = [columns[name].dtype for name, (own, _) in layout.places.items() if own == matrix]
    are_bytes = all(dtype.kind == "S" for dtype in dtypes)
    return f"S{max(dtype.itemsize for dtype in dtypes) + 1}" if are_bytes else "O"
