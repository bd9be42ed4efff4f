"""One cell inside a function of a cell, and the categories of a column."""

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from preproc.export.tracing.array import SymbolicArray
from preproc.export.tracing.membership import mapped
from preproc.export.tracing.texts import TextMethods
from preproc.export.tracing.tracer import OBJECT, Tracer, Value

if TYPE_CHECKING:
    from preproc.export.tracing.series import SymbolicSeries


class Categories:
    """What ``Series.cat`` gives."""

    def __init__(self, series: "SymbolicSeries") -> None:
        self.tracer = series.tracer
        self._series = series

    @property
    def codes(self) -> Any:
        """Number of each category, -1 for null."""
        series, labels = self._series, self._series.labels or ()
        found = mapped(self.tracer, series.value, {label: at for at, label in enumerate(labels)})
        numbers = series.like(found).fillna(-1)
        return numbers.astype(np.int64)


class Cell(SymbolicArray):
    """Stands for one cell inside a function of a cell, such as that of ``Series.apply``."""

    def __init__(self, tracer: Tracer, value: Value, rows: str = "") -> None:
        super().__init__(tracer, value, 1, rows)

    def __len__(self) -> int:
        return self.tracer.refuse("expected whole columns, got len() of a cell; use .str.len()")

    def __contains__(self, item: object) -> bool:
        return self.tracer.refuse(
            "expected whole columns, got in on a cell; use .str.contains(..., regex=False)"
        )

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and self.value.dtype == OBJECT:
            series = self.tracer.series_of(self)
            method = getattr(TextMethods(series, is_python=True), name)
            if callable(method):
                return lambda *args, **kwargs: cell_of(method(*args, **kwargs))
        return super().__getattr__(name)


def cell_of(series: "SymbolicSeries") -> Cell:
    """See a column as one cell of each row."""
    return Cell(series.tracer, series.value, series.rows)


def is_cell(item: Any) -> bool:
    """Whether an object stands for one cell."""
    return builtins.type(item) is Cell
