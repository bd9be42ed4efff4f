"""Values of few possible cells, such as an hour: what functions of them give is looked up.

The C library decides the last bits of a sine. Over a known, finite domain its answers are asked of
numpy at export and kept as a table, which gives the same bits on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from preproc.export.tracing.tracer import Tracer


@dataclass(frozen=True, slots=True)
class Finite:
    """What a value holds for each whole number that it comes from.

    Attributes
    ----------
    root
        Graph value, float64: whole numbers from `first` on, or NaN.
    first
        The least of them.
    cells
        Of the value, one a whole number; the last one for NaN.
    """

    root: str
    first: int
    cells: NDArray[Any]

    def cast(self, dtype: np.dtype[Any]) -> "Finite":
        """Change the dtype of the cells; what is refused has any."""
        with np.errstate(all="ignore"):
            return replace(self, cells=self.cells.astype(dtype))


def whole_numbers(root: str, first: int, last: int) -> Finite:
    """Describe a graph value, float64, that holds whole numbers of a range, or NaN."""
    return Finite(root, first, np.append(np.arange(first, last + 1.0), np.nan))


def derived(
    tracer: "Tracer", ufunc: np.ufunc, operands: Sequence[Any], dtype: np.dtype[Any]
) -> Finite | None:
    """Apply a ufunc to what is known of its one value that is no constant."""
    known = [tracer.finite.get(getattr(o, "name", ""), None) for o in operands]
    found = [item for item in known if item is not None]
    others = [o for o, item in zip(operands, known, strict=True) if item is None]
    if len(found) != 1 or any(hasattr(o, "features") or np.ndim(o) for o in others):
        return None
    cells = [o if item is None else item.cells for o, item in zip(operands, known, strict=True)]
    with np.errstate(all="ignore"):
        return replace(found[0], cells=ufunc(*cells)).cast(dtype)


def looked_up(tracer: "Tracer", finite: Finite) -> str:
    """Read the table at each row."""
    is_nan = tracer.op("IsNaN", finite.root)
    end = np.array(float(finite.first + len(finite.cells) - 1))
    place = tracer.op("Where", is_nan, end, finite.root)
    at = tracer.op("Sub", tracer.to(place, "int64"), np.array(finite.first))
    return tracer.op("Gather", finite.cells, at)
