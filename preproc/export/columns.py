"""Training data → the columns of the contract: exactly those that the fitted pipeline reads."""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from preproc.errors import ExportError
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.export.tracing.zones import WINDOW
from preproc.runtime.feeding import (
    array_of,
    frame_of,
    is_nullable_number,
    is_sparse,
    is_vector,
    moment_of,
    ticks,
    unit_of,
)
from preproc.signature import (
    MAX_CATEGORIES,
    MAX_EXACT_INTEGER,
    ROW_ERROR,
    TEXT,
    Column,
    Null,
    Signature,
)

ARRAY_INPUT: Final = "X"
MAX_DENSE_FEATURES: Final = 20_000
_GIVE_X: Final = "give the X that the pipeline was fitted on"
_INNER: Final = re.compile(r"/(.+/)?([A-Z]\w*|constant)_\d+", re.DOTALL)
"""Names as graphs give their values: ``/scale/Sub_0``, ``/constant_3``."""
_SUPPORTED: Final = frozenset(
    [TEXT, "bool", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


def signature_of(pipeline: Any, data: Any) -> Signature:
    """Describe the inputs of a fitted pipeline.

    Parameters
    ----------
    pipeline
        Fitted estimator or pipeline.
    data
        What it was trained on: a frame that narwhals knows, an array or sparse matrix
        (n, features), a list or a series.

    Returns
    -------
    Signature
        Columns alone; outputs and rules come with the graph.

    Raises
    ------
    ExportError
        For data of another kind, and for columns of a dtype that no graph input can carry.
    """
    if nw.dependencies.is_into_dataframe(data):
        frame = frame_of(data)
        names = frame.columns
        _check_names(pipeline, names)
        used = columns_read(pipeline, len(names))
        return Signature("frame", tuple(_column(frame[names[at]]) for at in used))
    _check_width(pipeline, data)
    if is_sparse(data):
        _check_density(data)
        return Signature("array", (Column(ARRAY_INPUT, data.dtype.name, "nan", data.shape[1]),))
    if isinstance(data, np.ndarray) and data.ndim == 2:  # noqa: PLR2004  # rows and features
        return Signature("array", (_array_column(data),))
    if nw.dependencies.is_into_series(data):
        series = nw.from_native(data, series_only=True)
        is_named = isinstance(series.name, str) and series.name
        return Signature("vector", (_column(series if is_named else series.alias(ARRAY_INPUT)),))
    if is_vector(data):
        return Signature("vector", (_array_column(array_of(data).reshape(-1, 1)),))
    raise ExportError(
        "", f"expected a frame, an array, a list or a series, got {type(data).__name__}"
    )


def _check_names(pipeline: Any, names: Sequence[str]) -> None:
    """Refuse a frame that is not the one of fit; columns may stand behind those of fit."""
    fit = getattr(pipeline, "feature_names_in_", None)
    if fit is None:
        _check_count(pipeline, len(names))
        return
    missing = [str(name) for name in fit if name not in names]
    if missing:
        raise ExportError("", f"X: expected the columns of fit, got none of {missing}; {_GIVE_X}")
    for at, (want, got) in enumerate(zip(fit, names, strict=False)):
        if want != got:
            raise ExportError(
                "",
                f"X: expected the columns in the order of fit, got {got!r} in place of "
                f"{str(want)!r} at position {at}; {_GIVE_X}",
            )


def _check_width(pipeline: Any, data: Any) -> None:
    """Refuse an array, a matrix or a series of another width than that of fit."""
    shape = getattr(data, "shape", None)
    if shape:
        _check_count(pipeline, shape[1] if len(shape) > 1 else 1)


def _check_count(pipeline: Any, width: int) -> None:
    fit = getattr(pipeline, "n_features_in_", width)
    if width < fit:
        raise ExportError("", f"X: expected the {fit} columns of fit, got {width}; {_GIVE_X}")


def _check_density(data: Any) -> None:
    if data.dtype != np.float64:
        raise ExportError("", f"expected a sparse matrix of float64, got {data.dtype}")
    if data.shape[1] > MAX_DENSE_FEATURES:
        raise ExportError(
            "",
            f"expected at most {MAX_DENSE_FEATURES} features of a sparse matrix, which is made "
            f"dense to be served, got {data.shape[1]}; select or hash features first",
        )


def columns_read(estimator: Any, width: int) -> list[int]:
    """Find the positions of the input columns that a fitted estimator reads, ascending."""
    if isinstance(estimator, Pipeline):
        first = estimator.steps[0][1]
        return columns_read(first, width)
    if isinstance(estimator, ColumnTransformer):
        used = {
            int(at)
            for name, transformer, _ in estimator.transformers_
            if not (isinstance(transformer, str) and transformer == "drop")
            for at in estimator._transformer_to_input_indices[name]  # noqa: SLF001  # no public way
        }
        return sorted(used)
    return list(range(width))


def root_table(scope: Scope, data: Any, signature: Signature) -> Table:
    """Declare the inputs and line them up as the pipeline's first step expects them.

    Columns that the pipeline does not read keep their place as blocks without a value, so that
    positions mean what they meant at training.
    """
    if signature.kind == "array":
        (column,) = signature.columns
        names = [f"{ARRAY_INPUT}[{at}]" for at in range(column.width)]
        features = tuple(_raw_feature(name, column.dtype) for name in names)
        return Table((Block(scope.graph.input(column), column.dtype, features),), is_sparse(data))
    if signature.kind == "vector":
        (column,) = signature.columns
        feature = _raw_feature(column.name, column.dtype)
        return Table((Block(scope.graph.input(column), column.dtype, (feature,)),))
    known = {column.name: column for column in signature.columns}
    blocks = []
    for name in frame_of(data).columns:
        column = known.get(name, Column(name, "unread"))
        value = scope.graph.input(column) if name in known else ""
        feature = _raw_feature(name, column.dtype)
        blocks.append(Block(value, column.moment or column.dtype, (feature,)))
    return Table(tuple(blocks), frame=frame_kind(data))


def frame_kind(data: Any) -> Literal["pandas", "polars"]:
    """Tell frames of pandas from those of other libraries, which have expressions of their own."""
    is_pandas = nw.from_native(data, eager_only=True).implementation.is_pandas_like()
    return "pandas" if is_pandas else "polars"


def _raw_feature(name: str, dtype: str) -> Feature:
    if dtype.startswith("float"):
        return Feature(name, (name,), has_nan=True, limit=np.inf)
    return Feature(name, (name,), limit=1.0 if dtype == "bool" else float(MAX_EXACT_INTEGER))


def _array_column(data: NDArray[Any]) -> Column:
    width = data.shape[1]
    if data.dtype.kind in "OUT":
        cells = [cell for cell in data.ravel().tolist() if not is_null(cell)]
        domain = _text_domain(ARRAY_INPUT, cells)
        saw_none = any(cell is None for cell in data.ravel().tolist())
        return Column(ARRAY_INPUT, TEXT, "none" if saw_none else "nan", width, domain)
    if data.dtype.name not in _SUPPORTED:
        raise ExportError(
            "",
            f"field {ARRAY_INPUT!r}: expected numbers, text or booleans, got dtype {data.dtype}; "
            "train on X.astype('float64')",
        )
    return Column(ARRAY_INPUT, data.dtype.name, _number_null(data.dtype.name), width)


def is_null(cell: object) -> bool:
    """Whether a cell of text is None or NaN; ``pandas.NA`` and ``NaT`` are neither."""
    return cell is None or (isinstance(cell, float | np.floating) and bool(np.isnan(cell)))


def _number_null(dtype: str) -> Null | None:
    return "nan" if dtype.startswith("float") else None


def _moment_column(name: str, moment: str) -> Column:
    """Describe times: the unit and zone of training, and the range that is proved and declared."""
    unit, zone = unit_of(moment), moment.rstrip("]").partition(", ")[2]
    widest = (1678, 2262) if unit == "ns" else (1, 10_000)
    years = WINDOW if zone and zone != "UTC" else widest
    low, high = (np.datetime64(f"{year:04d}-01-01", "s") for year in years)
    per_second = ticks(moment)
    limits = [int(low.astype(np.int64)) * per_second, int(high.astype(np.int64)) * per_second - 1]
    return Column(name, "int64", "nat", domain={"time": moment, "range": limits})


def _check_name(name: str) -> None:
    if not name:
        raise ExportError("", "field '': expected a name, got none; rename the column")
    if name == ROW_ERROR:
        raise ExportError("", f"field {name!r}: expected another name, this one is an output's")
    if _INNER.fullmatch(name):
        problem = "expected another name, this one is like those of values inside the graph"
        raise ExportError("", f"field {name!r}: {problem}; rename the column")


def _column(series: nw.Series[Any]) -> Column:
    name = series.name
    _check_name(name)
    moment = moment_of(series)
    if moment:
        return _moment_column(name, moment)
    if is_nullable_number(series):
        limits = [0, 1] if series.dtype == nw.Boolean else [-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER]
        is_whole = not series.dtype.is_float()
        domain = {"range": limits, "whole": True} if is_whole else None
        return Column(name, "float64", "nan", domain=domain)
    values = series.to_numpy()
    if values.dtype.kind in "OUT":
        return _text_column(series, values)
    if values.dtype.name not in _SUPPORTED:
        raise ExportError(
            "", f"field {name!r}: expected numbers, text or booleans, got dtype {values.dtype}"
        )
    if values.dtype.name in ("int64", "uint64"):
        low = -MAX_EXACT_INTEGER if values.dtype.name == "int64" else 0
        return Column(name, values.dtype.name, domain={"range": [low, MAX_EXACT_INTEGER]})
    return Column(name, values.dtype.name, _number_null(values.dtype.name))


def _text_column(series: nw.Series[Any], values: NDArray[Any]) -> Column:
    nulls = series.is_null().to_numpy()
    if str(getattr(series.to_native(), "dtype", "")) == "object":  # holds nulls of any kind
        nulls = np.array([is_null(cell) for cell in values.tolist()], bool)
    domain = _text_domain(series.name, values[~nulls].tolist())
    return Column(series.name, TEXT, _null_of(series, values[nulls].tolist()), domain=domain)


def _text_domain(name: str, words: Sequence[object]) -> dict[str, Any] | None:
    strange = set(map(type, words)) - {str, np.str_}
    if strange:
        got = sorted(kind.__name__ for kind in strange)
        raise ExportError(
            "", f"field {name!r}: expected text, got cells of type {got}; cast the column"
        )
    known = sorted({str(word) for word in words})
    return {"categories": known} if len(known) <= MAX_CATEGORIES else None


def _null_of(series: nw.Series[Any], nulls: Sequence[object]) -> Null:
    """Which null an absent text means: the one that training saw, else the frame's own."""
    if not series.implementation.is_pandas_like():
        return "none"
    is_object = str(series.to_native().dtype) == "object"
    saw_none = any(null is None for null in nulls)
    saw_only_none = saw_none and all(null is None for null in nulls)
    return "none" if saw_only_none or (is_object and not nulls) else "nan"
