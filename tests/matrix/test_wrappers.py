"""Models around one model: calibrated, thresholded, frozen, on a transformed target."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import RFE, RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from preproc.export import export_pipeline
from tests.matrix.asking import assert_equal_bits
from tests.matrix.data import make_data
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

TREE: Final = DecisionTreeClassifier(max_depth=3, random_state=0)
BRANCH: Final = DecisionTreeRegressor(max_depth=4, random_state=0)
TREND: Final = HistGradientBoostingRegressor(max_iter=4)
SCALED: Final = make_pipeline(StandardScaler(), LogisticRegression())
VECTORS: Final = make_pipeline(StandardScaler(), SVC())
RIDGE: Final = make_pipeline(StandardScaler(), RidgeClassifier())


def frozen(model: Any, data: str, target: str) -> FrozenEstimator:
    made = make_data(data, target)
    return FrozenEstimator(clone(model).fit(made.X, made.y))


def cubed(x: Any) -> Any:
    return x**3


def calibrated(model: Any, method: str, **parameters: Any) -> CalibratedClassifierCV:
    return CalibratedClassifierCV(model, method=method, cv=2, **parameters)


def targeted(model: Any, **parameters: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(model, check_inverse=False, **parameters)


CASES: Final = [
    *(
        Case(
            f"CalibratedClassifierCV({method}, {name}, {target})",
            calibrated(model, method, ensemble=ensemble),
            "centred",
            expect,  # type: ignore[arg-type]  # one of the three
            target=target,
        )
        for name, model, method, ensemble, target, expect in (
            ("linear", SCALED, "sigmoid", True, "two words", "bounded"),
            ("vectors", VECTORS, "sigmoid", True, "two words", "bounded"),
            ("linear", RIDGE, "sigmoid", False, "three words", "bounded"),
            ("trees", TREE, "sigmoid", True, "three", "bounded"),
            ("linear", SCALED, "isotonic", True, "flags", "bounded"),
            ("linear", RIDGE, "isotonic", False, "three", "bounded"),
            ("trees", TREE, "isotonic", True, "odd integers", "bitwise"),
            ("trees", TREE, "isotonic", False, "two", "bitwise"),
            ("linear", SCALED, "temperature", True, "two", "bounded"),
            ("trees", TREE, "temperature", True, "two words", "bounded"),
            ("trees", TREE, "temperature", False, "three", "bounded"),
            ("linear", RIDGE, "temperature", False, "three words", "bounded"),
        )
    ),
    Case(
        "CalibratedClassifierCV(FrozenEstimator)",
        CalibratedClassifierCV(frozen(TREE, "numbers", "two"), method="isotonic"),
        "numbers",
        target="two",
    ),
    Case("FrozenEstimator(model)", frozen(TREE, "numbers", "three"), "numbers", target="three"),
    Case("FrozenEstimator(transformer)", frozen(StandardScaler(), "numbers", "three"), "numbers"),
    Case(
        "TunedThresholdClassifierCV",
        TunedThresholdClassifierCV(SCALED, cv=2, scoring="balanced_accuracy"),
        "numeric frame",
        "bounded",
        target="two",
    ),
    Case(
        "TunedThresholdClassifierCV(trees, first class)",
        TunedThresholdClassifierCV(
            TREE, cv=2, scoring="balanced_accuracy", response_method="predict_proba"
        ),
        "numbers",
        target="two words",
    ),
    Case(
        "TunedThresholdClassifierCV(decision_function)",
        TunedThresholdClassifierCV(RIDGE, cv=2, response_method="decision_function"),
        "centred",
        "bounded",
        target="flags",
    ),
    Case(
        "FixedThresholdClassifier",
        FixedThresholdClassifier(TREE),
        "numbers",
        target="two words",
    ),
    Case(
        "FixedThresholdClassifier(0.3, pos_label)",
        FixedThresholdClassifier(TREE, threshold=0.3, pos_label="no"),
        "numbers",
        target="two words",
    ),
    Case(
        "FixedThresholdClassifier(-0.1, decision_function, pos_label)",
        FixedThresholdClassifier(
            SCALED, threshold=-0.1, response_method="decision_function", pos_label=0
        ),
        "centred",
        "bounded",
        target="two",
    ),
    Case(
        "FixedThresholdClassifier(0.97)",
        FixedThresholdClassifier(SCALED, threshold=0.97),
        "centred",
        "bounded",
        target="flags",
    ),
    Case(
        "SelfTrainingClassifier",
        SelfTrainingClassifier(TREE, threshold=0.6),
        "holes",
        target="partly known",
    ),
    Case(
        "GridSearchCV(linear)",
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        "centred",
        "bounded",
    ),
    Case("RFE(tree)", RFE(TREE, n_features_to_select=3), "numbers", target="three words"),
    Case(
        "RFECV(linear)",
        RFECV(LinearRegression(), cv=2),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "GridSearchCV(of a calibrated model)",
        GridSearchCV(calibrated(TREE, "isotonic"), {"estimator__max_depth": [1, 2]}, cv=2),
        "numbers",
        target="two words",
    ),
    Case("TransformedTargetRegressor", targeted(BRANCH), "numbers", target="amounts"),
    *(
        Case(
            f"TransformedTargetRegressor({inverse.__name__})",
            targeted(BRANCH, func=func, inverse_func=inverse),
            "numbers",
            expect,  # type: ignore[arg-type]  # one of the three
            target=target,
        )
        for func, inverse, target, expect in (
            (np.log1p, np.expm1, "counts", "bounded"),
            (np.log, np.exp, "positive amounts", "bounded"),
            (np.sqrt, np.square, "counts", "bitwise"),
            (np.square, np.sqrt, "positive amounts", "bitwise"),
            (np.exp, np.log, "amounts", "bounded"),
            (np.expm1, np.log1p, "amounts", "bounded"),
            (special.logit, special.expit, "shares", "bounded"),
        )
    ),
    Case(
        "TransformedTargetRegressor(unknown function)",
        targeted(BRANCH, func=np.cbrt, inverse_func=cubed),
        "numbers",
        "refused",
        "TransformedTargetRegressor(inverse_func=cubed): python code has no graph; "
        "exported are exp, expm1, log, log1p, negative, reciprocal, sqrt, square, expit",
        target="amounts",
    ),
    *(
        Case(
            f"TransformedTargetRegressor({name})",
            targeted(BRANCH, transformer=transformer),
            "numbers",
            expect,  # type: ignore[arg-type]  # one of the three
            target=target,
        )
        for name, transformer, target, expect in (
            ("StandardScaler", StandardScaler(), "amounts", "bitwise"),
            ("StandardScaler, no mean", StandardScaler(with_mean=False), "two amounts", "bitwise"),
            ("MinMaxScaler", MinMaxScaler((-1, 3)), "amounts", "bitwise"),
            ("MaxAbsScaler", MaxAbsScaler(), "two amounts", "bitwise"),
            ("RobustScaler", RobustScaler(), "amounts", "bitwise"),
            ("Yeo-Johnson", PowerTransformer(), "amounts", "bounded"),
            (
                "Yeo-Johnson, not standardized",
                PowerTransformer(standardize=False),
                "two amounts",
                "bounded",
            ),
            ("Box-Cox", PowerTransformer("box-cox"), "positive amounts", "bounded"),
            ("uniform quantiles", QuantileTransformer(n_quantiles=50), "amounts", "bitwise"),
            (
                "pipeline",
                make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler()),
                "positive amounts",
                "bounded",
            ),
        )
    ),
    Case(
        "TransformedTargetRegressor(normal quantiles)",
        targeted(
            BRANCH, transformer=QuantileTransformer(n_quantiles=50, output_distribution="normal")
        ),
        "numbers",
        "refused",
        "use output_distribution='uniform'",
        target="amounts",
    ),
    Case(
        "TransformedTargetRegressor(no inverse)",
        targeted(BRANCH, transformer=SplineTransformer()),
        "numbers",
        "refused",
        "the inverse of SplineTransformer is not exported",
        target="amounts",
    ),
    Case(
        "TransformedTargetRegressor(linear, expm1)",
        targeted(Ridge(), func=np.log1p, inverse_func=np.expm1),
        "centred",
        "bounded",
        target="counts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrappers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


CLASSIFIERS: Final = st.one_of(
    st.builds(
        CalibratedClassifierCV,
        st.just(TREE),
        method=st.just("isotonic"),
        cv=st.integers(2, 3),
        ensemble=st.booleans(),
    ),
    st.builds(FixedThresholdClassifier, st.just(TREE), threshold=st.floats(0, 1)),
)


@settings(max_examples=12)
@given(table=tables(), model=CLASSIFIERS)
def test_wrapped_trees_equal_bit_for_bit(table: np.ndarray, model: Any) -> None:
    assert_equal_bits(model, table, np.arange(len(table)) % 2)


SCALERS: Final = st.sampled_from(
    [StandardScaler(), MinMaxScaler((0, 7)), MaxAbsScaler(), RobustScaler()]
)


@settings(max_examples=12)
@given(table=tables(), scaler=SCALERS, factor=st.floats(-1e6, 1e6))
def test_transformed_targets_equal_bit_for_bit(
    table: np.ndarray, scaler: Any, factor: float
) -> None:
    model = targeted(DecisionTreeRegressor(), transformer=scaler)
    assert_equal_bits(model, table, np.sin(np.arange(len(table))) * factor)


def test_ties_on_flat_parts_of_isotonic_curves_are_compared(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    table = draw.normal(size=(600, 6))
    target = (table[:, 0] + draw.normal(size=600) > 0).astype(int)
    fitted = calibrated(SCALED, "isotonic").fit(table, target)
    artifact = export_pipeline(fitted, table, repository=tmp_path, name="flat")
    (real,) = [vectors for vectors in artifact.vectors if vectors.name == "real"]
    ties = real.answers["probabilities"][:, 0] == 0.5
    assert ties.sum() > 20
    # At the ends of flat parts rounding may decide; such rows are still left out, of the real ones
    # no more than one: the processor that trained decides whether it is met.
    assert real.rows >= 511
    assert artifact.certificate["doubtful"]
