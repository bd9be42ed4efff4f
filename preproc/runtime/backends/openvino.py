"""OpenVINO on the CPU, directly: another compiler of the same graph, in float32 or not at all.

OpenVINO computes a float64 graph in float32 and says nothing, and takes bfloat16 by itself where
the processor has it. So float64 is refused here, and the precision that was asked for is read back
from every layer that it made.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray

from preproc.errors import BackendAbsent, BackendError
from preproc.runtime.backends.parsing import parsed
from preproc.runtime.backends.probe import PROBE, denormals_of
from preproc.runtime.executor import Executor, Half, Model, Placed
from preproc.runtime.machine import machine

Precision = Literal["f32", "bf16"]

DEVICE: Final = "CPU"
REDUCED: Final = frozenset({"bf16", "f16"})


class OpenVinoExecutor(Executor):
    """One compiled model with one thread."""

    def __init__(self, model: onnx.ModelProto, precision: Precision, half: Half) -> None:
        self._core = openvino.Core()
        self._precision = precision
        self._half: Half = half
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "EXECUTION_MODE_HINT": "ACCURACY" if precision == "f32" else "PERFORMANCE",
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "CPU_DENORMALS_OPTIMIZATION": False,
        }
        self._compiled = self._compile(model)
        self._names = [output.name for output in model.graph.output]

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs; a request of its own, so that threads may call."""
        return self._run(self._compiled, feeds, self._names)

    def close(self) -> None:
        """Do nothing: the memory goes with the last reference."""

    def placement(self) -> Sequence[Placed]:
        """List the layers that OpenVINO made, with their precision; it has but one device."""
        return tuple(
            Placed(name, kind, f"OpenVINO {DEVICE} {precision}", self._half)
            for name, kind, precision in self._layers()
        )

    def environment(self) -> Mapping[str, str]:
        """Describe the machine, OpenVINO and how it was set."""
        probe = self._compile(PROBE)
        return {
            **machine(),
            "openvino": openvino.__version__,
            "device": str(self._core.get_property(DEVICE, "FULL_DEVICE_NAME")),
            "precision": self._precision,
            "threads": "1",
            "denormals": denormals_of(lambda feeds: self._run(probe, feeds, ["y"])),
        }

    def check_precision(self) -> None:
        """Read the precision back from the layers.

        Raises
        ------
        BackendAbsent
            When none of them has the reduced precision that was asked for.
        BackendError
            When one of them has a reduced precision that was not asked for.
        """
        reduced = [(name, found) for name, _, found in self._layers() if found in REDUCED]
        if self._precision == "f32" and reduced:
            name, found = reduced[0]
            raise BackendError(f"openvino: layer {name!r}: expected f32, got {found}")
        if self._precision != "f32" and not reduced:
            problem = f"expected {self._precision}, got f32 in every layer"
            raise BackendAbsent("openvino", problem, "use a processor that has it")

    def _compile(self, model: onnx.ModelProto) -> Any:
        read = self._core.read_model(model.SerializeToString())
        return self._core.compile_model(read, DEVICE, self._settings)

    @staticmethod
    def _run(
        compiled: Any, feeds: Mapping[str, NDArray[Any]], names: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        answers = compiled.create_infer_request().infer(dict(feeds))
        return {name: np.array(answers[name]) for name in names}

    def _layers(self) -> list[tuple[str, str, str]]:
        """Name, kind and precision of each layer that computes."""
        told = [
            (node.get_friendly_name(), node.get_rt_info())
            for node in self._compiled.get_runtime_model().get_ops()
        ]
        return [
            (name, about["layerType"].value, about["runtimePrecision"].value)
            for name, about in told
            if about["layerType"].value not in {"Input", "Output", "Const"}
        ]


def check_presence() -> None:
    """Do nothing: where OpenVINO can be imported, its CPU is there."""


def open_executor(
    model: Model, *, precision: Precision = "f32", half: Half = "whole"
) -> OpenVinoExecutor:
    """Load a model.

    Parameters
    ----------
    model
        Plain `ai.onnx`, without text and without float64.
    precision
        ``bf16`` is there to see a harness object; it needs a processor that has it.
    half
        Part of a form that the model is.

    Raises
    ------
    BackendAbsent
        When the processor has no ``bf16``.
    BackendError
        When the graph holds float64, or OpenVINO refuses it or computes with less than was asked.
    """
    message = parsed(model)
    check_dtypes(message)
    try:
        executor = OpenVinoExecutor(message, precision, half)
    except RuntimeError as error:
        version = openvino.__version__
        raise BackendError(f"openvino {version}: cannot load the graph: {error}") from error
    executor.check_precision()
    return executor


def check_dtypes(model: onnx.ModelProto) -> None:
    """Raise `BackendError` where a value of a graph is float64."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    double = onnx.TensorProto.DOUBLE
    values = [*graph.input, *graph.output, *graph.value_info]
    wide = [value.name for value in values if value.type.tensor_type.elem_type == double]
    wide += [tensor.name for tensor in graph.initializer if tensor.data_type == double]
    if wide:
        raise BackendError(
            f"openvino: value {wide[0]!r}: expected no float64, which it computes in float32, "
            f"got {len(wide)} such values; lower the graph to float32"
        )
