"""The models of a folder: looked up by name and version, loaded, checked, promoted.

Look-ups read one immutable state and never wait; changes come one after another and swap it.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from preproc_server import promotion
from preproc_server.checks import Check, check_model
from preproc_server.errors import ControlError, UnknownModelError
from preproc_server.keeper import Keeper, Options
from preproc_server.loading import Gate, Model
from preproc_server.lookup import default_of, find_model, route_of
from preproc_server.routes import Route
from preproc_server.state import Entry, Snapshot
from preproc_server.versions import check_name, find_versions

__all__ = ["Check", "Entry", "Gate", "Model", "Options", "Repository", "Route", "Snapshot"]

_LOG: Final = logging.getLogger(__name__)


class Repository:
    """All models of a folder.

    Parameters
    ----------
    root
        Folder of ``<name>/<version>/`` folders.
    options
        How it is served.
    count
        Hears of each check.
    rest
        What `Keeper` takes: ``gate``, ``report``, ``observe``, ``models``, ``clock``.
    """

    def __init__(
        self,
        root: Path,
        options: Options | None = None,
        *,
        count: Callable[[Check], None] = lambda _: None,
        **rest: Any,
    ) -> None:
        self._count = count
        self._keeper = Keeper(root, options or Options(), **rest)
        self._models = self._keeper.models
        self._draw = random.SystemRandom().random

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
        return bool(self._models.current().served)

    @property
    def served(self) -> Snapshot:
        """All that is served: name → version → model."""
        return self._models.current().served

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Call back with all that is served, now and after each swap, in their order."""
        self._models.subscribe(callback)

    def versions(self, name: str) -> Sequence[int]:
        """Versions of a name that are served, ascending; raises `UnknownModelError`."""
        state = self._models.current()
        if name not in state.entries:
            raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
        return list(state.served.get(name, ()))

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

    def default(self, name: str) -> int | None:
        """Version that answers a call that names none, the canary apart."""
        return default_of(self._models.current(), name)

    def route(self, name: str) -> Route:
        """Versions of a name and their duties."""
        return route_of(self._models.current(), name)

    def index(self) -> Sequence[Entry]:
        """Give every version in memory or in the folder, by name and version."""
        entries = {(entry.name, entry.version): entry for entry in self._entries()}
        for name, versions in find_versions(self._keeper.root).items():
            for number, path in versions.items():
                absent = Entry(name, number, path, "unloaded", reason="unloaded")
                entries.setdefault((name, number), absent)
        return [entries[place] for place in sorted(entries)]

    def start(self) -> None:
        """Load and prove what waits, one name after another."""
        for name in self.names:
            self._keeper.follow(name)

    def poll(self) -> None:
        """Follow the folder: load what is new or has changed, drop what has gone."""
        for name in sorted({*find_versions(self._keeper.root), *self.names}):
            self._keeper.follow(name)

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
        self._check_explicit(name)
        self._keeper.load(name, version)

    def unload(self, name: str) -> None:
        """Drop all versions of a model; calls under way end first.

        Raises
        ------
        ControlError, WireError
            As `load` does.
        UnknownModelError
            When it is not loaded.
        """
        self._check_explicit(name)
        with self._keeper.changing:
            if name not in self._models.current().entries:
                raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
            self._keeper.put(name, {}, None)

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
        promotion.promote(self._keeper, name, version)

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
        return promotion.roll_back(self._keeper, name)

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
        promotion.split(self._keeper, name, version, share)

    def shadow(self, name: str, version: int | None) -> None:
        """Let a version score the default's calls, unheard; None ends it.

        A restart keeps it, and the default with it, as of `split`; raises as that does.
        """
        promotion.shadow(self._keeper, name, version)

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
        models = [model for of in self._models.current().served.values() for model in of.values()]
        if name and version:
            models = [self.model(name, version)]
        elif name:
            self.model(name, "")
            models = [model for model in models if model.name == name]
        checks = [check_model(model, self._keeper.gate, self._keeper.clock) for model in models]
        for model, check in zip(models, checks, strict=True):
            self._count(check)
            if not check.is_pass and model.is_proved:
                self._withdraw(model, check)
        return checks

    def _withdraw(self, model: Model, check: Check) -> None:
        """Serve a version no longer, until it is loaded anew."""
        with self._keeper.changing:
            entries = self._models.current().entries.get(model.name, {})
            entry = entries.get(model.version)
            if entry is None or entry.model is not model:
                return
            _LOG.error(
                "model %r version %d fails its check: %s", check.name, check.version, check.reason
            )
            failed = replace(entry, state="failed", model=None, reason=check.reason)
            route = self.route(model.name)
            self._keeper.put(model.name, {**entries, model.version: failed}, route)

    def _check_explicit(self, name: str) -> None:
        check_name(name)
        if self._keeper.options.mode != "explicit":
            raise ControlError

    def _entries(self) -> list[Entry]:
        entries = self._models.current().entries
        return [entry for versions in entries.values() for entry in versions.values()]
