"""Models that answer their columns, and messages to them by gRPC alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.pb import open_inference_pb2 as pb

from preproc.artifact import Artifact, write_artifact
from preproc.contract import Contract
from preproc.graph import GraphBuilder
from preproc.runtime.building import session_of
from preproc.signature import Column, Output, Signature
from preproc.vectors import VectorSet

Columns = dict[str, NDArray[Any]]

MEBIBYTE = 2**20
MAX_SECONDS = 30.0
"""Far beyond what a call takes, so that a busy machine fails nothing; far below a hang."""

SOME: Mapping[str, Sequence[Any]] = {
    "bool": [True, False, True],
    "int8": [-128, 127, 0],
    "int16": [-(2**15), 2**15 - 1, 0],
    "int32": [-(2**31), 2**31 - 1, 0],
    "int64": [-(2**63), 2**63 - 1, 2**53 + 1],
    "uint8": [0, 255, 1],
    "uint16": [0, 2**16 - 1, 1],
    "uint32": [0, 2**32 - 1, 1],
    "uint64": [0, 2**64 - 1, 2**53 + 1],
    "float32": [np.nan, -0.0, 1e-45],
    "float64": [np.inf, -0.0, 5e-324],
    "string": ["", "Zürich\0x", "日本"],
}
AS = {"bool": "int64", "uint64": "int64"}
"""ONNX Runtime's Where, which puts the poison in, knows neither; as int64 they keep their bits."""
ARRAYS: Columns = {
    dtype: np.array(cells, object if dtype == "string" else dtype) for dtype, cells in SOME.items()
}


def write_echo(repository: Path, name: str, columns: Sequence[Column], *, is_joined: bool) -> None:
    """Write a model that answers its columns: joined in one matrix, or one output a column."""
    graph = GraphBuilder()
    values = [graph.input(column) for column in columns]
    if is_joined:
        joined = (
            graph.op("Concat", *values, axis=1)
            if len(values) > 1
            else graph.op("Identity", *values)
        )
        outputs = [
            (
                joined,
                Output("echo", "features", columns[0].dtype, len(columns), poison_of(columns[0])),
            )
        ]
    else:
        outputs = [
            (
                echo(graph, value, column),
                Output(
                    f"echo_{column.name}",
                    "features",
                    AS.get(column.dtype, column.dtype),
                    None,
                    poison_of(column),
                ),
            )
            for value, column in zip(values, columns, strict=True)
        ]
    model = graph.finish(outputs)
    signature = Signature("frame", tuple(columns), tuple(output for _, output in outputs), ())
    numbers = {column.name: at for at, column in enumerate(columns, start=1)}
    contract = Contract(name, signature, "exact", "echo", {}, numbers, {"": 21})
    rows = {column.name: ARRAYS[column.dtype].reshape(-1, 1) for column in columns}
    with session_of(contract, model) as session:
        answers = session.run_prepared(session.pack(rows))
    vectors = (VectorSet("real", rows, answers),)
    write_artifact(
        Artifact(contract, model.SerializeToString(), vectors, {"outputs": {}}, {}), repository
    )


def echo(graph: GraphBuilder, value: str, column: Column) -> str:
    flat = graph.op("Squeeze", value, np.array([1]))
    return graph.op("Cast", flat, to=onnx.TensorProto.INT64) if column.dtype in AS else flat


def poison_of(column: Column) -> int | str | None:
    if "float" in column.dtype:
        return None
    return "" if column.is_text else 0


def numbers(columns: int, rows: int) -> Columns:
    draw = np.random.default_rng(0)
    return {f"c{at}": draw.normal(size=rows) for at in range(columns)}


def raw_request(name: str, batch: Columns, *, is_raw: bool = True) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=name)
    for column, array in batch.items():
        datatype = wire.datatype_of(array).wire
        tensor = request.inputs.add(name=column, datatype=datatype, shape=array.shape)
        if is_raw:
            request.raw_input_contents.append(wire.raw_of(array))
        else:
            tensor.contents.CopyFrom(wire.contents_of(array))
    return request


def sent(
    server: Server, request: pb.ModelInferRequest, compression: grpc.Compression | None = None
) -> pb.ModelInferResponse:
    """Send a message by gRPC alone, as a client of another make does."""
    limits = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"localhost:{server.port}", options=limits) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        response: pb.ModelInferResponse = infer(
            request, timeout=MAX_SECONDS, compression=compression
        )
        return response


def refused(
    server: Server, request: pb.ModelInferRequest, compression: grpc.Compression | None = None
) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        sent(server, request, compression)
    call = cast("grpc.Call", caught.value)
    return call.code().name, call.details() or ""
