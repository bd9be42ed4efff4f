"""The table of backends: module, form of the graph, and what has to be installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal, Protocol, cast

from preproc.errors import BackendAbsent, BackendError
from preproc.runtime.executor import Executor, Model, Opener

Form = Literal["fused", "packed", "public", "halves"]
Dtype = Literal["float32", "float64"]


@dataclass(frozen=True, slots=True)
class Backend:
    """One line of the table.

    Attributes
    ----------
    module
        Below `preproc.runtime.backends`; has `check_presence` and `open_executor`.
    form
        What it runs unless asked otherwise: ``fused`` is what serves, ``packed`` the same unfused,
        ``public`` what is on disk, ``halves`` one part on the CPU and one, plain `ai.onnx`, on the
        device.
    install
        What brings its runtime.
    dtype
        In which the device half computes.
    """

    module: str
    form: Form
    install: str
    dtype: Dtype = "float32"


class Module(Protocol):
    """What the module of a backend holds."""

    def check_presence(self) -> None:
        """Raise `BackendAbsent` where the runtime or the device is not there."""

    def open_executor(self, model: Model, **options: Any) -> Executor:
        """Load a model; raises `BackendError` when the runtime refuses it."""


BACKENDS: Final[Mapping[str, Backend]] = {
    "onnxruntime-cpu": Backend("onnxruntime_cpu", "fused", "install preproc-runtime[cpu]"),
    "reference": Backend("reference", "public", "install preproc-runtime"),
    "wasm": Backend("wasm", "public", "install Node.js"),
    "openvino": Backend("openvino", "halves", "install preproc-runtime[openvino]"),
    "webgpu": Backend("webgpu", "halves", "install preproc-runtime[webgpu]"),
    "cuda": Backend("cuda", "halves", "install preproc-runtime[cuda]", "float64"),
    "tensorrt": Backend("tensorrt", "halves", "install preproc-runtime[cuda]"),
    "migraphx": Backend("migraphx", "halves", "install onnxruntime-migraphx"),
    "directml": Backend("directml", "halves", "install onnxruntime-directml"),
    "coreml": Backend("coreml", "halves", "install preproc-runtime[cpu]"),
}


VARIABLES: Final = ("PREPROC_NODE_MODULES", "PREPROC_SOFTWARE_GPU")
"""Variables of the environment that backends read."""


def backend_of(name: str) -> Backend:
    """Look a backend up; raises `BackendError` when it is unknown."""
    if name not in BACKENDS:
        raise BackendError(f"backend {name!r}: expected one of {sorted(BACKENDS)}")
    return BACKENDS[name]


def opener_of(name: str) -> Opener:
    """Find the function that opens an executor of a model.

    Raises
    ------
    BackendError
        When the backend is unknown.
    BackendAbsent
        When its runtime or its device is not there; never is another one used.
    """
    backend = backend_of(name)
    try:
        module = cast("Module", import_module(f"preproc.runtime.backends.{backend.module}"))
    except ImportError as error:
        raise BackendAbsent(name, f"expected its runtime, got {error}", backend.install) from error
    module.check_presence()
    return module.open_executor
