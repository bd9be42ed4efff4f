"""MLServer, the V2 protocol over gRPC.  ``python mlserver_server.py ENGINE FOLDER PORT``."""

import asyncio
import logging
import sys

from engine import Engine
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class P1(MLModel):
    """Answers probabilities."""

    async def load(self) -> bool:
        self._engine = Engine(*sys.argv[1:3])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        columns = {
            one.name: StringCodec.decode_input(one)
            if one.datatype == "BYTES"
            else NumpyCodec.decode_input(one).reshape(-1)
            for one in payload.inputs
        }
        output = NumpyCodec.encode_output("probabilities", self._engine(columns))
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])


if __name__ == "__main__":
    settings = Settings(
        host="127.0.0.1",
        http_port=0,
        grpc_port=int(sys.argv[3]),
        metrics_endpoint=None,
        parallel_workers=0,  # the model answers in the process that listens
        debug=False,
    )
    logging.disable(logging.INFO)
    asyncio.run(MLServer(settings).start([ModelSettings(name="p1", implementation=P1)]))
