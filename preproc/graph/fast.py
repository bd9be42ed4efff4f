"""The fast form: constants folded, sums left to ``MatMul``, exponentials to ``Exp``.

Why a form of its own: none of these rewrites keeps the last bits. The exact graph divides where
the oracle divides and adds in its order; folded, the same mathematics takes fewer nodes. What the
form may be off by is measured at export, never assumed.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from preproc.graph.builder import MARK
from preproc.graph.chains import joined_products, whole_products
from preproc.graph.exponential import FALLING
from preproc.graph.gemms import closed_products
from preproc.graph.scores import by_one_sigmoid
from preproc.graph.single import single
from preproc.graph.view import View

Vector = NDArray[np.float64]
_Steps = dict[str, Callable[[], tuple[Vector, Vector]]]

_FUNCTIONS: Final = {"exponential": "Exp", "logarithm": "Log"}
_STEPS: Final = frozenset(["Add", "Sub", "Mul", "Div"])


def fast(public: onnx.ModelProto, float32: Collection[str] = ()) -> onnx.ModelProto:
    """Rewrite the public graph for speed.

    Parameters
    ----------
    public
        Exact graph.
    float32
        Paths of steps that compute in float32; see `single`.

    Returns
    -------
    onnx.ModelProto
        Same inputs and outputs, of the same dtypes, other last bits.
    """
    view = View.of(public)
    by_one_sigmoid(view)
    for node in list(view.nodes.values()):
        _call(view, node)
    for node in list(view.nodes.values()):
        ordered = _ordered_sum(view, node)
        if ordered is not None:
            value, weights = ordered
            view.replace(node, "MatMul", [value, view.constant(weights.reshape(-1, 1))])
    whole_products(view)
    joined_products(view)
    for node in list(view.nodes.values()):
        if node.op_type == "MatMul":
            _fold_into_product(view, node)
    folded = view.model()
    view = View.of(single(folded, float32) if float32 else folded)
    closed_products(view)
    return view.model()


def _call(view: View, node: onnx.NodeProto) -> None:
    """Let the runtime's own function compute what keeps its bits in any batch in the exact form.

    What is less one loses its small digits near zero: the absolute error stays that of one.
    """
    function, _, argument = node.doc_string.partition(MARK)
    one = np.array(1.0)
    if function in _FUNCTIONS:
        view.replace(node, _FUNCTIONS[function], [argument])
    elif function == FALLING:
        view.replace(node, "Exp", [view.add("Neg", argument)])
    elif function == "log1p":
        view.replace(node, "Log", [view.add("Add", argument, one)])
    elif function == "expm1":
        view.replace(node, "Sub", [view.add("Exp", argument), view.constant(one)])


def _ordered_sum(view: View, last: onnx.NodeProto) -> tuple[str, Vector] | None:
    """Match products with constants, running sum, last column: the value and the weights."""
    running = view.nodes.get(last.input[0]) if last.op_type == "Gather" else None
    if running is None or running.op_type != "CumSum" or view.uses[running.output[0]] > 1:
        return None
    index = np.ravel(view.constants.get(last.input[1], np.array(-2))).tolist()
    joined = view.maker(running.input[0], "Concat")
    parts = [running.input[0]] if joined is None else list(joined.input)
    found = [_weighed(view, part, is_alone=joined is None) for part in parts]
    terms = [term for term in found if term is not None]
    if len(terms) < len(found):
        return None
    weights = np.concatenate([row for _, row in terms])
    if index != [len(weights) - 1]:
        return None
    values = [value for value, _ in terms]
    return values[0] if joined is None else view.add("Concat", *values, axis=1), weights


def _weighed(view: View, part: str, *, is_alone: bool) -> tuple[str, Vector] | None:
    """Read a summand as a value times constants; beside others, one that is added as it is."""
    product = view.maker(part, "Mul")
    if product is not None and view.uses[part] == 1:
        value, weights = product.input
        width = view.widths.get(value, 0)
        if weights in view.constants and width:
            row = np.asarray(view.constants[weights], np.float64)
            if row.shape in ((1, width), (1, 1), ()):
                return value, np.broadcast_to(row.ravel(), (width,))
    width = 0 if is_alone else view.widths.get(part, 0)
    return (part, np.ones(width)) if width else None


@dataclass(frozen=True, slots=True)
class _Affine:
    """``value * factor + shift``, both of shape (width,)."""

    value: str
    factor: Vector
    shift: Vector


def _affine(view: View, value: str, width: int) -> _Affine:
    """Follow a value back through sums, products and quotients with constants."""
    found = _Affine(value, np.ones(width), np.zeros(width))
    while (step := _step(view, found.value, width)) is not None:
        source, factor, shift = step
        found = _Affine(source, factor * found.factor, shift * found.factor + found.shift)
    return found


def _step(view: View, value: str, width: int) -> tuple[str, Vector, Vector] | None:
    node = view.nodes.get(value)
    if node is None or node.op_type not in _STEPS or view.uses[value] > 1:
        return None
    source, name = node.input
    array = view.constants.get(name)
    if array is None or array.dtype != np.float64 or view.widths.get(source) != width:
        return None
    if array.size not in (1, width) or array.ndim > 2:  # noqa: PLR2004  # one number a column
        return None
    constant: Vector = np.broadcast_to(np.ravel(array).astype(np.float64), (width,))
    one, zero = np.ones(width), np.zeros(width)
    steps: _Steps = {
        "Add": lambda: (one, constant),
        "Sub": lambda: (one, -constant),
        "Mul": lambda: (constant, zero),
        "Div": lambda: (one / constant, zero),
    }
    with np.errstate(divide="ignore"):
        factor, shift = steps[node.op_type]()
    return (source, factor, shift) if np.isfinite(factor).all() else None


def _fold_into_product(view: View, product: onnx.NodeProto) -> None:
    """Move scaling in front of a product with constants into the constants."""
    value, name = product.input
    weights = view.constants.get(name)
    if weights is None or weights.ndim != 2:  # noqa: PLR2004  # a matrix
        return
    joined = view.nodes.get(value)
    is_join = joined is not None and joined.op_type == "Concat" and view.uses.get(value, 1) == 1
    parts = list(joined.input) if joined is not None and is_join else [value]
    widths = [view.widths.get(part, 0) for part in parts]
    if 0 in widths or sum(widths) != len(weights):
        return
    found = [_affine(view, part, width) for part, width in zip(parts, widths, strict=True)]
    if all(one.value == part for one, part in zip(found, parts, strict=True)):
        return
    factor = np.concatenate([one.factor for one in found])
    shift = np.concatenate([one.shift for one in found])
    source = found[0].value
    if is_join:
        source = f"/fast/joined{value}"
        view.nodes[source] = helper.make_node(
            "Concat", [one.value for one in found], [source], name=source, axis=1
        )
    total = f"/fast/product{product.output[0]}"
    scaled = view.constant(np.asarray(weights, np.float64) * factor[:, np.newaxis])
    view.nodes[total] = helper.make_node("MatMul", [source, scaled], [total], name=total)
    offset = view.constant((shift @ np.asarray(weights, np.float64)).reshape(1, -1))
    view.replace(product, "Add", [total, offset])
