"""Changes of duty among the versions of a name: promote, roll back, canary, shadow.

Each is written to ``serving.json`` first and swapped in then, so that a restart keeps it.
"""

import logging
from dataclasses import replace
from typing import Final

from preproc_server.errors import LoadError, UnknownModelError, WireError
from preproc_server.keeper import Keeper
from preproc_server.lookup import default_of, route_of
from preproc_server.routes import MAX_PREVIOUS, Route, write_route
from preproc_server.versions import check_name, find_of_name

_LOG: Final = logging.getLogger(__name__)


def promote(keeper: Keeper, name: str, version: int) -> None:
    """Make a version the default; raises as `Repository.promote` does."""
    check_name(name)
    with keeper.changing:
        _ensure(keeper, name, version)
        state = keeper.models.current()
        route, old = route_of(state, name), default_of(state, name)
        previous = route.previous if old in {None, version} else (*route.previous, old or 0)
        _write(keeper, name, _moved(route, version, previous[-MAX_PREVIOUS:]))
        _LOG.info("model %r: version %d is promoted; before it %s", name, version, old)


def roll_back(keeper: Keeper, name: str) -> int:
    """Undo the last promotion; raises as `Repository.roll_back` does."""
    check_name(name)
    with keeper.changing:
        state = keeper.models.current()
        route, now = route_of(state, name), default_of(state, name)
        below = [number for number in find_of_name(keeper.root, name) if number < (now or 0)]
        before = (*below[-1:], *route.previous)[-1:]
        if not before:
            raise LoadError(f"model {name!r}: expected a version to go back to, got none")
        _ensure(keeper, name, before[0])
        _write(keeper, name, _moved(route, before[0], route.previous[:-1]))
        _LOG.warning("model %r: rolled back from version %s to %d", name, now, before[0])
        return before[0]


def split(keeper: Keeper, name: str, version: int | None, share: float) -> None:
    """Set or end the canary; raises as `Repository.split` does."""
    check_name(name)
    if version is not None and not 0 < share <= 1:
        raise WireError(f"share: expected a number above 0 and at most 1, got {share!r}")
    with keeper.changing:
        if version is None:
            route = replace(_route(keeper, name), canary=None, share=0.0)
        else:
            route = replace(_beside(keeper, name, version), canary=version, share=share)
        _write(keeper, name, route)
        _LOG.info("model %r: canary is %s, with a share of %g", name, version, route.share)


def shadow(keeper: Keeper, name: str, version: int | None) -> None:
    """Set or end the shadow; raises as `Repository.shadow` does."""
    check_name(name)
    with keeper.changing:
        route = _route(keeper, name) if version is None else _beside(keeper, name, version)
        _write(keeper, name, replace(route, shadow=version))
        _LOG.info("model %r: shadow is %s", name, version)


def _route(keeper: Keeper, name: str) -> Route:
    """Route of a name that is there."""
    state = keeper.models.current()
    if name not in state.entries:
        raise UnknownModelError(f"Request for unknown model: {name!r} is not found")
    return route_of(state, name)


def _ensure(keeper: Keeper, name: str, version: int) -> None:
    """Load a version that is not served yet."""
    if version not in keeper.models.current().versions.get(name, ()):
        keeper.load(name, version)


def _beside(keeper: Keeper, name: str, version: int) -> Route:
    """Load a version that is to stand beside the default; give the route with the default in it.

    Why it is written down before the load: where the latest answers, a newer version would
    otherwise be the default as soon as it is loaded.
    """
    state = keeper.models.current()
    route, default = route_of(state, name), default_of(state, name)
    if default is None:
        raise LoadError(f"model {name!r}: expected a default to stand beside, got none that serves")
    if version == default:
        raise WireError(f"model {name!r}: expected another version than the default, got {version}")
    pinned = replace(route, default=default)
    if version in state.versions.get(name, ()):
        return pinned
    _write(keeper, name, pinned)
    try:
        keeper.load(name, version)
    except LoadError:
        _write(keeper, name, route)
        raise
    return pinned


def _moved(route: Route, default: int, previous: tuple[int, ...]) -> Route:
    """Change the default; it is no longer its own canary or shadow."""
    is_canary, is_shadow = route.canary == default, route.shadow == default
    return replace(
        route,
        default=default,
        previous=previous,
        canary=None if is_canary else route.canary,
        share=0.0 if is_canary else route.share,
        shadow=None if is_shadow else route.shadow,
    )


def _write(keeper: Keeper, name: str, route: Route) -> None:
    write_route(keeper.root / name, route)
    keeper.put(name, keeper.models.current().entries.get(name, {}), route)
