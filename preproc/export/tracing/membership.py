"""Which bin, which word: one look-up of each cell among constants."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.export.table import Feature
from preproc.export.tracing.apply import applied
from preproc.export.tracing.tracer import BOOL, FLOAT64, INT64, OBJECT, Tracer, Value
from preproc.graph import lookup
from preproc.signature import NULL_NAN, NULL_NONE, TEXT


def is_null(cell: object) -> bool:
    """Whether a constant is None, NaN or NaT."""
    return cell is None or cell != cell  # noqa: PLR0124  # NaN and NaT differ from themselves


def members(tracer: Tracer, value: Value, cells: Sequence[Any]) -> Value:
    """Tell whether each cell is among constants; null among them finds null in pandas alone."""
    known = [cell for cell in cells if not is_null(cell)]
    features = tuple(replace(f, has_nan=False, limit=1.0) for f in value.features)
    if value.dtype == OBJECT:
        known = [cell for cell in known if isinstance(cell, str)]
        found = lookup(
            tracer.scope.graph,
            value.name,
            [dict.fromkeys(known, 1)] * value.width,
            unknown=[0] * value.width,
            scope=tracer.scope.path,
        )
        tracer.kept.update(known[:256])
        return Value(tracer.op("Greater", found, np.array(0)), BOOL, features, value.decided)
    result: Value | None = None
    for cell in dict.fromkeys(known):
        if isinstance(cell, str):
            continue
        equal = applied(tracer, np.equal, [value, cell])
        result = equal if result is None else applied(tracer, np.logical_or, [result, equal])
    if result is None:
        return Value(tracer.false(value), BOOL, features, value.decided)
    return result


def bin_numbers(tracer: Tracer, value: Value, edges: NDArray[Any], *, is_right: bool) -> Value:
    """Count the edges at or below each cell (`is_right`), or below it; NaN is beyond all."""
    is_whole = edges.dtype.kind in "iu" and value.dtype.kind in "iu"
    kind: np.dtype[Any] = INT64 if is_whole else FLOAT64
    edges = edges.astype(kind)
    tracer.kept.update(edges.tolist()[:256])
    wide = tracer.cast(value, kind)
    parts = tracer.op("Unsqueeze", wide.name, np.array([2]))
    beyond = tracer.op("Less" if is_right else "LessOrEqual", parts, tracer.constant(edges, kind))
    counted = tracer.op(
        "ReduceSum", tracer.op("Cast", tracer.op("Not", beyond), to=7), np.array([2]), keepdims=0
    )
    features = tuple(replace(f, has_nan=False, limit=float(len(edges))) for f in value.features)
    return Value(counted, INT64, features, value.decided)


def mapped(tracer: Tracer, value: Value, table: Mapping[Any, Any], *, default: Any = None) -> Value:
    """Look each cell up in a dict, as ``Series.map`` does; unknown ones become null."""
    nulls = {key: cell for key, cell in table.items() if is_null(key)}
    known = {key: cell for key, cell in table.items() if not is_null(key)}
    cells = [*known.values(), *nulls.values()]
    is_text = any(isinstance(cell, str) for cell in cells)
    if is_text and not all(isinstance(cell, str) or is_null(cell) for cell in cells):
        tracer.refuse("expected words or numbers to map to, got both")
    if not is_text and not all(
        isinstance(c, int | float | np.number | np.bool_) or is_null(c) for c in cells
    ):
        tracer.refuse(f"expected words or numbers to map to, got {cells[:3]!r}")
    at = _positions(tracer, value, list(known))
    filling = NULL_NAN if is_text else np.nan
    default = filling if default is None else default
    answers = [filling if is_null(cell) else cell for cell in known.values()]
    answers = [*answers, default, next(iter(nulls.values()), default)]
    kind = OBJECT if is_text else FLOAT64
    row = np.array(answers, object if is_text else np.float64)
    name = tracer.op("Gather", row, at)
    numbers = [abs(float(cell)) for cell in row.tolist() if not is_text and not is_null(cell)]
    described = [
        Feature(f.name, f.sources, has_nan=True, limit=max(numbers, default=0.0))
        for f in value.features
    ]
    return Value(name, kind, tuple(described), value.decided)


def _positions(tracer: Tracer, value: Value, keys: Sequence[Any]) -> str:
    """Give the place of each cell among keys, their number for another, one more for null."""
    numbers = {key: at for at, key in enumerate(keys)}
    options: dict[str, Any] = {
        "unknown": [len(keys)] * value.width,
        "scope": tracer.scope.path,
    }
    graph = tracer.scope.graph
    tracer.kept.update([key for key in keys if isinstance(key, str | int | float)][:256])
    if value.dtype == OBJECT:
        words: dict[Any, float] = {k: n for k, n in numbers.items() if isinstance(k, str)}
        words |= {NULL_NONE: len(keys) + 1, NULL_NAN: len(keys) + 1}
        return lookup(graph, value.name, [words] * value.width, keys=TEXT, **options)
    plain = {
        float(key): n for key, n in numbers.items() if isinstance(key, int | float | np.number)
    }
    wide = tracer.cast(value, FLOAT64)
    return lookup(
        graph,
        wide.name,
        [plain] * value.width,
        keys="float64",
        missing=[len(keys) + 1] * value.width,
        **options,
    )


def interpolated(
    tracer: Tracer,
    value: Value,
    points: NDArray[np.float64],
    heights: NDArray[np.float64],
    ends: tuple[float, float],
) -> Value:
    """Interpolate between constant points, in numpy's order of operations."""
    slopes = np.append((heights[1:] - heights[:-1]) / (points[1:] - points[:-1]), 0.0)
    count = bin_numbers(tracer, value, points, is_right=True).name
    at = tracer.op("Max", tracer.op("Sub", count, np.array(1)), np.array(0))
    start, height = tracer.op("Gather", points, at), tracer.op("Gather", heights, at)
    rise = tracer.op("Mul", tracer.op("Gather", slopes, at), tracer.op("Sub", value.name, start))
    result = tracer.op("Add", rise, height)
    result = tracer.op("Where", tracer.op("Equal", value.name, start), height, result)
    last = tracer.op("Equal", value.name, np.array(points[-1]))
    result = tracer.op("Where", last, np.array(heights[-1]), result)
    low = tracer.op("Less", value.name, np.array(points[0]))
    high = tracer.op("Greater", value.name, np.array(points[-1]))
    result = tracer.op("Where", low, np.array(float(ends[0])), result)
    result = tracer.op("Where", high, np.array(float(ends[1])), result)
    result = tracer.op("Where", tracer.op("IsNaN", value.name), value.name, result)
    largest = float(np.abs([*heights, *ends]).max())
    features = tuple(replace(f, limit=2 * largest) for f in value.features)
    return Value(result, FLOAT64, features, value.decided)
