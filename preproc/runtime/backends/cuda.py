"""ONNX Runtime on CUDA, strict: no TF32, deterministic kernels, every node on the GPU.

Not tried on a GPU yet; the settings are those of ONNX Runtime's documentation.
"""

from typing import Final

from preproc.runtime.backends.builtin import BuiltIn, check_builtin, nvidia_facts, open_builtin
from preproc.runtime.backends.ort import OrtExecutor
from preproc.runtime.executor import Half, Model

CUDA: Final = BuiltIn(
    "cuda",
    "CUDAExecutionProvider",
    {
        "use_tf32": "0",  # on by default; its products have 10 bits of mantissa
        "cudnn_conv_algo_search": "DEFAULT",  # the others choose by timing
        "prefer_nhwc": "0",
        "tunable_op_enable": "0",  # it would choose kernels by timing
        "enable_cuda_graph": "0",
    },
    "install preproc-runtime[cuda] with CUDA and cuDNN on a machine with an NVIDIA GPU",
    library="onnxruntime_providers_cuda",
)


def check_presence() -> None:
    """Raise `BackendAbsent` where CUDA or its GPU is not there."""
    check_builtin(CUDA)


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model; raises `BackendError` when a node, which is named, would run elsewhere."""
    return open_builtin(CUDA, model, half=half, facts=nvidia_facts())
