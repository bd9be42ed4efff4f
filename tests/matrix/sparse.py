"""Models on sparse rows."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder


def on_sparse(model: Any) -> Pipeline:
    """Put what makes "few floats" sparse in front of a model."""
    codes = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), [0, 1]),
            ("numbers", MaxAbsScaler(), [2]),
        ],
        sparse_threshold=1.0,
    )
    return make_pipeline(codes, model)
