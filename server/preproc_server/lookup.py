"""Which version answers a call: by number, by default, or by the canary's share; pure."""

from collections.abc import Callable

from preproc.errors import PreprocError
from preproc_server.errors import NotReadyError, UnknownModelError
from preproc_server.loading import Model
from preproc_server.routes import Route, place_of_key
from preproc_server.state import State
from preproc_server.versions import parse_version


def find_model(
    state: State, name: str, version: str, *, key: str = "", draw: Callable[[], float]
) -> Model:
    """Find the model that answers a call.

    Parameters
    ----------
    state
        All models.
    name
        Of the model.
    version
        Decimal integer above 0; empty for the default, or its canary by share.
    key
        Calls with one key get one version; empty for the luck of the draw.
    draw
        Gives a number in [0, 1).

    Raises
    ------
    UnknownModelError, NotReadyError, WireError
        As `Repository.model` does.
    """
    number = find_version(state, name, version, key=key, draw=draw)
    return state.served[name][number]


def find_version(
    state: State, name: str, version: str, *, key: str = "", draw: Callable[[], float] = lambda: 1.0
) -> int:
    """Find the number of the version that answers a call; see `find_model`."""
    if version:
        number: int | None = parse_version(version)
    else:
        number = _canary(state, name, key, draw) or default_of(state, name)
    if number is not None and number in state.versions.get(name, ()):
        return number
    raise _absence(state, name, number if version else None)


def default_of(state: State, name: str) -> int | None:
    """Version that answers a call that names none, the canary apart.

    A promoted version is never replaced by another in silence, not even where it failed.
    """
    route = state.routes.get(name)
    if route is not None and route.default is not None:
        return route.default
    return max(state.versions.get(name, ()), default=None)


def versions_of(state: State, name: str) -> list[int]:
    """Versions of a name that are served, ascending; raises `UnknownModelError`."""
    if name not in state.entries:
        raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
    return list(state.versions.get(name, ()))


def route_of(state: State, name: str) -> Route:
    """Route of a name, the usual one where none is set."""
    return state.routes.get(name, Route())


def _canary(state: State, name: str, key: str, draw: Callable[[], float]) -> int | None:
    """Give the canary when this call is its; one that is not served gets no calls."""
    route = state.routes.get(name)
    if route is None or route.canary not in state.versions.get(name, ()) or route.canary is None:
        return None
    place = place_of_key(name, route.canary, key) if key else draw()
    return route.canary if place < route.share else None


def _absence(state: State, name: str, version: int | None) -> PreprocError:
    entries = list(state.entries.get(name, {}).values())
    if not entries:
        return UnknownModelError(f"Request for unknown model: {name!r} is not found")
    if version is not None:
        entries = [entry for entry in entries if entry.version == version]
        if not entries:
            return UnknownModelError(
                f"Request for unknown model: {name!r} version {version} is not found"
            )
    is_waiting = any(entry.state == "waiting" for entry in entries)
    got = "one that is still being proved; try again" if is_waiting else "a failed one"
    return NotReadyError(
        f"model {name!r}: expected one that reproduced its golden vectors, got {got}"
    )
