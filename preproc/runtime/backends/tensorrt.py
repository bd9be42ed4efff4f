"""ONNX Runtime on TensorRT, strict: no TF32, no reduced precision, every node in an engine.

Not tried on a GPU yet; the settings are those of ONNX Runtime's documentation. Engines are tuned
for the machine that builds them: a report holds for the engine of its own run.
"""

import os
from typing import Final

from preproc.errors import BackendError
from preproc.runtime.backends.builtin import BuiltIn, check_builtin, nvidia_facts, open_builtin
from preproc.runtime.backends.ort import OrtExecutor
from preproc.runtime.executor import Half, Model

TF32_OVERRIDE: Final = "NVIDIA_TF32_OVERRIDE"

TENSORRT: Final = BuiltIn(
    "tensorrt",
    "TensorrtExecutionProvider",
    {"trt_fp16_enable": "False", "trt_bf16_enable": "False", "trt_int8_enable": "False"},
    "install preproc-runtime[cuda] with CUDA and TensorRT on a machine with an NVIDIA GPU",
    library="onnxruntime_providers_tensorrt",
)


def check_presence() -> None:
    """Raise `BackendAbsent` where TensorRT or its GPU is not there.

    Raises
    ------
    BackendError
        When TF32, which this provider has no option for, is not off for the whole process.
    """
    check_builtin(TENSORRT)
    override = os.environ.get(TF32_OVERRIDE)
    if override != "0":
        raise BackendError(
            f"backend 'tensorrt': expected {TF32_OVERRIDE}='0', got {override!r}; set it before "
            "the process starts"
        )


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model; raises `BackendError` when a node, which is named, would run elsewhere."""
    return open_builtin(TENSORRT, model, half=half, facts=nvidia_facts())
