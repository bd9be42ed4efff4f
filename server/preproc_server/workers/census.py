"""What one process has counted, as plain data that adds up: requests, shadows, metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from preproc_server.counters import Counted, Totals
from preproc_server.findings import Record

CREATED: Final = "_created"
"""Ending of a sample that tells when a counter began, not a count."""
GROWING: Final = frozenset({"counter", "histogram"})
"""Types whose samples add up; of any other type the largest stands for all."""

Place = tuple[str, tuple[tuple[str, str], ...]]
"""Name of a sample and its labels."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes
    ----------
    name, text, kind
        As Prometheus knows it.
    samples
        Name and labels → value.
    """

    name: str
    text: str
    kind: str
    samples: Mapping[Place, float]

    def __add__(self, other: "Family") -> "Family":
        """Put the samples of two processes together."""
        samples = dict(self.samples)
        for place, value in other.samples.items():
            known = samples.get(place)
            samples[place] = value if known is None else self._together(place[0], known, value)
        return replace(self, samples=samples)

    def _together(self, name: str, one: float, other: float) -> float:
        if name.endswith(CREATED):
            return min(one, other)
        return one + other if self.kind in GROWING else max(one, other)


@dataclass(frozen=True, slots=True)
class Census:
    """All that one process, or several together, have counted.

    Attributes
    ----------
    totals
        Requests of each version.
    records
        Name, version and shadow → what the shadow found.
    families
        Name → metric.
    """

    totals: Counted = field(default_factory=dict)
    records: Mapping[tuple[str, int, int], Record] = field(default_factory=dict)
    families: Mapping[str, Family] = field(default_factory=dict)

    def __add__(self, other: "Census") -> "Census":
        """Put what two processes have counted together."""
        return Census(
            _added(self.totals, other.totals),
            _added(self.records, other.records),
            _added(self.families, other.families),
        )

    @property
    def calls(self) -> int:
        """Calls that were answered, of all methods."""
        family = self.families.get("preproc_calls")
        samples = family.samples.items() if family else ()
        return int(sum(value for (name, _), value in samples if not name.endswith(CREATED)))

    def retired(self) -> "Census":
        """Give what still counts when the process is gone: all that adds up."""
        kept = {name: one for name, one in self.families.items() if one.kind in GROWING}
        return replace(self, families=kept)


def census_of(
    totals: Counted, records: Mapping[str, Record], registry: CollectorRegistry
) -> Census:
    """Take down what this process has counted."""
    pairs = {(name, one.version, one.shadow): one for name, one in records.items()}
    return Census(totals, pairs, families_of(registry.collect()))


def families_of(metrics: Iterable[Metric]) -> dict[str, Family]:
    """Take metrics apart: name → metric."""
    return {
        metric.name: Family(
            metric.name,
            metric.documentation,
            metric.type,
            {(one.name, tuple(one.labels.items())): one.value for one in metric.samples},
        )
        for metric in metrics
    }


def metrics_of(families: Mapping[str, Family]) -> Iterable[Metric]:
    """Make metrics again."""
    for family in families.values():
        metric = Metric(family.name, family.text, family.kind)
        for (name, labels), value in family.samples.items():
            metric.add_sample(name, dict(labels), value)
        yield metric


def census_to_json(census: Census) -> dict[str, Any]:
    """Turn a census into plain JSON data."""
    return {
        "totals": [[*place, asdict(one)] for place, one in census.totals.items()],
        "records": [
            [*pair, one.rows, one.missed, [[*place, rows] for place, rows in one.bands.items()]]
            for pair, one in census.records.items()
        ],
        "families": [
            [one.name, one.text, one.kind, [[*place, value] for place, value in samples]]
            for one in census.families.values()
            for samples in [one.samples.items()]
        ],
    }


def census_from_json(data: Mapping[str, Any]) -> Census:
    """Turn JSON data into a census."""
    return Census(
        {(name, version): Totals(**one) for name, version, one in data["totals"]},
        {
            (name, version, shadow): Record(
                version,
                shadow,
                rows,
                missed,
                Counter({(kind, band): number for kind, band, number in bands}),
            )
            for name, version, shadow, rows, missed, bands in data["records"]
        },
        {
            name: Family(name, text, kind, {_place(*sample[:2]): sample[2] for sample in samples})
            for name, text, kind, samples in data["families"]
        },
    )


def _place(name: str, labels: Iterable[tuple[str, str]]) -> Place:
    return name, tuple((label, value) for label, value in labels)


def _added(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, Any]:
    total = dict(one)
    for key, value in other.items():
        total[key] = total[key] + value if key in total else value
    return total
