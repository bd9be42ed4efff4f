"""Where a fitted step changes its mind: estimator class → thresholds of each of its features."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import AdditiveChi2Sampler, SkewedChi2Sampler
from sklearn.naive_bayes import BernoulliNB, CategoricalNB
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    LabelBinarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    TargetEncoder,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from preproc.export.converters.bins import k_bins_discretizer_edges
from preproc.export.converters.boosting import boosting_edges
from preproc.export.converters.catboost import catboost_edges
from preproc.export.converters.encode import category_edges
from preproc.export.converters.isotonic import isotonic_edges
from preproc.export.converters.kernel import (
    additive_chi2_sampler_edges,
    skewed_chi2_sampler_edges,
)
from preproc.export.converters.label import label_edges
from preproc.export.converters.lightgbm_model import lightgbm_edges
from preproc.export.converters.naive_bayes import bernoulli_nb_edges, categorical_nb_edges
from preproc.export.converters.power import power_transformer_edges
from preproc.export.converters.quantile import quantile_transformer_edges
from preproc.export.converters.scale import (
    binarizer_edges,
    max_abs_scaler_edges,
    min_max_scaler_edges,
)
from preproc.export.converters.spline import spline_transformer_edges
from preproc.export.converters.tree import tree_edges
from preproc.export.converters.xgboost_model import xgboost_edges

Edges = Mapping[int, NDArray[np.float64]]

EDGES: Final[Mapping[type, Callable[[Any], Edges]]] = {
    AdditiveChi2Sampler: additive_chi2_sampler_edges,
    BernoulliNB: bernoulli_nb_edges,
    Binarizer: binarizer_edges,
    CategoricalNB: categorical_nb_edges,
    DecisionTreeClassifier: tree_edges,
    DecisionTreeRegressor: tree_edges,
    ExtraTreeClassifier: tree_edges,
    ExtraTreeRegressor: tree_edges,
    ExtraTreesClassifier: tree_edges,
    ExtraTreesRegressor: tree_edges,
    GradientBoostingClassifier: tree_edges,
    GradientBoostingRegressor: tree_edges,
    HistGradientBoostingClassifier: boosting_edges,
    HistGradientBoostingRegressor: boosting_edges,
    IsolationForest: tree_edges,
    IsotonicRegression: isotonic_edges,
    KBinsDiscretizer: k_bins_discretizer_edges,
    LabelBinarizer: label_edges,
    LabelEncoder: label_edges,
    MaxAbsScaler: max_abs_scaler_edges,
    MinMaxScaler: min_max_scaler_edges,
    OneHotEncoder: category_edges,
    OrdinalEncoder: category_edges,
    PowerTransformer: power_transformer_edges,
    QuantileTransformer: quantile_transformer_edges,
    RandomForestClassifier: tree_edges,
    RandomForestRegressor: tree_edges,
    RandomTreesEmbedding: tree_edges,
    SkewedChi2Sampler: skewed_chi2_sampler_edges,
    SplineTransformer: spline_transformer_edges,
    TargetEncoder: category_edges,
}
"""Feature of the step's input → values at which its output may jump or bend."""

FOREIGN_EDGES: Final[Mapping[str, Callable[[Any], Edges]]] = {
    "catboost.core.CatBoostClassifier": catboost_edges,
    "catboost.core.CatBoostRegressor": catboost_edges,
    "lightgbm.sklearn.LGBMClassifier": lightgbm_edges,
    "lightgbm.sklearn.LGBMRanker": lightgbm_edges,
    "lightgbm.sklearn.LGBMRegressor": lightgbm_edges,
    "xgboost.sklearn.XGBClassifier": xgboost_edges,
    "xgboost.sklearn.XGBRFClassifier": xgboost_edges,
    "xgboost.sklearn.XGBRFRegressor": xgboost_edges,
    "xgboost.sklearn.XGBRanker": xgboost_edges,
    "xgboost.sklearn.XGBRegressor": xgboost_edges,
}
"""The same for classes of other libraries, by their full names."""

MAX_EDGES: Final = 512
"""Edges a feature; more are thinned out evenly, first and last stay."""


def edges_of(fitted: Any) -> Edges:
    """Give the distinct finite edges of a fitted step, ascending, at most `MAX_EDGES` a feature."""
    kind = type(fitted)
    foreign = FOREIGN_EDGES.get(f"{kind.__module__}.{kind.__qualname__}", lambda _: {})
    found = EDGES.get(kind, foreign)(fitted)
    edges = {feature: np.unique(values[np.isfinite(values)]) for feature, values in found.items()}
    return {feature: _thinned(values) for feature, values in edges.items() if len(values)}


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) <= MAX_EDGES:
        return values
    kept = np.linspace(0, len(values) - 1, MAX_EDGES).round().astype(int)
    thinned: NDArray[np.float64] = values[kept]
    return thinned
