"""What a runtime must be able to do with one graph, whichever runtime it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Model: TypeAlias = "onnx.ModelProto | bytes"
"""A model as a message or serialized, as it is at hand."""
Half = Literal["whole", "host", "device", "tail"]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one node ran.

    Attributes
    ----------
    node
        Its name; a runtime that rewrites the graph gives the names that it made.
    op_type
        Operator, as the runtime calls it.
    provider
        What computed it, such as ``CPUExecutionProvider``.
    half
        Part of the form that it stands in; ``whole`` where the form has no parts.
    """

    node: str
    op_type: str
    provider: str
    half: Half = "whole"


class Executor(Protocol):
    """A runtime with one graph loaded; a context manager that closes it."""

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs."""

    def close(self) -> None:
        """Give the graph back; a second call does nothing."""

    def placement(self) -> Sequence[Placed]:
        """Tell where every node ran, by what the runtime says and by a profiled run.

        Raises
        ------
        BackendError
            When the two disagree, or a node ran where it must not.
        """

    def environment(self) -> Mapping[str, str]:
        """Tell what may move bits: device, driver, versions, CPU flags, threads, denormals."""

    @property
    def device(self) -> str:
        """What computes, as the backend calls it."""
        return self.environment()["device"]

    @property
    def takes_utf8(self) -> bool:
        """Whether text may be bytes of UTF-8 with a zero behind each, numpy's ``S``."""
        return False

    def slack(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:  # noqa: ARG002  # of those that have some
        """Bound what a device may add to each answer; by default there is none, so nothing."""
        return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Opener(Protocol):
    """Makes an executor."""

    def __call__(self, model: Model, **options: Any) -> Executor:
        """Load a model; options are keywords that the backend knows."""
