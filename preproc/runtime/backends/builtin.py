"""Providers that ONNX Runtime's own packages bring: asked for strictly, or absent.

`onnxruntime.get_available_providers` lists what was compiled in, whether or not it loads; so a
session on a graph of one node decides.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import onnxruntime

from preproc.errors import BackendAbsent, BackendError
from preproc.runtime.backends.ort import (
    OrtExecutor,
    Setup,
    check_version,
    open_ort,
    silenced,
)
from preproc.runtime.backends.probe import PROBE
from preproc.runtime.executor import Half, Model

NVIDIA_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One provider and how it has to be set.

    Attributes
    ----------
    backend
        Name in the table of backends.
    provider
        Name in ONNX Runtime.
    options
        Of the provider.
    install
        What brings it.
    library
        Part of the name of the file that holds the provider, where it is one of its own.
    has_memory_pattern
        Whether ONNX Runtime may plan memory ahead, which DirectML forbids.
    """

    backend: str
    provider: str
    options: Mapping[str, str]
    install: str
    library: str = ""
    has_memory_pattern: bool = True

    def attach(self, options: Any) -> None:
        """Add the provider to a session's options; raises where it does not load."""
        options.enable_mem_pattern = self.has_memory_pattern
        options.add_provider(self.provider, dict(self.options))


def check_builtin(builtin: BuiltIn) -> None:
    """Raise `BackendAbsent` where the provider is not compiled in or does not load."""
    check_version()
    available = onnxruntime.get_available_providers()
    if builtin.provider not in available:
        problem = f"expected {builtin.provider} in onnxruntime {onnxruntime.__version__}, got "
        raise BackendAbsent(builtin.backend, problem + ", ".join(available), builtin.install)
    try:
        with silenced():
            open_builtin(builtin, PROBE, half="whole", facts={})
    except BackendError as error:
        problem = f"expected {builtin.provider} to load, got {_missing(builtin) or error}"
        raise BackendAbsent(builtin.backend, problem, builtin.install) from error


def _missing(builtin: BuiltIn) -> str:
    """Ask the loader itself what the provider's file lacks; ONNX Runtime only logs it."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    for file in folder.glob(f"*{builtin.library}*") if builtin.library else ():
        try:
            ctypes.CDLL(str(file))
        except OSError as error:
            return str(error)
    return ""


def open_builtin(
    builtin: BuiltIn, model: Model, *, half: Half, facts: Mapping[str, str]
) -> OrtExecutor:
    """Load a model, every node of it on the provider; raises `BackendError` otherwise."""
    told = {
        "provider options": " ".join(f"{key}={value}" for key, value in builtin.options.items())
    }
    setup = Setup(builtin.provider, builtin.attach, half=half, facts={**told, **facts})
    return open_ort(model, setup)


def nvidia_facts() -> dict[str, str]:
    """Name the first NVIDIA device and its driver, as ``nvidia-smi`` tells them."""
    unknown = {"device": "unknown: nvidia-smi is absent or silent"}
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return unknown
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(  # noqa: S603  # a fixed question to NVIDIA's own tool
            query, capture_output=True, text=True, timeout=NVIDIA_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return unknown
    name, _, driver = done.stdout.strip().partition(", ")
    return {"device": name, "driver": driver}
