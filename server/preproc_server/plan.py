"""A request → the matrices of a session, by a plan made once at load; answers → a response.

Why a plan: one numpy array a column costs more than the graph behind it. Columns that share a
matrix are joined as bytes and become one array. Columns in the order of the contract take the
quick way; any other order is looked up by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.runtime import Prepared
from preproc.runtime.layout import Layout
from preproc.signature import NULL_TOKENS, ROW_ERROR, Column, Signature, unequal_rows
from preproc_server import wire
from preproc_server.errors import WireError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.wire import Datatype, Tensor


@dataclass(frozen=True, slots=True)
class MatrixPlan:
    """One input of the graph.

    Attributes
    ----------
    name
        Of the graph's input.
    datatype
        Of all its columns.
    positions
        Columns that it holds, left to right, as positions in the contract.
    widths
        For each of them, how many columns of the matrix it fills.
    names
        Of them.
    is_flat
        Whether each has one value a row.
    """

    name: str
    datatype: Datatype
    positions: tuple[int, ...]
    widths: tuple[int, ...]
    names: tuple[str, ...]
    is_flat: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How requests to one model are read.

    Attributes
    ----------
    model
        Named in errors.
    columns
        In the order of the contract.
    names, datatypes
        Of the columns, as they stand on the wire.
    is_flat
        Whether every column has one value a row.
    matrices
        Inputs of the graph.
    outputs
        What is answered when a request names nothing.
    """

    model: str
    columns: tuple[Tensor, ...]
    names: list[str]
    datatypes: list[str]
    is_flat: bool
    matrices: tuple[MatrixPlan, ...]
    outputs: tuple[str, ...]


def plan_of(model: str, signature: Signature, layout: Layout) -> Plan:
    """Make the plan of one model from its contract and the layout of its session."""
    columns = tuple(
        Tensor(column.name, model, wire.BY_DTYPE[column.dtype], column.width, words_of(column))
        for column in signature.columns
    )
    starts: dict[str, dict[int, int]] = {matrix: {} for matrix in layout.inputs}
    for position, column in enumerate(columns):
        matrix, start = layout.places[column.name]
        starts[matrix][start] = position
    matrices = []
    for matrix, (dtype, _) in layout.inputs.items():
        positions = tuple(position for _, position in sorted(starts[matrix].items()))
        widths = tuple(columns[position].width for position in positions)
        names = tuple(columns[position].name for position in positions)
        datatype, is_flat = wire.BY_DTYPE[dtype], max(widths) == 1
        matrices.append(MatrixPlan(matrix, datatype, positions, widths, names, is_flat))
    return Plan(
        model,
        columns,
        [column.name for column in columns],
        [column.datatype.wire for column in columns],
        all(column.width == 1 for column in columns),
        tuple(matrices),
        tuple(output.name for output in signature.outputs),
    )


def words_of(column: Column) -> dict[bytes, str]:
    """Give what training saw in a column of text, and its nulls, by their bytes in UTF-8."""
    known = (column.domain or {}).get("categories") if column.is_text else None
    words = () if known is None else (*known, *NULL_TOKENS.values())
    return {word.encode(errors="surrogatepass"): word for word in words}


def decode(plan: Plan, request: pb.ModelInferRequest) -> Prepared:
    """Check a request and lay it out for the session.

    Raises
    ------
    SignatureError
        As `Signature.check` does, for columns, datatypes, shapes and no rows; and for a value
        that is no UTF-8 or does not fit its datatype.
    WireError
        When contents are not what the shapes announce, or both raw and typed.
    """
    found = list(request.inputs)
    order = _order(plan, found)
    inputs = [found[position] for position in order]
    rows = _usual_rows(plan, inputs) or _rows(plan, inputs)
    if request.raw_input_contents:
        raws = _raws(plan, inputs, list(request.raw_input_contents), order)
        feeds = {matrix.name: of_raw(matrix, plan.columns, raws, rows) for matrix in plan.matrices}
    else:
        contents = [tensor.contents for tensor in inputs]
        feeds = {
            matrix.name: of_contents(matrix, plan.columns, contents, rows)
            for matrix in plan.matrices
        }
    return Prepared(rows, feeds)


def wanted_outputs(plan: Plan, request: pb.ModelInferRequest) -> tuple[str, ...]:
    """Tell which outputs a request asks for, in its order; all but ``row_error`` by default.

    Raises
    ------
    WireError
        For an unknown output, or one named twice.
    """
    if not request.outputs:
        return plan.outputs
    wanted: list[str] = []
    for output in request.outputs:
        if output.name != ROW_ERROR and output.name not in plan.outputs:
            raise WireError(f"unexpected inference output {output.name!r} for model {plan.model!r}")
        if output.name in wanted:
            raise WireError(f"output {output.name!r} already exists in request")
        wanted.append(output.name)
    return tuple(wanted)


def encode(
    response: pb.ModelInferResponse, answers: Mapping[str, NDArray[Any]], *, is_raw: bool
) -> pb.ModelInferResponse:
    """Add answers, output → array, to a response and give it back."""
    for name, array in answers.items():
        datatype = wire.datatype_of(array)
        output = response.outputs.add(name=name, datatype=datatype.wire, shape=array.shape)
        if is_raw:
            response.raw_output_contents.append(wire.raw_of(array))
        else:
            output.contents.CopyFrom(wire.contents_of(array))
    return response


def _order(plan: Plan, inputs: Sequence[pb.ModelInferRequest.InferInputTensor]) -> Sequence[int]:
    """Find the column of each place of the contract among the inputs."""
    names = [tensor.name for tensor in inputs]
    if names == plan.names:
        return range(len(names))
    places = {name: position for position, name in enumerate(names)}
    missing = [name for name in plan.names if name not in places]
    if missing:
        raise SignatureError(
            "",
            f"expected {len(plan.names)} inputs but got {len(names)} inputs for model "
            f"{plan.model!r}. Got input(s) {names}, but missing required input(s) {missing}. "
            "Please provide all required input(s).",
        )
    known = set(plan.names)
    for position, name in enumerate(names):
        if name not in known:
            raise SignatureError(name, "expected no such column, got one; leave it out")
        if places[name] != position:
            raise WireError(f"input {name!r} already exists in request")
    return [places[name] for name in plan.names]


def _usual_rows(plan: Plan, inputs: Sequence[pb.ModelInferRequest.InferInputTensor]) -> int:
    """Give the rows of a batch whose columns all have one shape, else 0; twice as fast as `_rows`.

    No message comes from here: what is not usual is left to `_rows`.
    """
    shape = list(inputs[0].shape)
    is_usual = (
        plan.is_flat
        and shape[1:] in ([], [1])
        and [tensor.datatype for tensor in inputs] == plan.datatypes
        and all(tensor.shape == shape for tensor in inputs)
    )
    return max(shape[0], 0) if is_usual and shape else 0


def _rows(plan: Plan, inputs: Sequence[pb.ModelInferRequest.InferInputTensor]) -> int:
    """Check datatypes and shapes, inputs in the order of the contract; give the number of rows."""
    lengths: list[int] = []
    for column, tensor in zip(plan.columns, inputs, strict=True):
        if tensor.datatype != column.datatype.wire:
            known = wire.BY_WIRE.get(tensor.datatype)
            got = known.dtype if known else repr(tensor.datatype)
            raise SignatureError(column.name, f"expected dtype {column.datatype.dtype}, got {got}")
        shape = tuple(tensor.shape)
        is_vector = len(shape) == 1 and column.width == 1
        if not (is_vector or shape[1:] == (column.width,)) or shape[0] < 0:
            raise SignatureError(column.name, f"expected shape (n, {column.width}), got {shape}")
        lengths.append(shape[0])
    if lengths.count(lengths[0]) < len(lengths):
        raise unequal_rows(plan.names, lengths)
    if not lengths[0]:
        raise SignatureError("", "expected at least one row, got none")
    return lengths[0]


def _raws(
    plan: Plan,
    inputs: Sequence[pb.ModelInferRequest.InferInputTensor],
    raws: Sequence[bytes],
    order: Sequence[int],
) -> list[bytes]:
    """Raw contents in the order of the contract."""
    for tensor in inputs:
        if tensor.HasField("contents"):
            raise WireError(
                "contents field must not be specified when using raw_input_contents for "
                f"{tensor.name!r} for model {plan.model!r}"
            )
    if len(raws) != len(order):
        raise WireError(
            f"raw_input_contents for model {plan.model!r}: "
            f"expected {len(order)} elements, one an input, got {len(raws)}"
        )
    return [raws[position] for position in order]


def of_raw(
    matrix: MatrixPlan, columns: Sequence[Tensor], raws: Sequence[bytes], rows: int
) -> NDArray[Any]:
    """Read one matrix from raw contents, one a column of the contract."""
    if matrix.datatype.is_text:
        texts: list[str] = []
        for position in matrix.positions:
            texts += wire.texts_of_raw(columns[position], raws[position], rows)
        return interleaved(wire.text_array(texts, (len(texts),)), matrix.widths, rows)
    pieces = [raws[position] for position in matrix.positions]
    want = rows * matrix.datatype.size_bytes
    is_usual = max(matrix.widths) == 1 and all(len(piece) == want for piece in pieces)
    if not is_usual or matrix.datatype.dtype == "bool":
        for position in matrix.positions:
            wire.check_raw(columns[position], raws[position], rows)
    return interleaved(wire.numbers_of_raw(matrix.datatype, pieces), matrix.widths, rows)


def of_contents(
    matrix: MatrixPlan,
    columns: Sequence[Tensor],
    contents: Sequence[pb.InferTensorContents],
    rows: int,
) -> NDArray[Any]:
    """Read one matrix from typed contents, one a column of the contract."""
    if matrix.datatype.is_text:
        texts: list[str] = []
        for position in matrix.positions:
            texts += wire.texts_of_contents(columns[position], contents[position], rows)
        return interleaved(wire.text_array(texts, (len(texts),)), matrix.widths, rows)
    numbers = [
        wire.numbers_of_contents(columns[position], contents[position], rows)
        for position in matrix.positions
    ]
    if isinstance(numbers[0], np.ndarray):
        flat = np.concatenate(numbers)
    else:
        flat = np.array(list(chain.from_iterable(numbers)), matrix.datatype.dtype)
    return interleaved(flat.astype(matrix.datatype.dtype, copy=False), matrix.widths, rows)


def interleaved(flat: NDArray[Any], widths: Sequence[int], rows: int) -> NDArray[Any]:
    """Turn columns that lie one after another into one matrix (rows, sum of widths)."""
    if rows == 1:
        return flat.reshape(1, -1)
    if len(widths) == 1:
        return flat.reshape(rows, widths[0])
    if max(widths) == 1:
        return np.ascontiguousarray(flat.reshape(-1, rows).T)
    parts = np.split(flat, np.cumsum(widths)[:-1] * rows)
    blocks = [part.reshape(rows, -1) for part in parts]
    return np.concatenate(blocks, axis=1)
