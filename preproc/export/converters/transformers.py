"""The coverage of the exporter, transformers: estimator class → converter."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sklearn.cluster import (
    Birch,
    BisectingKMeans,
    FeatureAgglomeration,
    KMeans,
    MiniBatchKMeans,
)
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    LatentDirichletAllocation,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparseCoder,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    RandomTreesEmbedding,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    KernelCenterer,
    LabelBinarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    MultiLabelBinarizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection
from sklearn.utils._set_output import _get_output_config

from preproc.export.converters.bins import k_bins_discretizer
from preproc.export.converters.cluster import birch, feature_agglomeration, k_means
from preproc.export.converters.compose import column_transformer, feature_union, pipeline
from preproc.export.converters.decompose import (
    bernoulli_rbm,
    discriminant_analysis,
    factor_analysis,
    fast_ica,
    neighborhood_components,
    partial_least_squares,
    pca,
    sparse_coding,
    sparse_pca,
    truncated_svd,
)
from preproc.export.converters.delegates import frozen_transformer, graph_transformer
from preproc.export.converters.embed import random_trees_embedding, search
from preproc.export.converters.impute import missing_indicator, simple_imputer
from preproc.export.converters.impute_iterative import iterative_imputer
from preproc.export.converters.impute_neighbours import knn_imputer
from preproc.export.converters.isotonic import isotonic_transform
from preproc.export.converters.kernel import (
    additive_chi2_sampler,
    count_sketch,
    nystroem,
    rbf_sampler,
    skewed_chi2_sampler,
)
from preproc.export.converters.kernel_pca import kernel_pca
from preproc.export.converters.label import (
    label_binarizer,
    label_encoder,
    multi_label_binarizer,
)
from preproc.export.converters.lookup import TransformerConverter, converter_of, full_name
from preproc.export.converters.onehot import one_hot_encoder
from preproc.export.converters.ordinal import ordinal_encoder
from preproc.export.converters.polynomial import polynomial_features
from preproc.export.converters.power import power_transformer
from preproc.export.converters.project import random_projection
from preproc.export.converters.quantile import quantile_transformer
from preproc.export.converters.scale import (
    binarizer,
    function_transformer,
    kernel_centerer,
    max_abs_scaler,
    min_max_scaler,
    normalizer,
    robust_scaler,
    standard_scaler,
)
from preproc.export.converters.select import selector
from preproc.export.converters.spline import spline_transformer
from preproc.export.converters.target import target_encoder
from preproc.export.scope import Scope, Step
from preproc.export.table import Table
from preproc.export.tracing import is_traceable, own_step, tabulate_step, trace_step

TRANSFORMERS: Final[Mapping[type, TransformerConverter]] = {
    AdditiveChi2Sampler: additive_chi2_sampler,
    BernoulliRBM: bernoulli_rbm,
    Binarizer: binarizer,
    Birch: birch,
    BisectingKMeans: k_means,
    CCA: partial_least_squares,
    ColumnTransformer: column_transformer,
    DictionaryLearning: sparse_coding,
    FactorAnalysis: factor_analysis,
    FastICA: fast_ica,
    FeatureAgglomeration: feature_agglomeration,
    FeatureUnion: feature_union,
    FrozenEstimator: frozen_transformer,
    FunctionTransformer: function_transformer,
    GaussianRandomProjection: random_projection,
    GenericUnivariateSelect: selector,
    IncrementalPCA: pca,
    Isomap: search,
    IsotonicRegression: isotonic_transform,
    IterativeImputer: iterative_imputer,
    KBinsDiscretizer: k_bins_discretizer,
    KMeans: k_means,
    KNNImputer: knn_imputer,
    KernelCenterer: kernel_centerer,
    KernelPCA: kernel_pca,
    LabelBinarizer: label_binarizer,
    LabelEncoder: label_encoder,
    LatentDirichletAllocation: search,
    LinearDiscriminantAnalysis: discriminant_analysis,
    LocallyLinearEmbedding: search,
    MaxAbsScaler: max_abs_scaler,
    MinMaxScaler: min_max_scaler,
    MiniBatchDictionaryLearning: sparse_coding,
    MiniBatchKMeans: k_means,
    MiniBatchNMF: search,
    MiniBatchSparsePCA: sparse_pca,
    MissingIndicator: missing_indicator,
    MultiLabelBinarizer: multi_label_binarizer,
    NMF: search,
    NeighborhoodComponentsAnalysis: neighborhood_components,
    Normalizer: normalizer,
    Nystroem: nystroem,
    OneHotEncoder: one_hot_encoder,
    OrdinalEncoder: ordinal_encoder,
    PCA: pca,
    PLSCanonical: partial_least_squares,
    PLSRegression: partial_least_squares,
    PLSSVD: partial_least_squares,
    Pipeline: pipeline,
    PolynomialCountSketch: count_sketch,
    PolynomialFeatures: polynomial_features,
    PowerTransformer: power_transformer,
    QuantileTransformer: quantile_transformer,
    RBFSampler: rbf_sampler,
    RFE: selector,
    RFECV: selector,
    RandomTreesEmbedding: random_trees_embedding,
    RobustScaler: robust_scaler,
    SelectFdr: selector,
    SelectFpr: selector,
    SelectFromModel: selector,
    SelectFwe: selector,
    SelectKBest: selector,
    SelectPercentile: selector,
    SequentialFeatureSelector: selector,
    SimpleImputer: simple_imputer,
    SkewedChi2Sampler: skewed_chi2_sampler,
    SparseCoder: sparse_coding,
    SparsePCA: sparse_pca,
    SparseRandomProjection: random_projection,
    SplineTransformer: spline_transformer,
    StandardScaler: standard_scaler,
    TargetEncoder: target_encoder,
    TruncatedSVD: truncated_svd,
    VarianceThreshold: selector,
}


OWN: Final[Mapping[str, TransformerConverter]] = {
    "preproc.export.graph_transformer.GraphTransformer": graph_transformer,
}
"""Full names of our own classes, which stand above this table and use it."""


def convert_transformer(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert one fitted transformer: as the caller says, by the table, or by a trace.

    The caller's own converter comes first, then what is declared to be a function of words. Only
    the exact classes of `TRANSFORMERS` are converted by it; subclasses are user code.
    """
    own = scope.ground.converters.get(type(fitted)) if scope.ground else None
    if own is not None:
        given = own_step(scope, fitted, table, own)
    elif scope.ground and scope.path in scope.ground.tabulate:
        if not is_user_code(fitted):
            raise scope.error(
                f"tabulate: expected a step of Python code, got {type(fitted).__name__}, which is "
                "converted by its class; leave it out"
            )
        given = tabulate_step(scope, fitted, table)
    elif is_user_code(fitted):
        given = trace_step(scope, fitted, table)
    else:
        given = converter_of(TRANSFORMERS, scope, fitted, OWN)(scope, fitted, table)
    given = _contained(fitted, given)
    scope.steps.append(Step(scope.path, fitted, table, given))
    return given


def is_user_code(fitted: Any) -> bool:
    """Whether a step has no converter of ours but Python that can be traced."""
    is_known = _is_known(fitted) and type(fitted) is not FunctionTransformer
    return not is_known and is_traceable(fitted)


def _is_known(fitted: Any) -> bool:
    return type(fitted) in TRANSFORMERS or full_name(fitted) in OWN


def _contained(fitted: Any, given: Table) -> Table:
    """Tell what scikit-learn puts the result into: a frame where ``set_output`` asks for one."""
    if isinstance(fitted, Pipeline | FrozenEstimator):
        return given
    kind = _get_output_config("transform", fitted)["dense"]
    if kind == "default":
        is_kept = isinstance(fitted, FunctionTransformer) or not _is_known(fitted)
        return given if is_kept else replace(given, frame="")
    if not hasattr(fitted, "get_feature_names_out") or is_user_code(fitted):
        return replace(given, frame=kind)
    try:
        names = iter(fitted.get_feature_names_out())
    except Exception:  # noqa: BLE001  # scikit-learn leaves names alone after any, too
        return replace(given, frame=kind)
    blocks = tuple(
        replace(block, features=tuple(replace(f, name=str(next(names))) for f in block.features))
        for block in given.blocks
    )
    return replace(given, blocks=blocks, frame=kind)
