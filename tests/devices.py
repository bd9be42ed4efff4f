"""Backends that need what a package index does not bring: skipped where it is absent, but in CI."""

import os
from pathlib import Path

import pytest

from preproc import BackendAbsent
from preproc.runtime import opener_of

ROOT = Path(__file__).parents[1]
SWIFTSHADER = ROOT / "build" / "swiftshader" / "vk_swiftshader_icd.json"
IS_CI = "CI" in os.environ


def allow_software_gpu() -> None:
    """Let the backend webgpu use SwiftShader, which `make hardware` puts into build/."""
    if SWIFTSHADER.is_file():
        os.environ.setdefault("PREPROC_SOFTWARE_GPU", str(SWIFTSHADER))


def needs(backend: str) -> None:
    """Skip the test where a backend is absent; in CI that is a failure."""
    try:
        opener_of(backend)
    except BackendAbsent as error:
        if IS_CI:
            raise
        pytest.skip(f"{error} (make hardware)")
