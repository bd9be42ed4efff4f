"""ONNX Runtime on DirectML, which is Windows alone; strict.

Not tried yet; the settings are those of ONNX Runtime's documentation.
"""

from typing import Final

from preproc.runtime.backends.builtin import BuiltIn, check_builtin, open_builtin
from preproc.runtime.backends.ort import OrtExecutor
from preproc.runtime.executor import Half, Model

DIRECTML: Final = BuiltIn(
    "directml",
    "DmlExecutionProvider",
    {"device_id": "0"},
    "install onnxruntime-directml in place of onnxruntime on Windows",
    has_memory_pattern=False,
)


def check_presence() -> None:
    """Raise `BackendAbsent` where DirectML or its device is not there."""
    check_builtin(DIRECTML)


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model; raises `BackendError` when a node, which is named, would run elsewhere."""
    return open_builtin(DIRECTML, model, half=half, facts={"device": "DirectX 12 adapter 0"})
