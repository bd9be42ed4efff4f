"""BentoML: rows as objects.  ``python bentoml_server.py ENGINE FOLDER PORT``.

Its application stands under uvicorn in one process, as its own command runs it in each worker.
"""

import os
import sys
from typing import Any

os.environ |= {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": sys.argv[2]}

import bentoml
import uvicorn
from engine import Engine


@bentoml.service(metrics={"enabled": False}, logging={"access": {"enabled": False}})
class P1:
    """Answers probabilities."""

    def __init__(self) -> None:
        self._engine = Engine(*sys.argv[1:3])

    @bentoml.api
    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return {"probabilities": self._engine(columns).tolist()}


if __name__ == "__main__":
    uvicorn.run(P1.to_asgi(), port=int(sys.argv[3]), log_level="error", access_log=False)
