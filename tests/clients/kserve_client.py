"""Asks a server by KServe's own client; run by the interpreter that has it.

``kserve_client.py localhost:8001`` prints what it got as one JSON object.
"""

import asyncio
import json
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

AGES = np.array([31.5, -0.0, 80.25])
VISITS = np.array([2**62 + 1, -3, 0])
DEBTS = np.array([np.inf, 1e-310, 7.0])
MEMBERS = np.array([True, False, True])
CITIES = np.array([b"Oslo", b"", "Zürich\0x".encode()], object)
BATCH = (
    ("age", "FP64", AGES),
    ("city", "BYTES", CITIES),
    ("visits", "INT64", VISITS),
    ("is_member", "BOOL", MEMBERS),
    ("debt", "FP64", DEBTS),
)


def request_of(*, is_raw: bool) -> InferRequest:
    inputs = []
    for name, datatype, array in BATCH:
        tensor = InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=is_raw)
        inputs.append(tensor)
    return InferRequest("tiny", inputs, request_id="7")


def told(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"id": response.id, "version": response.model_version}
    for output in response.outputs:
        values = output.as_numpy().ravel().tolist()
        found[output.name] = [item.decode() if isinstance(item, bytes) else item for item in values]
    return found


async def ask(target: str) -> dict[str, Any]:
    async with InferenceGRPCClient(target, timeout=30, retries=0) as client:
        found = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model": await client.is_model_ready("tiny"),
            "raw": told(await client.infer(request_of(is_raw=True))),
            "typed": told(await client.infer(request_of(is_raw=False))),
        }
        try:
            await client.is_model_ready("tinny")
        except grpc.RpcError as error:
            found["unknown"] = error.code().name
    async with grpc.aio.insecure_channel(target) as channel:
        stub = GRPCInferenceServiceStub(channel)
        gone = await stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="tiny"))
        loaded = await stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="tiny"))
    found["unloaded"] = [gone.model_name, gone.isUnloaded]
    found["loaded"] = [loaded.model_name, loaded.isLoaded]
    return found


if __name__ == "__main__":
    json.dump(asyncio.run(ask(sys.argv[1])), sys.stdout)
