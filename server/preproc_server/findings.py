"""What a shadow has found so far: counts by score band, and rows on which it disagreed."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from preproc.signature import NULL_TOKENS


@dataclass(frozen=True, slots=True)
class Sample:
    """One row on which the shadow disagreed.

    Attributes
    ----------
    name, version, shadow
        Model, the version that answered, the version that shadowed it.
    kind, band
        What differs, and the score band of the version that answered.
    row
        Column → values of the row; text with null tokens.
    want, got
        Output → what the one answered, what the other would have.
    """

    name: str
    version: int
    shadow: int
    kind: str
    band: str
    row: Mapping[str, Any]
    want: Mapping[str, Any]
    got: Mapping[str, Any]


@dataclass(slots=True)
class Record:
    """Counts of one version against its shadow.

    Attributes
    ----------
    version, shadow
        The two.
    rows, missed
        Rows that were compared, and those that were not.
    bands
        (kind, band) → rows on which they disagree.
    """

    version: int
    shadow: int
    rows: int = 0
    missed: int = 0
    bands: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __add__(self, other: "Record") -> "Record":
        """Put the counts of two processes together, of the same pair of versions."""
        rows, missed = self.rows + other.rows, self.missed + other.missed
        return Record(self.version, self.shadow, rows, missed, self.bands + other.bands)


class Findings(Protocol):
    """Whoever knows what shadows found: this process, or several together."""

    def record(self, name: str, version: int | None, shadow: int) -> Record:
        """Give the counts of a version against its shadow, since both took up their duties."""

    def samples(self, name: str = "") -> Sequence[Sample]:
        """Give rows on which a shadow disagreed; of one model or of all."""


def json_of(values: Mapping[str, Any]) -> str:
    """Write values of a sample as JSON, as protobuf does: ``"NaN"`` is text, a null token null."""
    return json.dumps(_plain(values), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return None if value in NULL_TOKENS.values() else value
