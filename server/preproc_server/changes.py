"""All that changes what is served, one change after another."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from preproc_server import promotion
from preproc_server.checks import Check
from preproc_server.errors import ControlError, UnknownModelError
from preproc_server.keeper import Keeper
from preproc_server.lookup import find_version, route_of
from preproc_server.state import Entry
from preproc_server.versions import check_name, find_versions

_LOG: Final = logging.getLogger(__name__)


class Changes(Protocol):
    """Whoever decides what is served; see `preproc_server.repository.Repository`."""

    def start(self) -> None:
        """Load and prove what waits."""

    def poll(self) -> None:
        """Follow the folder."""

    def load(self, name: str, version: int | None) -> None:
        """Load a version anew, or those that the policy chooses."""

    def unload(self, name: str) -> None:
        """Drop all versions of a model."""

    def promote(self, name: str, version: int) -> None:
        """Make a version the default."""

    def roll_back(self, name: str) -> int:
        """Undo the last promotion."""

    def split(self, name: str, version: int | None, share: float) -> None:
        """Set or end the canary."""

    def shadow(self, name: str, version: int | None) -> None:
        """Set or end the shadow."""

    def self_check(self, name: str, version: str) -> Sequence[Check]:
        """Replay golden vectors."""


class LocalChanges:
    """Decides in this process.

    Parameters
    ----------
    keeper
        Keeps the state in step with the folder.
    count
        Hears of each check.
    """

    def __init__(self, keeper: Keeper, count: Callable[[Check], None] = lambda _: None) -> None:
        self.keeper = keeper
        self._count = count

    def start(self) -> None:
        """Load and prove what waits, one name after another."""
        for name in self.keeper.models.current().entries:
            self.keeper.follow(name)

    def poll(self) -> None:
        """Follow the folder: load what is new or has changed, drop what has gone."""
        names = self.keeper.models.current().entries
        for name in sorted({*find_versions(self.keeper.root), *names}):
            self.keeper.follow(name)

    def load(self, name: str, version: int | None) -> None:
        """Load a version anew, or those that the policy chooses."""
        self._check_explicit(name)
        self.keeper.load(name, version)

    def unload(self, name: str) -> None:
        """Drop all versions of a model."""
        self._check_explicit(name)
        with self.keeper.changing:
            if name not in self.keeper.models.current().entries:
                raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
            self.keeper.put(name, {}, None)

    def promote(self, name: str, version: int) -> None:
        """Make a version the default."""
        promotion.promote(self.keeper, name, version)

    def roll_back(self, name: str) -> int:
        """Undo the last promotion."""
        return promotion.roll_back(self.keeper, name)

    def split(self, name: str, version: int | None, share: float) -> None:
        """Set or end the canary."""
        promotion.split(self.keeper, name, version, share)

    def shadow(self, name: str, version: int | None) -> None:
        """Set or end the shadow."""
        promotion.shadow(self.keeper, name, version)

    def self_check(self, name: str, version: str) -> Sequence[Check]:
        """Replay golden vectors; a version that fails is no longer served."""
        state = self.keeper.models.current()
        number = find_version(state, name, version) if name else None
        checked = [
            (entry, self.keeper.prover.check(entry))
            for entries in state.entries.values()
            for entry in entries.values()
            if entry.is_served and name in {"", entry.name}
            if not version or entry.version == number
        ]
        for entry, check in checked:
            self._count(check)
            if not check.is_pass and entry.state == "proved":
                self._withdraw(entry, check)
        return [check for _, check in checked]

    def _withdraw(self, entry: Entry, check: Check) -> None:
        """Serve a version no longer, until it is loaded anew."""
        with self.keeper.changing:
            state = self.keeper.models.current()
            entries = state.entries.get(entry.name, {})
            now = entries.get(entry.version)
            if now is None or now.proof != entry.proof:
                return
            _LOG.error(
                "model %r version %d fails its check: %s", check.name, check.version, check.reason
            )
            failed = replace(now, state="failed", model=None, proof=None, reason=check.reason)
            route = route_of(state, entry.name)
            self.keeper.put(entry.name, {**entries, entry.version: failed}, route)

    def _check_explicit(self, name: str) -> None:
        check_name(name)
        if self.keeper.options.mode != "explicit":
            raise ControlError
