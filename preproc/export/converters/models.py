"""The coverage of the exporter, models: estimator class → converter."""

from collections.abc import Mapping
from typing import Any, Final

from sklearn.calibration import (
    CalibratedClassifierCV,
)
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.compose import (
    TransformedTargetRegressor,
)
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import (
    RFE,
    RFECV,
)
from sklearn.frozen import (
    FrozenEstimator,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.isotonic import (
    IsotonicRegression,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.mixture import (
    BayesianGaussianMixture,
    GaussianMixture,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
    _ConstantPredictor,
)
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import (
    SelfTrainingClassifier,
)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from preproc.export.answers import Answer
from preproc.export.converters.adaboost import (
    ada_boost_classifier,
    ada_boost_regressor,
)
from preproc.export.converters.bagging import (
    bagging_classifier,
    bagging_regressor,
)
from preproc.export.converters.boosting import boosting_classifier, boosting_regressor
from preproc.export.converters.calibration import (
    calibrated_classifier,
)
from preproc.export.converters.cluster_labels import (
    birch_label,
    bisecting_k_means_label,
    k_means_label,
    nearest_centre_label,
)
from preproc.export.converters.compose import best_estimator, predicting_pipeline
from preproc.export.converters.delegates import (
    constant_predictor,
    eliminating_model,
    frozen_model,
    self_training,
)
from preproc.export.converters.discriminant import (
    linear_discriminant,
    nearest_centroid,
    quadratic_discriminant,
)
from preproc.export.converters.dummy import dummy_classifier, dummy_regressor
from preproc.export.converters.foreign import FOREIGN
from preproc.export.converters.forest import forest_classifier, forest_regressor
from preproc.export.converters.gaussian_process import (
    gaussian_process_classifier,
    gaussian_process_regressor,
)
from preproc.export.converters.gradient_boosting import (
    gradient_boosting_classifier,
    gradient_boosting_regressor,
)
from preproc.export.converters.isolation import isolation_forest
from preproc.export.converters.isotonic import (
    isotonic_prediction,
)
from preproc.export.converters.kernel_ridge import kernel_ridge
from preproc.export.converters.linear import (
    linear_classifier,
    logistic_regression,
    outlier_detector,
    ridge_classifier,
    stochastic_classifier,
)
from preproc.export.converters.linear_regression import (
    consensus_regressor,
    generalized_linear,
    linear_regressor,
    partial_least_squares_regressor,
)
from preproc.export.converters.lookup import ModelConverter, converter_of
from preproc.export.converters.mixture import (
    gaussian_mixture,
)
from preproc.export.converters.mlp import network_classifier, network_regressor
from preproc.export.converters.multiclass import (
    one_vs_one,
    one_vs_rest,
    output_code,
)
from preproc.export.converters.multioutput import (
    classifier_chain,
    multi_output_classifier,
    multi_output_regressor,
    regressor_chain,
)
from preproc.export.converters.naive_bayes import (
    bernoulli_nb,
    categorical_nb,
    complement_nb,
    gaussian_nb,
    multinomial_nb,
)
from preproc.export.converters.neighbour_radius import (
    radius_classifier,
    radius_regressor,
)
from preproc.export.converters.neighbour_votes import (
    local_outlier_factor,
    neighbours_classifier,
    neighbours_regressor,
)
from preproc.export.converters.stacking import (
    stacking_classifier,
    stacking_regressor,
)
from preproc.export.converters.svm import (
    support_vector_classifier,
    support_vector_outliers,
    support_vector_regressor,
)
from preproc.export.converters.target_transform import (
    transformed_target,
)
from preproc.export.converters.thresholds import (
    fixed_threshold,
    tuned_threshold,
)
from preproc.export.converters.voting import (
    voting_classifier,
    voting_regressor,
)
from preproc.export.scope import Scope, Step
from preproc.export.table import Table

MODELS: Final[Mapping[type, ModelConverter]] = {
    GaussianProcessClassifier: gaussian_process_classifier,
    GaussianProcessRegressor: gaussian_process_regressor,
    KernelRidge: kernel_ridge,
    _ConstantPredictor: constant_predictor,
    AdaBoostClassifier: ada_boost_classifier,
    AdaBoostRegressor: ada_boost_regressor,
    AffinityPropagation: nearest_centre_label,
    ARDRegression: linear_regressor,
    BaggingClassifier: bagging_classifier,
    BaggingRegressor: bagging_regressor,
    BayesianGaussianMixture: gaussian_mixture,
    BayesianRidge: linear_regressor,
    BernoulliNB: bernoulli_nb,
    Birch: birch_label,
    BisectingKMeans: bisecting_k_means_label,
    CalibratedClassifierCV: calibrated_classifier,
    CategoricalNB: categorical_nb,
    CCA: partial_least_squares_regressor,
    ClassifierChain: classifier_chain,
    ComplementNB: complement_nb,
    DecisionTreeClassifier: forest_classifier,
    DecisionTreeRegressor: forest_regressor,
    DummyClassifier: dummy_classifier,
    DummyRegressor: dummy_regressor,
    ElasticNet: linear_regressor,
    ElasticNetCV: linear_regressor,
    ExtraTreeClassifier: forest_classifier,
    ExtraTreeRegressor: forest_regressor,
    ExtraTreesClassifier: forest_classifier,
    ExtraTreesRegressor: forest_regressor,
    FixedThresholdClassifier: fixed_threshold,
    FrozenEstimator: frozen_model,
    GammaRegressor: generalized_linear,
    GaussianMixture: gaussian_mixture,
    GaussianNB: gaussian_nb,
    GradientBoostingClassifier: gradient_boosting_classifier,
    GradientBoostingRegressor: gradient_boosting_regressor,
    GridSearchCV: best_estimator,
    HalvingGridSearchCV: best_estimator,
    HalvingRandomSearchCV: best_estimator,
    HistGradientBoostingClassifier: boosting_classifier,
    HistGradientBoostingRegressor: boosting_regressor,
    HuberRegressor: linear_regressor,
    IsolationForest: isolation_forest,
    IsotonicRegression: isotonic_prediction,
    KMeans: k_means_label,
    KNeighborsClassifier: neighbours_classifier,
    KNeighborsRegressor: neighbours_regressor,
    Lars: linear_regressor,
    LarsCV: linear_regressor,
    Lasso: linear_regressor,
    LassoCV: linear_regressor,
    LassoLars: linear_regressor,
    LassoLarsCV: linear_regressor,
    LassoLarsIC: linear_regressor,
    LinearDiscriminantAnalysis: linear_discriminant,
    LinearRegression: linear_regressor,
    LinearSVC: linear_classifier,
    LinearSVR: linear_regressor,
    LocalOutlierFactor: local_outlier_factor,
    LogisticRegression: logistic_regression,
    LogisticRegressionCV: logistic_regression,
    MeanShift: nearest_centre_label,
    MiniBatchKMeans: k_means_label,
    MLPClassifier: network_classifier,
    MLPRegressor: network_regressor,
    MultinomialNB: multinomial_nb,
    MultiOutputClassifier: multi_output_classifier,
    MultiOutputRegressor: multi_output_regressor,
    MultiTaskElasticNet: linear_regressor,
    MultiTaskElasticNetCV: linear_regressor,
    MultiTaskLasso: linear_regressor,
    MultiTaskLassoCV: linear_regressor,
    NearestCentroid: nearest_centroid,
    NuSVC: support_vector_classifier,
    NuSVR: support_vector_regressor,
    OneClassSVM: support_vector_outliers,
    OneVsOneClassifier: one_vs_one,
    OneVsRestClassifier: one_vs_rest,
    OrthogonalMatchingPursuit: linear_regressor,
    OrthogonalMatchingPursuitCV: linear_regressor,
    OutputCodeClassifier: output_code,
    PassiveAggressiveClassifier: linear_classifier,
    PassiveAggressiveRegressor: linear_regressor,
    Perceptron: linear_classifier,
    Pipeline: predicting_pipeline,
    PLSCanonical: partial_least_squares_regressor,
    PLSRegression: partial_least_squares_regressor,
    PoissonRegressor: generalized_linear,
    QuadraticDiscriminantAnalysis: quadratic_discriminant,
    QuantileRegressor: linear_regressor,
    RadiusNeighborsClassifier: radius_classifier,
    RadiusNeighborsRegressor: radius_regressor,
    RandomForestClassifier: forest_classifier,
    RandomForestRegressor: forest_regressor,
    RandomizedSearchCV: best_estimator,
    RANSACRegressor: consensus_regressor,
    RegressorChain: regressor_chain,
    RFE: eliminating_model,
    RFECV: eliminating_model,
    Ridge: linear_regressor,
    RidgeClassifier: ridge_classifier,
    RidgeClassifierCV: ridge_classifier,
    RidgeCV: linear_regressor,
    SelfTrainingClassifier: self_training,
    SGDClassifier: stochastic_classifier,
    SGDOneClassSVM: outlier_detector,
    SGDRegressor: linear_regressor,
    StackingClassifier: stacking_classifier,
    StackingRegressor: stacking_regressor,
    SVC: support_vector_classifier,
    SVR: support_vector_regressor,
    TheilSenRegressor: linear_regressor,
    TransformedTargetRegressor: transformed_target,
    TunedThresholdClassifierCV: tuned_threshold,
    TweedieRegressor: generalized_linear,
    VotingClassifier: voting_classifier,
    VotingRegressor: voting_regressor,
}


def convert_model(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert one fitted predictor; its class must be in `MODELS`, subclasses are not."""
    answers = converter_of(MODELS, scope, fitted, FOREIGN)(scope, fitted, table)
    scope.steps.append(Step(scope.path, fitted, table, None))
    return answers
