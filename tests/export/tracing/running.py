"""One step of user code traced and proved, without an export around it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import FunctionTransformer

from preproc.export.columns import root_table, signature_of
from preproc.export.converters import convert_model, convert_transformer
from preproc.export.oracle import Oracle
from preproc.export.sampling import sample_rows
from preproc.export.scope import Ground, Scope
from preproc.export.table import Table
from preproc.export.tracing.alone import Alone, alone
from preproc.export.tracing.steps import traced
from preproc.graph import GraphBuilder

DRAW = np.random.default_rng(7)
ROWS = 60


def frame() -> pd.DataFrame:
    """Columns as people have them: numbers, words and times, with and without nulls."""
    words = np.array(["Anna-Lena", "bob smith", " Carol ", "DAVE", "éric", "x", "12-AB", "a,b;c"])
    moments = pd.Timestamp("2019-01-01") + pd.to_timedelta(
        DRAW.integers(0, 5 * 365 * 86_400, ROWS), unit="s"
    )
    later = moments + pd.to_timedelta(DRAW.integers(0, 10**7, ROWS), unit="s")
    data = pd.DataFrame(
        {
            "age": DRAW.integers(0, 100, ROWS),
            "income": DRAW.lognormal(10, 1, ROWS).round(2),
            "debt": np.where(DRAW.random(ROWS) < 0.2, np.nan, DRAW.normal(0, 5000, ROWS)),
            "lat": DRAW.uniform(-80, 80, ROWS),
            "lon": DRAW.uniform(-180, 180, ROWS),
            "children": DRAW.integers(0, 5, ROWS),
            "member": DRAW.random(ROWS) < 0.5,
            "city": DRAW.choice(["Bern", "Basel", "Genf", "Zug"], ROWS),
            "name": DRAW.choice(words, ROWS),
            "code": DRAW.choice(["A-12", "B-7", "C-120", "D-0"], ROWS),
            "day": DRAW.choice(["2024-02-29", "2023-12-31", "1999-01-01", "2020-6-5"], ROWS),
            "begin": moments,
            "end": later,
        }
    )
    data["zoned"] = data["begin"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    data.loc[::9, "city"] = None
    data.loc[::11, "end"] = pd.NaT
    return data


def traced_step(step: Any, data: Any) -> Table:
    """Convert a fitted step, or a function, on data, and prove it."""
    if isinstance(step, type(lambda: 0)) or not hasattr(step, "fit"):
        step = FunctionTransformer(step)
    signature = signature_of(step, data)
    builder = GraphBuilder()
    rows = sample_rows(data, 64, signature, 0)
    ground = Ground(builder, rows, Oracle(step, data, signature), {})
    scope = Scope(builder, "step", convert_transformer, convert_model, ground=ground)
    return convert_transformer(scope, step, root_table(scope, data, signature))


def graph_alone(function: Callable[[Any], Any], data: Any) -> Alone:
    """Trace a function on data into a graph of its own, which nothing has proved."""
    step = FunctionTransformer(function)
    signature = signature_of(step, data)
    scope = Scope(GraphBuilder(), "step", convert_transformer, convert_model)
    table = root_table(scope, data, signature)
    return alone(scope, table, lambda inner, t, _nudge: (traced(inner, step, t)[0], frozenset()))


Function = Callable[[Any], Any]
