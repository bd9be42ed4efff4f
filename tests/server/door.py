"""Calls of ``tiny`` on a running server, and what its counters tell afterwards."""

import grpc
import pytest
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.pb import open_inference_pb2 as pb

from .conftest import Columns


def request_of(batch: Columns, **parameters: str | int) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny")
    for name, array in batch.items():
        datatype = wire.datatype_of(array).wire
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(wire.raw_of(array))
    for key, value in parameters.items():
        if isinstance(value, str):
            request.parameters[key].string_param = value
        else:
            request.parameters[key].int64_param = value
    return request


def infer(server: Server, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        response: pb.ModelInferResponse = call(request, timeout=30)
        return response


def refusal(server: Server, request: pb.ModelInferRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        infer(server, request)
    return caught.value.code(), str(caught.value.details())


def sample(server: Server, name: str, **labels: str) -> float:
    value = server.metrics.registry.get_sample_value(name, labels)
    return 0.0 if value is None else value
