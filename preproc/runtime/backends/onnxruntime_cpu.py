"""ONNX Runtime on the CPU: the executor that serves."""

from preproc.runtime.backends.ort import Optimisation, OrtExecutor, Setup, check_version, open_ort
from preproc.runtime.executor import Half, Model


def check_presence() -> None:
    """Raise `BackendError` where this ONNX Runtime is known to be wrong."""
    check_version()


def open_executor(
    model: Model,
    *,
    threads: int = 1,
    optimisation: Optimisation = "all",
    profile: bool = False,
    half: Half = "whole",
) -> OrtExecutor:
    """Load a model.

    Parameters
    ----------
    model
        Any graph; text, float64 and `ai.onnx.ml` too.
    threads
        With more than one, ONNX Runtime splits sums and their last bits change. Parallelism is
        several sessions.
    optimisation
        How far ONNX Runtime rewrites the graph.
    profile
        Whether to run once and note where each node ran, for `Executor.placement`.
    half
        Part of a form that the model is.

    Raises
    ------
    BackendError
        When this ONNX Runtime is known to be wrong, or refuses the graph.
    """
    setup = Setup(
        threads=threads,
        optimisation=optimisation,
        half=half,
        is_profiled=profile,
        facts={"device": "CPU"},
    )
    return open_ort(model, setup)
