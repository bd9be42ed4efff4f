"""Rows by condition and columns by name, ``frame.loc``; and single rows, ``frame.apply``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from preproc.export.tracing.array import is_symbolic
from preproc.export.tracing.cells import Cell
from preproc.export.tracing.constant import constant_series, is_listed
from preproc.export.tracing.kinds import isinstance_series
from preproc.export.tracing.rows import ROW_WISE, Index
from preproc.export.tracing.tracer import BOOL, OBJECT, Tracer

if TYPE_CHECKING:
    from preproc.export.tracing.frame import SymbolicFrame


class Located:
    """What ``frame.loc`` and ``frame.iloc`` give."""

    def __init__(self, frame: "SymbolicFrame", *, is_positional: bool = False) -> None:
        self.tracer = frame.tracer
        self._frame = frame
        self._is_positional = is_positional

    def _split(self, key: Any) -> tuple[Any, Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(rows, slice) and rows != slice(None):
            self.tracer.refuse(f"expected all rows, got {rows}")
        is_condition = isinstance_series(rows) or is_symbolic(rows)
        if not is_condition and not isinstance(rows, slice | Index):
            self.tracer.refuse(f"expected all rows or a condition, got {rows!r}")
        condition = rows.array_of() if isinstance_series(rows) else rows
        if self._is_positional or isinstance(columns, slice):
            names = self._frame.columns
            if isinstance(columns, slice) and not self._is_positional:
                columns = names[names.slice_indexer(columns.start, columns.stop)]
            else:
                columns = names[columns]
        return (condition if is_condition else None), columns

    def __getitem__(self, key: Any) -> Any:
        condition, columns = self._split(key)
        if condition is None:
            return self._frame[list(columns) if is_listed(columns) else columns]
        if is_listed(columns):
            return self._frame[condition]
        return self._frame[columns][condition]

    def __setitem__(self, key: Any, cells: Any) -> None:
        condition, columns = self._split(key)
        names = list(columns) if is_listed(columns) else [columns]
        for at, name in enumerate(names):
            part = self._frame.cut_column(cells, at) if len(names) > 1 else cells
            if condition is None:
                self._frame[name] = part
                continue
            old = self._frame.get(name)
            if old is None:
                old = constant_series(self.tracer, "\0nan" if isinstance(part, str) else np.nan)
            series = old.copy()
            series[condition] = part
            self._frame[name] = series


class Row:
    """Stands for one row inside a function of a row, ``frame.apply(f, axis=1)``."""

    def __init__(self, frame: Any) -> None:
        self.tracer: Tracer = frame.tracer
        kinds = {series.value.dtype for series in frame.columns_by_name().values()}
        is_joined = (
            OBJECT not in kinds and BOOL not in kinds and all(k.kind in "iuf" for k in kinds)
        )
        self._kind = np.result_type(*kinds) if is_joined else None
        self._frame = frame

    @property
    def index(self) -> Any:
        """Names of the columns."""
        return self._frame.columns

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, list):
            return Row(self._frame[name])
        value = self._frame[name].as_value()
        return Cell(
            self.tracer, value if self._kind is None else self.tracer.cast(value, self._kind)
        )

    def get(self, name: Any, default: Any = None) -> Any:
        """Give a cell, or something else where there is no such column."""
        return self[name] if name in self._frame else default

    def __iter__(self) -> Iterator[Any]:
        return (self[name] for name in self._frame)

    def __getattr__(self, name: str) -> Any:
        if name in self._frame:
            return self[name]
        if name in ROW_WISE:
            return lambda **options: getattr(self._frame, name)(axis=1, **options).array_of()
        return self.tracer.refuse(f".{name} of a row is not traced; use whole columns")
