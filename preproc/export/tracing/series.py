"""A symbolic series: what user code sees in the place of a column of a pandas frame.

Why not an extension array inside a real series: pandas asks those for cells and lengths in most of
what it does, so a trace would stop, or worse go on with constants, at places that change from
release to release. Here what is not written down is refused by its name.
"""

import builtins
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from preproc.export.tracing.apply import applied, plain
from preproc.export.tracing.array import SymbolicArray, elementwise, is_symbolic
from preproc.export.tracing.columns import chosen
from preproc.export.tracing.dates import DateFields
from preproc.export.tracing.functions import FUNCTIONS, common_dtype, value_of, where
from preproc.export.tracing.guard import Guard, guard_of
from preproc.export.tracing.membership import is_null, mapped, members
from preproc.export.tracing.named import Operators
from preproc.export.tracing.texts import TextMethods
from preproc.export.tracing.tracer import BOOL, FLOAT64, OBJECT, ROWS, Tracer, Value

_OVER_ROWS: Final = frozenset(
    [
        "agg", "aggregate", "argmax", "argmin", "argsort", "autocorr", "bfill", "corr", "count",
        "cov", "cummax", "cummin", "cumprod", "cumsum", "describe", "diff", "drop_duplicates",
        "duplicated", "ewm", "expanding", "factorize", "ffill", "groupby", "head", "idxmax",
        "idxmin", "interpolate", "is_monotonic_increasing", "is_unique", "kurt", "max", "mean",
        "median", "min", "mode", "nlargest", "nsmallest", "nunique", "pct_change", "prod",
        "quantile", "rank", "resample", "rolling", "sample", "sem", "shift", "skew",
        "sort_index", "sort_values", "std", "sum", "tail", "transform", "unique", "value_counts",
        "var",
    ]
)  # fmt: skip


def refuse_rows_method(tracer: Tracer, name: str) -> NoReturn:
    """Refuse what looks at other rows."""
    tracer.refuse(
        f"expected an answer that depends on its row alone, got .{name}() over rows; compute it "
        "from the training data in fit() and keep it as an attribute"
    )


class Index:
    """Stands for the index of symbolic rows: good for nothing but to be passed on."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def __len__(self) -> int:
        return ROWS

    def equals(self, other: Any) -> bool:
        """Whether the other index is of the same rows: all are."""
        return isinstance(other, Index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tracer.refuse(f"expected no use of the index, got .{name}: rows have no names")


class SymbolicSeries(Operators, NDArrayOperatorsMixin):
    """Stands for a series of n rows while user code is traced.

    Parameters
    ----------
    tracer
        Of this run.
    value
        One column.
    name
        As of a series.
    zone
        Time zone of dates, or empty.
    rows
        Rows to which it is confined after ``s[mask]``, or empty.
    labels
        Categories in order, where it is categorical.
    """

    is_symbolic_pandas = True
    __array_priority__ = 2000
    ndim = 1

    def __init__(
        self,
        tracer: Tracer,
        value: Value,
        name: Any = None,
        zone: str = "",
        rows: str = "",
        labels: tuple[Any, ...] | None = None,
    ) -> None:
        self.tracer = tracer
        self.value = value
        self.name = name
        self.zone = zone
        self.rows = rows
        self.labels = labels

    @property
    def __class__(self) -> Any:
        import pandas as pd  # noqa: PLC0415  # there whenever a series is

        return pd.Series

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError(kind)

    def like(self, value: Value, name: Any = "", zone: str = "") -> "SymbolicSeries":
        """Make another series of the same rows."""
        name = self.name if isinstance(name, str) and not name else name
        return SymbolicSeries(self.tracer, value, name, zone, self.rows)

    def as_value(self) -> Value:
        """Give the column; rows must not have been chosen."""
        if self.rows:
            self.tracer.refuse("expected all rows, got those that meet a condition")
        return self.value

    def array_of(self) -> SymbolicArray:
        """See the column as an array (n,)."""
        return SymbolicArray(self.tracer, self.value, 1, self.rows)

    # What a series tells of itself

    @property
    def dtype(self) -> Any:
        """Dtype, as pandas says it."""
        import pandas as pd  # noqa: PLC0415  # there whenever a series is

        if self.labels is not None:
            return pd.CategoricalDtype(list(self.labels))
        if self.zone:
            unit: Any = np.datetime_data(self.value.dtype)[0]
            return pd.DatetimeTZDtype(unit, self.zone)
        if self.value.dtype == OBJECT:
            return pd.Series(["a"]).dtype
        return self.value.dtype

    dtypes = dtype

    @property
    def shape(self) -> tuple[int]:
        """Rows, which nobody knows yet."""
        return (ROWS,)

    @property
    def index(self) -> Index:
        """Of all rows."""
        return Index(self.tracer)

    @property
    def empty(self) -> bool:
        """Never: a request has a row."""
        return False

    @property
    def values(self) -> SymbolicArray:
        """The column as an array (n,)."""
        return self.array_of()

    array = values

    def to_numpy(self, dtype: Any = None, **_options: Any) -> SymbolicArray:
        """Give the column as an array (n,)."""
        array = self.array_of()
        return array if dtype is None else array.astype(dtype)

    def __len__(self) -> int:
        return ROWS

    def __bool__(self) -> bool:
        return bool(self.array_of())

    def __float__(self) -> float:
        return float(self.array_of())

    def __int__(self) -> int:
        return int(self.array_of())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.array_of())

    def __contains__(self, item: object) -> bool:
        self.tracer.refuse("expected no branch on data, got in; use .isin([...])")

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.array_of().__array__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_typ":
            raise AttributeError(name)
        if not hasattr(self.__class__, name):
            raise AttributeError(f"'Series' object has no attribute {name!r}")
        if name in _OVER_ROWS:
            refuse_rows_method(self.tracer, name)
        return self.tracer.refuse(f"Series.{name} is not traced; see docs/tracing.md")

    # Operations

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        if any(is_table(item) for item in inputs):
            return NotImplemented
        if method != "__call__":
            if method == "reduce":
                refuse_rows_method(self.tracer, f"{ufunc.__name__}.reduce")
            self.tracer.refuse(f"np.{ufunc.__name__}.{method} is not traced")
        names = [item.name for item in _series_in(inputs, self)]
        arrays = [item.array_of() if isinstance_series(item) else item for item in inputs]
        if kwargs.get("where", True) is not True:
            kwargs["where"] = _as_array(kwargs["where"])
        result = self._divided(ufunc, arrays)
        if result is None:
            result = arrays_first(arrays).__array_ufunc__(
                ufunc,
                method,
                *arrays,
                **({"out": tuple(map(_as_array, out))} if out else {}),
                **kwargs,
            )
        if out:
            out[0].value = result.value
            return out[0]
        shared = names[0] if all(name == names[0] for name in names) else None
        zone = self._zone(ufunc, inputs, result)
        return SymbolicSeries(self.tracer, result.value, shared, zone, result.rows)

    def _zone(self, ufunc: np.ufunc, inputs: Any, result: SymbolicArray) -> str:
        zones = {
            item.zone for item in inputs if isinstance_series(item) and item.value.dtype.kind == "M"
        }
        zones |= {
            "UTC" if getattr(item, "tzinfo", None) else ""
            for item in inputs
            if hasattr(item, "to_datetime64")
        }
        if len({bool(zone) for zone in zones}) > 1:
            raise TypeError(f"Cannot {ufunc.__name__} tz-naive and tz-aware datetime-like objects")
        return self.zone if result.dtype.kind == "M" else ""

    def _divided(self, ufunc: np.ufunc, arrays: list[Any]) -> SymbolicArray | None:
        """Divide whole numbers as pandas does: by zero gives infinity, and no rest."""
        if ufunc.__name__ not in ("floor_divide", "remainder"):
            return None
        kinds = [a.dtype.kind if is_symbolic(a) else np.asarray(a).dtype.kind for a in arrays]
        if not set(kinds) <= set("biu") or (not is_symbolic(arrays[1]) and np.all(arrays[1])):
            return None
        left, right = arrays
        is_zero = (
            elementwise(self.tracer, np.equal, [right, 0]) if is_symbolic(right) else right == 0
        )
        result = elementwise(self.tracer, ufunc, [left, right]).astype(np.float64)
        odd: Any = np.nan
        if ufunc.__name__ == "floor_divide":
            odd = elementwise(self.tracer, np.true_divide, [left, right])
        return where(is_zero, odd, result)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        method = SERIES_METHODS.get(function)
        if method is not None and isinstance_series(args[0]):
            return getattr(args[0], method)(*args[1:], **kwargs)
        args = _arrays_in(args)
        kwargs = {name: _arrays_in(item) for name, item in kwargs.items()}
        found = FUNCTIONS.get(function)
        if found is None:
            self.tracer.refuse(f"np.{getattr(function, '__name__', function)} is not traced")
        return found(*args, **kwargs)

    def __getitem__(self, key: Any) -> "SymbolicSeries":
        if isinstance_series(key) or is_symbolic(key):
            array = self.array_of()[_as_array(key)]
            return SymbolicSeries(self.tracer, array.value, self.name, self.zone, array.rows)
        if isinstance(key, slice) and key == slice(None):
            return self
        return self.tracer.refuse(f"expected all rows, got {key!r}")

    def __setitem__(self, key: Any, cells: Any) -> None:
        condition = _as_array(key)
        if not is_symbolic(condition):
            self.tracer.refuse(f"expected a condition for rows, got {key!r}")
        self.value = self.set_where(condition, cells)

    def set_where(self, condition: SymbolicArray, cells: Any) -> Value:
        """Set the cells where a condition holds, in the dtype that holds both."""
        cells = _as_array(cells)
        if is_symbolic(cells) and cells.rows:
            if cells.rows != condition.value.name:
                self.tracer.refuse("expected values of the rows that are set, got those of others")
            cells = SymbolicArray(self.tracer, cells.value, 1)
        return self._chosen(condition, cells, self.array_of())

    def _chosen(self, condition: SymbolicArray, new: Any, old: Any) -> Value:
        new, old = _filling(self, new), _filling(self, old)
        dtype = _common(new, old)
        parts = [value_of(self.tracer, item, dtype) for item in (new, old)]
        condition_value = self.tracer.cast(condition.value, BOOL)
        return chosen(self.tracer, condition_value, *parts)

    @property
    def loc(self) -> "SymbolicSeries":
        """Itself: rows are chosen by a condition alone."""
        return self

    # Methods

    def copy(self, deep: bool = True) -> "SymbolicSeries":
        """Make a series that can change on its own."""
        return SymbolicSeries(self.tracer, self.value, self.name, self.zone, self.rows, self.labels)

    def rename(self, name: Any = None, **_options: Any) -> "SymbolicSeries":
        """Give another name."""
        series = self.copy()
        series.name = name
        return series

    def astype(self, dtype: Any, **_options: Any) -> "SymbolicSeries":
        """Change the dtype."""
        text = str(dtype) if not isinstance(dtype, type) else dtype.__name__
        if text == "category" or (
            self.value.dtype == OBJECT and text in ("str", "string", "object")
        ):
            return self.copy()
        if text in ("str", "string", "object", "string[python]"):
            return self.like(TextMethods(self).number_text())
        if text in _NULLABLE:
            text = _NULLABLE[text]
            dtype = text
        if self.value.dtype.kind == "M" and text.startswith("datetime64"):
            return self.like(self.tracer.cast(self.value, np.dtype(text)), zone=self.zone)
        return self.like(self.tracer.cast(self.value, np.dtype(dtype), is_pandas=True))

    def isna(self) -> "SymbolicSeries":
        """Tell nulls."""
        name = self.tracer.is_null(self.value) or self.tracer.false(self.value)
        features = tuple(replace(f, has_nan=False, limit=1.0) for f in self.value.features)
        return self.like(Value(name, BOOL, features, self.value.decided))

    isnull = isna

    def notna(self) -> "SymbolicSeries":
        """Tell what is not null."""
        return ~self.isna()  # type: ignore[no-any-return]  # of the mixin

    notnull = notna

    def fillna(self, value: Any = None, **options: Any) -> "SymbolicSeries":
        """Put something in the place of nulls."""
        if value is None or options.get("method") or options.get("limit"):
            self.tracer.refuse("expected fillna(value), got another form")
        filling = _as_array(value)
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
        return self.isna().any()

    def infer_objects(self, **_options: Any) -> "SymbolicSeries":
        """Keep the dtype, which is no object."""
        return self.copy()

    def combine_first(self, other: Any) -> "SymbolicSeries":
        """Take another column where this one is null."""
        return self.fillna(other)

    def where(self, cond: Any, other: Any = np.nan, **_options: Any) -> "SymbolicSeries":
        """Keep cells where a condition holds."""
        condition = self._condition(cond)
        return self.like(
            self._chosen(~condition, _as_array(_called(other, self)), self.array_of()),
            zone=self.zone,
        )

    def mask(self, cond: Any, other: Any = np.nan, **_options: Any) -> "SymbolicSeries":
        """Replace cells where a condition holds."""
        condition = self._condition(cond)
        return self.like(
            self._chosen(condition, _as_array(_called(other, self)), self.array_of()),
            zone=self.zone,
        )

    def _condition(self, cond: Any) -> SymbolicArray:
        condition = _as_array(_called(cond, self))
        if not is_symbolic(condition):
            self.tracer.refuse("expected a condition on the data, got a constant")
        found: SymbolicArray = condition
        return found

    def clip(self, lower: Any = None, upper: Any = None, **_options: Any) -> "SymbolicSeries":
        """Clip; nulls stay."""
        result = FUNCTIONS[np.clip](self.array_of(), _as_array(lower), _as_array(upper))
        return self.like(result.value)

    def abs(self) -> "SymbolicSeries":
        """Give magnitudes."""
        return self.like(applied(self.tracer, np.absolute, [self.value]))

    def round(self, decimals: int = 0, **_options: Any) -> "SymbolicSeries":
        """Round to decimals."""
        return self.like(FUNCTIONS[np.round](self.array_of(), decimals).value)

    def between(self, left: Any, right: Any, inclusive: str = "both") -> "SymbolicSeries":
        """Tell what lies between two limits."""
        low = self >= left if inclusive in ("both", "left") else self > left
        high = self <= right if inclusive in ("both", "right") else self < right
        return low & high  # type: ignore[no-any-return]  # of the mixin

    def isin(self, values: Any) -> "SymbolicSeries":
        """Tell what is among constants; null among them finds nulls."""
        if hasattr(values, "tracer"):
            self.tracer.refuse("expected constants in isin, got the data")
        cells = [plain(cell) for cell in values]
        result = self.like(members(self.tracer, self.value, cells))
        return result | self.isna() if any(map(is_null, cells)) else result

    def map(self, arg: Any, na_action: Any = None, **_options: Any) -> "SymbolicSeries":
        """Look cells up in a dict, or compute them by a function of one cell."""
        if hasattr(arg, "to_dict") and not isinstance(arg, Mapping):
            arg = arg.to_dict()
        if isinstance(arg, Mapping):
            missing = getattr(type(arg), "__missing__", None)
            default = arg.default_factory() if missing and hasattr(arg, "default_factory") else None
            return self.like(mapped(self.tracer, self.value, dict(arg), default=default))
        return self.apply(arg)

    def apply(self, func: Any, args: tuple[Any, ...] = (), **kwargs: Any) -> "SymbolicSeries":
        """Apply a function to each cell."""
        if isinstance(func, str):
            return getattr(self, func)(*args, **kwargs)  # type: ignore[no-any-return]
        if isinstance(func, np.ufunc):
            return func(self, *args, **kwargs)  # type: ignore[no-any-return]
        result = func(Cell(self.tracer, self.value, self.rows), *args, **kwargs)
        if not is_cell(result) and not is_symbolic(result):
            array = self.array_of().like(self.tracer.filled(result, np.asarray(result).dtype, 1))
            return self.like(array.value)
        return self.like(result.value)

    def replace(
        self, to_replace: Any = None, value: Any = None, **options: Any
    ) -> "SymbolicSeries":
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
        return self.tracer.frame_of({self.name if name is None else name: self})

    def reset_index(self, *, drop: bool = False, **_options: Any) -> "SymbolicSeries":
        """Forget the index."""
        if not drop:
            self.tracer.refuse("expected reset_index(drop=True): rows have no names")
        return self.copy()

    def reindex(self, *_args: Any, **_options: Any) -> "SymbolicSeries":
        """Keep the rows as they are."""
        return self.copy()

    def pipe(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on it."""
        return func(self, *args, **kwargs)

    def squeeze(self, *_args: Any) -> "SymbolicSeries":
        """Stay a column."""
        return self

    @property
    def str(self) -> TextMethods:
        """Text methods."""
        return TextMethods(self)

    @property
    def dt(self) -> DateFields:
        """Fields of dates."""
        return DateFields(self)

    @property
    def cat(self) -> "Categories":
        """Categories and their numbers."""
        if self.labels is None:
            self.tracer.refuse(
                "expected a column made by pd.cut, got the categories of another; "
                "use OrdinalEncoder, which learns them"
            )
        return Categories(self)


class Categories:
    """What ``Series.cat`` gives."""

    def __init__(self, series: SymbolicSeries) -> None:
        self.tracer = series.tracer
        self._series = series

    @property
    def codes(self) -> SymbolicSeries:
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
            series = SymbolicSeries(self.tracer, self.value, None, "", self.rows)
            method = getattr(TextMethods(series, is_python=True), name)
            if callable(method):
                return lambda *args, **kwargs: cell_of(method(*args, **kwargs))
        return super().__getattr__(name)


def is_table(item: Any) -> bool:
    """Whether an object is a symbolic frame."""
    return hasattr(builtins.type(item), "columns_by_name")


def cell_of(series: SymbolicSeries) -> Cell:
    """See a column as one cell of each row."""
    return Cell(series.tracer, series.value, series.rows)


def is_cell(item: Any) -> bool:
    """Whether an object stands for one cell."""
    return builtins.type(item) is Cell


def isinstance_series(item: Any) -> bool:
    """Whether an object is a symbolic series."""
    return builtins.type(item) is SymbolicSeries


def arrays_first(items: list[Any]) -> SymbolicArray:
    """Find the first symbolic array."""
    found: SymbolicArray = next(item for item in items if is_symbolic(item))
    return found


def _series_in(items: tuple[Any, ...], this: SymbolicSeries) -> list[SymbolicSeries]:
    found = [item for item in items if isinstance_series(item)]
    return found or [this]


def _as_array(item: Any) -> Any:
    return item.array_of() if isinstance_series(item) else item


def _arrays_in(items: Any) -> Any:
    if isinstance_series(items):
        return items.array_of()
    if builtins.type(items) in (list, tuple):
        return builtins.type(items)(_arrays_in(item) for item in items)
    return items.to_numpy() if is_table(items) else items


def _called(item: Any, series: SymbolicSeries) -> Any:
    is_function = callable(item) and not hasattr(item, "tracer")
    return item(series) if is_function else item


def _filling(series: SymbolicSeries, item: Any) -> Any:
    """Bring a null or a date into what a column can hold."""
    if is_symbolic(item):
        return item
    kind = series.value.dtype.kind
    item = plain(item)
    if is_null(item):
        if kind == "O":
            return "\0nan"
        return np.array("NaT", series.value.dtype)[()] if kind in "mM" else np.nan
    return item


def _common(new: Any, old: Any) -> np.dtype[Any]:
    """Dtype of both; a float that is a whole number leaves integers what they are."""
    if is_symbolic(old) and not is_symbolic(new):
        is_whole = isinstance(new, float) and float(new).is_integer() and abs(new) < 2**53
        if old.dtype.kind in "iu" and is_whole:
            kept: np.dtype[Any] = old.dtype
            return kept
        if old.dtype == BOOL and isinstance(new, bool | np.bool_):
            return BOOL
    if BOOL in (getattr(new, "dtype", None), getattr(old, "dtype", None)):
        other = old if getattr(new, "dtype", None) == BOOL else new
        if getattr(other, "dtype", np.asarray(other).dtype) != BOOL and not is_symbolic(other):
            return FLOAT64
    joint: np.dtype[Any] = common_dtype([new, old])
    return joint


_NULLABLE: Final[Mapping[str, str]] = {
    "Float64": "float64", "Int8": "int8", "Int16": "int16", "Int32": "int32", "Int64": "int64",
    "boolean": "bool",
}  # fmt: skip

SERIES_METHODS: Final[Mapping[Callable[..., Any], str]] = {
    np.around: "round",
    np.clip: "clip",
    np.round: "round",
}
"""Functions of numpy that call the method of a series."""
