"""What Vulkan says of its devices: the only one that knows whether a GPU is a piece of software.

ONNX Runtime names neither adapter nor driver, so they are asked for here, by the C API of the
Vulkan loader: structures and constants are those of the Vulkan specification, version 1.0.
"""

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from preproc.errors import BackendError

DRIVER: Final = "VK_DRIVER_FILES"
LOADER: Final = "libvulkan.so.1"
TYPES: Final = ("other", "integrated GPU", "discrete GPU", "virtual GPU", "software")
SOFTWARE: Final = 4

_INSTANCE_CREATE_INFO: Final = 1
_PROPERTIES_BYTES: Final = 2048
"""Room for VkPhysicalDeviceProperties, of which only the head is read; it has 824 bytes."""


class _CreateInfo(Structure):
    _fields_ = (
        ("kind", c_uint32),
        ("next", c_void_p),
        ("flags", c_uint32),
        ("application", c_void_p),
        ("layer_count", c_uint32),
        ("layers", c_void_p),
        ("extension_count", c_uint32),
        ("extensions", c_void_p),
    )


class _Properties(Structure):
    _fields_ = (
        ("api_version", c_uint32),
        ("driver_version", c_uint32),
        ("vendor", c_uint32),
        ("device", c_uint32),
        ("kind", c_uint32),
        ("name", c_char * 256),
        ("cache_key", c_uint8 * 16),
        ("rest", c_uint8 * (_PROPERTIES_BYTES - 292)),
    )


@dataclass(frozen=True, slots=True)
class Adapter:
    """One physical device.

    Attributes
    ----------
    name
        As its driver calls it.
    is_software
        Whether it is a CPU that computes as a GPU would.
    kind
        One of `TYPES`.
    api, driver
        Versions of Vulkan and of the driver.
    """

    name: str
    is_software: bool
    kind: str
    api: str
    driver: str


def use_driver(manifest: Path) -> None:
    """Let Vulkan see one driver alone; a loader that lies beside its manifest is used too.

    Raises
    ------
    BackendError
        When the manifest is not there.
    """
    if not manifest.is_file():
        raise BackendError(f"Vulkan driver {str(manifest)!r}: expected its manifest, got no file")
    os.environ[DRIVER] = str(manifest.resolve())
    os.environ.setdefault("XDG_RUNTIME_DIR", str(manifest.parent.resolve()))
    beside = manifest.with_name(LOADER)
    if beside.is_file():
        _loader(str(beside.resolve()))


@cache
def _loader(name: str) -> Any:
    """Load the Vulkan loader for good: whoever asks for it later by its name gets this one."""
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


def adapters() -> tuple[Adapter, ...]:
    """List the physical devices; empty without a Vulkan loader or a driver."""
    try:
        vulkan = _loader(LOADER)
    except OSError:
        return ()
    instance = c_void_p()
    info = _CreateInfo(kind=_INSTANCE_CREATE_INFO)
    if vulkan.vkCreateInstance(byref(info), None, byref(instance)) != 0:
        return ()
    try:
        return tuple(_described(vulkan, device) for device in _devices(vulkan, instance))
    finally:
        vulkan.vkDestroyInstance(instance, None)


def _devices(vulkan: Any, instance: c_void_p) -> list[int]:
    count = c_uint32()
    listing = vulkan.vkEnumeratePhysicalDevices
    listing.argtypes = (c_void_p, POINTER(c_uint32), c_void_p)
    if listing(instance, byref(count), None) != 0:
        return []
    found = (c_void_p * count.value)()
    listing(instance, byref(count), found)
    return [device for device in found if device]


def _described(vulkan: Any, device: int) -> Adapter:
    told = _Properties()
    vulkan.vkGetPhysicalDeviceProperties(c_void_p(device), byref(told))
    kind = TYPES[told.kind] if told.kind < len(TYPES) else TYPES[0]
    name = c_char_p(told.name).value or b""
    return Adapter(
        name.decode(errors="replace"),
        told.kind == SOFTWARE,
        kind,
        _version(told.api_version),
        _version(told.driver_version),
    )


def _version(packed: int) -> str:
    """Unpack a version as Vulkan packs its own; drivers may pack theirs otherwise."""
    return f"{packed >> 22 & 0x7F}.{packed >> 12 & 0x3FF}.{packed & 0xFFF}"
