"""What a worker asks its parent: changes of what is served, and what all workers have counted."""

from collections.abc import Sequence
from typing import Any

from preproc_server.checks import Check
from preproc_server.counters import Counted
from preproc_server.findings import Record, Sample
from preproc_server.workers.census import Census, census_from_json
from preproc_server.workers.link import Link


class RemoteChanges:
    """Has the parent decide, for all workers."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def start(self) -> None:
        """Do nothing: the parent has seen to it."""

    def poll(self) -> None:
        """Do nothing: the parent looks after the folder."""

    def load(self, name: str, version: int | None) -> None:
        """Load a version anew, or those that the policy chooses."""
        self._ask("load", name=name, version=version)

    def unload(self, name: str) -> None:
        """Drop all versions of a model."""
        self._ask("unload", name=name)

    def promote(self, name: str, version: int) -> None:
        """Make a version the default."""
        self._ask("promote", name=name, version=version)

    def roll_back(self, name: str) -> int:
        """Undo the last promotion."""
        return int(self._ask("roll_back", name=name))

    def split(self, name: str, version: int | None, share: float) -> None:
        """Set or end the canary."""
        self._ask("split", name=name, version=version, share=share)

    def shadow(self, name: str, version: int | None) -> None:
        """Set or end the shadow."""
        self._ask("shadow", name=name, version=version)

    def self_check(self, name: str, version: str) -> Sequence[Check]:
        """Replay golden vectors in all workers."""
        return [Check(**one) for one in self._ask("self_check", name=name, version=version)]

    def _ask(self, act: str, **given: Any) -> Any:
        return self._link.ask("change", act=act, given=given)


class RemoteFindings:
    """What the shadows of all workers have found."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def record(self, name: str, version: int | None, shadow: int) -> Record:
        """Give the counts of a version against its shadow."""
        empty = Record(version or 0, shadow)
        return self.census().records.get((name, version or 0, shadow), empty)

    def samples(self, name: str = "") -> Sequence[Sample]:
        """Give rows on which a shadow disagreed."""
        return [Sample(**one) for one in self._link.ask("samples", name=name)]

    def totals(self) -> Counted:
        """Give the sums of all versions."""
        return self.census().totals

    def census(self) -> Census:
        """Give what all workers have counted."""
        return census_from_json(self._link.ask("census"))
