"""What the form in halves may be off by, element by element, beside the certificate's bounds.

The device half's own error analysis (`preproc.graph.bounds`) is carried to the outputs. A label
that the analysis leaves open may be either; everything else that is no float must be equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph import Approximate, Halves, bounds
from preproc.signature import ROW_ERROR

_FLOATS: Final = frozenset([onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE])
NARROWER: Final = 2.0**-29
"""Rounding of float64 as a share of that of float32, which the analysis is of."""


def slack_of(halves: Halves, crossed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Bound the outputs of a batch.

    Parameters
    ----------
    halves
        A lowered model.
    crossed
        What its host half gave.

    Returns
    -------
    dict
        Output → absolute error, (rows,) or (rows, width); infinite where any answer will do.
    """
    found = bounds(halves, crossed)
    rows = len(crossed[ROW_ERROR])
    return {
        output.name: _slack(
            [found[name] for name in _sources(halves, output.name)],
            is_float=output.type.tensor_type.elem_type in _FLOATS,
            dtype=halves.dtype,
            rows=rows,
        )
        for output in halves.tail.graph.output
    }


def _sources(halves: Halves, output: str) -> list[str]:
    """Values of the device half from which the tail makes an output."""
    makers = {node.output[0]: node for node in halves.tail.graph.node}
    given = {item.name for item in halves.device.graph.output}
    waiting, found = [output], []
    while waiting:
        name = waiting.pop()
        if name in given:
            found.append(name)
        elif name in makers:
            waiting += makers[name].input
    return found


def _slack(
    sources: Sequence[Approximate], *, is_float: bool, dtype: str, rows: int
) -> NDArray[np.float64]:
    if not is_float:
        is_open = [(one.error > 0).reshape(rows, -1).any(axis=1) for one in sources]
        open_rows = np.logical_or.reduce([np.zeros(rows, bool), *is_open])
        return np.where(open_rows & (dtype == "float32"), np.inf, 0.0)
    if not sources:
        return np.zeros(rows)
    (one,) = sources  # the tail moves numbers, it joins none
    error = np.nan_to_num(one.error, nan=np.inf, posinf=np.inf)
    return error if dtype == "float32" else error * NARROWER
