"""One row of ``tiny`` and its call, with all that may come along; and what is waited for."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.pb import open_inference_pb2 as pb

from preproc.artifact import Artifact, write_artifact

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def altered(artifact: Artifact, repository: Path, **columns: Mapping[str, Any]) -> Path:
    """Write an artifact once more with other facts of some columns; column → facts."""
    signature = artifact.contract.signature
    changed = [replace(one, **columns.get(one.name, {})) for one in signature.columns]
    contract = replace(artifact.contract, signature=replace(signature, columns=tuple(changed)))
    write_artifact(replace(artifact, contract=contract), repository)
    return repository


def one_row(at: int = 0) -> dict[str, NDArray[Any]]:
    return {
        "age": np.array([20.0 + at % 50]),
        "city": np.array(["Oslo"], object),
        "visits": np.array([at]),
        "is_member": np.array([bool(at % 2)]),
        "debt": np.array([at / 7]),
    }


def request_of(
    batch: Mapping[str, NDArray[Any]], name: str = "", **parameters: str
) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny", id=name)
    for column, array in batch.items():
        datatype = wire.datatype_of(array).wire
        request.inputs.add(name=column, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(wire.raw_of(array))
    for key, value in parameters.items():
        request.parameters[key].string_param = value
    return request


def infer(
    channel: grpc.Channel,
    request: pb.ModelInferRequest,
    headers: Sequence[tuple[str, str | bytes]] = (),
) -> pb.ModelInferResponse:
    method = channel.unary_unary(
        METHOD, pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
    )
    answer: pb.ModelInferResponse = method(request, metadata=tuple(headers), timeout=30)
    return answer


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < ends_s, "waited in vain"
        time.sleep(0.01)
