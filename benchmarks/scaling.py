"""What grows with what: ``python -m benchmarks.scaling`` plots cost over size, with the slope.

Numeric columns, categories, trees and rows, each alone. The slope is that of the last decade on
paper with powers of ten on both axes: 1 is proportional, 0 is constant.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.pipelines import fitted, rows_of
from benchmarks.reporting import print_table, save, write
from benchmarks.timing import interleaved
from preproc.export.conversion import convert
from preproc.export.pipeline import contract_of
from preproc.graph import fuse, pack
from preproc.runtime.building import session_of

SIZES: Final[Mapping[str, tuple[int, ...]]] = {
    "columns": (10, 50, 200, 1000, 2000),
    "categories": (10, 100, 1000, 10_000, 100_000),
    "trees": (10, 30, 100, 300, 1000),
    "rows": (1, 10, 100, 1000, 10_000, 100_000, 1_000_000),
}
SCORED: Final = 100_000
"""Rows that are drawn; more are the same ones again."""

Point = tuple[Any, Any, Any]


def columns(size: int) -> Point:
    """Impute and scale many numbers, then a logistic regression."""
    draw = np.random.default_rng(0)
    data = draw.normal(size=(200, size))
    data[draw.random(data.shape) < 0.05] = np.nan  # noqa: PLR2004
    frame = pd.DataFrame(data, columns=[f"n{at}" for at in range(size)])
    steps = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    return steps.fit(frame, draw.integers(0, 2, 200)), frame, frame.iloc[:1]


def categories(size: int) -> Point:
    """One-hot encode one text of many words, then a logistic regression."""
    draw = np.random.default_rng(0)
    words = np.array([f"word {at}" for at in range(size)], object)
    frame = pd.DataFrame({"word": np.concatenate([words, words])})
    steps = make_pipeline(OneHotEncoder(), LogisticRegression(max_iter=5, tol=1.0))
    return steps.fit(frame, draw.integers(0, 2, 2 * size)), frame, frame.iloc[:1]


def trees(size: int) -> Point:
    """Boost trees of depth three on 20 numbers."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(500, 20)), columns=[f"n{at}" for at in range(20)])
    target = (frame["n0"] * frame["n1"] + draw.normal(size=500) > 0).astype(int)
    model = make_column_transformer((StandardScaler(), list(frame)))
    steps = make_pipeline(model, GradientBoostingClassifier(n_estimators=size))
    return steps.fit(frame, target), frame, frame.iloc[:1]


def rows(size: int) -> Point:
    """Ask P1 for more and more rows."""
    pipeline, frame = fitted("P1")
    asked = rows_of("P1", min(size, SCORED))
    return pipeline, frame, pd.concat([asked] * max(1, size // SCORED), ignore_index=True)


MAKERS: Final[Mapping[str, Callable[[int], Point]]] = {
    "columns": columns,
    "categories": categories,
    "trees": trees,
    "rows": rows,
}


def points(kind: str) -> Iterator[dict[str, Any]]:
    """Measure one kind at each size."""
    for size in SIZES[kind]:
        pipeline, frame, asked = MAKERS[kind](size)
        graph = convert(pipeline, frame)
        with session_of(contract_of(graph, "scaling"), graph.model) as session:
            ready = session.prepare(asked)
            is_long = len(asked) > SCORED // 10
            timed = interleaved(
                {"exact": lambda s=session, r=ready: s.run_prepared(r)},
                rounds=3 if is_long else 25,
                clock=time.process_time_ns,
            )["exact"]
        nodes = len(fuse(pack(graph.model).model).graph.node)
        yield {"of": kind, "size": size, "us": timed.median_us, "nodes": nodes}


def slope(found: list[dict[str, Any]]) -> float:
    """Exponent of cost over size between the last two sizes."""
    first, last = found[-2:]
    return float(np.log(last["us"] / first["us"]) / np.log(last["size"] / first["size"]))


def main() -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  # slow to import

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    lines = []
    for axes, kind in zip(figure.subplots(2, 2).flat, SIZES, strict=True):
        found = list(points(kind))
        end = slope(found)
        lines += [{**line, "slope": end if line is found[-1] else ""} for line in found]
        axes.loglog([line["size"] for line in found], [line["us"] for line in found], "o-")
        axes.set_ylim(10, max(1000, 2 * found[-1]["us"]))  # so that what is flat looks flat
        axes.set_xlabel(kind)
        axes.set_ylabel("microseconds a call")
        axes.set_title(f"{kind}: slope {end:.2f} at the end", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    print_table("cost over size, exact form, microseconds a call", lines)
    write("scaling", lines)
    save(figure, "scaling")


if __name__ == "__main__":
    main()
