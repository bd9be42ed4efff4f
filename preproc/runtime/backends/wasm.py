"""ONNX Runtime compiled to WebAssembly, in Node.js: another compiler and instruction set.

It runs the public graph whole, text and float64 included. ``npm install onnxruntime-web`` brings
it; ``PREPROC_NODE_MODULES`` tells the folder where that was done, if not beside this module.
"""

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.errors import BackendAbsent, BackendError
from preproc.runtime.backends.escaping import escape, escaped_model, unescape
from preproc.runtime.backends.parsing import parsed
from preproc.runtime.backends.probe import PROBE, denormals_of
from preproc.runtime.executor import Executor, Half, Model, Placed
from preproc.runtime.machine import machine

HERE: Final = Path(__file__).parent / "node"
SCRIPT: Final = HERE / "executor.mjs"
NODE_MODULES: Final = "PREPROC_NODE_MODULES"
PROVIDER: Final = "WebAssembly"
CLOSE_TIMEOUT_S: Final = 5

_SIZES: Final = struct.Struct("<II")


class WasmExecutor(Executor):
    """One process of Node.js with one graph loaded; calls wait for one another."""

    def __init__(self, model: onnx.ModelProto, node: str, folder: Path, half: Half) -> None:
        self._nodes = [(part.name, part.op_type) for part in model.graph.node]
        self._names = [output.name for output in model.graph.output]
        self._half: Half = half
        self._place = (node, folder)
        self._lock = Lock()
        self._process = subprocess.Popen(  # noqa: S603  # our own script
            [node, str(SCRIPT), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._versions, _ = self._asked({}, escaped_model(model).SerializeToString())
        except BackendError:
            self.close()
            raise

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs.

        Raises
        ------
        BackendError
            When the graph raises, or the process has ended.
        """
        head, body = packed(feeds)
        with self._lock:
            told, answer = self._asked({"inputs": head}, body)
        found = unpacked(told["outputs"], answer)
        return {name: found[name] for name in self._names}

    def close(self) -> None:
        """End the process, which ends by itself once nobody can ask."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def placement(self) -> Sequence[Placed]:
        """Name every node of the model: the module holds no other provider."""
        return tuple(Placed(name, kind, PROVIDER, self._half) for name, kind in self._nodes)

    def environment(self) -> Mapping[str, str]:
        """Describe the machine, Node.js and the WebAssembly module."""
        with WasmExecutor(PROBE, *self._place, "whole") as probe:
            denormals = denormals_of(probe.execute)
        return {
            **machine(),
            **self._versions,
            "device": "CPU, by WebAssembly",
            "threads": "1",
            "denormals": denormals,
        }

    def _asked(self, head: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None  # both are pipes
        assert source is not None
        text = json.dumps(head).encode()
        try:
            sink.write(_SIZES.pack(len(text), len(body)) + text + body)
            sink.flush()
            sizes = _SIZES.unpack(source.read(_SIZES.size))
            told: dict[str, Any] = json.loads(source.read(sizes[0]))
            answer = source.read(sizes[1])
        except (OSError, ValueError, struct.error) as error:
            raise BackendError("wasm: expected an answer, got the end of Node.js") from error
        if "error" in told:
            raise BackendError(f"wasm: {told['error']}")
        return told, answer


def packed(feeds: Mapping[str, NDArray[Any]]) -> tuple[dict[str, Any], bytes]:
    """Lay arrays out as the script reads them: descriptions, and bytes in one row."""
    head: dict[str, Any] = {}
    parts: list[bytes] = []
    start = 0
    for name, array in feeds.items():
        if array.dtype.kind in "OUT":
            head[name] = {"shape": array.shape, "texts": [escape(text) for text in array.ravel()]}
            continue
        content = np.ascontiguousarray(array).tobytes()
        head[name] = {
            "dtype": array.dtype.name,
            "shape": array.shape,
            "start": start,
            "bytes": len(content),
        }
        parts.append(content)
        start += len(content)
    return head, b"".join(parts)


def unpacked(head: Mapping[str, Any], body: bytes) -> dict[str, NDArray[Any]]:
    """Make arrays of what the script wrote."""
    answers: dict[str, NDArray[Any]] = {}
    start = 0
    for name, told in head.items():
        if "texts" in told:
            texts = [unescape(text) for text in told["texts"]]
            answers[name] = np.array(texts, object).reshape(told["shape"])
            continue
        content = body[start : start + told["bytes"]]
        start += told["bytes"]
        answers[name] = np.frombuffer(content, told["dtype"]).reshape(told["shape"]).copy()
    return answers


def check_presence() -> None:
    """Raise `BackendAbsent` where Node.js or onnxruntime-web is not there."""
    _found()


def open_executor(model: Model, *, half: Half = "whole") -> WasmExecutor:
    """Load a model.

    Raises
    ------
    BackendAbsent
        Where Node.js or onnxruntime-web is not there.
    BackendError
        When onnxruntime-web refuses the graph.
    """
    node, folder = _found()
    return WasmExecutor(parsed(model), node, folder, half)


def _found() -> tuple[str, Path]:
    node = shutil.which("node")
    if node is None:
        raise BackendAbsent("wasm", "expected node on the path, got none", "install Node.js 20")
    folder = Path(os.environ.get(NODE_MODULES) or HERE)
    if not (folder / "node_modules" / "onnxruntime-web").is_dir():
        problem = f"expected node_modules/onnxruntime-web in {str(folder)!r}, got none"
        remedy = f"npm install onnxruntime-web somewhere, and let {NODE_MODULES} name that folder"
        raise BackendAbsent("wasm", problem, remedy)
    return node, folder
