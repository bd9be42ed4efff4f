"""LitServe: rows as objects.  ``python litserve_server.py ENGINE FOLDER PORT``."""

import sys
from typing import Any

import litserve
from engine import Engine


class P1(litserve.LitAPI):
    """Answers probabilities."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        self._engine = Engine(*sys.argv[1:3])

    def decode_request(self, request) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001  # a type would be read as a parameter
        given = request["rows"]
        return {name: [row[name] for row in given] for name in given[0]}

    def predict(self, columns: Any) -> Any:
        return self._engine(columns)

    def encode_response(self, found: Any) -> Any:
        return {"probabilities": found.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(P1(), accelerator="cpu")
    server.run(port=int(sys.argv[3]), generate_client_file=False, log_level="error")
