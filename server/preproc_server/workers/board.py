"""The Prometheus page of several workers: what they have counted together, and each of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from preproc_server.workers.census import Census, families_of, metrics_of
from preproc_server.workers.crew import Crew
from preproc_server.workers.member import Member

WARM: Final = "warm"
"""Stands for the number of the worker that is kept warm."""


class Board(Collector):
    """Asks all workers whenever somebody looks.

    Parameters
    ----------
    crew
        The workers.
    registry
        What the parent counts itself: proofs, checks, drift.
    """

    def __init__(self, crew: Crew, registry: CollectorRegistry) -> None:
        self._crew = crew
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Give all that is told."""
        own = Census(families=families_of(self._registry.collect()))
        yield from metrics_of((self._crew.census() + own).families)
        yield from worker_metrics(self._crew)


def worker_metrics(crew: Crew) -> Iterable[Metric]:
    """Tell of each worker, by its number, what it told last."""
    replaced = CounterMetricFamily(
        "preproc_workers_replaced", "Workers that took the place of one that ended."
    )
    replaced.add_metric((), crew.replaced)
    yield replaced
    pids = GaugeMetricFamily("preproc_worker_pid", "Process of a worker.", labels=("worker",))
    calls = CounterMetricFamily(
        "preproc_worker_calls", "Calls that a worker has answered.", labels=("worker",)
    )
    states = GaugeMetricFamily(
        "preproc_worker_generation",
        "Which state of the repository a worker serves; the same for all but for a moment.",
        labels=("worker",),
    )
    memory = GaugeMetricFamily(
        "preproc_worker_resident_bytes", "Memory of a worker.", labels=("worker",)
    )
    for member in crew.members:
        labels = (WARM if member.slot is None else str(member.slot),)
        pids.add_metric(labels, member.pid)
        calls.add_metric(labels, member.census.calls)
        states.add_metric(labels, member.generation)
        memory.add_metric(labels, resident_bytes(member))
    yield from (pids, calls, states, memory)


def resident_bytes(member: Member) -> int:
    """Read how much memory a worker holds, 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{member.pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(next(found, "0")) * 1024
