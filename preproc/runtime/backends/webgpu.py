"""ONNX Runtime's WebGPU plugin, by Vulkan, Metal or Direct3D; strict.

A device in software, such as SwiftShader, is used only when ``PREPROC_SOFTWARE_GPU`` names the
manifest of its Vulkan driver. It proves the graph and the way to a GPU, not the GPU.
"""

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import onnxruntime
import onnxruntime_ep_webgpu as plugin

from preproc.errors import BackendAbsent
from preproc.runtime.backends import vulkan
from preproc.runtime.backends.ort import (
    OrtExecutor,
    Setup,
    check_version,
    open_ort,
    option_text,
    silenced,
)
from preproc.runtime.executor import Half, Model

NAME: Final = "webgpu"
PROVIDER: Final = "WebGpuExecutionProvider"
SOFTWARE_GPU: Final = "PREPROC_SOFTWARE_GPU"
OPTIONS: Final = {"enableInt64": "1"}
_ALLOWED: Final = "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER"
"""The plugin's own permission, which it reads when it is registered."""


def check_presence() -> None:
    """Raise `BackendAbsent` where there is no GPU, nor one in software that is allowed."""
    check_version()
    _device()


def open_executor(model: Model, *, half: Half = "whole") -> OrtExecutor:
    """Load a model, every node of it on the GPU.

    Raises
    ------
    BackendAbsent
        Where there is no GPU, nor one in software that is allowed.
    BackendError
        When a node, which is named, would run elsewhere.
    """
    device = _device()
    setup = Setup(
        PROVIDER,
        lambda options: options.add_provider_for_devices([device], OPTIONS),
        half=half,
        facts=_facts(device),
    )
    return open_ort(model, setup)


def _device() -> Any:
    software = os.environ.get(SOFTWARE_GPU)
    os.environ.pop(_ALLOWED, None)  # of a parent, which had a permission of its own
    if software:
        vulkan.use_driver(Path(software))
        os.environ[_ALLOWED] = "1"
    _register()
    found = [device for device in onnxruntime.get_ep_devices() if device.ep_name == PROVIDER]
    adapters = vulkan.adapters()
    is_real = not adapters or not all(adapter.is_software for adapter in adapters)
    if not found or not (software or is_real):
        got = ", ".join(f"{adapter.name} ({adapter.kind})" for adapter in adapters) or "none"
        remedy = f"to prove graphs without one, let {SOFTWARE_GPU} name a Vulkan driver in software"
        raise BackendAbsent(NAME, f"expected a GPU, got {got}", remedy)
    return found[0]


@cache
def _register() -> None:
    """Register the plugin; ONNX Runtime allows it once a process."""
    with silenced():  # it warns of a device in software, which was asked for
        onnxruntime.register_execution_provider_library(NAME, plugin.get_library_path())


def _facts(device: Any) -> dict[str, str]:
    hardware = device.device
    told = {
        "device": f"{hardware.type.name} {hardware.vendor} {hardware.device_id:#x}",
        "onnxruntime-ep-webgpu": version("onnxruntime-ep-webgpu"),
        "provider options": option_text(OPTIONS),
    }
    for adapter in vulkan.adapters()[:1]:
        told |= {
            "device": f"{adapter.name} ({adapter.kind})",
            "driver": adapter.driver,
            "vulkan": adapter.api,
        }
    return told
