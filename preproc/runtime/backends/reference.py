"""ONNX's own reference evaluator: slow, independent, in numpy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from preproc.errors import BackendError
from preproc.runtime.backends.parsing import parsed
from preproc.runtime.backends.probe import PROBE, denormals_of
from preproc.runtime.executor import Executor, Half, Model, Placed
from preproc.runtime.machine import machine


class GatherElements(OpRun):
    """onnx 1.23's own uses `numpy.choose`, which raises where an axis has 64 entries or more."""

    op_domain = ""

    def _run(
        self, data: NDArray[Any], indices: NDArray[Any], axis: int | None = None
    ) -> tuple[NDArray[Any]]:
        return (np.take_along_axis(data, indices.astype(np.int64), axis or 0),)


class ReferenceExecutor(Executor):
    """One `onnx.reference.ReferenceEvaluator`."""

    def __init__(self, model: onnx.ModelProto, half: Half) -> None:
        self._evaluator = ReferenceEvaluator(model, new_ops=[GatherElements])
        self._half: Half = half
        self._names = [output.name for output in model.graph.output]
        self._nodes = [(node.name, node.op_type) for node in model.graph.node]

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs."""
        with np.errstate(all="ignore"):  # overflow is an answer, not an incident
            answers = self._evaluator.run(None, dict(feeds))
        return dict(zip(self._names, answers, strict=True))

    def close(self) -> None:
        """Do nothing: the memory goes with the last reference."""

    def placement(self) -> Sequence[Placed]:
        """Name every node of the model: numpy computes all of them, as they are."""
        return tuple(Placed(name, op_type, "numpy", self._half) for name, op_type in self._nodes)

    def environment(self) -> Mapping[str, str]:
        """Describe the machine, whose numpy computes."""
        denormals = denormals_of(ReferenceExecutor(PROBE, "whole").execute)
        return machine() | {"device": "CPU", "threads": "numpy's own", "denormals": denormals}


def check_presence() -> None:
    """Do nothing: onnx is always there."""


def open_executor(model: Model, *, half: Half = "whole") -> ReferenceExecutor:
    """Load a model.

    Raises
    ------
    BackendError
        When the evaluator has no implementation of an operator.
    """
    try:
        return ReferenceExecutor(parsed(model), half)
    except (NotImplementedError, RuntimeError) as error:
        raise BackendError(f"onnx reference evaluator: cannot load the graph: {error}") from error
