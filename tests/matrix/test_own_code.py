"""Pipelines with code of one's own in them: a function, a class, text by pandas' methods."""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from tests.matrix.harness import Case, check


class Ratio(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Divide the first column by the others, their medians beneath them."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803, ARG002
        """Learn the medians."""
        self.medians_ = np.median(np.abs(X), axis=0)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Divide."""
        return np.column_stack([X, X[:, 0] / (np.abs(X[:, 1:]) + self.medians_[1:]).sum(axis=1)])


def _lower(frame: Any) -> Any:
    return frame.apply(lambda column: column.str.lower())


def _parts(frame: Any) -> Any:
    begin = frame["begin"].dt
    return frame.assign(
        hour=np.sin(2 * np.pi * begin.hour / 24),
        month=begin.month,
        weekend=(begin.day_of_week >= 5).astype(int),
        days=((frame["end"] - frame["begin"]).dt.total_seconds() / 86_400).fillna(-1),
    ).drop(columns=["begin", "end"])


CASES: Final = [
    Case(
        "log1p, polynomial, Lasso",
        make_pipeline(
            FunctionTransformer(np.log1p), PolynomialFeatures(2), StandardScaler(), Lasso(0.1)
        ),
        "positive",
        "bounded",
        target="amounts",
    ),
    Case(
        "ratio of one's own, LogisticRegression",
        make_pipeline(Ratio(), StandardScaler(), LogisticRegression(max_iter=500)),
        "centred",
        "bounded",
        target="two",
    ),
    Case(
        "lower case, one-hot, LogisticRegression",
        make_pipeline(
            ColumnTransformer(
                [
                    (
                        "words",
                        make_pipeline(
                            FunctionTransformer(_lower), OneHotEncoder(handle_unknown="ignore")
                        ),
                        ["colour"],
                    ),
                    ("whole", StandardScaler(), ["count"]),
                ]
            ),
            LogisticRegression(max_iter=500),
        ),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "hour, month, weekend and days of times, Ridge",
        make_pipeline(FunctionTransformer(_parts), StandardScaler(), Ridge()),
        "frame of times",
        "bounded",
        target="amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pipelines_with_code_of_ones_own(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
