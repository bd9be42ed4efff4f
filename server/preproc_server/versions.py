"""Versions on disk: found, chosen by a policy, named by clients."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from preproc.errors import ArtifactError
from preproc_server.errors import WireError

Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of change and size of each file of a version: other when a file was touched."""

_LOG: Final = logging.getLogger(__name__)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,17}")
_POLICY: Final = re.compile(r"latest(?::([1-9][0-9]{0,5}))?|all|[1-9][0-9]*(?:,[1-9][0-9]*)*")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which versions of a name are served, of those that there are.

    Attributes
    ----------
    latest
        How many of the newest; None for no such limit.
    listed
        Only these; empty for no such limit.
    """

    latest: int | None = None
    listed: frozenset[int] = frozenset()

    def choose(self, versions: Collection[int]) -> set[int]:
        """Choose among versions."""
        kept = sorted(self.listed.intersection(versions) if self.listed else versions)
        return set(kept if self.latest is None else kept[-self.latest :])


def parse_policy(text: str) -> Policy:
    """Read ``latest``, ``latest:2``, ``all`` or ``1,3``.

    Raises
    ------
    ValueError
        For any other text.
    """
    match = _POLICY.fullmatch(text)
    if not match:
        raise ValueError(f"expected 'latest', 'latest:2', 'all' or '1,3', got {text!r}")
    if text == "all":
        return Policy()
    if text.startswith("latest"):
        return Policy(latest=int(match[1] or 1))
    return Policy(listed=frozenset(map(int, text.split(","))))


def find_versions(repository: Path, *, is_told: bool = False) -> dict[str, dict[int, Path]]:
    """Find ``<name>/<version>/`` folders, sorted; hidden folders and other files are passed over.

    Parameters
    ----------
    repository
        Folder of models.
    is_told
        Whether the log hears of folders without versions.

    Raises
    ------
    ArtifactError
        When the repository cannot be listed.
    """
    try:
        homes = sorted(home for home in repository.iterdir() if home.is_dir())
    except OSError as error:
        problem = f"expected a folder of models, got {error.strerror}"
        raise ArtifactError(repository, problem) from error
    found = {}
    for home in homes:
        if home.name.startswith("."):
            continue
        versions = find_of_name(repository, home.name)
        if versions:
            found[home.name] = versions
        elif is_told:
            _LOG.warning("model %r: expected a numbered version, got none; passed over", home.name)
    return found


def find_chosen(
    repository: Path, policy: Policy, names: Collection[str], *, is_told: bool = False
) -> dict[str, dict[int, Path]]:
    """Find the versions that a policy chooses, of names that are wanted; ``*`` wants all.

    Raises
    ------
    ArtifactError
        When the repository cannot be listed.
    """
    return {
        name: {version: found[version] for version in sorted(policy.choose(found))}
        for name, found in find_versions(repository, is_told=is_told).items()
        if "*" in names or name in names
    }


def find_of_name(repository: Path, name: str) -> dict[int, Path]:
    """Find the versions of one name, ascending; none where there is no such folder."""
    try:
        numbers = [int(path.name) for path in (repository / name).iterdir() if _is_version(path)]
    except OSError:
        return {}
    return {number: repository / name / str(number) for number in sorted(numbers)}


def nothing_served(repository: Path, names: Collection[str]) -> str:
    """Word that no model is served, and what a repository without any should hold."""
    hint = "" if names else "; expected folders of models with folders of versions, such as late/1"
    return f"no model is served from {repository}{hint}"


def check_name(name: str) -> None:
    """Check that a name is one folder of the repository, in the words of Triton.

    Raises
    ------
    WireError
        When it is empty, hidden, or leads elsewhere.
    """
    if not name:
        raise WireError("Model name cannot be empty. Please enter a valid name to deploy.")
    if name.startswith(".") or any(mark in name for mark in ("/", "\\", "\0")):
        raise WireError("model name must not contain path traversal characters")


def parse_version(text: str) -> int:
    """Read a version that a client names.

    Raises
    ------
    WireError
        When it is no decimal integer above 0.
    """
    if not _VERSION.fullmatch(text):
        raise WireError(
            f"failed to get model version from specified version string {text!r} "
            "(details: stol), version should be an integral value > 0"
        )
    return int(text)


def stamp_of(folder: Path) -> Stamp:
    """Tell the state of a folder's files without reading them; files that vanish are left out."""
    stamps = []
    for file in sorted(folder.rglob("*")):
        try:
            status = file.stat()
        except OSError:
            continue
        stamps.append((str(file.relative_to(folder)), status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def _is_version(path: Path) -> bool:
    return _VERSION.fullmatch(path.name) is not None
