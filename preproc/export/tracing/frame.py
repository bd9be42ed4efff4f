"""A symbolic frame: what user code sees in the place of a pandas frame."""

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from preproc.export.tracing.advice import not_traced
from preproc.export.tracing.array import SymbolicArray, is_symbolic
from preproc.export.tracing.columns import side_by_side
from preproc.export.tracing.constant import constant_series, is_listed, part_of, renamed
from preproc.export.tracing.frame_methods import FrameMethods
from preproc.export.tracing.kinds import isinstance_series
from preproc.export.tracing.located import Located
from preproc.export.tracing.named import Operators
from preproc.export.tracing.rows import ROW_WISE, Index, refuse_rows_method
from preproc.export.tracing.series import SymbolicSeries
from preproc.export.tracing.tracer import BOOL, OBJECT, ROWS, Tracer


class SymbolicFrame(FrameMethods, Operators, NDArrayOperatorsMixin):
    """Stands for a frame of n rows while user code is traced.

    Parameters
    ----------
    tracer
        Of this run.
    columns
        Name → series.
    """

    is_symbolic_pandas = True
    __array_priority__ = 3000
    ndim = 2

    def __init__(self, tracer: Tracer, columns: Mapping[Any, SymbolicSeries]) -> None:
        self.__dict__["tracer"] = tracer
        self.__dict__["_columns"] = {
            name: renamed(series, name) for name, series in columns.items()
        }

    @property
    def __class__(self) -> Any:
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        return pd.DataFrame

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError(kind)

    def columns_by_name(self) -> dict[Any, SymbolicSeries]:
        """Give the columns, from left to right."""
        return self._columns  # type: ignore[no-any-return]  # set in the constructor

    def like(self, columns: Mapping[Any, SymbolicSeries]) -> "SymbolicFrame":
        """Make another frame of the same rows."""
        return SymbolicFrame(self.tracer, columns)

    def each(self, function: Callable[[SymbolicSeries], Any]) -> "SymbolicFrame":
        """Apply a function to each column."""
        return self.like({name: function(series) for name, series in self._columns.items()})

    # What a frame tells of itself

    @property
    def columns(self) -> Any:
        """Names, as an index of pandas."""
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        return pd.Index(list(self._columns))

    @property
    def dtypes(self) -> Any:
        """Dtypes, as a series of pandas."""
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        kinds = [series.dtype for series in self._columns.values()]
        return pd.Series(kinds, index=self.columns, dtype=object)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, which nobody knows yet, and columns."""
        return ROWS, len(self._columns)

    @property
    def index(self) -> Index:
        """Of all rows."""
        return Index(self.tracer)

    @property
    def empty(self) -> bool:
        """Whether there are no columns; a request has a row."""
        return not self._columns

    @property
    def values(self) -> SymbolicArray:
        """The columns as an array (n, k)."""
        return self.to_numpy()

    def to_numpy(self, dtype: Any = None, **_options: Any) -> SymbolicArray:
        """Give the columns as an array (n, k), in the dtype that holds all of them."""
        values = [series.as_value() for series in self._columns.values()]
        if not values:
            self.tracer.refuse("expected columns, got an empty frame")
        kinds = {value.dtype for value in values}
        is_mixed = len(kinds) > 1 and (OBJECT in kinds or BOOL in kinds)
        if is_mixed and (dtype is None or OBJECT in kinds):
            self.tracer.refuse("expected columns of one kind, got an array of objects of several")
        common = np.result_type(*kinds) if OBJECT not in kinds else OBJECT
        wanted = common if dtype is None else np.dtype(dtype)
        parts = [self.tracer.cast(value, wanted) for value in values]
        return SymbolicArray(self.tracer, side_by_side(self.tracer, parts), 2)

    def __len__(self) -> int:
        return ROWS

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._columns))

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __bool__(self) -> bool:
        raise ValueError("The truth value of a DataFrame is ambiguous.")

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.to_numpy().__array__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_typ":
            raise AttributeError(name)
        columns = self.__dict__.get("_columns", {})
        if name in columns:
            return columns[name]
        if not hasattr(self.__class__, name):
            raise AttributeError(f"'DataFrame' object has no attribute {name!r}")
        if name in ROW_WISE:
            return lambda axis=0, **options: self._along_rows(name, axis, options)
        if name in ("groupby", "rolling", "shift", "diff", "rank", "cumsum", "sort_values",
                    "describe", "corr", "quantile", "sample", "drop_duplicates", "dropna",
                    "head", "tail", "ffill", "bfill", "interpolate", "mode", "agg", "transform",
                    "merge", "join"):  # fmt: skip
            refuse_rows_method(self.tracer, name)
        if name in ("iterrows", "itertuples"):
            self.tracer.refuse(f"expected no loop over rows, got .{name}(); use whole columns")
        return self.tracer.refuse(not_traced(f"DataFrame.{name}"))

    def __setattr__(self, name: str, item: Any) -> None:
        if name == "columns":
            series = list(self._columns.values())
            self.__dict__["_columns"] = {
                key: renamed(one, key) for key, one in zip(item, series, strict=True)
            }
        elif name in self._columns:
            self[name] = item
        else:
            self.__dict__[name] = item

    # Operations

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        if method != "__call__" or out or kwargs:
            self.tracer.refuse(f"np.{ufunc.__name__} with more than columns is not traced")
        if any(isinstance_series(item) for item in inputs):
            self.tracer.refuse(
                "expected a column beside a frame by name, got a series, which pandas lines up "
                "with the columns; use frame.mul(series, axis=0)"
            )
        columns = {}
        for at, name in enumerate(self._columns):
            parts = [part_of(item, name, at) for item in inputs]
            columns[name] = ufunc(*parts)
        return self.like(columns)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name in (*ROW_WISE, "round", "around", "clip") and is_frame(args[0]):
            name = "round" if name == "around" else name
            if name in ("std", "var"):
                kwargs = {"ddof": 0, **kwargs}
            return getattr(self, name)(*args[1:], **kwargs)
        return next(iter(self._columns.values())).__array_function__(function, types, args, kwargs)

    def _named(self, ufunc: np.ufunc, other: Any, axis: Any, fill_value: Any) -> "SymbolicFrame":
        filled = self if fill_value is None else self.fillna(fill_value)
        if isinstance_series(other):
            if axis not in (0, "index"):
                self.tracer.refuse("expected axis=0 with a column of the data, got the columns")
            return filled.each(lambda series: ufunc(series, other))
        return ufunc(filled, other)  # type: ignore[no-any-return]  # of our protocol

    def add(self, other: Any, axis: Any = 1, fill_value: Any = None) -> "SymbolicFrame":
        """Add a column to each, or a constant."""
        return self._named(np.add, other, axis, fill_value)

    def sub(self, other: Any, axis: Any = 1, fill_value: Any = None) -> "SymbolicFrame":
        """Subtract a column from each, or a constant."""
        return self._named(np.subtract, other, axis, fill_value)

    def mul(self, other: Any, axis: Any = 1, fill_value: Any = None) -> "SymbolicFrame":
        """Multiply each by a column, or a constant."""
        return self._named(np.multiply, other, axis, fill_value)

    def div(self, other: Any, axis: Any = 1, fill_value: Any = None) -> "SymbolicFrame":
        """Divide each by a column, or a constant."""
        return self._named(np.divide, other, axis, fill_value)

    # Choosing and setting

    def __getitem__(self, key: Any) -> Any:
        if isinstance_series(key) or is_symbolic(key):
            self.tracer.refuse(
                "expected every row in the answer, got rows that meet a condition; use "
                "np.where(condition, a, b), or filter before training"
            )
        if is_frame(key):
            return self.where(key)
        if isinstance(key, slice):
            if key == slice(None):
                return self
            self.tracer.refuse(f"expected all rows, got {key}")
        if is_listed(key):
            return self.like({name: self._column(name) for name in key})
        return self._column(key)

    def _column(self, name: Any) -> SymbolicSeries:
        if name not in self._columns:
            raise KeyError(name)
        series: SymbolicSeries = self._columns[name].copy()
        return series

    def get(self, name: Any, default: Any = None) -> Any:
        """Give a column, or something else where there is none."""
        return self._column(name) if name in self._columns else default

    def __setitem__(self, key: Any, cells: Any) -> None:
        if isinstance_series(key) or is_symbolic(key) or is_frame(key):
            self.tracer.refuse("expected columns to set, got a condition; use .loc[cond, 'name']")
        if is_listed(key):
            parts = [self.cut_column(cells, at) for at in range(len(key))]
            for name, part in zip(key, parts, strict=True):
                self._columns[name] = renamed(self._series(part), name)
            return
        if is_frame(cells) and len(cells.columns) == 1:
            cells = next(iter(cells.columns_by_name().values()))
        self._columns[key] = renamed(self._series(cells), key)

    def cut_column(self, cells: Any, at: int) -> Any:
        """Give one column of several that are set at once."""
        if is_frame(cells):
            return list(cells.columns_by_name().values())[at]
        if is_symbolic(cells) and cells.ndim == 2:  # noqa: PLR2004  # rows and columns
            return cells[:, at]
        return cells[at] if isinstance(cells, list | tuple) else cells

    def _series(self, cells: Any) -> SymbolicSeries:
        """Make a column of something: a series, an array, a constant."""
        if isinstance_series(cells):
            if cells.rows:
                self.tracer.refuse("expected all rows, got those that meet a condition")
            return cells  # type: ignore[no-any-return]  # told by its class
        if is_symbolic(cells):
            if cells.rows or (cells.ndim == 2 and cells.value.width > 1):  # noqa: PLR2004
                self.tracer.refuse("expected one column of all rows")
            return SymbolicSeries(self.tracer, cells.value)
        return constant_series(self.tracer, cells)

    @property
    def loc(self) -> "Located":
        """Choose and set by a condition and by names."""
        return Located(self)

    @property
    def iloc(self) -> "Located":
        """Choose by position of the column."""
        return Located(self, is_positional=True)


def is_frame(item: Any) -> bool:
    """Whether an object is a symbolic frame."""
    return builtins.type(item) is SymbolicFrame
