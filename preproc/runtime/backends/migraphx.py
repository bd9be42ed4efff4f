"""ONNX Runtime on MIGraphX, which is AMD's; strict, no reduced precision.

Not tried yet; the settings are those of ONNX Runtime's documentation.
"""

from typing import Final

from preproc.runtime.backends.builtin import BuiltIn, check_builtin, open_builtin
from preproc.runtime.backends.ort import OrtExecutor
from preproc.runtime.executor import Half, Model

MIGRAPHX: Final = BuiltIn(
    "migraphx",
    "MIGraphXExecutionProvider",
    {"device_id": "0", "migraphx_fp16_enable": "0", "migraphx_int8_enable": "0"},
    "install onnxruntime-migraphx in place of onnxruntime on a machine with ROCm",
    library="onnxruntime_providers_migraphx",
)


def check_presence() -> None:
    """Raise `BackendAbsent` where MIGraphX or its GPU is not there."""
    check_builtin(MIGRAPHX)


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model; raises `BackendError` when a node, which is named, would run elsewhere."""
    return open_builtin(MIGRAPHX, model, half=half, facts={"device": "ROCm device 0"})
