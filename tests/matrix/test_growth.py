"""Nodes grow with the kinds of steps, not with numeric columns: counted in the form that runs."""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.preprocessing import MaxAbsScaler

from preproc.export.conversion import convert
from preproc.export.converters import transformers
from preproc.export.converters.foreign import FOREIGN
from preproc.export.converters.lookup import full_name
from preproc.export.converters.models import MODELS
from preproc.export.converters.scale import max_abs_scaler
from preproc.export.converters.training_rows import CHUNK_CELLS
from preproc.export.converters.transformers import TRANSFORMERS
from preproc.export.scope import Scope
from preproc.export.table import Table
from preproc.graph import fuse, pack
from tests.matrix.coverage import cases
from tests.matrix.data import MAKERS, TARGETS
from tests.matrix.harness import Case

ROWS: Final = 80
FEW: Final = 20
MANY: Final = 600
MOST: Final = 2000

# fmt: off
SAME: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        (
            "AdditiveChi2Sampler(sample_steps=1, sample_interval=None)", "BernoulliNB",
            "BernoulliRBM", "Binarizer", "Birch", "BisectingKMeans",
            "CalibratedClassifierCV(sigmoid, linear, two words)", "CatBoostClassifier",
            "CatBoostRegressor", "CategoricalNB", "ColumnTransformer(weights)", "ComplementNB",
            "DecisionTreeClassifier", "DecisionTreeRegressor", "DictionaryLearning(threshold)",
            "DummyClassifier", "DummyRegressor", "FactorAnalysis", "FastICA",
            "FeatureAgglomeration", "FeatureUnion(weights)", "FunctionTransformer(None)",
            "GaussianMixture(diag)", "GaussianRandomProjection", "GradientBoostingClassifier",
            "GradientBoostingRegressor", "HistGradientBoostingClassifier",
            "HistGradientBoostingRegressor", "IsolationForest",
            "KBinsDiscretizer(encode='onehot', strategy='uniform')", "KMeans", "KNNImputer",
            "KNNImputer(distance)", "KNeighborsClassifier", "KNeighborsRegressor",
            "KernelPCA(rbf)", "KernelRidge(rbf)", "LGBMClassifier", "LGBMRegressor",
            "LinearDiscriminantAnalysis", "LocalOutlierFactor", "LogisticRegression",
            "MLPClassifier(relu)", "MLPRegressor(relu)", "MaxAbsScaler", "MeanShift",
            "MinMaxScaler", "MiniBatchSparsePCA", "MissingIndicator(all)", "MultinomialNB", "NCA",
            "NearestCentroid(two)", "Normalizer('max')", "Nystroem(kernel='rbf')",
            "OneHotEncoder, integers", "OrdinalEncoder, integers", "PCA", "PLSRegression, both",
            "PLSSVD", "Perceptron", "PoissonRegressor(), counts",
            "RANSACRegressor(estimator=Ridge(), min_samples=20, random_state=0)", "RBFSampler",
            "RadiusNeighborsClassifier", "RadiusNeighborsRegressor", "RandomTreesEmbedding",
            "Ridge()", "RidgeClassifier", "RobustScaler", "SGDClassifier(hinge)", "SGDOneClassSVM",
            "SimpleImputer", "SkewedChi2Sampler",
            "SplineTransformer(degree=2, extrapolation='error')", "StandardScaler",
            "TargetEncoder(multiclass), integers", "TruncatedSVD", "VarianceThreshold",
            "XGBClassifier", "XGBRegressor",
        ),
        MANY,
    ),
    **dict.fromkeys(
        (
            "AdaBoostClassifier(perfect at once)", "AdaBoostRegressor", "BaggingClassifier",
            "BaggingRegressor", "ClassifierChain", "FixedThresholdClassifier",
            "FrozenEstimator(model)", "GridSearchCV(of a calibrated model)",
            "MultiOutputClassifier(trees)", "MultiOutputRegressor", "OneVsOneClassifier(trees)",
            "OneVsRestClassifier(two)", "OutputCodeClassifier(equal codes)", "PolynomialFeatures",
            "PowerTransformer", "QuantileTransformer", "RFE(Ridge)", "SelfTrainingClassifier",
            "StackingClassifier(predict, drop)", "TransformedTargetRegressor",
            "TunedThresholdClassifierCV(trees, first class)", "VotingClassifier(hard)",
            "VotingRegressor",
        ),
        60,  # made of others, or slow to train
    ),
}
"""Case of the matrix → columns with which it has as many nodes as with few."""
QUICK: Final = (
    "GradientBoostingRegressor", "KMeans", "LinearDiscriminantAnalysis", "LogisticRegression",
    "MLPClassifier(relu)", "PCA", "Ridge()", "RidgeClassifier", "RobustScaler", "SimpleImputer",
)
"""Those of them that are asked with `MOST` columns too."""
ODD: Final = ("RegressorChain(order, linear)", "StackingRegressor(default, passthrough)")
"""Case of the matrix that multiplies, by one column, rows of a length that four does not divide.

BLAS adds what is left of a row at the end: up to 4 nodes a product, from 513 columns on.
"""
CHUNKED: Final[Mapping[str, int]] = {
    "GaussianProcessClassifier": 4,
    "GaussianProcessRegressor(RBF)": 4,
    "KNeighborsClassifier(p=1)": 4,
    "KernelRidge(laplacian)": 4,
    "OneClassSVM": 3,
    "SVC": 3,
    "SVR": 3,
}
"""Case of the matrix that holds rows against training rows, feature by feature → nodes for each
`CHUNK_CELLS` of these, which bound the memory of a batch."""
SUMMED: Final[Mapping[str, int]] = {
    "GaussianNB": 3,
    "Normalizer('l1')": 1,
    "QuadraticDiscriminantAnalysis(eigen)": 3,
}
"""Case of the matrix that adds rows as numpy does → its sums, each a node more for twice the
columns."""

ELSEWHERE: Final = {
    "constant_predictor": "part of OneVsRestClassifier",
    "count_sketch": "refused",
    "isotonic_prediction": "takes one column",
    "isotonic_transform": "takes one column",
    "iterative_imputer": "a model for each column and round; at most MAX_STEPS of them",
    "kernel_centerer": "takes a square",
    "label_binarizer": "takes one column",
    "label_encoder": "takes one column",
    "multi_label_binarizer": "takes lists",
    "search": "refused",
}
# fmt: on


@cache
def _cases() -> Mapping[str, Case]:
    """Give the first case of each name; those of text and frames have others."""
    found: dict[str, Case] = {}
    for _, case in cases():
        found.setdefault(case.name, case)
    return found


@cache
def _wide(kind: str, columns: int) -> NDArray[Any]:
    """Repeat a table of the matrix beside itself, drawn anew each time."""
    parts: list[NDArray[Any]] = []
    while sum(part.shape[1] for part in parts) < columns:
        parts.append(np.asarray(MAKERS[kind](ROWS, len(parts))))
    return np.ascontiguousarray(np.hstack(parts)[:, :columns])


def _count(case: Case, columns: int) -> int:
    """Fit and count the nodes of the fused form."""
    rows = _wide(case.data, columns)
    target = TARGETS[case.target](rows[:, :5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, at training
        fitted = clone(case.estimator).fit(rows, target)
    return len(fuse(pack(convert(fitted, rows).model).model).graph.node)


def _more(name: str, columns: int = MANY) -> int:
    """Tell how many nodes many columns take more than few."""
    case = _cases()[name]
    return _count(case, columns) - _count(case, FEW)


@pytest.mark.parametrize(("name", "columns"), SAME.items(), ids=SAME)
def test_many_columns_take_as_many_nodes_as_few(name: str, columns: int) -> None:
    assert _more(name, columns) == 0


@pytest.mark.parametrize("name", QUICK)
def test_two_thousand_columns_take_as_many_nodes_as_few(name: str) -> None:
    assert name in SAME
    assert _more(name, MOST) == 0


@pytest.mark.parametrize("name", ODD)
def test_what_four_does_not_divide_takes_a_few_nodes_more_once(name: str) -> None:
    assert 0 < _more(name) <= 4


@pytest.mark.parametrize(("name", "nodes"), CHUNKED.items(), ids=CHUNKED)
def test_training_rows_take_nodes_by_their_size(name: str, nodes: int) -> None:
    chunks = math.ceil(ROWS / (CHUNK_CELLS // MANY))
    more = _more(name)
    assert 0 < more <= nodes * chunks


@pytest.mark.parametrize(("name", "sums"), SUMMED.items(), ids=SUMMED)
def test_twice_the_columns_take_a_node_more_for_each_sum(name: str, sums: int) -> None:
    counts = [_count(_cases()[name], columns) for columns in (256, 512, 1024, 2048)]
    assert [after - before for before, after in pairwise(counts)] == [sums] * 3


def _converters(estimator: Any) -> Iterator[str]:
    """Name what converts an estimator and those inside it."""
    for part in (estimator, *estimator.get_params(deep=True).values()):
        found = (TRANSFORMERS.get(type(part)), MODELS.get(type(part)), FOREIGN.get(full_name(part)))
        yield from (converter.__name__ for converter in found if converter is not None)


def test_every_converter_is_asked() -> None:
    names = (*SAME, *ODD, *CHUNKED, *SUMMED)
    asked = {found for name in names for found in _converters(_cases()[name].estimator)}
    every = chain(TRANSFORMERS.values(), MODELS.values(), FOREIGN.values())
    assert asked | set(ELSEWHERE) == {converter.__name__ for converter in every}
    assert not asked & set(ELSEWHERE)


def test_a_node_a_column_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(scope: Scope, fitted: MaxAbsScaler, table: Table) -> Table:
        made = max_abs_scaler(scope, fitted, table)
        (block,) = made.blocks
        cells = [
            scope.op("Gather", block.value, np.array([at]), axis=1) for at in range(block.width)
        ]
        value = scope.op("Concat", *cells, axis=1)
        return replace(made, blocks=(replace(block, value=value),))

    monkeypatch.setattr(transformers, "TRANSFORMERS", {**TRANSFORMERS, MaxAbsScaler: spoiled})
    assert _more("MaxAbsScaler") == MANY - FEW
