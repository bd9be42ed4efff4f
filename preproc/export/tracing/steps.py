"""A fitted step of the user's own: run once on symbolic data, then what it gave as a table."""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import validation

from preproc.errors import ExportError
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, refuse_inexact
from preproc.export.tracing.array import SymbolicArray, is_symbolic
from preproc.export.tracing.columns import side_by_side, taken
from preproc.export.tracing.frame import SymbolicFrame
from preproc.export.tracing.functions import FUNCTIONS
from preproc.export.tracing.numpy_names import numpy_names
from preproc.export.tracing.pandas_names import constructors, pandas_names, series_of
from preproc.export.tracing.patches import replaced_names
from preproc.export.tracing.refusal import Refusal, is_library, place_of
from preproc.export.tracing.series import SymbolicSeries
from preproc.export.tracing.tracer import OBJECT, Tracer, Value, carrier
from preproc.export.tracing.watch import watched
from preproc.signature import NULL_NAN, NULL_NONE, TEXT


def traced(
    scope: Scope, fitted: Any, table: Table, *, nudge: float = 0.0, mends: bool = False
) -> tuple[Table, Tracer]:
    """Run the user's code once on symbolic columns.

    Parameters
    ----------
    scope
        Of the step.
    fitted
        A FunctionTransformer, or an object with ``transform``.
    table
        What it takes.
    nudge, mends
        See `Tracer`.

    Returns
    -------
    tuple
        What it gives, and the trace.

    Raises
    ------
    ExportError
        With the user's file, line and expression, and what to write instead.
    """
    tracer = Tracer(
        scope,
        table.blocks[0].value,
        FUNCTIONS,
        lambda columns: SymbolicFrame(tracer, columns),
        series_of,
        nudge=nudge,
        mends=mends,
    )
    function = transform_of(fitted)
    given = _symbolic(tracer, table)
    try:
        with ExitStack() as stack:
            stack.enter_context(np.errstate(all="ignore"))
            names = {**numpy_names(tracer), **pandas_names(tracer)}
            stack.enter_context(replaced_names(names))
            stack.enter_context(constructors(tracer))
            stack.enter_context(watched(tracer))
            result = function(given)
        result_table = _table_of(tracer, result)
    except Refusal as refusal:
        raise scope.error(str(refusal)) from refusal
    except ExportError:
        raise
    except Exception as error:
        raise scope.error(tracer.refusal or _foreign_text(error)) from error
    if tracer.refusal:
        raise scope.error(tracer.refusal)
    return result_table, tracer


def transform_of(fitted: Any) -> Callable[[Any], Any]:
    """Give the function of a step, without what scikit-learn wraps around its answer."""
    if isinstance(fitted, FunctionTransformer):
        options, is_sparse = fitted.kw_args or {}, fitted.accept_sparse
        if not fitted.validate:
            return lambda data: fitted.func(data, **options)
        return lambda data: fitted.func(
            # By its module, in which a trace replaces it.
            validation.validate_data(fitted, data, reset=False, accept_sparse=is_sparse),
            **options,
        )
    method = inspect.getattr_static(type(fitted), "transform", None)
    inner = getattr(method, "__wrapped__", None)
    if inner is not None and inspect.isfunction(inner):
        return lambda data: inner(fitted, data)
    bound: Callable[[Any], Any] = fitted.transform
    return bound


def _foreign_text(error: Exception) -> str:
    """Say what the user's code raised, and where."""
    place, step = None, error.__traceback__
    while step is not None:
        if not is_library(step.tb_frame.f_code.co_filename):
            place = place_of(step.tb_frame, step.tb_lasti)
        step = step.tb_next
    text = f"{type(error).__name__}: {error}"
    if (place and isinstance(error, MemoryError)) or "array is too big" in text:
        return (
            f"{place}: expected an answer that depends on its row alone, got an array of as many "
            "cells as there are rows; what is drawn or learned once a row belongs in fit()"
        )
    return f"{place}: it raised {text} on symbolic data" if place else text


def _symbolic(tracer: Tracer, table: Table) -> Any:
    """Make what the user's code takes: a frame, a series or an array."""
    if table.frame == "polars":
        raise tracer.scope.error(
            "expected a pandas frame or an array, got a polars frame, whose expressions are not "
            "traced; call X.to_pandas() before training"
        )
    values = [_value_of(tracer, block) for block in table.blocks]
    if table.frame == "pandas":
        columns = {
            feature.name: SymbolicSeries(tracer, *_single(tracer, value, block, at))
            for value, block in zip(values, table.blocks, strict=True)
            for at, feature in enumerate(block.features)
        }
        if table.is_flat:
            return next(iter(columns.values()))
        return SymbolicFrame(tracer, columns)
    kinds = {value.dtype for value in values}
    if OBJECT in kinds and len(kinds) > 1:
        raise tracer.scope.error(
            "expected an array of numbers or of text, got both; use set_output(transform='pandas')"
        )
    dtype = OBJECT if OBJECT in kinds else np.result_type(*kinds)
    joined = side_by_side(tracer, [tracer.cast(value, dtype) for value in values])
    return SymbolicArray(tracer, joined, 1 if table.is_flat else 2)


def _single(tracer: Tracer, value: Value, block: Block, at: int) -> tuple[Value, str, str]:
    """Cut one column out: value, name, time zone."""
    return taken(tracer, value, [at]), block.features[at].name, zone_of(block.dtype)


def zone_of(dtype: str) -> str:
    """Name the time zone of a dtype such as ``datetime64[ns, Europe/Zurich]``."""
    return dtype.rstrip("]").partition(", ")[2]


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """Dtype of numpy of a block's dtype; text is object, a time zone falls away."""
    if dtype == TEXT:
        return OBJECT
    zone = zone_of(dtype)
    return np.dtype(dtype.replace(f", {zone}", "") if zone else dtype)


def _value_of(tracer: Tracer, block: Block) -> Value:
    """Bring a block into carriers; None in a column whose dtype holds NaN alone becomes NaN."""
    dtype = numpy_dtype(block.dtype)
    if dtype.name in ("uint64", "float16"):
        raise tracer.scope.error(
            f"expected int64 or float64, got {dtype} in {block.features[0].name!r}; "
            "cast it before training"
        )
    name = block.value
    refuse_inexact(tracer.scope, block)
    if dtype.kind in "iu" and dtype.itemsize < 8:  # noqa: PLR2004  # int64 is its own carrier
        name = tracer.to(name, carrier(dtype))
    features = block.features
    ground = tracer.scope.ground
    if (
        dtype == OBJECT
        and ground is not None
        and (NULL_NONE not in ground.oracle.nulls_in(features[0].sources))
    ):
        is_none = tracer.op("Equal", name, np.array(NULL_NONE, object))
        name = tracer.op("Where", is_none, np.array(NULL_NAN, object), name)
    if dtype.kind in "OmM":
        features = tuple(replace(feature, has_nan=True) for feature in features)
    return Value(name, dtype, features, block.decided)


def _table_of(tracer: Tracer, result: Any) -> Table:
    if isinstance(result, SymbolicFrame):
        columns = list(result.columns_by_name().items())
        if not columns:
            tracer.refuse("expected columns, got an empty frame")
        blocks = [
            _block_of(tracer, series.as_value(), str(name), series.zone) for name, series in columns
        ]
        return Table(tuple(_joined_runs(tracer, blocks)), frame="pandas")
    if isinstance(result, SymbolicSeries):
        block = _block_of(tracer, result.as_value(), str(result.name), result.zone)
        return Table((block,), is_flat=True, frame="pandas")
    if is_symbolic(result):
        if result.rows:
            tracer.refuse("expected all rows, got those that meet a condition")
        return Table((_block_of(tracer, result.value),), is_flat=result.ndim == 1)
    return tracer.refuse(
        f"expected a frame, a series or an array computed from the data, got {type(result)}"
    )


def _block_of(tracer: Tracer, value: Value, name: str | None = None, zone: str = "") -> Block:
    features = value.features
    if name is not None:
        features = tuple(replace(feature, name=name) for feature in features)
    dtype, stored = value.dtype, value.name
    if dtype.kind == "O":
        features = tuple(replace(f, has_nan=False, limit=1.0) for f in features)
        return Block(stored, TEXT, features, value.decided)
    if dtype.kind in "mM":
        kind = f"{dtype.name[:-1]}, {zone}]" if zone else dtype.name
        return Block(stored, kind, features, value.decided)
    if carrier(dtype) != dtype.name:
        stored = tracer.to(stored, dtype.name)
    return Block(stored, dtype.name, features, value.decided)


def _joined_runs(tracer: Tracer, blocks: list[Block]) -> list[Block]:
    """Join neighbours of one dtype that are decided alike, so that steps stay few nodes."""
    runs: list[list[Block]] = []
    for block in blocks:
        last = runs[-1][-1] if runs else None
        if last and (last.dtype, last.decided) == (block.dtype, block.decided):
            runs[-1].append(block)
        else:
            runs.append([block])
    joined = []
    for run in runs:
        if len(run) == 1:
            joined.append(run[0])
            continue
        value = tracer.op("Concat", *(block.value for block in run), axis=1)
        features = tuple(feature for block in run for feature in block.features)
        joined.append(replace(run[0], value=value, features=features))
    return joined
