"""The models of a folder: looked up by name and version, loaded, checked, promoted.

Look-ups read one immutable state and never wait; changes come one after another and swap it.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from preproc.runtime import prove
from preproc_server.changes import Changes, LocalChanges
from preproc_server.checks import Check
from preproc_server.keeper import Keeper, Options, Report, silent
from preproc_server.loading import Gate, Model, Observe, ignore
from preproc_server.lookup import default_of, find_model, route_of, versions_of
from preproc_server.prover import LocalProver
from preproc_server.routes import Route
from preproc_server.state import Entry, LocalModels, Snapshot, State
from preproc_server.versions import find_versions

__all__ = [
    "Check",
    "Entry",
    "Gate",
    "Model",
    "Options",
    "Repository",
    "Route",
    "Snapshot",
    "local_repository",
]


class Repository:
    """All models of a folder.

    Parameters
    ----------
    root
        Folder of ``<name>/<version>/`` folders.
    models
        Where the state is kept.
    changes
        Decides what is served.

    Attributes
    ----------
    changes
        Decides what is served.
    """

    def __init__(self, root: Path, models: LocalModels, changes: Changes) -> None:
        self._root = root
        self._models = models
        self.changes = changes
        self._draw = random.SystemRandom().random

    @property
    def state(self) -> State:
        """All that there is now; whoever looks up several things takes them from one state."""
        return self._models.current()

    @property
    def names(self) -> Sequence[str]:
        """Names of all models that are served, waiting or failed."""
        return tuple(self._models.current().entries)

    @property
    def is_finished(self) -> bool:
        """Whether every version is proved or given up."""
        return all(entry.state != "waiting" for entry in self._entries())

    @property
    def is_any_proved(self) -> bool:
        """Whether at least one version is served."""
        return bool(self._models.current().versions)

    @property
    def served(self) -> Snapshot:
        """All that is served: name → version → model."""
        return self._models.current().served

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Call back with all that is served, now and after each swap, in their order."""
        self._models.subscribe(callback)

    def versions(self, name: str) -> Sequence[int]:
        """Versions of a name that are served, ascending; raises `UnknownModelError`."""
        return versions_of(self._models.current(), name)

    def model(self, name: str, version: str, *, key: str = "") -> Model:
        """Look a model up that is served.

        Parameters
        ----------
        name
            Of the model.
        version
            Decimal integer above 0; empty for the default, or its canary by share.
        key
            Calls with one key get one version while the route stays as it is; empty for the
            luck of the draw.

        Raises
        ------
        UnknownModelError
            When the repository does not hold it.
        NotReadyError
            When it is not proved.
        WireError
            When the version is no such number.
        """
        return find_model(self._models.current(), name, version, key=key, draw=self._draw)

    def described(self, name: str, version: str) -> tuple[Model, Sequence[int]]:
        """Look a model up, with all versions that are served beside it at the same moment."""
        state = self._models.current()
        model = find_model(state, name, version, draw=self._draw)
        return model, versions_of(state, name)

    def default(self, name: str) -> int | None:
        """Version that answers a call that names none, the canary apart."""
        return default_of(self._models.current(), name)

    def route(self, name: str) -> Route:
        """Versions of a name and their duties."""
        return route_of(self._models.current(), name)

    def index(self) -> Sequence[Entry]:
        """Give every version in memory or in the folder, by name and version."""
        entries = {(entry.name, entry.version): entry for entry in self._entries()}
        for name, versions in find_versions(self._root).items():
            for number, path in versions.items():
                absent = Entry(name, number, path, "unloaded", reason="unloaded")
                entries.setdefault((name, number), absent)
        return [entries[place] for place in sorted(entries)]

    def start(self) -> None:
        """Load and prove what waits, one name after another."""
        self.changes.start()

    def poll(self) -> None:
        """Follow the folder: load what is new or has changed, drop what has gone."""
        self.changes.poll()

    def load(self, name: str, *, version: int | None = None) -> None:
        """Load a version anew, by default those that the policy chooses.

        The versions served before stay until the new ones are proved.

        Raises
        ------
        ControlError
            When the mode is not ``explicit``.
        WireError
            When the name cannot be one.
        LoadError
            When there is nothing to load, or it fails; what was served stays.
        """
        self.changes.load(name, version)

    def unload(self, name: str) -> None:
        """Drop all versions of a model; calls under way end first.

        Raises
        ------
        ControlError, WireError
            As `load` does.
        UnknownModelError
            When it is not loaded.
        """
        self.changes.unload(name)

    def promote(self, name: str, version: int) -> None:
        """Make a version the default, for good: a restart keeps it. Loads it when need be.

        Raises
        ------
        WireError
            When the name cannot be one.
        LoadError
            When the version is not there or fails its gate; the default stays.
        RouteError
            When it cannot be written down; the default stays.
        """
        self.changes.promote(name, version)

    def roll_back(self, name: str) -> int:
        """Make the default of before the last promotion the default again, and tell it.

        Where nothing was promoted, it is the version below the default.

        Raises
        ------
        WireError, RouteError
            As `promote` does.
        LoadError
            When there is no version to go back to, or it fails its gate; the default stays.
        """
        return self.changes.roll_back(name)

    def split(self, name: str, version: int | None, share: float) -> None:
        """Let a canary answer a share of the calls, above 0 and at most 1; None ends it.

        A restart keeps it. The default is written down with it: a newer version takes its place
        by `promote` alone from then on.

        Raises
        ------
        LoadError, RouteError
            As `promote` does; LoadError too when no default is served.
        WireError
            When the name or the share cannot be one, or the version is the default.
        UnknownModelError
            When there is no model whose canary could end.
        """
        self.changes.split(name, version, share)

    def shadow(self, name: str, version: int | None) -> None:
        """Let a version score the default's calls, unheard; None ends it.

        A restart keeps it, and the default with it, as of `split`; raises as that does.
        """
        self.changes.shadow(name, version)

    def shadow_of(self, model: Model) -> Model | None:
        """Give the version that scores the calls of this one too, where it is the default."""
        state = self._models.current()
        number = route_of(state, model.name).shadow
        if number is None or number == model.version:
            return None
        is_default = default_of(state, model.name) == model.version
        return state.served.get(model.name, {}).get(number) if is_default else None

    def self_check(self, name: str = "", version: str = "") -> Sequence[Check]:
        """Replay golden vectors now; a version that fails is no longer served.

        Parameters
        ----------
        name
            Of one model; empty for all.
        version
            Of that model; empty for all that are served.

        Raises
        ------
        UnknownModelError, NotReadyError, WireError
            As `model` does.
        """
        return self.changes.self_check(name, version)

    def _entries(self) -> list[Entry]:
        entries = self._models.current().entries
        return [entry for versions in entries.values() for entry in versions.values()]


def local_repository(
    root: Path,
    options: Options | None = None,
    *,
    gate: Gate = prove,
    observe: Observe = ignore,
    report: Report = silent,
    count: Callable[[Check], None] = lambda _: None,
) -> Repository:
    """Make a repository whose models this process loads.

    Parameters
    ----------
    root
        Folder of ``<name>/<version>/`` folders.
    options
        How it is served.
    gate, observe
        As of `LocalProver`.
    report
        Hears what became of each version.
    count
        Hears of each check.
    """
    chosen = options or Options()
    models = LocalModels()
    prover = LocalProver(
        chosen.backend,
        is_unproved_allowed=chosen.is_unproved_allowed,
        gate=gate,
        observe=observe,
    )
    keeper = Keeper(root, chosen, prover=prover, report=report, models=models)
    return Repository(root, models, LocalChanges(keeper, count))
