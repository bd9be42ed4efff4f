"""A symbolic series: what user code sees in the place of a column of a pandas frame.

Why not an extension array inside a real series: pandas asks those for cells and lengths in most of
what it does, so a trace would stop, or worse go on with constants, at places that change from
release to release. Here what is not written down is refused by its name.
"""

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from preproc.export.tracing.advice import not_traced
from preproc.export.tracing.apply import is_offset
from preproc.export.tracing.array import SymbolicArray, elementwise, is_symbolic
from preproc.export.tracing.cells import Categories
from preproc.export.tracing.columns import chosen
from preproc.export.tracing.dates import DateFields
from preproc.export.tracing.filling import common, filling
from preproc.export.tracing.functions import FUNCTIONS, value_of, where
from preproc.export.tracing.kinds import as_array, is_table, isinstance_series
from preproc.export.tracing.named import Operators
from preproc.export.tracing.refusal import CLOCK
from preproc.export.tracing.rows import OVER_ROWS, Index, refuse_rows_method
from preproc.export.tracing.series_methods import SeriesMethods
from preproc.export.tracing.texts import TextMethods
from preproc.export.tracing.tracer import BOOL, OBJECT, ROWS, Tracer, Value


class SymbolicSeries(SeriesMethods, Operators, NDArrayOperatorsMixin):
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
    is_symbolic_series = True
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
        if name in OVER_ROWS:
            refuse_rows_method(self.tracer, name)
        return self.tracer.refuse(not_traced(f"Series.{name}"))

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
        if method == "__call__":
            inputs = tuple(self._moment(ufunc, item) for item in inputs)
        names = [item.name for item in _series_in(inputs, self)]
        arrays = [item.array_of() if isinstance_series(item) else item for item in inputs]
        if kwargs.get("where", True) is not True:
            kwargs["where"] = as_array(kwargs["where"])
        result = self._divided(ufunc, arrays)
        if result is None:
            result = arrays_first(arrays).__array_ufunc__(
                ufunc,
                method,
                *arrays,
                **({"out": tuple(map(as_array, out))} if out else {}),
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

    def _moment(self, ufunc: np.ufunc, item: Any) -> Any:
        """Read text beside dates and differences as pandas does in comparisons."""
        import pandas as pd  # noqa: PLC0415  # there whenever a series is

        kind = self.value.dtype.kind
        if is_offset(item) and self.zone not in ("", "UTC"):
            self.tracer.refuse(
                f"expected a difference of time, got {item!r} on the clock of {self.zone}, where "
                "days differ in length; use pd.Timedelta, or tz_localize(None) first"
            )
        if type(item) is not str or kind not in "mM" or ufunc.__name__ not in COMPARISONS:
            return item
        if item.strip().lower() in ("now", "today"):
            self.tracer.refuse(CLOCK)
        if kind == "m":
            return pd.Timedelta(item)
        moment = pd.Timestamp(item)
        return moment.tz_localize(self.zone) if self.zone and moment.tzinfo is None else moment

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
            self.tracer.refuse(not_traced(f"np.{getattr(function, '__name__', function)}"))
        return found(*args, **kwargs)

    def __getitem__(self, key: Any) -> "SymbolicSeries":
        if isinstance_series(key) or is_symbolic(key):
            array = self.array_of()[as_array(key)]
            return SymbolicSeries(self.tracer, array.value, self.name, self.zone, array.rows)
        if isinstance(key, slice) and key == slice(None):
            return self
        return self.tracer.refuse(f"expected all rows, got {key!r}")

    def __setitem__(self, key: Any, cells: Any) -> None:
        condition = as_array(key)
        if not is_symbolic(condition):
            self.tracer.refuse(f"expected a condition for rows, got {key!r}")
        self.value = self.set_where(condition, cells)

    def set_where(self, condition: SymbolicArray, cells: Any) -> Value:
        """Set the cells where a condition holds, in the dtype that holds both."""
        cells = as_array(cells)
        if is_symbolic(cells) and cells.rows:
            if cells.rows != condition.value.name:
                self.tracer.refuse("expected values of the rows that are set, got those of others")
            cells = SymbolicArray(self.tracer, cells.value, 1)
        return self._chosen(condition, cells, self.array_of())

    def _chosen(self, condition: SymbolicArray, new: Any, old: Any) -> Value:
        new, old = filling(self.value.dtype, new), filling(self.value.dtype, old)
        dtype = common(new, old)
        parts = [value_of(self.tracer, item, dtype) for item in (new, old)]
        condition_value = self.tracer.cast(condition.value, BOOL)
        return chosen(self.tracer, condition_value, *parts)

    @property
    def loc(self) -> "SymbolicSeries":
        """Itself: rows are chosen by a condition alone."""
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


def arrays_first(items: list[Any]) -> SymbolicArray:
    """Find the first symbolic array."""
    found: SymbolicArray = next(item for item in items if is_symbolic(item))
    return found


def _series_in(items: tuple[Any, ...], this: SymbolicSeries) -> list[SymbolicSeries]:
    found = [item for item in items if isinstance_series(item)]
    return found or [this]


def _arrays_in(items: Any) -> Any:
    if isinstance_series(items):
        return items.array_of()
    if builtins.type(items) in (list, tuple):
        return builtins.type(items)(_arrays_in(item) for item in items)
    return items.to_numpy() if is_table(items) else items


COMPARISONS: Final = frozenset(
    ["equal", "greater", "greater_equal", "less", "less_equal", "not_equal"]
)
SERIES_METHODS: Final[Mapping[Callable[..., Any], str]] = {
    np.around: "round",
    np.clip: "clip",
    np.round: "round",
}
"""Functions of numpy that call the method of a series."""
