"""What stands for pandas' functions and constructors while user code is traced."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from preproc.export.tracing.advice import not_traced
from preproc.export.tracing.array import is_symbolic
from preproc.export.tracing.constant import constant_series
from preproc.export.tracing.date_parsing import parsed_dates, parsed_durations
from preproc.export.tracing.frame import SymbolicFrame, is_frame
from preproc.export.tracing.kinds import isinstance_series
from preproc.export.tracing.membership import bin_numbers, mapped
from preproc.export.tracing.patches import dispatching, is_symbolic_inside
from preproc.export.tracing.series import SymbolicSeries
from preproc.export.tracing.texts import parsed_numbers
from preproc.export.tracing.tracer import FLOAT64, Tracer


def tracer_in(items: Any) -> Tracer:
    """Find the trace of something symbolic among arguments, lists and dicts."""
    for item in items:
        if hasattr(item, "tracer"):
            tracer: Tracer = item.tracer
            return tracer
        inner = item.values() if isinstance(item, Mapping) else item
        if isinstance(item, Mapping | list | tuple):
            try:
                return tracer_in(inner)
            except LookupError:
                continue
    raise LookupError


def series_of(item: Any) -> SymbolicSeries:
    """Make a series of a column or of an array (n,)."""
    if isinstance_series(item):
        return item  # type: ignore[no-any-return]  # told by its class
    return SymbolicSeries(item.tracer, item.value, None, "", item.rows)


def concat(objs: Any, *, axis: Any = 0, **options: Any) -> SymbolicFrame:
    """Put columns beside each other."""
    parts = list(objs.values()) if isinstance(objs, Mapping) else list(objs)
    tracer = tracer_in(parts)
    if axis not in (1, "columns"):
        tracer.refuse("expected columns beside each other, axis=1, got rows below each other")
    if options.get("keys") is not None:
        tracer.refuse("expected plain names, got keys=, which makes names of two levels")
    columns: dict[Any, SymbolicSeries] = {}
    for part in parts:
        if is_frame(part):
            columns |= part.columns_by_name()
        elif isinstance_series(part):
            columns[part.name if part.name is not None else len(columns)] = part
        elif part is not None:
            tracer.refuse("expected columns of the data, got others, which have rows of their own")
    return SymbolicFrame(tracer, columns)


def cut(
    x: Any,
    bins: Any,
    right: bool = True,
    labels: Any = None,
    **options: Any,
) -> Any:
    """Name the bin of each cell between fixed edges."""
    import pandas as pd  # noqa: PLC0415  # there whenever it is called

    series = series_of(x)
    tracer = series.tracer
    if isinstance(bins, int) or is_symbolic_inside([bins]):
        tracer.refuse(
            "expected fixed edges, got a number of bins, which come from the batch; "
            "compute the edges in fit()"
        )
    if isinstance(bins, pd.IntervalIndex) or options.get("retbins"):
        tracer.refuse("expected a list of edges alone, got another form of pd.cut")
    edges = np.asarray(bins, np.float64)
    if len(np.unique(edges)) < len(edges):
        if options.get("duplicates", "raise") != "drop":
            raise ValueError(f"Bin edges must be unique: {list(bins)!r}")
        bins = edges = np.unique(edges)
    numbers = bin_numbers(tracer, series.value, edges, is_right=not right)
    place = tracer.op("Cast", numbers.name, to=11)
    at_first = tracer.op("Equal", tracer.cast(series.value, FLOAT64).name, np.array(edges[0]))
    if options.get("include_lowest") and right:
        place = tracer.op("Where", at_first, np.array(1.0), place)
    inside = tracer.op(
        "And",
        tracer.op("Greater", place, np.array(0.0)),
        tracer.op("Less", place, np.array(float(len(edges)))),
    )
    wide = tracer.cast(series.value, FLOAT64)
    inside = tracer.op("And", inside, tracer.op("Not", tracer.op("IsNaN", wide.name)))
    place = tracer.op("Where", inside, tracer.op("Sub", place, np.array(1.0)), np.array(np.nan))
    features = tuple(
        type(f)(f.name, f.sources, has_nan=True, limit=float(len(edges)))
        for f in series.value.features
    )
    codes = type(numbers)(place, FLOAT64, features, series.value.decided)
    if labels is False:
        return series.like(codes)
    if labels is None:
        labels = [
            str(item)
            for item in pd.cut(
                [edges[0] + 0.1],
                list(bins),
                right=right,
                include_lowest=bool(options.get("include_lowest")),
                precision=options.get("precision", 3),
            ).categories
        ]
    named = mapped(tracer, codes, {float(at): label for at, label in enumerate(labels)})
    return SymbolicSeries(tracer, named, series.name, labels=tuple(labels))


def to_numeric(arg: Any, errors: str = "raise", **_options: Any) -> Any:
    """Read numbers from text."""
    series = series_of(arg)
    if series.value.dtype.kind != "O":
        return series.copy()
    return series.like(parsed_numbers(series.tracer, series.value, errors))


def isna(item: Any) -> Any:
    """Tell nulls of anything symbolic."""
    if is_symbolic(item):
        found = SymbolicSeries(item.tracer, item.value, None, "", item.rows).isna()
        return item.like(found.value)
    return item.isna()


def notna(item: Any) -> Any:
    """Tell what is not null."""
    return ~isna(item)


def _refused(problem: str) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        return tracer_in([*args, *kwargs.values()]).refuse(problem)

    return refused


def pandas_names(tracer: Tracer) -> Mapping[int, tuple[Any, Any]]:
    """Pair each function of pandas with what takes its place, where pandas is loaded."""
    del tracer
    pd = sys.modules.get("pandas")
    if pd is None:
        return {}
    learned = "is computed from the batch; use {}, which learns it in training"
    table = (
        (pd.concat, concat),
        (pd.cut, cut),
        (pd.to_datetime, parsed_dates),
        (pd.to_timedelta, parsed_durations),
        (pd.to_numeric, to_numeric),
        (pd.isna, isna),
        (pd.isnull, isna),
        (pd.notna, notna),
        (pd.notnull, notna),
        (pd.qcut, _refused("pd.qcut " + learned.format("KBinsDiscretizer"))),
        (pd.get_dummies, _refused("pd.get_dummies " + learned.format("OneHotEncoder"))),
        (pd.factorize, _refused("pd.factorize " + learned.format("OrdinalEncoder"))),
        (pd.merge, _refused("expected columns of the request, got a join; use map(dict)")),
        (pd.melt, _refused(not_traced("pd.melt"))),
        (pd.pivot, _refused(not_traced("pd.pivot"))),
        (pd.pivot_table, _refused(not_traced("pd.pivot_table"))),
        (pd.unique, _refused("pd.unique " + learned.format("an attribute of your class"))),
    )
    return {id(original): (original, dispatching(original, traced)) for original, traced in table}


@contextmanager
def constructors(tracer: Tracer) -> Iterator[None]:
    """Let ``pd.DataFrame`` and ``pd.Series`` of symbolic data become symbolic themselves.

    Their constructors are wrapped, not their names: ``isinstance`` and subclasses in other threads
    see the classes that they know, and any data without a symbolic part goes to the original.
    """
    pd = sys.modules.get("pandas")
    if pd is None:
        yield
        return
    originals = (pd.DataFrame.__init__, pd.Series.__init__)

    def frame_init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not is_symbolic_inside([*args, *kwargs.values()]):
            originals[0](self, *args, **kwargs)
            return
        made = new_frame(tracer, *args, **kwargs)
        object.__setattr__(self, "__class__", SymbolicFrame)
        self.__dict__.update(made.__dict__)

    def series_init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not is_symbolic_inside([*args, *kwargs.values()]):
            originals[1](self, *args, **kwargs)
            return
        made = new_series(tracer, *args, **kwargs)
        object.__setattr__(self, "__class__", SymbolicSeries)
        self.__dict__.update(made.__dict__)

    pd.DataFrame.__init__, pd.Series.__init__ = frame_init, series_init
    try:
        yield
    finally:
        pd.DataFrame.__init__, pd.Series.__init__ = originals


def new_frame(
    tracer: Tracer,
    data: Any = None,
    index: Any = None,
    columns: Any = None,
    dtype: Any = None,
    copy: Any = None,
) -> SymbolicFrame:
    """Make a frame of columns by name, of an array (n, k), or of another frame."""
    del copy, index
    if is_symbolic(data):
        width = data.value.width
        names = list(range(width)) if columns is None else list(columns)
        if len(names) != width:
            raise ValueError(
                f"Shape of passed values is {width} columns, indices imply {len(names)}"
            )
        data = {name: data[:, at] if data.ndim == 2 else data for at, name in enumerate(names)}  # noqa: PLR2004
        columns = None
    elif isinstance_series(data):
        data = {data.name if columns is None else next(iter(columns)): data}
        columns = None
    elif is_frame(data):
        data = data.columns_by_name()
    elif data is None:
        data = dict.fromkeys(columns if columns is not None else [], np.nan)
    elif isinstance(data, list):
        tracer.refuse("expected columns by name, got a list, which becomes rows; use a dict")
    frame = SymbolicFrame(tracer, {})
    for name, cells in data.items():
        frame[name] = cells
    if columns is not None:
        frame = frame[list(columns)]
    return frame if dtype is None else frame.astype(dtype)


def new_series(
    tracer: Tracer,
    data: Any = None,
    index: Any = None,
    dtype: Any = None,
    name: Any = None,
    copy: Any = None,
    **_options: Any,
) -> SymbolicSeries:
    """Make a series of a column, of an array (n,), or of one constant for all rows."""
    del copy, index
    if isinstance_series(data):
        series: SymbolicSeries = data.rename(data.name if name is None else name)
    elif is_symbolic(data):
        series = SymbolicSeries(tracer, data.value, name, "", data.rows)
    elif data is None or np.ndim(data) == 0:
        series = constant_series(tracer, np.nan if data is None else data).rename(name)
    else:
        tracer.refuse("expected a column of the data or one constant, got a list along the rows")
    return series if dtype is None else series.astype(dtype)
