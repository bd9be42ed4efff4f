"""Plain ONNX models in a Triton-layout folder: served by permission, proved by nothing.

Inputs of shape [n] or [n, k] become columns, outputs likewise; anything else is refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import CONTRACT_KEY, Artifact
from preproc.contract import Contract
from preproc.errors import ArtifactError
from preproc.runtime import Executor, Placed, Session, opener_of
from preproc.runtime.building import read_model
from preproc.runtime.layout import public_layout
from preproc.signature import ROW_ERROR, TEXT, Column, Output, Signature
from preproc_server.loading import Model, Observe, ignore, model_of

_DTYPES: Final[Mapping[int, str]] = {
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.STRING: TEXT,
}


@dataclass(frozen=True)
class PlainExecutor(Executor):
    """Gives a plain graph what it expects, and ``row_error``, which it does not know.

    Attributes
    ----------
    inner
        Runs the graph.
    vectors
        Inputs of shape [n].
    """

    inner: Executor
    vectors: frozenset[str]

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs; no row is ever refused."""
        rows = len(next(iter(feeds.values())))
        shaped = {
            name: array.reshape(rows) if name in self.vectors else array
            for name, array in feeds.items()
        }
        return {**self.inner.execute(shaped), ROW_ERROR: np.zeros(rows, np.int32)}

    def close(self) -> None:
        """Close the executor inside."""
        self.inner.close()

    def placement(self) -> Sequence[Placed]:
        """Ask the executor inside."""
        return self.inner.placement()

    @property
    def device(self) -> str:
        """Ask the executor inside."""
        return self.inner.device

    def environment(self) -> Mapping[str, str]:
        """Ask the executor inside."""
        return self.inner.environment()


def load_plain(
    name: str, version: int, folder: Path, *, backend: str, observe: Observe = ignore
) -> Model:
    """Open a plain ONNX model; its signature is what the graph declares.

    Raises
    ------
    ArtifactError
        When the graph takes or gives what has no rows, or is an artifact that lost its contract.
    BackendError
        When the backend cannot run it.
    """
    proto = read_model(folder)
    file = folder / "model.onnx"
    if any(item.key == CONTRACT_KEY for item in proto.metadata_props):
        raise ArtifactError(folder, "expected the contract.json of an artifact, got none")
    signature, vectors = signature_of(proto, file)
    domains = {item.domain: item.version for item in proto.opset_import}
    contract = Contract(name, signature, "exact", "", {}, {}, domains)
    executor = PlainExecutor(opener_of(backend)(proto), vectors)
    layout = public_layout(signature)
    session = Session(contract, executor, layout, backend=backend, form="public")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    artifact = Artifact(contract, b"", (), {}, {}, path=folder, digest=digest)
    return model_of(session, artifact, version, is_proved=False, observe=observe)


def signature_of(proto: onnx.ModelProto, file: Path) -> tuple[Signature, frozenset[str]]:
    """Make a signature of a graph's inputs and outputs; also tell which inputs are [n].

    Raises
    ------
    ArtifactError
        When one is no tensor [n] or [n, k] of a datatype that travels.
    """
    known = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in known]
    tensors = [_tensor_of(value, file) for value in inputs]
    if not tensors:
        raise ArtifactError(file, "expected a graph with inputs, got none")
    for name, _, rank, width in tensors:
        if rank > 1 and width is None:
            raise ArtifactError(file, f"input {name!r}: expected a fixed width, got a free one")
    columns = tuple(Column(name, dtype, width=width or 1) for name, dtype, _, width in tensors)
    outputs = tuple(
        Output(name, "features", dtype, width if rank > 1 else None, _poison(dtype))
        for value in proto.graph.output
        for name, dtype, rank, width in [_tensor_of(value, file)]
        if name != ROW_ERROR
    )
    vectors = frozenset(name for name, _, rank, _ in tensors if rank == 1)
    return Signature("frame", columns, outputs), vectors


def _tensor_of(value: onnx.ValueInfoProto, file: Path) -> tuple[str, str, int, int | None]:
    """Name, dtype, rank and width."""
    kind = value.type.WhichOneof("value")
    tensor = value.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if kind != "tensor_type" or len(dims) not in {1, 2}:
        got = f"{kind} of shape {dims}"
        raise ArtifactError(file, f"{value.name!r}: expected a tensor [n] or [n, k], got {got}")
    dtype = _DTYPES.get(tensor.elem_type)
    if dtype is None:
        got = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise ArtifactError(file, f"{value.name!r}: expected a datatype that travels, got {got}")
    return value.name, dtype, len(dims), dims[1] if len(dims) > 1 else 1


def _poison(dtype: str) -> int | str | None:
    if dtype == TEXT:
        return ""
    return None if dtype.startswith("float") else -1
