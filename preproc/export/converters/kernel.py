"""Kernel approximations: random features of rows, and kernels to a sample of training rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)

from preproc.export.converters.kernel_pca import kernel_of
from preproc.export.converters.products import (
    Matrix,
    exponential_of,
    limits_of,
    made_of,
    names_of,
    product,
    projected_limits,
)
from preproc.export.converters.training_rows import ordered_over_features
from preproc.export.scope import Scope
from preproc.export.table import (
    MAX_FLOAT,
    Block,
    Decided,
    Feature,
    Table,
    finite_numbers,
    least_certain,
)
from preproc.graph import cosine, logarithm, sine
from preproc.signature import TEXT

_INTERVALS: Final[Mapping[int, float]] = {1: 0.8, 2: 0.5, 3: 0.4}
"""Sampling interval by the number of steps, where none was given."""
CHI2: Final = ("additive_chi2", "chi2")
_BLAS_KERNELS: Final = ("cosine", "linear", "poly", "polynomial", "rbf", "sigmoid")
KERNELS: Final = (*_BLAS_KERNELS, *CHI2, "laplacian")


def rbf_sampler(scope: Scope, fitted: RBFSampler, table: Table) -> Table:
    """Project, shift, and take the scaled cosine."""
    block = finite_numbers(scope, fitted, table)
    factor = (2.0 / fitted.n_components) ** 0.5
    return _waves(scope, fitted, block, factor, is_sparse=table.is_sparse)


def skewed_chi2_sampler(scope: Scope, fitted: SkewedChi2Sampler, table: Table) -> Table:
    """Take the logarithm of the shifted values, then as `rbf_sampler`."""
    block = finite_numbers(scope, fitted, table)
    broken = scope.op("LessOrEqual", block.value, np.array(-float(fitted.skewedness)))
    columns = [feature.column for feature in block.features]
    scope.refuse(broken, columns, "SkewedChi2Sampler refuses what is not above -skewedness")
    shifted = scope.op("Add", block.value, np.array(float(fitted.skewedness)))
    value = logarithm(scope.graph, shifted, scope=scope.path)
    # The logarithm of a positive float64 is between -745 and 710.
    features = tuple(replace(feature, limit=745.2) for feature in block.features)
    block = replace(block, value=value, features=features)
    factor = np.sqrt(2.0) / np.sqrt(fitted.n_components)
    return _waves(scope, fitted, block, float(factor), is_sparse=False)


def skewed_chi2_sampler_edges(fitted: SkewedChi2Sampler) -> Mapping[int, NDArray[np.float64]]:
    """Give the end of the domain, for each feature."""
    edge = np.array([-float(fitted.skewedness)])
    return dict.fromkeys(range(fitted.n_features_in_), edge)


def additive_chi2_sampler(scope: Scope, fitted: AdditiveChi2Sampler, table: Table) -> Table:
    """Give the root of each value, then its cosines and sines on a logarithmic scale; 0 stays 0."""
    kinds = {np.dtype(block.dtype).kind for block in table.blocks if block.dtype != TEXT}
    if kinds and "f" not in kinds:
        raise scope.error(
            "AdditiveChi2Sampler on integers: scikit-learn cuts its result to whole numbers; "
            "train on float64 columns"
        )
    if table.is_sparse:
        raise scope.error(
            "AdditiveChi2Sampler on sparse features is not exported; "
            "make them dense, as by ColumnTransformer(sparse_threshold=0)"
        )
    block = finite_numbers(scope, fitted, table)
    x = block.value
    broken = scope.op("Less", x, np.array(0.0))
    columns = [feature.column for feature in block.features]
    scope.refuse(broken, columns, "AdditiveChi2Sampler refuses negative values")
    interval = fitted.sample_interval
    interval = float(_INTERVALS[fitted.sample_steps] if interval is None else interval)
    parts = [scope.op("Sqrt", scope.op("Mul", x, np.array(interval)))]
    doubled = scope.op("Mul", scope.op("Mul", np.array(2.0), x), np.array(interval))
    steps = scope.op("Mul", np.array(interval), logarithm(scope.graph, x, scope=scope.path))
    is_zero = scope.op("Equal", x, np.array(0.0))
    for step in range(1, fitted.sample_steps):
        width = np.cosh(np.pi * step * interval)
        factor = scope.op("Sqrt", scope.op("Div", doubled, np.array(width)))
        angle = scope.op("Mul", np.array(float(step)), steps)
        for wave in (cosine, sine):
            made = scope.op("Mul", factor, wave(scope.graph, angle, scope=scope.path))
            parts.append(scope.op("Where", is_zero, np.array(0.0), made))
    return Table((_chi2_block(scope, block, parts, interval),))


def additive_chi2_sampler_edges(fitted: AdditiveChi2Sampler) -> Mapping[int, NDArray[np.float64]]:
    """Give 0, where the domain ends, for each feature."""
    return dict.fromkeys(range(fitted.n_features_in_), np.zeros(1))


@dataclass(frozen=True, slots=True)
class PairwiseKernel:
    """A kernel to some rows, with scikit-learn's defaults filled in; `kernel_of` reads it too.

    Attributes
    ----------
    kernel
        One of `KERNELS`.
    X_fit_
        The rows, (m, k).
    gamma_, coef0, degree
        Parameters of the kernels that have them.
    """

    kernel: str
    X_fit_: Matrix
    gamma_: float
    coef0: float
    degree: float


def pairwise_kernel(
    scope: Scope, kernel: PairwiseKernel, block: Block
) -> tuple[str, Matrix, Decided]:
    """Compute the kernel, (n, m), bounds of its columns, and what decides it.

    Negative values, which the kernels of counts refuse, are refused by the caller.
    """
    if kernel.kernel in _BLAS_KERNELS:
        name = "poly" if kernel.kernel == "polynomial" else kernel.kernel
        return kernel_of(scope, replace(kernel, kernel=name), block)
    return _summed_kernel(scope, kernel.kernel, block, kernel.X_fit_, kernel.gamma_)


def refuse_negative(scope: Scope, fitted: Any, kernel: str, block: Block) -> None:
    """Refuse rows with negative values where the kernel is one of counts."""
    if kernel in CHI2:
        broken = scope.op("Less", block.value, np.array(0.0))
        columns = [feature.column for feature in block.features]
        text = f"{type(fitted).__name__}({kernel}) refuses negative values"
        scope.refuse(broken, columns, text)


def nystroem(scope: Scope, fitted: Nystroem, table: Table) -> Table:
    """Compute the kernel to each component and project it."""
    if callable(fitted.kernel) or fitted.kernel not in KERNELS:
        name = "<function>" if callable(fitted.kernel) else repr(fitted.kernel)
        raise scope.error(f"Nystroem(kernel={name}) is not exported; use one of {KERNELS}")
    if table.is_sparse or sparse.issparse(fitted.components_):
        raise scope.error(
            "Nystroem on sparse features is not exported; "
            "make them dense, as by ColumnTransformer(sparse_threshold=0)"
        )
    block = finite_numbers(scope, fitted, table)
    refuse_negative(scope, fitted, fitted.kernel, block)
    kernel, limits, decided = _kernel_values(scope, fitted, block)
    weights = np.asarray(fitted.normalization_, np.float64).T
    value = product(scope, kernel, weights)
    bounds = projected_limits(limits, weights)
    decided = least_certain(block.decided, decided, "blas")
    return Table((made_of(block, value, names_of(fitted, weights.shape[1]), bounds, decided),))


def count_sketch(scope: Scope, fitted: PolynomialCountSketch, table: Table) -> NoReturn:  # noqa: ARG001  # a converter
    """Refuse by name."""
    raise scope.error(
        "PolynomialCountSketch: its Fourier transform rounds in an order of its own, which no "
        "exact operation repeats; use Nystroem(kernel='poly') or PolynomialFeatures"
    )


def _waves(scope: Scope, fitted: Any, block: Block, factor: float, *, is_sparse: bool) -> Table:
    """Compute factor · cos(x · weights + offset)."""
    weights = np.asarray(fitted.random_weights_, np.float64)
    offset = np.asarray(fitted.random_offset_, np.float64)
    angle = product(scope, block.value, weights, is_sparse=is_sparse)
    angle = scope.op("Add", angle, scope.row(offset))
    value = cosine(scope.graph, angle, scope=scope.path)
    value = scope.op("Mul", value, np.array(factor))
    limits = projected_limits(limits_of(block), weights) + np.abs(offset)
    decided = least_certain(block.decided, "libm" if is_sparse else "blas")
    made = made_of(block, value, names_of(fitted, len(offset)), limits, decided)
    # An angle that overflows has no cosine; any other has one of at most 1.
    features = tuple(replace(feature, limit=factor) for feature in made.features)
    return Table((replace(made, features=features),))


def _chi2_block(scope: Scope, block: Block, parts: list[str], interval: float) -> Block:
    value = parts[0] if len(parts) == 1 else scope.op("Concat", *parts, axis=1)
    kinds = ["sqrt"] + [f"{w}{i}" for i in range(1, len(parts) // 2 + 1) for w in ("cos", "sin")]
    features = []
    for kind in kinds:
        for feature in block.features:
            with np.errstate(over="ignore"):
                limit = float(np.sqrt(np.float64(2.0) * feature.limit * interval)) + 1.0
            name = f"{kind} of {feature.name}"
            features.append(Feature(name, feature.sources, has_nan=False, limit=limit))
    return Block(value, "float64", tuple(features), least_certain(block.decided, "libm"))


def _kernel_values(scope: Scope, fitted: Nystroem, block: Block) -> tuple[str, Matrix, Decided]:
    """Compute the kernel, (n, components), bounds of its columns, and what decides it."""
    rows = np.asarray(fitted.components_, np.float64)
    given = fitted._get_kernel_params()  # noqa: SLF001  # no public way
    default = 1.0 if fitted.kernel == "chi2" else 1.0 / block.width
    gamma = default if given.get("gamma") is None else float(given["gamma"])
    coef0, degree = float(given.get("coef0", 1)), float(given.get("degree", 3))
    return pairwise_kernel(scope, PairwiseKernel(fitted.kernel, rows, gamma, coef0, degree), block)


def _summed_kernel(
    scope: Scope, name: str, block: Block, rows: Matrix, gamma: float
) -> tuple[str, Matrix, Decided]:
    """Compute a kernel of distances that are added up one feature after the other.

    So do the loops of scipy and of scikit-learn, and ``CumSum`` repeats them to the bit.
    """

    def terms(wide: str, some: Matrix) -> str:
        apart = scope.op("Sub", wide, some[np.newaxis])
        if name not in CHI2:
            return scope.op("Abs", apart)
        together = scope.op("Add", wide, some[np.newaxis])
        is_zero = scope.op("Equal", together, np.array(0.0))
        divisor = scope.op("Where", is_zero, np.array(1.0), together)
        return scope.op("Div", scope.op("Mul", apart, apart), divisor)

    total = ordered_over_features(scope, block.value, rows, terms)
    with np.errstate(over="ignore"):
        reach = limits_of(block) + np.abs(rows)
        largest = (np.square(reach) if name in CHI2 else reach).sum(axis=1)
    if name == "additive_chi2":
        return scope.op("Neg", total), largest, "ieee"
    value = exponential_of(scope, scope.op("Mul", total, np.array(-gamma)))
    # Where the square of a distance overflows, infinity over infinity is NaN.
    return value, np.where(largest < MAX_FLOAT, 1.0, np.inf), "libm"
