"""FastAPI: rows as objects or columns as lists.

``python fastapi_server.py ENGINE FOLDER PORT``.
"""

import json
import sys
from typing import Any

import uvicorn
from engine import Engine
from fastapi import FastAPI, Request, Response


def app_of(engine: Engine) -> FastAPI:
    app = FastAPI()

    def answer(columns: dict[str, Any]) -> Response:
        content = json.dumps({"probabilities": engine(columns).tolist()})
        return Response(content, media_type="application/json")

    @app.post("/rows")
    async def rows(request: Request) -> Response:
        given = json.loads(await request.body())["rows"]
        return answer({name: [row[name] for row in given] for name in given[0]})

    @app.post("/columns")
    async def columns(request: Request) -> Response:
        return answer(json.loads(await request.body())["columns"])

    return app


if __name__ == "__main__":
    kind, folder, port = sys.argv[1:]
    uvicorn.run(app_of(Engine(kind, folder)), port=int(port), log_level="error", access_log=False)
