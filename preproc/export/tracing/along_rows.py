"""Along each row of a frame, as pandas does it: NaN is skipped."""

from dataclasses import replace

import numpy as np

from preproc.export.tracing.apply import applied
from preproc.export.tracing.reductions import count, folded, total, without_nan
from preproc.export.tracing.tracer import BOOL, FLOAT64, Tracer, Value


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
