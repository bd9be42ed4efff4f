"""ONNX Runtime on Core ML, which is Apple's alone; strict, and without the Neural Engine.

Not tried yet; the settings are those of ONNX Runtime's documentation. The Neural Engine computes in
float16 whatever the graph says, so it is left out.
"""

import platform
from typing import Final

from preproc.runtime.backends.builtin import BuiltIn, check_builtin, open_builtin
from preproc.runtime.backends.ort import OrtExecutor
from preproc.runtime.executor import Half, Model

COREML: Final = BuiltIn(
    "coreml",
    "CoreMLExecutionProvider",
    {
        "ModelFormat": "MLProgram",  # the older format computes in float16 on a GPU
        "MLComputeUnits": "CPUAndGPU",
        "AllowLowPrecisionAccumulationOnGPU": "0",
    },
    "install onnxruntime on macOS",
)


def check_presence() -> None:
    """Raise `BackendAbsent` where Core ML is not there."""
    check_builtin(COREML)


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model; raises `BackendError` when a node, which is named, would run elsewhere."""
    facts = {"device": f"CPU and GPU of {platform.machine()}", "driver": platform.mac_ver()[0]}
    return open_builtin(COREML, model, half=half, facts=facts)
