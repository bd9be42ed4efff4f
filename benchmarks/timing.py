"""Times contenders in turns, so that a noisy machine is equally noisy to all of them."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """What one contender took.

    Attributes
    ----------
    median_us
        Median over the rounds of a round's median call, in microseconds.
    low_us, high_us
        First and third quartile of the same.
    rounds_us
        The rounds' medians, in order; rounds of several contenders belong together.
    """

    median_us: float
    low_us: float
    high_us: float
    rounds_us: tuple[float, ...]


def interleaved(
    contenders: Mapping[str, Call],
    *,
    rounds: int = 15,
    round_s: float = 0.02,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Timing]:
    """Time contenders, a round each in turns, back and forth.

    Parameters
    ----------
    contenders
        Name → what is called.
    rounds
        Rounds a contender.
    round_s
        About how long a contender's round takes, in seconds; at least one call.
    clock
        Nanoseconds. Of long calls the processor's time, ``time.process_time_ns``, tells more than
        the wall's on a machine that others use.
    """
    counts = {name: _count(call, round_s) for name, call in contenders.items()}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name in order:
                taken[name].append(_round(contenders[name], counts[name], clock))
            order.reverse()
    finally:
        gc.enable()
    return {name: _timing(values) for name, values in taken.items()}


def ratio(slow: Timing, fast: Timing) -> float:
    """Tell how many times faster one is: the median over the rounds that belong together."""
    pairs = zip(slow.rounds_us, fast.rounds_us, strict=True)
    return float(np.median([left / right for left, right in pairs]))


def _count(call: Call, round_s: float) -> int:
    call()
    began = time.perf_counter()
    call()
    return max(1, round(round_s / (time.perf_counter() - began)))


def _round(call: Call, count: int, clock: Callable[[], int]) -> float:
    if count > 1:
        call()  # the one before had the caches
    taken = np.empty(count)
    for at in range(count):
        began = clock()
        call()
        taken[at] = clock() - began
    return float(np.median(taken)) / 1e3


def _timing(values: list[float]) -> Timing:
    low, median, high = np.percentile(values, [25, 50, 75])
    return Timing(float(median), float(low), float(high), tuple(values))
