"""The coverage of the exporter, models: estimator class → converter."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from preproc.export.answers import Answer
from preproc.export.converters.boosting import boosting_classifier, boosting_regressor
from preproc.export.converters.compose import best_estimator, predicting_pipeline
from preproc.export.converters.linear import (
    linear_classifier,
    logistic_regression,
    outlier_detector,
)
from preproc.export.converters.lookup import converter_of
from preproc.export.scope import Scope, Step
from preproc.export.table import Table

ModelConverter = Callable[[Scope, Any, Table], tuple[Answer, ...]]

MODELS: Final[Mapping[type, ModelConverter]] = {
    GridSearchCV: best_estimator,
    HalvingGridSearchCV: best_estimator,
    HalvingRandomSearchCV: best_estimator,
    HistGradientBoostingClassifier: boosting_classifier,
    HistGradientBoostingRegressor: boosting_regressor,
    LinearSVC: linear_classifier,
    LogisticRegression: logistic_regression,
    Perceptron: linear_classifier,
    Pipeline: predicting_pipeline,
    RandomizedSearchCV: best_estimator,
    RidgeClassifier: linear_classifier,
    SGDClassifier: linear_classifier,
    SGDOneClassSVM: outlier_detector,
}

FOREIGN: Final[Mapping[str, ModelConverter]] = {}
"""Classes of other libraries by their full names, so that none of them is imported."""


def convert_model(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert one fitted predictor; its class must be in `MODELS`, subclasses are not."""
    answers = converter_of(MODELS, scope, fitted, FOREIGN)(scope, fitted, table)
    scope.steps.append(Step(scope.path, fitted, table, None))
    return answers
