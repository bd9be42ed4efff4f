"""A graph in halves as one executor: host on the CPU, device where it was asked for, tail behind.

The parts are joined by names: each takes its inputs from what the caller gave and from what the
parts before it made.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.graph import Halves
from preproc.runtime.backends import opener_of
from preproc.runtime.executor import Executor, Opener, Placed
from preproc.runtime.slack import slack_of
from preproc.signature import ROW_ERROR

HOST: Final = "onnxruntime-cpu"
HOST_FACTS: Final = ("onnxruntime", "provider", "threads", "optimisation", "denormals")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its executor and the names that it takes."""

    executor: Executor
    takes: tuple[str, ...]


class HalvesExecutor(Executor):
    """Parts in their order: host, device, tail."""

    def __init__(self, parts: Sequence[Part], halves: Halves) -> None:
        self._parts = tuple(parts)
        self._gives = (*(output.name for output in halves.tail.graph.output), ROW_ERROR)
        self._halves = halves

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs."""
        values = dict(feeds)
        for part in self._parts:
            values |= part.executor.execute({name: values[name] for name in part.takes})
        return {name: values[name] for name in self._gives}

    def close(self) -> None:
        """Close every part."""
        for part in self._parts:
            part.executor.close()

    def placement(self) -> Sequence[Placed]:
        """Tell where every node ran; each knows its half."""
        return tuple(placed for part in self._parts for placed in part.executor.placement())

    def slack(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
        """Bound what the device may add to each answer; see `preproc.runtime.slack.slack_of`."""
        host = self._parts[0]
        crossed = host.executor.execute({name: feeds[name] for name in host.takes})
        return slack_of(self._halves, crossed)

    def environment(self) -> Mapping[str, str]:
        """Describe the device, and the host where it differs."""
        host, device, _ = (part.executor.environment() for part in self._parts)
        return {**device, **{f"host {key}": host[key] for key in HOST_FACTS}}


def open_halves(opener: Opener, halves: Halves, options: Mapping[str, Any]) -> HalvesExecutor:
    """Open the parts: host and tail by ONNX Runtime on the CPU, the device half by `opener`.

    Raises
    ------
    BackendError
        When one of them cannot be loaded, or a node of the device half would run elsewhere.
    """
    on_cpu = opener_of(HOST)
    models = {"host": halves.host, "device": halves.device, "tail": halves.tail}
    with ExitStack() as stack:  # what is open is closed where a later part fails
        parts = [
            Part(
                stack.enter_context(
                    opener(model, half=half, **options)
                    if half == "device"
                    else on_cpu(model, half=half, profile=True)
                ),
                tuple(item.name for item in model.graph.input),
            )
            for half, model in models.items()
        ]
        stack.pop_all()
    return HalvesExecutor(parts, replace(halves, host=onnx.ModelProto()))
