"""What processes have counted adds up, and survives the way between them."""

import json
from collections import Counter

import pytest
from preproc_server.counters import Totals
from preproc_server.findings import Record
from preproc_server.metrics import Metrics
from preproc_server.workers.census import (
    Census,
    census_from_json,
    census_of,
    census_to_json,
    families_of,
    metrics_of,
)
from prometheus_client import CollectorRegistry, Gauge, generate_latest


def counted(calls: int, proved: int) -> Census:
    metrics = Metrics()
    for _ in range(calls):
        metrics.count_call("m", "ModelInfer", "OK", 0.002)
    Gauge("size", "Of something.", registry=metrics.registry).set(proved)
    totals = Totals(calls, 2 * calls, 1, 10, 20, 30, 40, 50, 60, 100 + calls)
    bands = Counter({("label", "0.1-0.2"): calls})
    return census_of({("m", 1): totals}, {"m": Record(1, 2, calls, 1, bands)}, metrics.registry)


def value(census: Census, name: str, **labels: str) -> float | None:
    """What a page of Prometheus would say."""
    registry = CollectorRegistry()

    class Page:
        def collect(self) -> list[object]:
            return list(metrics_of(census.families))

    registry.register(Page())  # type: ignore[arg-type]
    assert generate_latest(registry)
    return registry.get_sample_value(name, labels)


def test_counts_add_up_and_the_largest_gauge_stands_for_all() -> None:
    one, other = counted(3, 1), counted(4, 5)
    both = one + other
    assert both.totals["m", 1] == Totals(7, 14, 2, 20, 40, 60, 80, 100, 120, 104)
    assert both.records["m", 1, 2] == Record(1, 2, 7, 2, Counter({("label", "0.1-0.2"): 7}))
    labels = {"model": "m", "method": "ModelInfer"}
    assert value(both, "preproc_calls_total", **labels, code="OK") == 7
    assert value(both, "preproc_call_seconds_bucket", **labels, le="0.0025") == 7
    assert value(both, "preproc_call_seconds_sum", **labels) == pytest.approx(0.014, rel=1e-15)
    assert value(both, "size") == 5
    born = [value(c, "preproc_calls_created", **labels, code="OK") for c in (one, other, both)]
    assert born[2] == min(one for one in born if one)
    assert (both.calls, one.calls, other.calls) == (7, 3, 4)


def test_what_only_one_has_counted_stays() -> None:
    other = census_of({("n", 1): Totals(1)}, {}, CollectorRegistry())
    both = counted(3, 1) + other
    assert set(both.totals) == {("m", 1), ("n", 1)}
    assert (both.totals["n", 1].requests, both.calls) == (1, 3)


def test_of_one_that_has_ended_what_adds_up_is_kept() -> None:
    left = counted(3, 1).retired()
    assert left.calls == 3
    assert left.totals["m", 1].requests == 3
    assert "size" not in left.families


def test_a_census_survives_the_way() -> None:
    one = counted(3, 1)
    assert census_from_json(json.loads(json.dumps(census_to_json(one)))) == one


def test_a_page_made_again_says_the_same() -> None:
    metrics = Metrics()
    metrics.count_call("m", "ModelInfer", "OK", 0.002)
    registry = CollectorRegistry()

    class Page:
        def collect(self) -> list[object]:
            return list(metrics_of(families_of(metrics.registry.collect())))

    registry.register(Page())  # type: ignore[arg-type]
    assert generate_latest(registry) == generate_latest(metrics.registry)
