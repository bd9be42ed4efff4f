"""Ranges of training numbers: over all rows, of every kind of data."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from preproc.artifact import read_artifact
from preproc.export import export_pipeline, ranges
from preproc.export.columns import signature_of

ROWS = 1000
PASS = FunctionTransformer()
X = np.linspace(-5, 5, 3 * ROWS).reshape(ROWS, 3)


def frame(kind: Any) -> Any:
    whole = np.arange(ROWS) - 2**62
    holes = np.where(np.arange(ROWS) % 7 == 0, np.nan, X[:, 0])
    return kind(
        {
            "x": X[:, 0],
            "holes": holes,
            "none": np.full(ROWS, np.nan),
            "wild": np.where(np.arange(ROWS) == 500, np.inf, 1.5),
            "whole": whole,
            "word": ["a", "b"] * (ROWS // 2),
            "is_new": [True, False] * (ROWS // 2),
        }
    )


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("chunk", [7, 65_536], ids=str)
def test_the_ends_of_all_rows_are_found(
    kind: Any, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "CHUNK_ROWS", chunk)
    data = frame(kind)
    holes = X[np.arange(ROWS) % 7 != 0, 0]
    assert ranges.ranges_of(data, signature_of(PASS, data)) == {
        "x": [[X[0, 0], X[-1, 0]]],
        "holes": [[holes.min(), holes.max()]],
        "none": [[]],
        "wild": [[1.5, None]],
        "whole": [[-(2**62), -(2**62) + ROWS - 1]],
    }


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (X, [[X[0, at], X[-1, at]] for at in range(3)]),
        (sparse.csr_matrix(X), [[X[0, at], X[-1, at]] for at in range(3)]),
    ],
    ids=["array", "sparse"],
)
def test_each_feature_of_an_array_has_its_own(data: Any, want: list[list[float]]) -> None:
    assert ranges.ranges_of(data, signature_of(PASS.fit(X), data)) == {"X": want}


def test_a_profile_tells_ranges_beyond_the_rows_that_it_samples(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preproc.export.proof.PROFILE_ROWS", 50)
    monkeypatch.setattr("preproc.export.proof.REAL_ROWS", 20)
    data = pd.DataFrame(X, columns=["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, X[:, 0] > 0)
    export_pipeline(pipeline, data, repository=tmp_path, name="lines")
    columns = read_artifact(tmp_path / "lines" / "1").profile["columns"]
    assert {name: places[0]["range"] for name, places in columns.items()} == {
        name: [data[name].min(), data[name].max()] for name in data
    }
    assert any(places[0]["edges"][-1] < places[0]["range"][1] for places in columns.values())
