"""What a server needs of others when it serves as one of several processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preproc_server.changes import Changes
from preproc_server.counters import Counted
from preproc_server.findings import Findings
from preproc_server.state import LocalModels

if TYPE_CHECKING:
    from preproc.skew.batching import Offer, Source

    Watch = Callable[[Source, Sequence[Offer]], None]


@dataclass(frozen=True, slots=True)
class Team:
    """The others, as one of them sees them.

    Attributes
    ----------
    models
        Keeps the state that all agree on.
    changes
        Decides for all.
    findings
        What the shadows of all have found.
    totals
        Counts the requests of all.
    watch
        Counts the rows of the request log that are watched for drift; None where none is.
    """

    models: LocalModels
    changes: Changes
    findings: Findings
    totals: Callable[[], Counted]
    watch: "Watch | None" = None
