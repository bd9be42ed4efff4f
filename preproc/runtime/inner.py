"""Values inside of an artifact's public graph: what its steps give to rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.graph import expose, inner_dtypes
from preproc.runtime.building import session_of
from preproc.signature import TEXT
from preproc.vectors import StepAnswer


def inner_values(
    artifact: Artifact, steps: Sequence[StepAnswer], inputs: Mapping[str, NDArray[Any]]
) -> Mapping[str, NDArray[Any]]:
    """Compute what steps give, here, on the CPU.

    Parameters
    ----------
    artifact
        Whose graph is laid open.
    steps
        Some of its steps.
    inputs
        Column → array (n, width) of the rows.

    Returns
    -------
    Mapping
        Each value of a step → array (n, width), the inputs among them.
    """
    model = onnx.ModelProto.FromString(artifact.model)
    dtypes = inner_dtypes(model)
    shown = [
        (value, dtypes.get(value) or _dtype(step), f"width of {value}")
        for step in steps
        for value in step.values
        if value not in inputs
    ]
    if not shown:
        return inputs
    with session_of(artifact.contract, expose(model, shown), form="public") as session:
        return {**inputs, **session.run_prepared(session.pack(inputs))}


def _dtype(step: StepAnswer) -> str:
    """Dtype of a value of which the graph does not tell: that of the step."""
    return TEXT if step.answer.dtype == object else str(step.answer.dtype.name)
