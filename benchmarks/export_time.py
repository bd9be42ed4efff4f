"""How long an export takes, golden rows included, and how large the artifact is.

``python -m benchmarks.export_time`` prints one line a pipeline, each beside the time that
scikit-learn took to train it in the same run.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc.export import export_pipeline
from preproc.runtime import open_session

ROWS = 5000
HOLES = 0.05


def hundred_columns() -> tuple[Any, Any, Any]:
    """80 numbers with holes, 20 texts of 30 words each."""
    draw = np.random.default_rng(0)
    numbers, texts = [f"n{i}" for i in range(80)], [f"c{i}" for i in range(20)]
    data = pd.DataFrame(draw.normal(size=(ROWS, 80)), columns=numbers)
    data[draw.random(data.shape) < HOLES] = np.nan
    words = np.array([f"v{k}" for k in range(30)], object)
    data = data.assign(**{name: draw.choice(words, ROWS) for name in texts})
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [("n", make_pipeline(SimpleImputer(), StandardScaler()), numbers), ("c", codes, texts)]
    model = make_pipeline(ColumnTransformer(steps), HistGradientBoostingClassifier())
    return model, data, draw.integers(0, 2, ROWS)


def deep_forest() -> tuple[Any, Any, Any]:
    """100 deep trees of three classes."""
    draw = np.random.default_rng(0)
    data = draw.normal(size=(ROWS, 20))
    target = data[:, 0] + data[:, 1] * data[:, 2] + draw.normal(size=ROWS)
    return RandomForestClassifier(100, random_state=0), data, np.digitize(target, [-0.7, 0.7])


def long_boosting() -> tuple[Any, Any, Any]:
    """1000 trees, one after the other."""
    data = np.random.default_rng(0).normal(size=(2000, 20))
    return GradientBoostingRegressor(n_estimators=1000), data, data[:, 0] * 3


def tree_bytes(model: Any) -> Iterator[int]:
    """Sizes of the arrays of a model's trees."""
    for tree in np.ravel(getattr(model, "estimators_", [])):
        state = tree.tree_.__getstate__()
        yield state["nodes"].nbytes + state["values"].nbytes


def main() -> None:
    for make in (hundred_columns, deep_forest, long_boosting):
        model, data, target = make()
        began = time.perf_counter()
        fitted = model.fit(data, target)
        trained_s = time.perf_counter() - began
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            began = time.perf_counter()
            artifact = export_pipeline(fitted, data, target, repository=folder, name="model")
            exported_s = time.perf_counter() - began
            assert artifact.path is not None
            files = [file for file in Path(artifact.path).rglob("*") if file.is_file()]
            size = sum(file.stat().st_size for file in files)
            began = time.perf_counter()
            with open_session(artifact.path) as session:
                opened_s = time.perf_counter() - began
                got = session.run(data)
            key = "label" if "label" in got else "prediction"
            equal = int((got[key] == fitted.predict(data)).sum())
        trees = sum(tree_bytes(fitted))
        share = f", {size / trees:.2f} of its trees' arrays" if trees else ""
        print(
            f"{make.__name__}: trained in {trained_s:.1f} s, exported in {exported_s:.1f} s, "
            f"opened in {opened_s:.2f} s, {size / 1e6:.1f} MB{share}; "
            f"{equal} of {len(data)} rows equal"
        )


if __name__ == "__main__":
    main()
