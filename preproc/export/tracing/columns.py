"""Columns of a value: chosen, put side by side, repeated, set."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from preproc.export.table import least_certain
from preproc.export.tracing.tracer import Tracer, Value
from preproc.wording import counted


def taken(tracer: Tracer, value: Value, at: Sequence[int]) -> Value:
    """Choose columns by position."""
    if list(at) == list(range(value.width)):
        return value
    name = tracer.op("Gather", value.name, np.array(at, np.int64), axis=1)
    return replace(value, name=name, features=tuple(value.features[i] for i in at))


def side_by_side(tracer: Tracer, values: Sequence[Value]) -> Value:
    """Put columns of one dtype beside each other."""
    if len(values) == 1:
        return values[0]
    name = tracer.op("Concat", *(value.name for value in values), axis=1)
    features = tuple(feature for value in values for feature in value.features)
    return Value(name, values[0].dtype, features, least_certain(*(v.decided for v in values)))


def broadcast(tracer: Tracer, value: Value, width: int) -> Value:
    """Repeat a single column."""
    if value.width == width:
        return value
    if value.width != 1:
        tracer.refuse(f"expected {counted(width, 'column')}, got {value.width}")
    name = tracer.op("Gather", value.name, np.zeros(width, np.int64), axis=1)
    return replace(value, name=name, features=value.features * width)


def replaced(tracer: Tracer, value: Value, at: Sequence[int], new: Value) -> Value:
    """Put other columns in the place of some."""
    if list(at) == list(range(value.width)):
        return new
    order = np.arange(value.width)
    order[list(at)] = value.width + np.arange(len(at))
    return taken(tracer, side_by_side(tracer, [value, new]), order.tolist())


def chosen(tracer: Tracer, condition: Value, new: Value, old: Value) -> Value:
    """Choose cells by a condition of one column or of as many; both sides have one dtype."""
    width = max(condition.width, new.width, old.width)
    name = tracer.where(condition.name, new.name, old.name, new.dtype)
    features = []
    for at in range(width):
        parts = [v.features[at if v.width > 1 else 0] for v in (old, new, condition)]
        sources = tuple(dict.fromkeys(s for part in parts for s in part.sources))
        named = parts[0] if parts[0].sources else parts[1]
        features.append(
            replace(
                named,
                sources=sources,
                limit=max(parts[0].limit, parts[1].limit),
                has_nan=parts[0].has_nan or parts[1].has_nan,
            )
        )
    decided = least_certain(condition.decided, new.decided, old.decided)
    return Value(name, new.dtype, tuple(features), decided)
