"""What one process counted of one window, and how the tallies of several become one.

A process that answers a fourth of the traffic sees a fourth of the rows, and four of them have four
times the false alarms. So each writes down what it counted, and the sum is judged once: counts are
whole numbers, so the verdict is that of one process that saw all rows, bit for bit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from preproc.drift.watched import Watched
from preproc.drift.window import Window, window_from_json, window_to_json
from preproc.errors import DriftError


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts with their place and time.

    Attributes
    ----------
    artifact
        Digest of what was answered by.
    sources
        Who counted, such as host and process.
    start_s, end_s
        Of the window, seconds since 1970, UTC.
    since_s, until_s
        When counting began and ended; a window is whole where that covers it.
    window
        The counts.
    """

    artifact: str
    sources: tuple[str, ...]
    start_s: float
    end_s: float
    since_s: float
    until_s: float
    window: Window

    @property
    def is_whole(self) -> bool:
        """Whether somebody counted from the beginning to the end of the window."""
        return self.since_s <= self.start_s and self.until_s >= self.end_s


def merge(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """Add up what several counted: one tally an artifact and window, in the order of time.

    Raises
    ------
    DriftError
        When one source is there twice, or counts do not fit each other.
    """
    found: dict[tuple[str, float, float], Tally] = {}
    for tally in tallies:
        key = tally.artifact, tally.start_s, tally.end_s
        known = found.get(key)
        found[key] = tally if known is None else _added(known, tally)
    return tuple(sorted(found.values(), key=lambda tally: (tally.artifact, tally.start_s)))


def tally_to_json(tally: Tally) -> dict[str, Any]:
    """Turn a tally into plain JSON data."""
    told = {name: getattr(tally, name) for name in _PLAIN}
    return {**told, "sources": list(tally.sources), "window": window_to_json(tally.window)}


def tally_from_json(data: Mapping[str, Any], watched: Watched) -> Tally:
    """Turn JSON data into a tally.

    Raises
    ------
    DriftError
        When it is damaged, or its counts are of another artifact.
    """
    try:
        times = {name: float(data[name]) for name in _PLAIN[1:]}
        artifact, sources = str(data["artifact"]), tuple(map(str, data["sources"]))
        window = data["window"]
    except (KeyError, TypeError, ValueError) as error:
        raise DriftError(f"tally: expected the keys of a tally: {error!r}") from error
    return Tally(artifact, sources, **times, window=window_from_json(window, watched))


_PLAIN = ("artifact", "start_s", "end_s", "since_s", "until_s")


def _added(first: Tally, second: Tally) -> Tally:
    if twice := sorted(set(first.sources) & set(second.sources)):
        raise DriftError(
            f"tallies of {first.start_s:g}: expected each source once, got {twice} twice"
        )
    return replace(
        first,
        sources=tuple(sorted((*first.sources, *second.sources))),
        since_s=min(first.since_s, second.since_s),
        until_s=max(first.until_s, second.until_s),
        window=first.window + second.window,
    )
