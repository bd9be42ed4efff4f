"""Methods of a frame: each gives another frame, or a column, of the same rows."""

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from preproc.export.tracing.along_rows import row_wise
from preproc.export.tracing.columns import side_by_side
from preproc.export.tracing.constant import constant_series, is_listed, part_of, renamed
from preproc.export.tracing.guard import guard_of
from preproc.export.tracing.kinds import is_table
from preproc.export.tracing.located import Row
from preproc.export.tracing.reductions import total
from preproc.export.tracing.rows import refuse_rows_method
from preproc.export.tracing.series import SymbolicSeries
from preproc.export.tracing.tracer import Tracer


class FrameMethods:
    """What a frame does; `SymbolicFrame` says what it is."""

    tracer: Tracer
    columns: Any
    like: Any
    each: Any
    to_numpy: Any
    columns_by_name: Any
    _columns: Any
    _series: Any

    def copy(self, deep: bool = True) -> Any:
        """Make a frame that can change on its own."""
        return self.each(lambda series: series.copy())

    def assign(self, **columns: Any) -> Any:
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
        gone = list(gone) if is_listed(gone) else [gone]
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
        items.insert(loc, (column, renamed(self._series(value), column)))
        self.__dict__["_columns"] = dict(items)

    def rename(self, mapper: Any = None, columns: Any = None, **options: Any) -> Any:
        """Give columns other names."""
        table = columns if columns is not None else mapper
        name_of = table if callable(table) else lambda name: table.get(name, name)
        columns = {name_of(name): series for name, series in self._columns.items()}
        if options.get("inplace"):
            self.__dict__["_columns"] = {n: renamed(s, n) for n, s in columns.items()}
            return None
        return self.like(columns)

    def add_prefix(self, prefix: str, **_options: Any) -> Any:
        """Put text before each name."""
        return self.like({f"{prefix}{name}": s for name, s in self._columns.items()})

    def add_suffix(self, suffix: str, **_options: Any) -> Any:
        """Put text behind each name."""
        return self.like({f"{name}{suffix}": s for name, s in self._columns.items()})

    def set_axis(self, labels: Sequence[Any], axis: Any = 0, **_options: Any) -> Any:
        """Name the columns anew."""
        if axis not in (1, "columns"):
            return self.copy()
        return self.like(dict(zip(labels, self._columns.values(), strict=True)))

    def reset_index(self, *, drop: bool = False, **_options: Any) -> Any:
        """Forget the index."""
        if not drop:
            self.tracer.refuse("expected reset_index(drop=True): rows have no names")
        return self.copy()

    def reindex(self, *args: Any, columns: Any = None, **_options: Any) -> Any:
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

    def select_dtypes(self, include: Any = None, exclude: Any = None) -> Any:
        """Choose columns by dtype."""
        import pandas as pd  # noqa: PLC0415  # there whenever a frame is

        shadow = pd.DataFrame({n: pd.Series([], dtype=s.dtype) for n, s in self._columns.items()})
        kept = shadow.select_dtypes(include=include, exclude=exclude).columns
        return self.like({name: self._columns[name] for name in kept})

    def filter(self, *args: Any, **kwargs: Any) -> Any:
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
        if isinstance(result, dict) or is_table(result):
            self.tracer.refuse("expected one value a row, got several; set columns one by one")
        return renamed(self._series(result), None)

    def map(self, func: Any, na_action: Any = None, **kwargs: Any) -> Any:
        """Apply a function to each cell."""
        return self.each(lambda series: series.map(func, na_action, **kwargs))

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

    def astype(self, dtype: Any, **_options: Any) -> Any:
        """Change dtypes."""
        table = dtype if isinstance(dtype, Mapping) else dict.fromkeys(self._columns, dtype)
        return self.like({n: s.astype(table[n]) if n in table else s for n, s in self.items()})

    def isna(self) -> Any:
        """Tell nulls."""
        return self.each(lambda series: series.isna())

    isnull = isna

    def notna(self) -> Any:
        """Tell what is not null."""
        return self.each(lambda series: series.notna())

    notnull = notna

    def isin(self, values: Any) -> Any:
        """Tell what is among constants."""
        return self.each(lambda series: series.isin(values))

    def clip(self, lower: Any = None, upper: Any = None, **_options: Any) -> Any:
        """Clip; one limit a column where a series of pandas tells."""

        def limit(side: Any, name: Any) -> Any:
            return side[name] if hasattr(side, "to_dict") else side

        return self.like({n: s.clip(limit(lower, n), limit(upper, n)) for n, s in self.items()})

    def abs(self) -> Any:
        """Give magnitudes."""
        return self.each(lambda series: series.abs())

    def round(self, decimals: Any = 0, **_options: Any) -> Any:
        """Round to decimals."""
        table = (
            decimals if isinstance(decimals, Mapping) else dict.fromkeys(self._columns, decimals)
        )
        return self.like({n: s.round(table[n]) if n in table else s for n, s in self.items()})

    def where(self, cond: Any, other: Any = np.nan, **_options: Any) -> Any:
        """Keep cells where a condition holds."""
        cond = cond(self) if callable(cond) and not hasattr(cond, "tracer") else cond
        return self.like(
            {n: s.where(part_of(cond, n, 0), part_of(other, n, 0)) for n, s in self.items()}
        )

    def mask(self, cond: Any, other: Any = np.nan, **_options: Any) -> Any:
        """Replace cells where a condition holds."""
        cond = cond(self) if callable(cond) and not hasattr(cond, "tracer") else cond
        return self.like(
            {n: s.mask(part_of(cond, n, 0), part_of(other, n, 0)) for n, s in self.items()}
        )

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> Any:
        """Put other cells in the place of some."""
        is_nested = isinstance(to_replace, Mapping) and any(
            isinstance(item, Mapping) for item in to_replace.values()
        )
        if is_nested:
            return self.like(
                {n: s.replace(to_replace[n]) if n in to_replace else s for n, s in self.items()}
            )
        return self.each(lambda series: series.replace(to_replace, value, **options))

    def infer_objects(self, **_options: Any) -> Any:
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
