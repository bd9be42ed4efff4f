"""Unmodified clients of the protocol, each in its own language or environment, on a real server."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server

from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
KSERVE = ROOT / ".venv-kserve" / "bin" / "python"
NODE = CLIENTS / "node"
PROTO = ROOT / "proto" / "open_inference.proto"
IS_CI = "CI" in os.environ


def told_by(*command: Any) -> dict[str, Any]:
    """Run a client and read the JSON object that it prints."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(
    not IS_CI and not KSERVE.exists(),
    reason="KServe's client lives in an environment of its own: make clients",
)
def test_the_client_of_kserve_is_served(
    models: Path, start: Callable[..., Server], session: Session, batch: Columns
) -> None:
    server = start(models, mode="explicit", load_models=("*",))
    found = told_by(KSERVE, CLIENTS / "kserve_client.py", f"localhost:{server.port}")
    answers = {name: array.ravel().tolist() for name, array in session.run(batch).items()}
    want = {"id": "7", "version": "1", **answers}
    assert (found["raw"], found["typed"]) == (want, want)
    assert (found["live"], found["ready"], found["model"]) == (True, True, True)
    assert (found["unloaded"], found["loaded"]) == (["tiny", True], ["tiny", True])


@pytest.mark.skipif(
    not IS_CI and not (shutil.which("node") and (NODE / "node_modules").exists()),
    reason="the client for Node.js is installed apart: make clients",
)
def test_the_client_of_node_is_served(server: Server, session: Session) -> None:
    found = told_by("node", NODE / "client.js", f"localhost:{server.port}", PROTO)
    batch = {
        "age": np.array([31.5, 80.25]),
        "city": np.array(["Oslo", "Zürich\0x"], object),
        "visits": np.array([2**62 + 1, -3]),
        "is_member": np.array([True, False]),
        "debt": np.array([0.5, 7.0]),
    }
    want = session.run(batch)
    probabilities = want["probabilities"].ravel().tolist()
    assert found == {
        "live": True,
        "ready": True,
        "inputs": list(batch),
        "index": [["tiny", "READY"]],
        "id": "7",
        "raw": probabilities,
        "typed": probabilities,
        "label": want["label"].tolist(),
        "prediction": [str(count) for count in want["prediction"].tolist()],
        "refusal": {"code": 5, "text": "Request for unknown model: 'tinny' is not found"},
        "stream": ["7", "Request for unknown model: 'tinny' is not found", "8"],
    }
