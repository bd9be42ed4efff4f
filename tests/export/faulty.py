"""Transformers as people write them, each with one fault that breaks serving; and clean ones."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import FunctionTransformer

ROWS: Final = 120


def people() -> pd.DataFrame:
    """Rows with numbers, whole numbers, text, dates and missing values."""
    generator = np.random.default_rng(0)
    seconds = pd.to_timedelta(generator.integers(0, 86400 * 300, ROWS), unit="s")
    days = pd.to_timedelta(generator.integers(0, 9000, ROWS), unit="D")
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 90, ROWS).astype(float),
            "paid": generator.lognormal(3, 1, ROWS),
            "plan": generator.choice(["a", "b", "c", "d"], ROWS),
            "seen": pd.Timestamp("2024-01-01") + seconds,
            "visits": generator.integers(0, 50, ROWS),
            "born": pd.Timestamp("1990-01-01") + days,
        }
    )
    frame.loc[generator.random(ROWS) < 0.1, "paid"] = np.nan
    return frame


class RefitScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Learns at transform."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return (X[["age"]] - X[["age"]].mean()) / X[["age"]].std()


class Counter(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Counts its calls."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002
        self.calls_ = 0
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        self.calls_ += 1
        return X[["age"]] + self.calls_


class LeaveOneOut(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Encodes the rows that it learns from otherwise, on purpose."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        self.means_ = pd.Series(np.asarray(y, float)).groupby(X["plan"].to_numpy()).mean()
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return X[["plan"]].replace(self.means_.to_dict()).astype(float)

    def fit_transform(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        given = self.fit(X, y).transform(X)
        return given + np.linspace(0, 1, len(given)).reshape(-1, 1)


def _changes_its_input(frame: Any) -> Any:
    frame["age"] = frame["age"] + 1
    return frame[["age"]]


def _local_hour(frame: Any) -> Any:
    hours = [dt.datetime.fromtimestamp(t.timestamp()).hour for t in frame["seen"]]  # noqa: DTZ006
    return np.array(hours).reshape(-1, 1)


FAULTY: Final[Mapping[str, tuple[Callable[[Any], Any] | BaseEstimator, str]]] = {
    "batch mean": (lambda f: f[["paid"]].fillna(f["paid"].mean()), "row independence"),
    "scaler fitted anew": (RefitScaler(), "row independence"),
    "rank in the batch": (lambda f: f[["paid"]].rank(pct=True), "row independence"),
    "dummies at serving": (lambda f: pd.get_dummies(f["plan"]).astype(float), "row independence"),
    "codes at serving": (lambda f: pd.factorize(f["plan"])[0].reshape(-1, 1), "row independence"),
    "lag": (lambda f: f[["paid"]].diff().fillna(0), "row independence"),
    "running sum": (lambda f: f[["visits"]].cumsum(), "row independence"),
    "quantiles of the batch": (
        lambda f: pd.qcut(f["age"], 4, labels=False).to_numpy().reshape(-1, 1),
        "concatenation",
    ),
    "duplicates dropped": (lambda f: f[["plan", "visits"]].drop_duplicates(), "row count"),
    "filled from the row before": (lambda f: f[["paid"]].ffill().fillna(0), "row independence"),
    "scaled by the largest": (lambda f: f[["visits"]] / f["visits"].max(), "row independence"),
    "age from pandas' now": (
        lambda f: (pd.Timestamp.now() - f["born"]).dt.days.to_numpy().reshape(-1, 1),
        "wall clock",
    ),
    "age from numpy's now": (
        lambda f: (
            (np.datetime64("now") - f["born"].to_numpy()).astype("m8[D]").astype(int)[:, None]
        ),
        "wall clock",
    ),
    "hour of the server's zone": (_local_hour, "time zone"),
    "Python's hash": (
        lambda f: np.array([hash(word) % 1000 for word in f["plan"]]).reshape(-1, 1),
        "hash seed",
    ),
    "noise": (
        lambda f: f[["age"]] + np.random.default_rng().normal(size=(len(f), 1)),
        "determinism",
    ),
    "a counter": (Counter(), "determinism"),
    "columns by position": (lambda f: f.iloc[:, :1].astype(str), "column order"),
    "whole numbers that overflow": (lambda f: f[["visits"]] * 10**8 // 3, "input dtype"),
    "changes its input": (_changes_its_input, "purity"),
    "aligned by the index": (
        lambda f: (f["age"] + pd.Series(np.arange(len(f)))).to_numpy().reshape(-1, 1),
        "index independence",
    ),
}
"""Name → function or transformer, and a relation that must object to it."""

CLEAN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "logarithm": lambda f: np.log1p(f[["paid"]].fillna(1.0)),
    "ratio": lambda f: (f["paid"] / (f["visits"] + 1)).to_numpy().reshape(-1, 1),
    "age at a date": lambda f: (f["seen"] - f["born"]).dt.days.to_numpy().reshape(-1, 1),
    "upper case": lambda f: f[["plan"]].apply(lambda column: column.str.upper()),
    "parts of a date": lambda f: pd.DataFrame({"h": f["seen"].dt.hour, "m": f["seen"].dt.month}),
    "bins": lambda f: np.digitize(f[["age"]], [20.0, 40.0, 60.0]),
}


def transformer(work: Callable[[Any], Any] | BaseEstimator) -> Any:
    """Fit a transformer, or a function in one."""
    step: Any = work if isinstance(work, BaseEstimator) else FunctionTransformer(work)
    return step.fit(people())
