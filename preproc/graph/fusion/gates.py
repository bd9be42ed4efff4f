"""Products that are not finite where a rule is broken: such rules are asked only there.

Why it is exact: one factor that is infinite or NaN makes all columns of a product with a finite
matrix infinite or NaN, for infinity times zero is NaN and no sum brings either back. What comes
between a checked value and the product is computed column by column, so it is enough to ask it
for the numbers that break a rule: infinity, minus infinity, and NaN where that is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.builder import MARK
from preproc.graph.view import View, attributes_of

_Operations = Mapping[str, Callable[..., NDArray[Any]]]

_SCALING: Final[_Operations] = {
    "Add": np.add,
    "Div": np.divide,
    "Mul": np.multiply,
    "Sub": np.subtract,
}
_ELEMENTWISE: Final[_Operations] = {
    **_SCALING,
    "Abs": np.abs,
    "Clip": np.clip,
    "GreaterOrEqual": np.greater_equal,
    "IsNaN": np.isnan,
    "Max": np.maximum,
    "Min": np.minimum,
    "Neg": np.negative,
    "Pow": np.power,
    "Where": np.where,
}
_MATRIX: Final = 2


def gates_of(view: View, value: str, *, is_nan_refused: bool, is_exact: bool) -> list[str]:
    """List products that are not finite, in any column, where one column of a value is not.

    Parameters
    ----------
    view
        The graph.
    value
        Float64 (n, columns), whose infinities a rule refuses.
    is_nan_refused
        Whether what is not a number is refused too; else such rows need not be found.
    is_exact
        Whether the graph goes on to compute as it does now; of the fast form, whose logarithms and
        powers may make a number of an infinity, only sums and scaling are relied upon.
    """
    ends = np.array([np.inf, -np.inf, np.nan][: 3 if is_nan_refused else 2])
    known: dict[str, NDArray[Any]] = {value: ends[:, np.newaxis]}
    found = []
    with np.errstate(all="ignore"):
        for node in view.in_order():
            factor = known.get(node.input[0]) if node.op_type == "MatMul" else None
            if factor is not None and not np.isfinite(factor).any() and _is_finite(view, node):
                found.append(node.output[0])
            made = _computed(view, node, known, is_exact=is_exact)
            if made is not None:
                known.setdefault(node.output[-1], made)
    return found


def _is_finite(view: View, product: onnx.NodeProto) -> bool:
    weights = view.constants.get(product.input[1])
    is_matrix = weights is not None and weights.ndim == _MATRIX
    return weights is not None and is_matrix and bool(np.isfinite(weights.astype(float)).all())


def _computed(
    view: View, node: onnx.NodeProto, known: Mapping[str, NDArray[Any]], *, is_exact: bool
) -> NDArray[Any] | None:
    """Compute a node that is known column by column; None where it is not."""
    function, _, argument = node.doc_string.partition(MARK)
    if is_exact and function == "logarithm" and argument in known:
        return np.asarray(np.log(known[argument]))
    inputs = [known.get(name, view.constants.get(name)) for name in node.input]
    compute = (_ELEMENTWISE if is_exact else _SCALING).get(node.op_type)
    is_moving = any(name in known for name in node.input)
    if compute is None or not is_moving or attributes_of(node):
        return None
    arrays = [array for array in inputs if array is not None and array.ndim <= _MATRIX]
    is_known = len(arrays) == len(inputs) == getattr(compute, "nin", len(inputs))
    return np.asarray(compute(*arrays)) if is_known else None
