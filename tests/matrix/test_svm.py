"""Support vector machines."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from preproc import ExportError
from preproc.contract import Contract
from preproc.export.conversion import convert
from preproc.export.pipeline import probe_of
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.matrix.data import make_data
from tests.matrix.harness import Case, check


def _on_sparse(estimator: Any) -> Any:
    """Give sparse rows, some of whose columns are no codes, to an estimator."""
    codes = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), [0]),
            ("numbers", MaxAbsScaler(), [1, 2]),
        ],
        sparse_threshold=1.0,
    )
    return make_pipeline(codes, estimator)


def _scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def _own_kernel(x: Any, y: Any) -> Any:
    return x @ y.T


CASES: Final = [
    Case("SVC", SVC(), "centred", "bounded", target="two"),
    Case("SVC, words", SVC(), "centred", "bounded", target="three words"),
    Case("SVC, flags", SVC(), "centred", "bounded", target="flags"),
    Case("SVC, offsets", SVC(C=1.0, max_iter=500), "numbers", "bounded", target="three"),
    Case("SVC, frame", _scaled(SVC()), "numeric frame", "bounded", target="odd integers"),
    Case("SVC, integers", SVC(), "integers", "bounded", target="floats of classes"),
    Case("SVC(ovo)", SVC(decision_function_shape="ovo"), "centred", "bounded", target="three"),
    Case("SVC(break_ties)", SVC(break_ties=True), "centred", "bounded", target="three"),
    Case(
        "SVC(class_weight)",
        SVC(class_weight="balanced", C=10, gamma=0.7),
        "centred",
        "bounded",
        target="two words",
    ),
    Case("SVC(linear)", SVC(kernel="linear"), "centred", "bounded", target="three"),
    Case("SVC(linear), wide", SVC(kernel="linear"), "21 columns", "bounded", target="two"),
    Case("SVC(rbf), wide", SVC(), "21 columns", "bounded", target="three"),
    Case("SVC(poly)", SVC(kernel="poly", coef0=1), "centred", "bounded", target="three"),
    Case("SVC(poly, degree=5)", SVC(kernel="poly", degree=5), "unit", "bounded", target="two"),
    Case("SVC(poly, degree=0)", SVC(kernel="poly", degree=0), "unit", target="two"),
    Case("SVC(sigmoid)", SVC(kernel="sigmoid"), "centred", "bounded", target="three"),
    Case(
        "SVC(precomputed)",
        SVC(kernel="precomputed", max_iter=99),
        "kernel of 21 rows",
        target="two",
    ),
    Case(
        "SVC(precomputed), 3",
        SVC(kernel="precomputed", max_iter=99),
        "kernel of 21 rows",
        target="three",
    ),
    Case("SVC(linear) on sparse rows", _on_sparse(SVC(kernel="linear")), "few floats"),
    Case(
        "SVC(poly) on sparse rows",
        _on_sparse(SVC(kernel="poly", coef0=0.5, break_ties=True)),
        "few floats",
    ),
    Case("SVC(rbf) on sparse rows", _on_sparse(SVC()), "few floats", "bounded", target="two"),
    Case("SVC(sigmoid) on sparse rows", _on_sparse(SVC(kernel="sigmoid")), "few floats", "bounded"),
    Case("NuSVC", NuSVC(nu=0.3), "centred", "bounded", target="two words"),
    Case("NuSVC(ovo)", NuSVC(decision_function_shape="ovo"), "centred", "bounded", target="three"),
    Case("NuSVC(poly)", NuSVC(kernel="poly", nu=0.2), "unit", "bounded", target="three"),
    Case(
        "SVC(kernel=function)",
        SVC(kernel=_own_kernel),
        "centred",
        "refused",
        "SVC(kernel=<function>): a function of one's own is not exported",
        target="two",
    ),
    Case("SVC(probability)", SVC(probability=True), "centred", "bounded", target="two words"),
    Case("SVC(probability), 3", SVC(probability=True), "centred", "bounded", target="three"),
    Case(
        "NuSVC(probability, linear)",
        NuSVC(kernel="linear", probability=True),
        "unit",
        "bounded",
        target="odd integers",
    ),
    Case(
        "SVC(ovo, break_ties)",
        SVC(decision_function_shape="ovo", break_ties=True),
        "centred",
        "refused",
        "scikit-learn refuses to predict; use decision_function_shape='ovr'",
        target="two",
    ),
    Case("SVR", SVR(), "centred", "bounded", target="amounts"),
    Case("SVR, frame", _scaled(SVR(C=10)), "numeric frame", "bounded", target="amounts"),
    Case("SVR(linear)", SVR(kernel="linear"), "unit", "bounded", target="amounts"),
    Case("SVR(linear), one column", SVR(kernel="linear"), "one column", target="amounts"),
    Case("SVR(poly)", SVR(kernel="poly", degree=2), "centred", "bounded", target="amounts"),
    Case("SVR(sigmoid)", SVR(kernel="sigmoid"), "unit", "bounded", target="amounts"),
    Case(
        "SVR(precomputed)",
        SVR(kernel="precomputed", max_iter=99),
        "kernel of 21 rows",
        target="amounts",
    ),
    Case("SVR without support vectors", SVR(epsilon=1e3), "centred", target="amounts"),
    Case("SVR(linear) on sparse rows", _on_sparse(SVR(kernel="linear")), "few floats"),
    Case("NuSVR", NuSVR(C=5), "centred", "bounded", target="amounts"),
    Case("NuSVR(poly)", NuSVR(kernel="poly"), "unit", "bounded", target="amounts"),
    Case("OneClassSVM", OneClassSVM(nu=0.2), "centred", "bounded"),
    Case("OneClassSVM(linear)", OneClassSVM(kernel="linear", nu=0.2), "unit", "bounded"),
    Case("OneClassSVM(poly) on sparse rows", _on_sparse(OneClassSVM(kernel="poly")), "few floats"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.filterwarnings("ignore:Solver terminated early")
def test_support_vector_machines(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.filterwarnings("ignore:Solver terminated early")
def test_too_many_support_vectors_are_refused() -> None:
    values = np.random.default_rng(0).normal(size=(21846, 2))
    fitted = SVR(epsilon=0.0, max_iter=1).fit(values, values[:, 0])
    fitted.support_ = np.arange(21846)
    fitted.support_vectors_ = values
    with pytest.raises(ExportError, match="of at most 2 MiB for each row that is held"):
        convert(fitted, values)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
def test_a_batch_without_rows_runs(kernel: str) -> None:
    data = make_data("centred", "three")
    graph = convert(SVC(kernel=kernel).fit(data.X, data.y), data.X)
    answers = open_executor(graph.model).execute({"X": data.X[:0]})
    assert answers["label"].shape == (0,)
    assert answers["scores"].shape == (0, 3)


@pytest.mark.filterwarnings("ignore:Solver terminated early")
@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 15),
    kernel=st.sampled_from(["linear", "poly", "rbf", "sigmoid"]),
    degree=st.integers(0, 5),
    gamma=st.sampled_from(["scale", "auto", 0.3]),
    classes=st.integers(2, 4),
    cost=st.sampled_from([0.1, 1.0, 100.0]),
)
def test_any_classifier_is_answered_within_the_roundings_of_its_kernel(
    seed: int, width: int, kernel: str, degree: int, gamma: Any, classes: int, cost: float
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(60, width))
    target = np.arange(60) % classes
    fitted = SVC(C=cost, kernel=kernel, degree=degree, gamma=gamma, max_iter=300)
    fitted.fit(values, target)
    fresh = draw.normal(size=(40, width))
    graph = convert(fitted, values)
    contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
    with probe_of(contract, graph) as probe:
        inner = probe({"X": fresh})
    got = open_executor(graph.model).execute({"X": fresh})
    want = fitted.decision_function(fresh)
    summed = graph.outputs[1][0].summed
    largest = np.abs(fitted.dual_coef_).sum() + np.abs(fitted.intercept_).max()
    sums = inner[summed].max(axis=1) if summed else np.full(len(fresh), largest)
    off = np.abs(got["scores"] - want).reshape(len(fresh), -1).max(axis=1)
    assert (off <= 2.0**-52 * sums).all()
    assert np.array_equal(got["label"], fitted.predict(fresh))
