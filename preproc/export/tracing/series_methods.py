"""Methods of a series: each gives another column of the same rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from preproc.export.tracing.apply import applied, plain
from preproc.export.tracing.array import SymbolicArray, is_symbolic
from preproc.export.tracing.cells import Cell, is_cell
from preproc.export.tracing.filling import NULLABLE
from preproc.export.tracing.functions import FUNCTIONS
from preproc.export.tracing.guard import Guard, guard_of
from preproc.export.tracing.kinds import as_array, called
from preproc.export.tracing.membership import is_null, mapped, members
from preproc.export.tracing.texts import TextMethods
from preproc.export.tracing.tracer import BOOL, OBJECT, Tracer, Value


class SeriesMethods:
    """What a series does; `SymbolicSeries` says what it is."""

    tracer: Tracer
    value: Value
    name: Any
    zone: Any
    rows: Any
    labels: Any
    like: Any
    array_of: Any
    _chosen: Any

    def copy(self, deep: bool = True) -> Any:
        """Make a series that can change on its own."""
        kind: Any = type(self)
        return kind(self.tracer, self.value, self.name, self.zone, self.rows, self.labels)

    def rename(self, name: Any = None, **_options: Any) -> Any:
        """Give another name."""
        series = self.copy()
        series.name = name
        return series

    def astype(self, dtype: Any, **_options: Any) -> Any:
        """Change the dtype."""
        text = str(dtype) if not isinstance(dtype, type) else dtype.__name__
        if text == "category" or (
            self.value.dtype == OBJECT and text in ("str", "string", "object")
        ):
            return self.copy()
        if text in ("str", "string", "object", "string[python]"):
            return self.like(TextMethods(self).number_text())
        if text in NULLABLE:
            text = NULLABLE[text]
            dtype = text
        if self.value.dtype.kind == "M" and text.startswith("datetime64"):
            return self.like(self.tracer.cast(self.value, np.dtype(text)), zone=self.zone)
        return self.like(self.tracer.cast(self.value, np.dtype(dtype), is_pandas=True))

    def isna(self) -> Any:
        """Tell nulls."""
        name = self.tracer.is_null(self.value) or self.tracer.false(self.value)
        features = tuple(replace(f, has_nan=False, limit=1.0) for f in self.value.features)
        return self.like(Value(name, BOOL, features, self.value.decided))

    isnull = isna

    def notna(self) -> Any:
        """Tell what is not null."""
        return ~self.isna()

    notnull = notna

    def fillna(self, value: Any = None, **options: Any) -> Any:
        """Put something in the place of nulls."""
        if value is None or options.get("method") or options.get("limit"):
            self.tracer.refuse("expected fillna(value), got another form")
        filling = as_array(value)
        if isinstance(value, Mapping):
            self.tracer.refuse("expected one value for a column, got a mapping by row")
        old = self.value
        if self.tracer.is_null(old) is None:
            return self.copy()
        result = self._chosen(self.isna().array_of(), filling, self.array_of())
        has_nan = is_symbolic(filling) and filling.value.has_nan
        features = tuple(replace(f, has_nan=has_nan) for f in result.features)
        return self.like(replace(result, features=features), zone=self.zone)

    def any(self, *_args: Any, **_options: Any) -> Guard:
        """Ask whether any row is true, to refuse it."""
        return guard_of(self.tracer, [self.value], is_any=True)

    def all(self, *_args: Any, **_options: Any) -> Guard:
        """Ask whether all rows are true, to refuse others."""
        return guard_of(self.tracer, [self.value], is_any=False)

    @property
    def hasnans(self) -> Guard:
        """Ask whether any row is null, to refuse it."""
        found: Guard = self.isna().any()
        return found

    def infer_objects(self, **_options: Any) -> Any:
        """Keep the dtype, which is no object."""
        return self.copy()

    def combine_first(self, other: Any) -> Any:
        """Take another column where this one is null."""
        return self.fillna(other)

    def where(self, cond: Any, other: Any = np.nan, **_options: Any) -> Any:
        """Keep cells where a condition holds."""
        condition = self._condition(cond)
        return self.like(
            self._chosen(~condition, as_array(called(other, self)), self.array_of()),
            zone=self.zone,
        )

    def mask(self, cond: Any, other: Any = np.nan, **_options: Any) -> Any:
        """Replace cells where a condition holds."""
        condition = self._condition(cond)
        return self.like(
            self._chosen(condition, as_array(called(other, self)), self.array_of()),
            zone=self.zone,
        )

    def _condition(self, cond: Any) -> SymbolicArray:
        condition = as_array(called(cond, self))
        if not is_symbolic(condition):
            self.tracer.refuse("expected a condition on the data, got a constant")
        found: SymbolicArray = condition
        return found

    def clip(self, lower: Any = None, upper: Any = None, **_options: Any) -> Any:
        """Clip; nulls stay."""
        result = FUNCTIONS[np.clip](self.array_of(), as_array(lower), as_array(upper))
        return self.like(result.value)

    def abs(self) -> Any:
        """Give magnitudes."""
        return self.like(applied(self.tracer, np.absolute, [self.value]))

    def round(self, decimals: int = 0, **_options: Any) -> Any:
        """Round to decimals."""
        return self.like(FUNCTIONS[np.round](self.array_of(), decimals).value)

    def between(self, left: Any, right: Any, inclusive: str = "both") -> Any:
        """Tell what lies between two limits."""
        low = self >= left if inclusive in ("both", "left") else self > left
        high = self <= right if inclusive in ("both", "right") else self < right
        return low & high

    def isin(self, values: Any) -> Any:
        """Tell what is among constants; null among them finds nulls."""
        if hasattr(values, "tracer"):
            self.tracer.refuse("expected constants in isin, got the data")
        cells = [plain(cell) for cell in values]
        result = self.like(members(self.tracer, self.value, cells))
        return result | self.isna() if any(map(is_null, cells)) else result

    def map(
        self, func: Any = None, na_action: Any = None, engine: Any = None, **kwargs: Any
    ) -> Any:
        """Look cells up in a dict, or compute them by a function of one cell."""
        func = kwargs.pop("arg") if func is None else func  # an older name
        if hasattr(func, "to_dict") and not isinstance(func, Mapping):
            func = func.to_dict()
        is_table = isinstance(func, Mapping)
        found = self.like(self._looked_up(func)) if is_table else self.apply(func, **kwargs)
        ignores = na_action == "ignore" and self.tracer.is_null(self.value) is not None
        return found.where(self.notna()) if ignores else found

    def _looked_up(self, table: Mapping[Any, Any]) -> Value:
        """Look cells up; a dict that makes what it misses does so for null as well."""
        default = None
        if isinstance(table, Counter):
            default = 0
        elif isinstance(table, defaultdict) and table.default_factory is not None:
            default = table.default_factory()
        elif hasattr(type(table), "__missing__"):
            self.tracer.refuse(
                f"expected a dict, a Counter or a defaultdict, got {type(table).__name__}, whose "
                "answer to other keys is its own; use map(dict) and fillna(...)"
            )
        return mapped(self.tracer, self.value, dict(table), default=default)

    def apply(self, func: Any, args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
        """Apply a function to each cell."""
        if isinstance(func, str):
            return getattr(self, func)(*args, **kwargs)
        if isinstance(func, np.ufunc):
            return func(self, *args, **kwargs)
        result = func(Cell(self.tracer, self.value, self.rows), *args, **kwargs)
        if not is_cell(result) and not is_symbolic(result):
            array = self.array_of().like(self.tracer.filled(result, np.asarray(result).dtype, 1))
            return self.like(array.value)
        return self.like(result.value)

    def replace(self, to_replace: Any = None, value: Any = None, **options: Any) -> Any:
        """Put other cells in the place of some."""
        if options.get("regex"):
            return self.like(TextMethods(self).replace(to_replace, value, regex=True).value)
        table = to_replace if isinstance(to_replace, Mapping) else None
        if table is None:
            keys = to_replace if isinstance(to_replace, list | tuple) else [to_replace]
            cells = value if isinstance(value, list | tuple) else [value] * len(keys)
            table = dict(zip(keys, cells, strict=True))
        result: Any = self.array_of()
        for key, cell in table.items():
            condition = self.isna() if is_null(key) else self == key
            result = SymbolicArray(self.tracer, self._chosen(condition.array_of(), cell, result), 1)
        return self.like(result.value)

    def to_frame(self, name: Any = None) -> Any:
        """Make a frame of one column."""
        name = self.name if name is None else name
        return self.tracer.frame_of({0 if name is None else name: self})

    def reset_index(self, *, drop: bool = False, **_options: Any) -> Any:
        """Forget the index."""
        if not drop:
            self.tracer.refuse("expected reset_index(drop=True): rows have no names")
        return self.copy()

    def reindex(self, *_args: Any, **_options: Any) -> Any:
        """Keep the rows as they are."""
        return self.copy()

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on it."""
        return func(self, *args, **kwargs)

    def squeeze(self, *_args: Any) -> Any:
        """Stay a column."""
        return self
