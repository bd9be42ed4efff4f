"""What a second party says of rows that were served, and where it parts from the graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preproc.signature import Output
from preproc.wording import counted


@dataclass(frozen=True, slots=True)
class Testimony:
    """What a witness says of a batch.

    Attributes
    ----------
    answers
        Output → array (n, ...); anything where a row is refused or was not asked.
    is_refused, is_asked
        One a row.
    """

    answers: Mapping[str, NDArray[Any]]
    is_refused: NDArray[np.bool_]
    is_asked: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parting:
    """How far pipeline and graph part at one step.

    Attributes
    ----------
    step
        Its path, or ``output NAME``.
    rows
        That differ there, in any column.
    columns
        Feature → rows that differ in it, those that do alone; empty where widths differ.
    """

    step: str
    rows: int
    columns: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where pipeline and graph part.

    Attributes
    ----------
    step
        Path of the first step that differs; ``output NAME`` where all steps agree; empty where the
        graph gives the pipeline's answers here, so that who served computed otherwise.
    column
        The first feature of the step that differs.
    rows, asked
        Rows that differ there, of how many.
    want, got
        Of the first of them, what the pipeline and the graph give.
    steps
        All steps in the order of the pipeline, then all outputs: the first that differs, what
        follows from it, and what does not.
    """

    step: str
    column: str
    rows: int
    asked: int
    want: str = ""
    got: str = ""
    steps: tuple[Parting, ...] = ()

    def __str__(self) -> str:
        if not self.step:
            return (
                f"none: on this machine the graph gives the pipeline's answers to each of "
                f"{counted(self.asked, 'row')}, so the machine that served computed otherwise"
            )
        return (
            f"step {self.step}, column {self.column!r}: {self.rows} of "
            f"{counted(self.asked, 'row')}, expected {self.want}, got {self.got}"
        )


class Witness(Protocol):
    """Answers rows a second time."""

    def ask(self, inputs: Mapping[str, NDArray[Any]], is_refused: NDArray[np.bool_]) -> Testimony:
        """Answer rows; `is_refused` tells which of them were refused when they were served."""

    def is_undecided(
        self, output: Output, inputs: Mapping[str, NDArray[Any]], want: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Mark rows whose answer, `want`, rounding decides, (n,)."""

    def is_continued(
        self,
        inputs: Mapping[str, NDArray[Any]],
        want: Mapping[str, NDArray[Any]],
        served: Mapping[str, NDArray[Any]],
    ) -> NDArray[np.bool_]:
        """Mark rows, (n,), where the witness comes from the graph's own last bits to the answer.

        `want` and `served` are output → what the witness says, and what was served.
        """

    def diverge(self, inputs: Mapping[str, NDArray[Any]]) -> Divergence | None:
        """Find where the graph leaves the witness on some rows; None where that cannot be told."""
