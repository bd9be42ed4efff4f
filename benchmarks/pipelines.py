"""The four pipelines whose speed is measured, and the rows that they are measured on."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, RobustScaler, StandardScaler

NUMBERS: Final = tuple(f"n{at}" for at in range(20))
SIZES: Final = (10, 15, 25, 40, 60, 90, 140, 200)
"""Categories of each text column."""
WORDS: Final = tuple(f"c{at}" for at in range(len(SIZES)))
WIDE: Final = tuple(f"x{at}" for at in range(100))
TRAINED_ON: Final = 4000


def mixed(rows: int, seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """20 numbers of many scales with holes, 8 texts of 10 to 200 categories, a label."""
    draw, world = np.random.default_rng(seed), np.random.default_rng(1)
    plain = draw.normal(size=(rows, len(NUMBERS)))
    numbers = plain * np.logspace(-2, 3, len(NUMBERS)) + np.linspace(-5, 50, len(NUMBERS))
    numbers[draw.random(numbers.shape) < 0.05] = np.nan  # noqa: PLR2004
    frame = pd.DataFrame(numbers, columns=list(NUMBERS))
    score = 0.7 * plain[:, :6].sum(axis=1)
    for at, size in enumerate(SIZES):
        weights, drawn = world.normal(size=size), draw.integers(0, size, rows)
        frame[WORDS[at]] = np.array([f"word {at} {word}" for word in range(size)], object)[drawn]
        score = score + 0.5 * weights[drawn]
    return frame, (score + draw.normal(size=rows) > 0).astype(np.int64)


def wide(rows: int, seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """100 skewed numbers with holes, a sum of logarithms to predict."""
    draw = np.random.default_rng(seed)
    count = len(WIDE)
    numbers = np.exp(0.7 * draw.normal(size=(rows, count))) * np.linspace(0.5, 20, count)
    numbers -= 3 * draw.random(count)
    target = np.log1p(np.abs(numbers[:, :10])).sum(axis=1) + 0.1 * draw.normal(size=rows)
    numbers[draw.random(numbers.shape) < 0.03] = np.nan  # noqa: PLR2004
    return pd.DataFrame(numbers, columns=list(WIDE)), target


def _mixed_with(model: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    codes = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((numbers, list(NUMBERS)), (codes, list(WORDS))), model
    )


def linear() -> Any:
    return _mixed_with(LogisticRegression(max_iter=500))


def boosting() -> Any:
    return _mixed_with(GradientBoostingClassifier(max_depth=3, random_state=0))


def forest() -> Any:
    return _mixed_with(RandomForestClassifier(random_state=0))


def powers() -> Any:
    return make_pipeline(
        SimpleImputer(strategy="median"), RobustScaler(), PowerTransformer(), PCA(30), Ridge()
    )


CASES: Final[Mapping[str, tuple[Callable[[], Any], Callable[..., Any]]]] = {
    "P1": (linear, mixed),
    "GBC100": (boosting, mixed),
    "RF100": (forest, mixed),
    "P3": (powers, wide),
}
"""Name → how the pipeline is made, and how its rows are drawn."""


def fitted(name: str) -> tuple[Any, pd.DataFrame]:
    """Train one pipeline; give it and the rows that it was trained on."""
    make, drawn = CASES[name]
    frame, target = drawn(TRAINED_ON, seed=1)
    return make().fit(frame, target), frame


def rows_of(name: str, rows: int) -> pd.DataFrame:
    """Draw rows that the pipeline was not trained on."""
    frame: pd.DataFrame = CASES[name][1](rows, seed=7)[0]
    return frame
