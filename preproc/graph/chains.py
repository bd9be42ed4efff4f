"""The fast form's chains of products with constants: several that come together as one.

The exact form adds in the order of BLAS, in sums of their own, and takes what is left of a row in
an order of its own. All of that is linear.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph.products import chain_of, summing_steps, weights_of
from preproc.graph.view import View, attributes_of

Matrix = NDArray[np.float64]

_LINEAR: Final = frozenset(["Add", "Gather", "MatMul", "Sub"])
_APART: Final = frozenset(["Slice", "Transpose"])
_ROWS_AND_COLUMNS: Final = 2


@dataclass(frozen=True, slots=True)
class _Linear:
    """``value @ weights + shift``, of shapes (columns, answers) and (answers,).

    Attributes
    ----------
    value, weights, shift
        As above; no weights for the value itself.
    products, cells
        How many ``MatMul`` it takes so far, and how many weights these have.
    """

    value: str
    weights: Matrix | None
    shift: Matrix
    products: int
    cells: int


def whole_products(view: View) -> None:
    """Multiply at once where the exact form takes a long row apart, as BLAS does.

    A column that is cut away may hold anything, so no column may be left out.
    """
    summing = summing_steps(view)
    seen: set[str] = set()
    for name in reversed(list(view.nodes)):
        chain = None if name in seen else chain_of(view, name, summing)
        if chain is None:
            continue
        seen.update(chain.nodes)
        operators = {node.op_type for node in chain.nodes.values()}
        if len(chain.ends) > 1 or operators.isdisjoint(_APART):
            continue
        ((value, weights),) = weights_of(view, chain).items()
        if "Slice" not in operators or weights.any(axis=1).all():
            view.replace(view.nodes[name], "MatMul", [value, view.constant(weights)])


def joined_products(view: View) -> None:
    """Compute what is made of one value by several products with constants by one."""
    takers: dict[str, list[onnx.NodeProto]] = {}
    for node in view.nodes.values():
        for name in node.input:
            takers.setdefault(name, []).append(node)
    outputs = {output.name for output in view.public.graph.output}
    inner = {
        name
        for name, nodes in takers.items()
        if name not in outputs and all(node.op_type in _LINEAR for node in nodes)
    }
    for node in list(view.nodes.values()):
        found = None if node.output[0] in inner else _linear(view, node.output[0], inner)
        if found is None or found.weights is None:
            continue
        if found.products > 1 and found.weights.size <= found.cells:
            product = view.add("MatMul", found.value, found.weights)
            view.rename(node, view.add("Add", product, found.shift.reshape(1, -1)))


def _linear(view: View, value: str, inner: set[str]) -> _Linear | None:
    """Follow a value (n, columns) back; through others only where nothing else needs them."""
    node = view.nodes.get(value)
    found = None if node is None else _made(view, node, inner)
    return _itself(view, value) if found is None else found


def _made(view: View, node: onnx.NodeProto, inner: set[str]) -> _Linear | None:
    of = _source(view, node.input[0], inner) if node.op_type in _LINEAR else None
    if of is None:
        return None
    constant = view.constants.get(node.input[1])
    if constant is None:
        other = _source(view, node.input[1], inner) if node.op_type == "Add" else None
        return None if other is None else _added(of, other)
    if node.op_type == "Gather":
        is_columns = constant.ndim == 1 and attributes_of(node).get("axis") == 1
        return _columns(of, constant.astype(np.int64)) if is_columns else None
    is_known = constant.dtype == np.float64 and constant.ndim <= _ROWS_AND_COLUMNS
    return _with(of, node.op_type, constant.astype(np.float64)) if is_known else None


def _added(one: _Linear, other: _Linear) -> _Linear | None:
    if one.value != other.value or one.shift.shape != other.shift.shape:
        return None
    if one.weights is None or other.weights is None:
        return None
    weights, shift = one.weights + other.weights, one.shift + other.shift
    products, cells = one.products + other.products, one.cells + other.cells
    return _Linear(one.value, weights, shift, products, cells)


def _columns(of: _Linear, at: NDArray[np.int64]) -> _Linear:
    if of.weights is not None:
        return replace(of, weights=of.weights[:, at], shift=of.shift[at])
    weights = np.zeros((len(of.shift), len(at)))
    weights[at, np.arange(len(at))] = 1.0
    return replace(of, weights=weights, shift=of.shift[at])


def _with(of: _Linear, op_type: str, numbers: Matrix) -> _Linear | None:
    """Multiply by a matrix; add a row or one number, or subtract it."""
    if op_type == "MatMul":
        if numbers.ndim != _ROWS_AND_COLUMNS:
            return None
        weights = numbers if of.weights is None else of.weights @ numbers
        products, cells = of.products + 1, of.cells + numbers.size
        return _Linear(of.value, weights, of.shift @ numbers, products, cells)
    if numbers.size not in (1, len(of.shift)):
        return None
    return replace(of, shift=of.shift + (numbers if op_type == "Add" else -numbers).ravel())


def _source(view: View, value: str, inner: set[str]) -> _Linear | None:
    return _linear(view, value, inner) if value in inner else _itself(view, value)


def _itself(view: View, value: str) -> _Linear | None:
    width = view.widths.get(value, 0)
    is_double = view.kinds.get(value) == onnx.TensorProto.DOUBLE
    return _Linear(value, None, np.zeros(width), 0, 0) if width and is_double else None
