"""Shared data: one small mixed table, and pipelines fitted on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from preproc import Artifact
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session
from preproc.runtime.forms import VARIABLE
from tests.devices import allow_software_gpu

ROWS = 600

settings.load_profile("ci")  # the same examples each time, however long one takes


def pytest_configure() -> None:
    allow_software_gpu()
    os.environ[VARIABLE] = ""  # forms are made, not found


def make_table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Two floats with holes, an integer, and three texts, one of them with nulls."""
    draw = np.random.default_rng(seed)
    height = draw.normal(1.7, 0.1, rows)
    income = draw.lognormal(10, 1, rows)
    height[draw.random(rows) < 0.1] = np.nan
    income[draw.random(rows) < 0.05] = np.nan
    city = draw.choice(["Oslo", "Zürich", "", "nan"], rows, p=[0.5, 0.3, 0.1, 0.1])
    plan = draw.choice(["free", "pro", "rare"], rows, p=[0.6, 0.38, 0.02])
    street = draw.choice([f"street {i}" for i in range(30)], rows)
    return pd.DataFrame(
        {
            "height": height,
            "income": income,
            "visits": draw.integers(0, 50, rows),
            "city": pd.Series(city, dtype=object).mask(draw.random(rows) < 0.1, None),
            "plan": pd.Series(plan, dtype="str"),
            "street": pd.Series(street, dtype="str"),
            "unread": np.arange(rows),
        }
    )


def make_target(table: pd.DataFrame) -> pd.Series:
    """Depends on numbers, texts and chance."""
    draw = np.random.default_rng(1)
    score = table["visits"] / 25 - 1 + (table["plan"] == "pro") + draw.normal(0, 1, len(table))
    return (score + table["height"].fillna(1.7) - 1.7 > 0).astype("int64")


def make_preparation(*, sparse_threshold: float) -> ColumnTransformer:
    numbers = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True)),
            ("scale", StandardScaler()),
        ]
    )
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
    return ColumnTransformer(
        [
            ("numbers", numbers, ["visits", "height", "income"]),
            ("codes", codes, ["city", "plan"]),
            ("street", TargetEncoder(), ["street"]),
        ],
        sparse_threshold=sparse_threshold,
    )


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return make_table()


@pytest.fixture(scope="session")
def target(table: pd.DataFrame) -> pd.Series:
    return make_target(table)


@pytest.fixture(scope="session")
def logistic(table: pd.DataFrame, target: pd.Series) -> Pipeline:
    steps = [("prep", make_preparation(sparse_threshold=1.0)), ("model", LogisticRegression())]
    return Pipeline(steps).fit(table, target)


@pytest.fixture(scope="session")
def boosting(table: pd.DataFrame, target: pd.Series) -> Pipeline:
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0)
    steps = [("prep", make_preparation(sparse_threshold=0.0)), ("model", model)]
    return Pipeline(steps).fit(table, target)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def logistic_artifact(
    logistic: Pipeline, table: pd.DataFrame, target: pd.Series, repository: Path
) -> Artifact:
    outputs = ("label", "probabilities", "scores")
    return export_pipeline(
        logistic, table, target, repository=repository, name="logistic", outputs=outputs
    )


@pytest.fixture(scope="session")
def boosting_artifact(
    boosting: Pipeline, table: pd.DataFrame, target: pd.Series, repository: Path
) -> Artifact:
    outputs = ("label", "probabilities", "scores")
    return export_pipeline(
        boosting, table, target, repository=repository, name="boosting", outputs=outputs
    )


@pytest.fixture(scope="session")
def session(logistic_artifact: Artifact) -> Iterator[Session]:
    assert logistic_artifact.path is not None
    with open_session(logistic_artifact.path) as opened:
        yield opened


@pytest.fixture(scope="session")
def served() -> pd.DataFrame:
    """Rows that training did not see, without the column that no step reads."""
    return make_table(300, seed=7).drop(columns="unread")
