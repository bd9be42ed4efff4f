"""What of this machine may move bits: processor, libraries, threads, denormals."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

CPUINFO: Final = Path("/proc/cpuinfo")
LIBRARIES: Final = ("numpy", "onnx", "preproc-runtime")
SETTINGS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
)
"""Variables of the environment that choose threads or code paths."""


def machine() -> dict[str, str]:
    """Describe this machine and process; keys are words, values texts."""
    told = cpuinfo()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": told.get("model name") or platform.processor() or "unknown",
        "cpu flags": told.get("flags") or told.get("Features") or "unknown",
        "numpy features": " ".join(processor_features()),
        "numpy denormals": "kept" if keeps_denormals() else "flushed to zero",
        **library_versions(LIBRARIES),
        **{name: os.environ[name] for name in SETTINGS if name in os.environ},
    }


def cpuinfo() -> dict[str, str]:
    """Read what Linux tells of the first processor; empty elsewhere."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = [line.partition(":") for line in text.split("\n\n", 1)[0].splitlines()]
    return {name.strip(): value.strip() for name, _, value in lines}


def processor_features() -> list[str]:
    """Names of the vector instruction sets that numpy uses here."""
    config: Any = np.show_config(mode="dicts")
    simd = config["SIMD Extensions"]
    return sorted([*simd["baseline"], *simd.get("found", ())])  # absent where all are disabled


def keeps_denormals() -> bool:
    """Whether this thread computes with denormals; a library may have changed its mode."""
    smallest = np.array([np.finfo(np.float64).smallest_normal])
    return bool((smallest / 2 > 0).all())


def library_versions(names: tuple[str, ...]) -> Mapping[str, str]:
    """Library → installed version, without those that are absent."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
