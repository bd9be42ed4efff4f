"""What is watched, frozen: places one by one, and ties between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preproc.drift.places import Place, place_from_json, place_to_json
from preproc.drift.streams import Stream, streams_of
from preproc.drift.ties import Tie
from preproc.errors import DriftError


@dataclass(frozen=True, slots=True)
class Watched:
    """All that is counted of a window.

    Attributes
    ----------
    places
        With the counts of the reference.
    ties
        Between some of these.
    """

    places: tuple[Place, ...]
    ties: tuple[Tie, ...] = ()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Their streams, in order."""
        return streams_of(self.places, self.ties)

    @property
    def tied(self) -> frozenset[int]:
        """Numbers of the places whose values ties need one by one."""
        return frozenset(at for tie in self.ties for at in (tie.target, *tie.keys))


def watched_to_json(watched: Watched) -> dict[str, Any]:
    """Turn what is watched into plain JSON data."""
    return {
        "places": [place_to_json(place) for place in watched.places],
        "ties": [{"target": tie.target, "keys": list(tie.keys)} for tie in watched.ties],
    }


def watched_from_json(data: Mapping[str, Any]) -> Watched:
    """Turn JSON data into what is watched.

    Raises
    ------
    DriftError
        When a key is missing, or a tie names a place that is not there.
    """
    try:
        places = tuple(place_from_json(place) for place in data["places"])
        told = [(int(tie["target"]), tuple(map(int, tie["keys"]))) for tie in data["ties"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(
            f"baseline: expected places and ties: {error!r}; an older preproc may have written "
            "them: export again"
        ) from error
    named = {at for target, keys in told for at in (target, *keys)}
    if not named <= set(range(len(places))) or not all(keys for _, keys in told):
        raise DriftError(f"baseline: expected ties of {len(places)} places, got {sorted(named)}")
    return Watched(places, tuple(Tie(target, keys) for target, keys in told))
