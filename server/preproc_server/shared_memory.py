"""Memory shared with clients on the same machine: registered, read, written.

Why not a map: whoever made the memory may cut it short at any time, and a process that touches a
map beyond the end is killed. Reading and writing through the file gives an error instead, and
costs one copy, which a message would cost too.
"""

import os
import re
import stat
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from preproc_server.errors import BusyError, RegionError, TakenError, UnknownRegionError
from preproc_server.parameters import Place

HOME: Final = Path("/dev/shm")  # noqa: S108  # where shm_open of Linux keeps its memory
MAX_REGIONS: Final = 256

_KEY: Final = re.compile(r"/?([^/\0]{1,255})")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Region:
    """One registered piece of memory.

    Attributes
    ----------
    name
        By which requests refer to it.
    key
        Name in the operating system.
    offset, size_bytes
        Where it begins, and how long it is.
    handle
        Open file; closed when nobody holds the region any more, so that a call that reads while
        the region is unregistered never reads another file.
    """

    name: str
    key: str
    offset: int
    size_bytes: int
    handle: int = field(repr=False)


class Regions:
    """All regions of one server; safe to call from several threads.

    Parameters
    ----------
    max_bytes
        That one request may read.
    home
        Folder of shared memory.
    """

    def __init__(self, *, max_bytes: int, home: Path = HOME) -> None:
        self._max_bytes = max_bytes
        self._home = home
        self._lock = Lock()
        self._regions: dict[str, Region] = {}

    def register(self, name: str, key: str, offset: int, size_bytes: int) -> None:
        """Open memory that a client has made.

        Raises
        ------
        RegionError
            When the key leads elsewhere or to nothing, or the memory ends before the region does.
        TakenError
            When the name is in use.
        BusyError
            When there are too many regions.
        """
        match = _KEY.fullmatch(key)
        if not name or not match or match[1] in {".", ".."}:
            raise RegionError(f"failed to register shared memory region {name!r}: invalid args")
        handle = _open(self._home / match[1], name)
        region = Region(name, key, offset, size_bytes, handle)
        weakref.finalize(region, os.close, handle).atexit = False
        if size_bytes < 1 or offset + size_bytes > os.fstat(handle).st_size:
            raise _bounds_error(name)
        with self._lock:
            if name in self._regions:
                raise TakenError(f"shared memory region {name!r} already in manager")
            if len(self._regions) >= MAX_REGIONS:
                raise BusyError(f"expected at most {MAX_REGIONS} shared memory regions, got more")
            self._regions[name] = region

    def unregister(self, name: str) -> None:
        """Give a region back, or all where the name is empty; one that is not known is none."""
        with self._lock:
            if name:
                self._regions.pop(name, None)
            else:
                self._regions.clear()

    def status(self, name: str) -> tuple[Region, ...]:
        """Give one region, or all where the name is empty.

        Raises
        ------
        UnknownRegionError
            When none has the name.
        """
        with self._lock:
            if not name:
                return tuple(self._regions.values())
            if name not in self._regions:
                raise UnknownRegionError(f"Unable to find system shared memory region: {name!r}")
            return (self._regions[name],)

    def read(self, place: Place, left_bytes: int | None = None) -> bytes:
        """Copy what lies at a place.

        Parameters
        ----------
        place
            Where.
        left_bytes
            What the request may still read, None for as much as any may.

        Raises
        ------
        UnknownRegionError, RegionError
            When the region is not known, ends before the place does, or has been cut short.
        BusyError
            When it is more than a request may read.
        """
        region = self._at(place)
        if place.size_bytes > (self._max_bytes if left_bytes is None else left_bytes):
            raise BusyError(
                f"expected at most {self._max_bytes} bytes of shared memory in a request, got more"
            )
        content = os.pread(region.handle, place.size_bytes, region.offset + place.offset)
        if len(content) != place.size_bytes:
            raise _bounds_error(place.region)
        return content

    def write(self, place: Place, output: str, content: bytes) -> None:
        """Copy an output to a place.

        Raises
        ------
        UnknownRegionError, RegionError
            When the region is not known, ends before the place does, or has been cut short; or
            the place is too small.
        """
        region = self._at(place)
        if len(content) > place.size_bytes:
            raise RegionError(
                f"shared memory size specified with the request for output {output!r} "
                f"({place.size_bytes} bytes) should be at least {len(content)} bytes to hold the "
                "results"
            )
        start = region.offset + place.offset
        if start + len(content) > os.fstat(region.handle).st_size:
            raise _bounds_error(place.region)  # writing there would make it longer
        os.pwrite(region.handle, content, start)

    @property
    def max_bytes(self) -> int:
        """What one request may read."""
        return self._max_bytes

    def _at(self, place: Place) -> Region:
        region = self._regions.get(place.region)
        if region is None:
            raise UnknownRegionError(f"Unable to find shared memory region: {place.region!r}")
        if place.offset + place.size_bytes > region.size_bytes:
            raise _bounds_error(place.region)
        return region


def _open(path: Path, name: str) -> int:
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(path, flags)
    except OSError as error:
        raise RegionError(f"Unable to open shared memory region: {name!r}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise RegionError(f"Unable to open shared memory region: {name!r}")
    return handle


def _bounds_error(name: str) -> RegionError:
    return RegionError(f"Invalid offset + byte size for shared memory region: {name!r}")
