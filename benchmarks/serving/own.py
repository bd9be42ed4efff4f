"""Our server beside a bare echo server of gRPC, in turns: rates, their ratios, latency, memory."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.loading import own_cache
from benchmarks.reporting import bars, print_table, write
from benchmarks.serving.cells import Cell, Trained, own_server
from benchmarks.serving.load import Load, measure, warm_up
from benchmarks.serving.processes import Running

IN_FLIGHT: Final = (8, 64)
SHARE: Final = 0.7
"""Of the highest rate, at which latency is measured."""
READY_S: Final = 1.0
PEAK_MB: Final = 110
TAIL: Final = 3.0
"""p99 over p50 at that share, at most."""


def main(trained: Trained, work: Path, *, rounds: int, seconds: float) -> None:
    """Measure, print and write ``serving.json`` and ``serving.png``."""
    with ExitStack() as stack:
        stack.enter_context(own_cache())
        with own_server(trained, work) as (running, _):
            weights = [_weight("first: the form is made", running)]
        running, cells = stack.enter_context(own_server(trained, work))
        rates = [
            _in_turns(cells, in_flight, rounds=rounds, seconds=seconds) for in_flight in IN_FLIGHT
        ]
        rows = [row for of in rates for row in of]
        print_table(f"server, median of {rounds} rounds", rows)
        tails = [_latency(cell, rates[0][at]["req/s"], seconds) for at, cell in enumerate(cells)]
        print_table(f"latency at {SHARE:.0%} load, 8 in flight", tails)
        weights.append(_weight("later: it is kept; memory after all of the above", running))
        print_table("start and memory", weights)
    write("serving", {"rates": rows, "latency": tails, "weights": weights})
    drawn = {
        row["request"]: {"preproc": row["req/s"], "bare echo": row["echo req/s"]}
        for row in rates[0]
    }
    bars("serving", f"answers a second on one core, {IN_FLIGHT[0]} in flight", drawn, "1/s")


def _weight(start: str, running: Running) -> dict[str, Any]:
    return {
        "start": start,
        "ready s": running.ready_s,
        "target s": READY_S,
        "peak MB": running.peak_mb,
        "target MB": PEAK_MB,
    }


def _in_turns(
    cells: list[Cell], in_flight: int, *, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Measure each cell and its echo one after the other, round after round."""
    counts = [
        [_count(warm_up(one, in_flight), seconds, in_flight) for one in (cell.target, cell.echo)]
        for cell in cells
    ]
    own: list[list[Load]] = [[] for _ in cells]
    echo: list[list[Load]] = [[] for _ in cells]
    for _ in range(rounds):
        for at, cell in enumerate(cells):
            own[at].append(measure(cell.target, in_flight, counts[at][0]))
            echo[at].append(measure(cell.echo, in_flight, counts[at][1]))
    return [_row(cell, in_flight, own[at], echo[at]) for at, cell in enumerate(cells)]


def _row(cell: Cell, in_flight: int, own: list[Load], echo: list[Load]) -> dict[str, Any]:
    ratios = [left.rate / right.rate for left, right in zip(own, echo, strict=True)]
    low, ratio, high = np.percentile(ratios, [25, 50, 75]).tolist()
    rate, limit = (float(np.median([one.rate for one in loads])) for loads in (own, echo))
    cpu_us, echo_us = (float(np.median([one.cpu_us for one in loads])) for loads in (own, echo))
    return {
        "request": cell.name,
        "in flight": in_flight,
        "req/s": rate,
        "echo req/s": limit,
        "cpu us": cpu_us,
        "echo us": echo_us,
        "cpu ratio": echo_us / cpu_us,
        "ratio": ratio,
        "low": low,
        "high": high,
        "target": cell.wanted,
        "p50 ms": float(np.median([one.p50_ms for one in own])),
        "p99 ms": float(np.median([one.p99_ms for one in own])),
    }


def _latency(cell: Cell, rate: float, seconds: float) -> dict[str, Any]:
    """Ask at a fixed rate, so that nothing queues but by chance."""
    count = max(200, round(SHARE * rate * 2 * seconds))
    load = measure(cell.target, IN_FLIGHT[0], count, rate=SHARE * rate)
    return {
        "request": cell.name,
        "req/s": load.rate,
        "p50 ms": load.p50_ms,
        "p99 ms": load.p99_ms,
        "p99/p50": load.p99_ms / load.p50_ms,
        "target": TAIL,
    }


def _count(rate: float, seconds: float, in_flight: int) -> int:
    return max(4, round(rate * seconds / in_flight)) * in_flight
