"""KServe, the V2 protocol over gRPC.  ``python kserve_server.py ENGINE FOLDER PORT``."""

import logging
import socket
import sys
from typing import Any

from engine import Engine
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class P1(Model):
    """Answers probabilities."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("p1")
        self._engine = engine
        self.ready = True

    async def predict(
        self,
        payload: InferRequest,
        headers: Any = None,  # noqa: ARG002  # KServe's signature
        response_headers: Any = None,  # noqa: ARG002
    ) -> InferResponse:
        columns = {}
        for one in payload.inputs:
            array = one.as_numpy().reshape(-1)
            is_text = one.datatype == "BYTES"
            columns[one.name] = [text.decode() for text in array] if is_text else array
        found = self._engine(columns)
        kind = "FP64" if found.dtype.itemsize == 8 else "FP32"  # noqa: PLR2004
        output = InferOutput("probabilities", list(found.shape), kind)
        output.set_data_from_numpy(found)
        return InferResponse(payload.id or "", "p1", [output])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


if __name__ == "__main__":
    kind, folder, port = sys.argv[1:]
    logging.disable(logging.INFO)
    server = ModelServer(
        http_port=free_port(), grpc_port=int(port), enable_docs_url=False, access_log_format=None
    )
    server.start([P1(Engine(kind, folder))])
