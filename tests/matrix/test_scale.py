"""Scalers."""

from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KernelCenterer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from tests.matrix.drawn import assert_same, tables
from tests.matrix.harness import Case, check


def _on_sparse(estimator: Any) -> Any:
    """Give sparse rows, one of whose columns is no code, to an estimator."""
    codes = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), [0]),
            ("numbers", MaxAbsScaler(), [1, 2]),
        ],
        sparse_threshold=1.0,
    )
    return make_pipeline(codes, estimator)


# MaxAbsScaler learned to clip in scikit-learn 1.9; before, its cases are those without.
CLIP: Final = {"clip": True} if "clip" in signature(MaxAbsScaler).parameters else {}

CASES: Final = [
    Case(
        "StandardScaler, float32",
        StandardScaler(),
        "centred in float32",
        "refused",
        "train in float64",
    ),
    Case("StandardScaler", StandardScaler(), "numbers"),
    Case("StandardScaler(with_mean=False)", StandardScaler(with_mean=False), "numbers"),
    Case("StandardScaler(with_std=False)", StandardScaler(with_std=False), "numbers"),
    Case("StandardScaler, NaN", StandardScaler(), "holes"),
    Case("StandardScaler, integers", StandardScaler(), "integers"),
    Case("MinMaxScaler", MinMaxScaler(), "numbers"),
    Case("MinMaxScaler, NaN", MinMaxScaler(), "holes"),
    Case("MinMaxScaler, integers", MinMaxScaler(), "integers"),
    Case("MinMaxScaler, booleans", MinMaxScaler(), "booleans"),
    Case("MinMaxScaler(clip=True), NaN", MinMaxScaler(clip=True), "holes"),
    Case("MinMaxScaler(feature_range)", MinMaxScaler((-3, 0.1)), "numeric frame"),
    Case("MinMaxScaler(feature_range, clip)", MinMaxScaler((-3, 0.1), clip=True), "numbers"),
    Case(
        "MinMaxScaler, float32",
        MinMaxScaler(),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
    ),
    Case("MaxAbsScaler", MaxAbsScaler(), "numbers"),
    Case("MaxAbsScaler, NaN", MaxAbsScaler(), "holes"),
    Case("MaxAbsScaler(clip=True), NaN", MaxAbsScaler(**CLIP), "holes"),
    Case("RobustScaler", RobustScaler(), "numbers"),
    Case("RobustScaler, NaN", RobustScaler(), "holes"),
    Case("RobustScaler(with_centering=False)", RobustScaler(with_centering=False), "numbers"),
    Case("RobustScaler(with_scaling=False)", RobustScaler(with_scaling=False), "numbers"),
    Case("RobustScaler(unit_variance=True)", RobustScaler(unit_variance=True), "numbers"),
    Case("RobustScaler(quantile_range)", RobustScaler(quantile_range=(5, 95)), "integers"),
    Case("Normalizer('l1')", Normalizer("l1"), "numbers"),
    Case("Normalizer('max')", Normalizer("max"), "numbers"),
    Case("Normalizer('l1'), wide", Normalizer("l1"), "21 columns", "bounded"),
    Case("Normalizer('l2')", Normalizer(), "numbers", "bounded"),
    Case("Normalizer('l2'), wide", Normalizer(), "21 columns", "bounded"),
    Case("Normalizer('l2'), frame", Normalizer(), "numeric frame", "bounded"),
    Case("Normalizer, zero rows, integers", Normalizer("l1"), "integers"),
    Case("Binarizer", Binarizer(), "numbers"),
    Case("Binarizer(threshold=0.5)", Binarizer(threshold=0.5), "unit"),
    Case("Binarizer(threshold=2), integers", Binarizer(threshold=2), "integers"),
    Case("Binarizer, float32", Binarizer(threshold=0.1), "centred in float32"),
    Case(
        "Binarizer(float64 scalar), float32",
        Binarizer(threshold=np.float64(0.1)),
        "centred in float32",
    ),
    Case("Binarizer, frame", Binarizer(threshold=1), "numeric frame"),
    Case("KernelCenterer", KernelCenterer(), "kernel of 6 rows"),
    Case("KernelCenterer, wide", KernelCenterer(), "kernel of 21 rows", "bounded"),
    Case("FunctionTransformer(None)", FunctionTransformer(), "holes"),
    Case("FunctionTransformer(None), integers", FunctionTransformer(), "integers"),
    Case(
        "FunctionTransformer(None), words",
        make_pipeline(FunctionTransformer(), OneHotEncoder(handle_unknown="ignore")),
        "words with both",
    ),
    Case("FunctionTransformer(validate)", FunctionTransformer(validate=True), "numbers"),
    Case("FunctionTransformer(validate), integers", FunctionTransformer(validate=True), "integers"),
    Case(
        "FunctionTransformer(validate), float32",
        FunctionTransformer(validate=True),
        "centred in float32",
    ),
    Case("FunctionTransformer(log1p)", FunctionTransformer(np.log1p), "positive", "bounded"),
    *(
        Case(f"{estimator} on sparse rows", _on_sparse(estimator), "few floats")
        for estimator in (
            StandardScaler(with_mean=False),
            MaxAbsScaler(),
            MaxAbsScaler(**CLIP),
            RobustScaler(with_centering=False),
            Normalizer("l1"),
            Normalizer("l2"),
            Normalizer("max"),
            Binarizer(),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_scalers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


SCALERS: Final = st.one_of(
    st.builds(StandardScaler, with_mean=st.booleans(), with_std=st.booleans()),
    st.builds(
        MinMaxScaler,
        feature_range=st.sampled_from([(0, 1), (-0.3, 0.7), (5, 1e6)]),
        clip=st.booleans(),
    ),
    st.builds(MaxAbsScaler, **{name: st.booleans() for name in CLIP}),
    st.builds(
        RobustScaler,
        with_centering=st.booleans(),
        with_scaling=st.booleans(),
        unit_variance=st.booleans(),
        quantile_range=st.sampled_from([(25.0, 75.0), (1.0, 99.0)]),
    ),
    st.builds(Binarizer, threshold=st.floats(-1e3, 1e3)),
)


@settings(max_examples=30)
@given(table=tables(), scaler=SCALERS, edge=st.floats(-1e300, 1e300))
def test_scalers_equal_bit_for_bit(table: np.ndarray, scaler: Any, edge: float) -> None:
    edges = [edge, table.min(), table.max(), getattr(scaler, "threshold", 0.0), np.nan, np.inf]
    assert_same(scaler, table, edges)


@settings(max_examples=30)
@given(table=tables(columns=40), norm=st.sampled_from(["l1", "l2", "max"]))
def test_norms_of_contiguous_rows_equal_bit_for_bit(table: np.ndarray, norm: str) -> None:
    assert_same(Normalizer(norm), table)


@pytest.mark.parametrize("width", [7, 8, 9, 127, 128, 129, 200, 300])
def test_sums_of_contiguous_rows_equal_bit_for_bit(width: int) -> None:
    table = np.random.default_rng(width).normal(size=(12, width)) ** 3
    assert_same(Normalizer("l1"), table)
    assert_same(Normalizer("l2"), table)


@pytest.mark.parametrize("width", [1, 2, 7, 12, 130])
def test_centred_kernels_equal_bit_for_bit(width: int) -> None:
    table = np.random.default_rng(width).normal(size=(width, width))
    assert_same(KernelCenterer(), table)
