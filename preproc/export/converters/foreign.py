"""The coverage of the exporter, other libraries: full name of an estimator class → converter.

By name, so that a table can list them without importing a single one of these libraries.
"""

from collections.abc import Mapping
from typing import Final

from preproc.export.converters.adaboost import ada_boost_classifier
from preproc.export.converters.bagging import bagging_classifier
from preproc.export.converters.catboost import catboost_classifier, catboost_regressor
from preproc.export.converters.compose import predicting_pipeline
from preproc.export.converters.forest import forest_classifier
from preproc.export.converters.lightgbm import lightgbm_classifier, lightgbm_regressor
from preproc.export.converters.lookup import ModelConverter
from preproc.export.converters.xgboost import xgboost_classifier, xgboost_regressor

FOREIGN: Final[Mapping[str, ModelConverter]] = {
    "catboost.core.CatBoostClassifier": catboost_classifier,
    "catboost.core.CatBoostRegressor": catboost_regressor,
    "imblearn.ensemble._bagging.BalancedBaggingClassifier": bagging_classifier,
    "imblearn.ensemble._easy_ensemble.EasyEnsembleClassifier": bagging_classifier,
    "imblearn.ensemble._forest.BalancedRandomForestClassifier": forest_classifier,
    "imblearn.ensemble._weight_boosting.RUSBoostClassifier": ada_boost_classifier,
    "imblearn.pipeline.Pipeline": predicting_pipeline,
    "lightgbm.sklearn.LGBMClassifier": lightgbm_classifier,
    "lightgbm.sklearn.LGBMRanker": lightgbm_regressor,
    "lightgbm.sklearn.LGBMRegressor": lightgbm_regressor,
    "xgboost.sklearn.XGBClassifier": xgboost_classifier,
    "xgboost.sklearn.XGBRFClassifier": xgboost_classifier,
    "xgboost.sklearn.XGBRFRegressor": xgboost_regressor,
    "xgboost.sklearn.XGBRanker": xgboost_regressor,
    "xgboost.sklearn.XGBRegressor": xgboost_regressor,
}
