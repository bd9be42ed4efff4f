"""A symbolic frame: what user code sees in the place of a pandas frame."""

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from preproc.export.tracing.apply import applied
from preproc.export.tracing.array import SymbolicArray, is_symbolic
from preproc.export.tracing.columns import side_by_side, taken
from preproc.export.tracing.guard import guard_of
from preproc.export.tracing.named import Operators
from preproc.export.tracing.reductions import count, folded, total, without_nan
from preproc.export.tracing.series import (
    Cell,
    Index,
    SymbolicSeries,
    is_cell,
    isinstance_series,
    refuse_rows_method,
)
from preproc.export.tracing.tracer import BOOL, FLOAT64, OBJECT, ROWS, Tracer, Value

_ROW_WISE: Final = frozenset(
    ["all", "any", "count", "max", "mean", "median", "min", "nunique", "prod", "std", "sum", "var"]
)


class SymbolicFrame(Operators, NDArrayOperatorsMixin):
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
            name: _renamed(series, name) for name, series in columns.items()
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
        if name in _ROW_WISE:
            return lambda axis=0, **options: self._along_rows(name, axis, options)
        if name in ("groupby", "rolling", "shift", "diff", "rank", "cumsum", "sort_values",
                    "describe", "corr", "quantile", "sample", "drop_duplicates", "dropna",
                    "head", "tail", "ffill", "bfill", "interpolate", "mode", "agg", "transform",
                    "query", "merge", "join"):  # fmt: skip
            refuse_rows_method(self.tracer, name)
        if name in ("iterrows", "itertuples"):
            self.tracer.refuse(f"expected no loop over rows, got .{name}(); use whole columns")
        return self.tracer.refuse(f"DataFrame.{name} is not traced; see docs/tracing.md")

    def __setattr__(self, name: str, item: Any) -> None:
        if name == "columns":
            series = list(self._columns.values())
            self.__dict__["_columns"] = {
                key: _renamed(one, key) for key, one in zip(item, series, strict=True)
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
            parts = [_part(item, name, at) for item in inputs]
            columns[name] = ufunc(*parts)
        return self.like(columns)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        name = getattr(function, "__name__", "")
        if name in (*_ROW_WISE, "round", "around", "clip") and is_frame(args[0]):
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
        if _is_listed(key):
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
        if _is_listed(key):
            parts = [self._cut(cells, at) for at in range(len(key))]
            for name, part in zip(key, parts, strict=True):
                self._columns[name] = _renamed(self._series(part), name)
            return
        if is_frame(cells) and len(cells.columns) == 1:
            cells = next(iter(cells.columns_by_name().values()))
        self._columns[key] = _renamed(self._series(cells), key)

    def _cut(self, cells: Any, at: int) -> Any:
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

    # Methods

    def copy(self, deep: bool = True) -> "SymbolicFrame":
        """Make a frame that can change on its own."""
        return self.each(lambda series: series.copy())

    def assign(self, **columns: Any) -> "SymbolicFrame":
        """Set columns in a copy."""
        frame = self.copy()
        for name, cells in columns.items():
            is_function = callable(cells) and not hasattr(cells, "tracer")
            frame[name] = cells(frame) if is_function else cells
        return frame

    def drop(self, labels: Any = None, axis: Any = 0, columns: Any = None, **options: Any) -> Any:
        """Leave columns out."""
        if columns is None and axis not in (1, "columns"):
            self.tracer.refuse("expected drop(columns=...), got rows")
        gone = columns if columns is not None else labels
        gone = list(gone) if _is_listed(gone) else [gone]
        missing = [name for name in gone if name not in self._columns]
        if missing and options.get("errors") != "ignore":
            raise KeyError(f"{missing} not found in axis")
        kept = {name: s for name, s in self._columns.items() if name not in gone}
        if options.get("inplace"):
            self.__dict__["_columns"] = kept
            return None
        return self.like(kept)

    def pop(self, name: Any) -> SymbolicSeries:
        """Take a column out."""
        series: SymbolicSeries = self._columns.pop(name)
        return series

    def insert(self, loc: int, column: Any, value: Any, **_options: Any) -> None:
        """Set a column at a place."""
        items = list(self._columns.items())
        items.insert(loc, (column, _renamed(self._series(value), column)))
        self.__dict__["_columns"] = dict(items)

    def rename(self, mapper: Any = None, columns: Any = None, **options: Any) -> Any:
        """Give columns other names."""
        table = columns if columns is not None else mapper
        name_of = table if callable(table) else lambda name: table.get(name, name)
        renamed = {name_of(name): series for name, series in self._columns.items()}
        if options.get("inplace"):
            self.__dict__["_columns"] = {n: _renamed(s, n) for n, s in renamed.items()}
            return None
        return self.like(renamed)

    def add_prefix(self, prefix: str, **_options: Any) -> "SymbolicFrame":
        """Put text before each name."""
        return self.like({f"{prefix}{name}": s for name, s in self._columns.items()})

    def add_suffix(self, suffix: str, **_options: Any) -> "SymbolicFrame":
        """Put text behind each name."""
        return self.like({f"{name}{suffix}": s for name, s in self._columns.items()})

    def set_axis(self, labels: Sequence[Any], axis: Any = 0, **_options: Any) -> "SymbolicFrame":
        """Name the columns anew."""
        if axis not in (1, "columns"):
            return self.copy()
        return self.like(dict(zip(labels, self._columns.values(), strict=True)))

    def reset_index(self, *, drop: bool = False, **_options: Any) -> "SymbolicFrame":
        """Forget the index."""
        if not drop:
            self.tracer.refuse("expected reset_index(drop=True): rows have no names")
        return self.copy()

    def reindex(self, *args: Any, columns: Any = None, **_options: Any) -> "SymbolicFrame":
        """Choose columns in an order; those that are missing hold NaN."""
        if columns is None:
            return self.copy()
        return self.like(
            {
                name: self._columns.get(name, constant_series(self.tracer, np.nan))
                for name in columns
            }
        )

    def items(self) -> Iterator[tuple[Any, SymbolicSeries]]:
        """Give names and columns."""
        return iter(list(self._columns.items()))

    def keys(self) -> Any:
        """Give the names."""
        return self.columns

    def select_dtypes(self, include: Any = None, exclude: Any = None) -> "SymbolicFrame":
        """Choose columns by dtype."""
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        shadow = pd.DataFrame({n: pd.Series([], dtype=s.dtype) for n, s in self._columns.items()})
        kept = shadow.select_dtypes(include=include, exclude=exclude).columns
        return self.like({name: self._columns[name] for name in kept})

    def filter(self, *args: Any, **kwargs: Any) -> "SymbolicFrame":
        """Choose columns by name."""
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        kept = pd.DataFrame(columns=self.columns).filter(*args, **kwargs).columns
        return self.like({name: self._columns[name] for name in kept})

    def apply(self, func: Any, axis: Any = 0, args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Apply a function to each column, or to each row."""
        kwargs.pop("raw", None)
        kwargs.pop("result_type", None)
        if axis in (0, "index"):
            return self.each(lambda series: self._series(func(series, *args, **kwargs)))
        result = func(Row(self), *args, **kwargs)
        if isinstance(result, dict) or is_frame(result):
            self.tracer.refuse("expected one value a row, got several; set columns one by one")
        return _renamed(self._series(result), None)

    def map(self, func: Any, **_options: Any) -> "SymbolicFrame":
        """Apply a function to each cell."""
        return self.each(lambda series: series.apply(func))

    applymap = map

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on it."""
        return func(self, *args, **kwargs)

    def eval(self, expr: str, **options: Any) -> Any:
        """Compute an expression of columns, or columns by assignments."""
        frame = self.copy()
        for statement in ast.parse(expr.strip()).body:
            is_set = isinstance(statement, ast.Assign)
            code = ast.Expression(statement.value)  # type: ignore[attr-defined]  # both have one
            result = builtins.eval(  # noqa: S307  # the user's own expression, as pandas does
                compile(code, "<eval>", "eval"), {}, dict(frame.columns_by_name())
            )
            if not is_set:
                return result
            frame[statement.targets[0].id] = result  # type: ignore[attr-defined]  # a name
        if options.get("inplace"):
            self.__dict__["_columns"] = frame.columns_by_name()
            return None
        return frame

    def fillna(self, value: Any = None, **options: Any) -> Any:
        """Put something in the place of nulls, by column where a mapping tells."""
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        is_table = isinstance(value, Mapping)
        filled = {
            name: (series.fillna(value[name]) if name in value else series)
            if is_table
            else series.fillna(value)
            for name, series in self._columns.items()
        }
        if options.get("inplace"):
            self.__dict__["_columns"] = filled
            return None
        return self.like(filled)

    def astype(self, dtype: Any, **_options: Any) -> "SymbolicFrame":
        """Change dtypes."""
        table = dtype if isinstance(dtype, Mapping) else dict.fromkeys(self._columns, dtype)
        return self.like({n: s.astype(table[n]) if n in table else s for n, s in self.items()})

    def isna(self) -> "SymbolicFrame":
        """Tell nulls."""
        return self.each(lambda series: series.isna())

    isnull = isna

    def notna(self) -> "SymbolicFrame":
        """Tell what is not null."""
        return self.each(lambda series: series.notna())

    notnull = notna

    def isin(self, values: Any) -> "SymbolicFrame":
        """Tell what is among constants."""
        return self.each(lambda series: series.isin(values))

    def clip(self, lower: Any = None, upper: Any = None, **_options: Any) -> "SymbolicFrame":
        """Clip; one limit a column where a series of pandas tells."""

        def limit(side: Any, name: Any) -> Any:
            return side[name] if hasattr(side, "to_dict") else side

        return self.like({n: s.clip(limit(lower, n), limit(upper, n)) for n, s in self.items()})

    def abs(self) -> "SymbolicFrame":
        """Give magnitudes."""
        return self.each(lambda series: series.abs())

    def round(self, decimals: Any = 0, **_options: Any) -> "SymbolicFrame":
        """Round to decimals."""
        table = (
            decimals if isinstance(decimals, Mapping) else dict.fromkeys(self._columns, decimals)
        )
        return self.like({n: s.round(table[n]) if n in table else s for n, s in self.items()})

    def where(self, cond: Any, other: Any = np.nan, **_options: Any) -> "SymbolicFrame":
        """Keep cells where a condition holds."""
        cond = cond(self) if callable(cond) and not hasattr(cond, "tracer") else cond
        return self.like(
            {n: s.where(_part(cond, n, 0), _part(other, n, 0)) for n, s in self.items()}
        )

    def mask(self, cond: Any, other: Any = np.nan, **_options: Any) -> "SymbolicFrame":
        """Replace cells where a condition holds."""
        cond = cond(self) if callable(cond) and not hasattr(cond, "tracer") else cond
        return self.like(
            {n: s.mask(_part(cond, n, 0), _part(other, n, 0)) for n, s in self.items()}
        )

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> "SymbolicFrame":
        """Put other cells in the place of some."""
        is_nested = isinstance(to_replace, Mapping) and any(
            isinstance(item, Mapping) for item in to_replace.values()
        )
        if is_nested:
            return self.like(
                {n: s.replace(to_replace[n]) if n in to_replace else s for n, s in self.items()}
            )
        return self.each(lambda series: series.replace(to_replace, value, **options))

    def infer_objects(self, **_options: Any) -> "SymbolicFrame":
        """Keep the dtypes, which are no objects."""
        return self.copy()

    def _along_rows(self, name: str, axis: Any, options: Mapping[str, Any]) -> Any:
        if axis not in (1, "columns"):
            if name in ("any", "all"):
                values = [series.value for series in self._columns.values()]
                return guard_of(self.tracer, values, is_any=name == "any")
            refuse_rows_method(self.tracer, name)
        skips = options.get("skipna", True)
        series = [
            s
            for s in self._columns.values()
            if not options.get("numeric_only") or s.value.dtype.kind in "biuf"
        ]
        if name == "count":
            parts = [series_.notna().as_value() for series_ in series]
            whole = [self.tracer.cast(part, np.dtype(np.int64)) for part in parts]
            summed = total(self.tracer, side_by_side(self.tracer, whole))
            return SymbolicSeries(self.tracer, summed)
        # pandas adds block by block: columns of one dtype first, then the next.
        kinds = list(dict.fromkeys(s.value.dtype for s in series))
        ordered = sorted(series, key=lambda s: kinds.index(s.value.dtype))
        value = self.like({s.name: s for s in ordered}).to_numpy().value
        result = row_wise(self.tracer, name, value, skips=skips, ddof=options.get("ddof", 1))
        return SymbolicSeries(self.tracer, result)


def row_wise(tracer: Tracer, name: str, value: Value, *, skips: bool, ddof: int) -> Value:
    """Compute along each row as pandas does, which skips NaN."""
    if name == "sum":
        return total(tracer, without_nan(tracer, value, 0.0) if skips else value)
    if name == "prod":
        return folded(tracer, without_nan(tracer, value, 1.0) if skips else value, np.multiply)
    if name in ("min", "max"):
        ufuncs = (np.fmin, np.fmax) if skips else (np.minimum, np.maximum)
        return folded(tracer, value, ufuncs[name == "max"])
    if name in ("any", "all"):
        plain = without_nan(tracer, value, float(name == "all")) if skips else value
        ufunc = np.logical_or if name == "any" else np.logical_and
        return folded(tracer, tracer.cast(plain, BOOL), ufunc)
    if name not in ("mean", "std", "var") or not skips:
        tracer.refuse(f"DataFrame.{name}(axis=1) is not traced in this form")
    value = tracer.cast(value, FLOAT64) if value.dtype.kind != "f" else value
    present = count(tracer, value)
    mean = applied(
        tracer, np.true_divide, [total(tracer, without_nan(tracer, value, 0.0)), present]
    )
    if name == "mean":
        return mean
    away = applied(tracer, np.subtract, [mean, value])
    squares = applied(tracer, np.multiply, [away, away])
    summed = total(tracer, without_nan(tracer, squares, 0.0))
    less = applied(tracer, np.subtract, [present, float(ddof)])
    is_few = tracer.op("LessOrEqual", less.name, np.array(0.0))
    few = tracer.op("Where", is_few, np.array(np.nan), less.name)
    variance = applied(tracer, np.true_divide, [summed, replace(less, name=few)])
    return variance if name == "var" else applied(tracer, np.sqrt, [variance])


class Located:
    """What ``frame.loc`` and ``frame.iloc`` give."""

    def __init__(self, frame: SymbolicFrame, *, is_positional: bool = False) -> None:
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
            return self._frame[list(columns) if _is_listed(columns) else columns]
        if _is_listed(columns):
            return self._frame[condition]
        return self._frame[columns][condition]

    def __setitem__(self, key: Any, cells: Any) -> None:
        condition, columns = self._split(key)
        names = list(columns) if _is_listed(columns) else [columns]
        for at, name in enumerate(names):
            part = self._frame._cut(cells, at) if len(names) > 1 else cells  # noqa: SLF001
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

    def __init__(self, frame: SymbolicFrame) -> None:
        self.tracer = frame.tracer
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
        if name in _ROW_WISE:
            return lambda **options: getattr(self._frame, name)(axis=1, **options).array_of()
        return self.tracer.refuse(f".{name} of a row is not traced; use whole columns")


def is_frame(item: Any) -> bool:
    """Whether an object is a symbolic frame."""
    return builtins.type(item) is SymbolicFrame


def constant_series(tracer: Tracer, cell: Any) -> SymbolicSeries:
    """Make a column of one constant."""
    if np.ndim(cell) != 0:
        tracer.refuse(f"expected one constant, got {np.shape(cell)} along the rows")
    if cell is None:
        cell = np.nan
    zone = ""
    if hasattr(cell, "to_datetime64"):
        zone = str(cell.tz) if cell.tz is not None else ""
        cell = (
            cell.tz_convert("UTC").tz_localize(None).to_datetime64()
            if zone
            else cell.to_datetime64()
        )
    elif hasattr(cell, "to_timedelta64"):
        cell = cell.to_timedelta64()
    dtype = OBJECT if isinstance(cell, str) else np.asarray(cell).dtype
    return SymbolicSeries(tracer, tracer.filled(cell, dtype, 1), None, zone)


def _renamed(series: SymbolicSeries, name: Any) -> SymbolicSeries:
    copy = series.copy()
    copy.name = name
    return copy


def _is_listed(key: Any) -> bool:
    return isinstance(key, list | np.ndarray) or (
        hasattr(key, "__array__") and hasattr(key, "tolist") and not hasattr(key, "tracer")
    )


def _part(item: Any, name: Any, at: int) -> Any:
    if is_frame(item):
        return item[name]
    if is_symbolic(item) and item.ndim == 2:  # noqa: PLR2004  # rows and columns
        return SymbolicSeries(item.tracer, taken(item.tracer, item.value, [at]), name)
    if hasattr(item, "to_dict") and not hasattr(item, "tracer"):
        return item[name]
    if isinstance(item, np.ndarray) and item.size > 1:
        return item.reshape(-1)[at]
    return item


def returned(result: Any) -> Any:
    """Give what a cell stands for."""
    return SymbolicArray(result.tracer, result.value, 1) if is_cell(result) else result
