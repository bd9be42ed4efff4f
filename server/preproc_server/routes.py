"""Which version answers a call that names none, kept in ``<name>/serving.json``.

The file is small and may be written by hand::

    {"default": 2, "previous": [1], "canary": {"version": 3, "share": 0.1}, "shadow": 4}

Every key may be left out, but a canary or a shadow needs a default beside which it stands. The
file is replaced as a whole, so that a reader never sees a half.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from preproc_server.errors import RouteError

FILE: Final = "serving.json"
MAX_BYTES: Final = 64 * 2**10
MAX_PREVIOUS: Final = 16
"""How many promotions can be rolled back one after another."""


@dataclass(frozen=True, slots=True)
class Route:
    """Versions of one name and their duties.

    Attributes
    ----------
    default
        Answers; None for the latest that is served.
    previous
        Defaults before it, the last one last.
    canary, share
        Version that answers a share of the calls, from 0 to 1, in place of the default.
    shadow
        Version that scores the default's calls too, unheard.
    """

    default: int | None = None
    previous: tuple[int, ...] = ()
    canary: int | None = None
    share: float = 0.0
    shadow: int | None = None

    @property
    def pinned(self) -> set[int]:
        """Versions that are needed whatever the policy says."""
        named = (self.default, self.canary, self.shadow)
        return {version for version in named if version is not None}


def read_route(home: Path) -> Route:
    """Read the route of one name; the usual one where there is no file.

    Raises
    ------
    RouteError
        When the file cannot be read or holds something else. It is never passed over: the latest
        version in place of one that was rolled back to would be a silent promotion.
    """
    file = home / FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return Route()
    except OSError as error:
        raise RouteError(file, f"expected a file, got {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise RouteError(file, f"expected at most {MAX_BYTES} bytes, got {len(content)}")
    try:
        return _route_of(json.loads(content))
    except (ValueError, TypeError, AttributeError) as error:
        raise RouteError(file, f"expected versions and their duties, got {error}") from error


def write_route(home: Path, route: Route) -> None:
    """Write the route of one name, whole or not at all.

    Raises
    ------
    RouteError
        When the folder cannot be written.
    """
    data: dict[str, Any] = {"default": route.default, "previous": list(route.previous)}
    if route.canary is not None:
        data["canary"] = {"version": route.canary, "share": route.share}
    data["shadow"] = route.shadow
    staged = ""
    try:
        handle, staged = tempfile.mkstemp(prefix=".serving-", dir=home)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps({key: data[key] for key in data if data[key]}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(staged).chmod(0o644)
        Path(staged).replace(home / FILE)
    except OSError as error:
        if staged:
            Path(staged).unlink(missing_ok=True)
        problem = f"expected a folder that can be written, got {error.strerror}; nothing changed"
        raise RouteError(home / FILE, problem) from error


def place_of_key(name: str, version: int, key: str) -> float:
    """Place a sticky key in [0, 1): the same on every server, another for each canary."""
    digest = hashlib.blake2b(f"{name}\0{version}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _route_of(data: Any) -> Route:
    unknown = set(data) - {"default", "previous", "canary", "shadow"}
    if unknown or not isinstance(data, dict):
        raise ValueError(f"unknown keys {sorted(unknown)}")
    canary = data.get("canary") or {}
    share = canary.get("share", 0.0)
    if isinstance(share, bool) or not 0 <= share <= 1:
        raise ValueError(f"a share of {share!r}, which is not from 0 to 1")
    if canary and not {"version", "share"} <= set(canary):
        raise ValueError("a canary without version and share")
    route = Route(
        _version(data.get("default")),
        tuple(_known(version) for version in data.get("previous", ()))[-MAX_PREVIOUS:],
        _version(canary.get("version")),
        float(share),
        _version(data.get("shadow")),
    )
    for duty, version in (("canary", route.canary), ("shadow", route.shadow)):
        if version is not None and route.default in {None, version}:
            raise ValueError(f"a {duty} without another version as default")
    return route


def _version(value: Any) -> int | None:
    return None if value is None else _known(value)


def _known(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} for a version")
    return value
