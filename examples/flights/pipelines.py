"""Two models behind the same preparation: a linear one and a boosted forest."""

from typing import Final

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from examples.flights.data import DEPARTURE, DISTANCE, NEW_YORK, WEATHER

SEED: Final = 13


def logistic() -> Pipeline:
    """Build the linear model.

    Its columns are kept sparse, though six in ten are not zero and scikit-learn would make them
    dense: the score of a sparse row is a sum in the order of the columns, the same on every
    machine, while that of a dense one is left to BLAS, whose order depends on the machine and on
    the number of rows.
    """
    return Pipeline(
        [
            ("prepare", _preparation(sparse_threshold=1.0)),
            ("model", LogisticRegression(max_iter=200)),
        ]
    )


def boosting() -> Pipeline:
    """Build the boosted forest; it takes dense columns only."""
    return Pipeline(
        [
            ("prepare", _preparation(sparse_threshold=0.0)),
            ("model", HistGradientBoostingClassifier(random_state=SEED)),
        ]
    )


def calendar(X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803  # scikit-learn's name
    """Read hour, minute, month and weekday (0 is Monday) off the clock of New York."""
    departure = X[DEPARTURE].dt.tz_convert(NEW_YORK).dt
    return pd.DataFrame(
        {
            "hour": departure.hour,
            "minute": departure.minute,
            "month": departure.month,
            "weekday": departure.day_of_week,
        }
    )


def _preparation(*, sparse_threshold: float) -> ColumnTransformer:
    numbers = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True)),
            ("scale", StandardScaler()),
        ]
    )
    clock = Pipeline([("derive", FunctionTransformer(calendar)), ("scale", StandardScaler())])
    # The folds are what is random in a target encoding; fixed, a second fit gives the same model.
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=50)
    return ColumnTransformer(
        [
            ("clock", clock, [DEPARTURE]),
            ("numbers", numbers, [DISTANCE, *WEATHER]),
            ("codes", codes, ["carrier", "origin"]),
            ("dest", TargetEncoder(cv=folds), ["dest"]),
        ],
        sparse_threshold=sparse_threshold,
    )
