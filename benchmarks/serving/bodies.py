"""What is sent: the same rows as bytes in every form, made once and checked when answered."""

import json
import struct
from typing import Any, Final

import numpy as np
import pandas as pd
from google.protobuf.descriptor_pool import DescriptorPool
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.typed import Typed, typed_of

from benchmarks.pipelines import rows_of
from preproc.artifact import Artifact
from preproc.interface import contract_digest

MODEL: Final = "p1"
INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
_DREW: Final = 400


def rows(count: int) -> pd.DataFrame:
    """Draw rows without holes, which JSON and the peers tell in ways of their own."""
    return rows_of("P1", _DREW).dropna().head(count)


def typed_service(artifact: Artifact) -> Typed:
    """Load the typed service of a contract, in a pool of its own."""
    contract = artifact.contract
    return typed_of(contract, contract_digest(contract), DescriptorPool())


def named(
    frame: pd.DataFrame,
    *,
    is_raw: bool,
    dtype: type[np.floating[Any]] = np.float64,
    model: str = MODEL,
) -> bytes:
    """Write a ``ModelInferRequest`` of one tensor a column."""
    request = pb.ModelInferRequest(model_name=model)
    for name in frame:
        array = _column(frame[name], dtype)
        kind = wire.datatype_of(array).wire
        tensor = request.inputs.add(name=str(name), datatype=kind, shape=[len(frame), 1])
        if is_raw:
            request.raw_input_contents.append(wire.raw_of(array))
        else:
            tensor.contents.CopyFrom(wire.contents_of(array))
    return request.SerializeToString()


def predicted(service: Typed, frame: pd.DataFrame) -> bytes:
    """Write a ``PredictRequest`` of the typed service."""
    request: Any = service.request()
    fields = [slot.field for slot in service.slots]
    names = [slot.name for slot in service.slots]
    for row in frame[names].itertuples(index=False):
        request.rows.add(**dict(zip(fields, row, strict=True)))
    content: bytes = request.SerializeToString()
    return content


def records(frame: pd.DataFrame) -> bytes:
    """Write rows as JSON, an object a row."""
    return json.dumps({"rows": frame.to_dict("records")}).encode()


def columns(frame: pd.DataFrame) -> bytes:
    """Write rows as JSON, a list a column."""
    return json.dumps({"columns": frame.to_dict("list")}).encode()


def framed(message: bytes) -> bytes:
    """Put gRPC's head before a message, as a load generator has to send it."""
    return b"\0" + struct.pack(">I", len(message)) + message


def probabilities_of(answer: bytes) -> NDArray[Any]:
    """Read the probabilities out of a ``ModelInferResponse``, raw or typed, (rows, 2)."""
    response = pb.ModelInferResponse.FromString(answer)
    for at, output in enumerate(response.outputs):
        if output.name in {"probabilities", "predict_proba"}:
            if response.raw_output_contents:
                dtype = wire.BY_WIRE[output.datatype].dtype
                flat = np.frombuffer(response.raw_output_contents[at], dtype)
            else:
                held = output.contents
                flat = np.array(list(held.fp64_contents or held.fp32_contents))
            return flat.reshape(-1, 2)
    raise AssertionError(f"expected probabilities, got {[one.name for one in response.outputs]}")


def predictions_of(service: Typed, answer: bytes) -> NDArray[Any]:
    """Read the probabilities out of a ``PredictResponse``, (rows, 2)."""
    response: Any = service.response.FromString(answer)
    field, _ = service.outputs["probabilities"]
    return np.array([list(getattr(one, field)) for one in response.predictions])


def told(answer: bytes) -> NDArray[Any]:
    """Read the probabilities out of a JSON answer, (rows, 2)."""
    found: dict[str, Any] = json.loads(answer)
    return np.array(found["probabilities"])


def _column(values: "pd.Series[Any]", dtype: type[np.floating[Any]]) -> NDArray[Any]:
    is_number = values.dtype.kind == "f"
    return values.to_numpy(dtype if is_number else object)
