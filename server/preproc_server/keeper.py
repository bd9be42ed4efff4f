"""Keeps the state in step with the folder: loads, proves, swaps, drops.

An old version serves until every wanted one is proved; one that fails leaves all as it was.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Final, Literal

from preproc.errors import PreprocError
from preproc.runtime import DEFAULT_BACKEND
from preproc_server.errors import LoadError, RouteError
from preproc_server.lookup import route_of
from preproc_server.prover import Prover
from preproc_server.routes import Route, read_route
from preproc_server.state import Entry, Models, Phase, State, state_of
from preproc_server.versions import Policy, find_chosen, find_of_name, stamp_of

_LOG: Final = logging.getLogger(__name__)

Mode = Literal["none", "watch", "explicit"]
Report = Callable[[Entry], None]


def silent(entry: Entry) -> None:
    """Hear of an entry and do nothing."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a repository is served.

    Attributes
    ----------
    backend
        Executor of the graphs.
    mode
        ``none``: what the folder holds at the start; ``watch``: what it holds by now;
        ``explicit``: what was loaded by name.
    policy
        Which versions of a name.
    at_start
        Names that are loaded at the start; ``*`` for all.
    is_unproved_allowed
        Whether plain ONNX models, which nothing can prove, are served.
    """

    backend: str = DEFAULT_BACKEND
    mode: Mode = "none"
    policy: Policy = field(default_factory=lambda: Policy(latest=1))
    at_start: frozenset[str] = frozenset("*")
    is_unproved_allowed: bool = False


class Keeper:
    """Changes the state, one change after another.

    Parameters
    ----------
    root, options
        What is served, and how.
    prover
        Loads versions.
    report
        Hears what became of each.
    models
        Where the state is kept.
    clock
        Seconds, for the time that loading takes.
    """

    def __init__(
        self,
        root: Path,
        options: Options,
        *,
        prover: Prover,
        report: Report = silent,
        models: Models,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.root = root
        self.options = options
        self.prover = prover
        self.models = models
        self.clock = clock
        self.changing = RLock()
        self._report = report
        waiting = {
            name: {version: Entry(name, version, path) for version, path in chosen.items()}
            for name, chosen in find_chosen(
                root, options.policy, options.at_start, is_told=True
            ).items()
        }
        self.models.swap(lambda _: state_of(waiting, {}))

    def follow(self, name: str) -> None:
        """Bring one name in step with its folder: new, changed and vanished versions."""
        with self.changing:
            found = find_of_name(self.root, name)
            route = self._route(name)
            if route is None:
                return
            wanted = self.options.policy.choose(found) | route.pinned.intersection(found)
            before = self._entries(name)
            entries = dict(before)
            for version in sorted(wanted):
                stamp = stamp_of(found[version])
                old = entries.get(version) or Entry(name, version, found[version])
                if old.state == "waiting" or old.stamp != stamp:
                    entries[version] = self._tried(replace(old, path=found[version], stamp=stamp))
            if all(entries[version].is_served for version in wanted):
                entries = {version: entries[version] for version in sorted(wanted)}
            if entries != before or route != route_of(self.models.current(), name):
                self.put(name, entries, route)

    def load(self, name: str, version: int | None) -> None:
        """Load a version anew, or those that the policy chooses; raises `LoadError`."""
        with self.changing:
            found = find_of_name(self.root, name)
            route = self._route(name)
            if not found or route is None or (version is not None and version not in found):
                asked = "" if version is None else f" version {version}"
                why = "its serving.json is broken" if route is None else "failed to poll from model"
                raise LoadError(f"failed to load {name!r}{asked}, {why} repository")
            before = self._entries(name)
            chosen = self.options.policy.choose(found) | route.pinned.intersection(found)
            tried = {
                number: self._tried(
                    replace(
                        before.get(number) or Entry(name, number, found[number]),
                        path=found[number],
                        stamp=stamp_of(found[number]),
                    )
                )
                for number in sorted(chosen if version is None else {version})
            }
            failed = [entry for entry in tried.values() if entry.reason]
            is_kept = version is not None or failed
            self.put(name, {**before, **tried} if is_kept else tried, route)
            if failed:
                raise LoadError(
                    f"failed to load {name!r} version {failed[0].version}: {failed[0].reason}"
                )

    def put(self, name: str, entries: Mapping[int, Entry], route: Route | None) -> None:
        """Swap the entries and the route of one name, and report what differs."""
        before = self._entries(name)

        def change(state: State) -> State:
            names = {key: of for key, of in state.entries.items() if key != name}
            routes = {key: of for key, of in state.routes.items() if key != name}
            if entries:
                names = dict(sorted({**names, name: entries}.items()))
            if route is not None:
                routes[name] = route
            return state_of(names, routes, generation=state.generation + 1)

        self.models.swap(change)
        for version, entry in entries.items():
            if entry != before.get(version):
                self._report(entry)
        for version, entry in before.items():
            if version not in entries:
                _LOG.info("model %r version %d is dropped", name, version)
                self._report(replace(entry, state="unloaded", model=None, proof=None))

    def _entries(self, name: str) -> Mapping[int, Entry]:
        return self.models.current().entries.get(name, {})

    def _route(self, name: str) -> Route | None:
        """Read the route; a broken one keeps what is served and fails what waits."""
        try:
            return read_route(self.root / name)
        except RouteError as error:
            reason = str(error)
        before = self._entries(name)
        entries = {
            version: replace(
                entry, reason=reason, state="failed" if entry.state == "waiting" else entry.state
            )
            for version, entry in before.items()
        }
        if entries != before:
            _LOG.error("model %r: %s", name, reason)
            self.put(name, entries, self.models.current().routes.get(name))
        return None

    def _tried(self, entry: Entry) -> Entry:
        """Load and prove; what fails keeps the model that served before, and says why."""
        title = f"model {entry.name!r} version {entry.version}"
        started = self.clock()
        try:
            model, proof = self.prover.load(entry)
        except Exception as error:  # noqa: BLE001  # one broken model must not take the others along
            reason = str(error) if isinstance(error, PreprocError) else repr(error)
            what = "keeps its old content" if entry.is_served else "is not served"
            is_ours = isinstance(error, PreprocError)  # then the text says all
            _LOG.error("%s %s: %s", title, what, reason, exc_info=None if is_ours else error)
            state = entry.state if entry.is_served else "failed"
            return replace(entry, state=state, reason=reason, seconds=self.clock() - started)
        became = _state(proof.is_proved)
        _LOG.info(
            "%s is %s, digest %s, by %s on %s in %s",
            *(title, became, proof.digest, proof.backend, proof.device, proof.dtype),
        )
        seconds = self.clock() - started
        return replace(entry, state=became, model=model, proof=proof, reason="", seconds=seconds)


def _state(is_proved: bool) -> Phase:  # noqa: FBT001  # one claim, one word
    return "proved" if is_proved else "unproved"
