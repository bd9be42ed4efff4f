"""Gaussian processes and kernel ridge."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from preproc import ExportError
from preproc.export.conversion import convert
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.matrix.data import make_data
from tests.matrix.harness import Case, check


def _regressor(kernel: Any, **parameters: Any) -> GaussianProcessRegressor:
    """Noise keeps the weights small; the hyperparameters stay as they are."""
    return GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None, **parameters)


def _classifier(kernel: Any = None, **parameters: Any) -> GaussianProcessClassifier:
    return GaussianProcessClassifier(kernel, optimizer=None, **parameters)


def _own_kernel(x: Any, y: Any, **_: Any) -> float:
    return float(x @ y)


KERNELS: Final = {
    "RBF": RBF(1.7),
    "RBF, anisotropic": RBF([0.5, 1.0, 2.0, 3.0, 1.5]),
    "Constant*RBF+White": ConstantKernel(2.5) * RBF(1.2) + WhiteKernel(0.3),
    "Constant": ConstantKernel(2.0) + WhiteKernel(1.0),
    "Matern(0.5)": Matern(1.3, nu=0.5),
    "Matern(1.5)": Matern(1.3, nu=1.5),
    "Matern(2.5), anisotropic": Matern([0.5, 1.0, 2.0, 3.0, 1.5], nu=2.5),
    "Matern(inf)": Matern(0.9, nu=np.inf),
    "RationalQuadratic": RationalQuadratic(1.1, alpha=0.7),
    "RationalQuadratic(1)": RationalQuadratic(1.1, alpha=1.0),
    "DotProduct": DotProduct(0.5) + WhiteKernel(0.1),
    "ExpSineSquared": ExpSineSquared(1.4, periodicity=2.3) * RBF(2.0),
    "DotProduct^2": Exponentiation(DotProduct(1.0), 2),
    "RBF^1.5*Matern": Exponentiation(RBF(2.0), 1.5) * Matern(nu=2.5),
}

CASES: Final = [
    *(
        Case(
            f"GaussianProcessRegressor({name})",
            _regressor(kernel),
            "unit",
            "bounded",
            target="amounts",
        )
        for name, kernel in KERNELS.items()
    ),
    Case(
        "GaussianProcessRegressor",
        GaussianProcessRegressor(alpha=0.1),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "GaussianProcessRegressor(normalize_y)",
        _regressor(RBF(1.5), normalize_y=True),
        "centred",
        "bounded",
        target="positive amounts",
    ),
    Case(
        "GaussianProcessRegressor(normalize_y), 2 targets",
        _regressor(Matern(nu=1.5), normalize_y=True),
        "centred",
        "bounded",
        target="two amounts",
    ),
    Case(
        "GaussianProcessRegressor, integers",
        _regressor(RBF(1.5)),
        "integers",
        "bounded",
        target="counts",
    ),
    Case(
        "GaussianProcessRegressor, frame",
        make_pipeline(StandardScaler(), _regressor(RBF(1.5))),
        "numeric frame",
        "bounded",
        target="amounts",
    ),
    Case(
        "GaussianProcessRegressor(Matern(0.7))",
        _regressor(Matern(nu=0.7)),
        "unit",
        "refused",
        "Matern(nu=0.7): a Bessel function",
        target="amounts",
    ),
    Case(
        "GaussianProcessRegressor(DotProduct), integers",
        _regressor(DotProduct()),
        "integers",
        "refused",
        "DotProduct()) on whole numbers: numpy multiplies them as integers",
        target="amounts",
    ),
    Case(
        "GaussianProcessRegressor(PairwiseKernel)",
        _regressor(PairwiseKernel(metric="linear")),
        "unit",
        "refused",
        "kernel PairwiseKernel of a Gaussian process is not exported",
        target="amounts",
    ),
    Case(
        "GaussianProcessClassifier",
        GaussianProcessClassifier(),
        "centred",
        "bounded",
        target="two words",
    ),
    Case(
        "GaussianProcessClassifier(Matern)",
        _classifier(Matern(nu=1.5)),
        "unit",
        "bounded",
        target="flags",
    ),
    Case(
        "GaussianProcessClassifier(DotProduct)",
        _classifier(DotProduct() + WhiteKernel(0.1)),
        "unit",
        "bounded",
        target="two",
    ),
    Case(
        "GaussianProcessClassifier, three",
        _classifier(2.0 * RBF(1.3)),
        "centred",
        "bounded",
        target="three words",
    ),
    Case(
        "GaussianProcessClassifier(one_vs_one)",
        _classifier(2.0 * RBF(1.3), multi_class="one_vs_one"),
        "centred",
        "bounded",
        target="odd integers",
    ),
    *(
        Case(
            f"KernelRidge({kernel})",
            KernelRidge(kernel=kernel, gamma=0.3),
            "unit",
            "bounded",
            target="amounts",
        )
        for kernel in (
            "linear",
            "polynomial",
            "rbf",
            "sigmoid",
            "cosine",
            "laplacian",
            "chi2",
            "additive_chi2",
        )
    ),
    Case(
        "KernelRidge(poly), 2 targets",
        KernelRidge(kernel="poly", degree=2, coef0=0.5, alpha=0.1),
        "centred",
        "bounded",
        target="two amounts",
    ),
    Case("KernelRidge, integers", KernelRidge(), "integers", "bounded", target="amounts"),
    Case(
        "KernelRidge(Matern)",
        KernelRidge(kernel=Matern(nu=2.5)),
        "unit",
        "bounded",
        target="amounts",
    ),
    Case(
        "KernelRidge(precomputed)",
        KernelRidge(kernel="precomputed", alpha=50.0),
        "kernel of 21 rows",
        "bounded",
        target="amounts",
    ),
    Case(
        "KernelRidge(kernel=function)",
        KernelRidge(kernel=_own_kernel),
        "unit",
        "refused",
        "KernelRidge(kernel=<function>) is not exported",
        target="amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_gaussian_processes_and_kernel_ridge(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_too_many_training_rows_are_refused() -> None:
    values = np.random.default_rng(0).normal(size=(1025, 1))
    fitted = _classifier(max_iter_predict=1).fit(values[:30], np.arange(30) % 2)
    fitted.base_estimator_.X_train_ = values
    with pytest.raises(ExportError, match="squared: expected training rows of at most 8 MiB"):
        convert(fitted, values)
    ridge = KernelRidge().fit(values[:30], values[:30, 0])
    ridge.X_fit_ = np.zeros((21846, 1))
    with pytest.raises(ExportError, match="of at most 2 MiB for each row that is held"):
        convert(ridge, values)


@pytest.mark.parametrize(
    "model",
    [_regressor(RBF(1.0)), _classifier(RBF(1.0)), KernelRidge(kernel="laplacian")],
    ids=lambda model: type(model).__name__,
)
def test_a_batch_without_rows_runs(model: Any) -> None:
    data = make_data("centred", "three")
    graph = convert(model.fit(data.X, data.y), data.X)
    for answer in open_executor(graph.model).execute({"X": data.X[:0]}).values():
        assert len(answer) == 0


PARTS: Final = st.one_of(
    st.builds(RBF, st.floats(0.3, 5.0)),
    st.builds(Matern, st.floats(0.3, 5.0), nu=st.sampled_from([0.5, 1.5, 2.5, np.inf])),
    st.builds(RationalQuadratic, st.floats(0.3, 5.0), alpha=st.floats(0.2, 4.0)),
    st.builds(ConstantKernel, st.floats(0.1, 5.0)),
    st.builds(WhiteKernel, st.floats(0.1, 2.0)),
)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 9),
    one=PARTS,
    other=PARTS,
    is_sum=st.booleans(),
    normalize=st.booleans(),
)
def test_any_kernel_is_within_the_roundings_of_its_sum(
    seed: int, width: int, one: Any, other: Any, *, is_sum: bool, normalize: bool
) -> None:
    draw = np.random.default_rng(seed)
    values, fresh = draw.normal(size=(50, width)), draw.normal(size=(30, width))
    kernel = one + other if is_sum else one * other
    fitted = GaussianProcessRegressor(kernel, alpha=0.5, optimizer=None, normalize_y=normalize).fit(
        values, draw.normal(size=50)
    )
    got = open_executor(convert(fitted, values).model).execute({"X": fresh})["prediction"]
    largest = kernel.diag(values).max() * np.abs(fitted.alpha_).sum() + 1.0
    assert np.abs(got - fitted.predict(fresh)).max() <= 2.0**-50 * largest
