"""Covariance functions of Gaussian processes between rows and training rows.

scipy's loops add squared differences feature after feature, which is repeated to the bit; numpy's
exponential, sine and power round what follows. Parts that are constant stay numbers until they
meet a part that is not.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    Product,
    RationalQuadratic,
    Sum,
    WhiteKernel,
)

from preproc.export.converters.products import exponential_of, product, squared_norms
from preproc.export.converters.training_rows import Matrix, ordered_squares, zeros
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, least_certain
from preproc.graph import sine


@dataclass(frozen=True, slots=True)
class Covariance:
    """A covariance of rows with training rows, or of rows with themselves.

    Attributes
    ----------
    value
        Graph value of shape (n, training rows) or (n, 1), or the number that it is everywhere.
    bound
        Largest magnitude of an element, infinity where there is none.
    decided
        What decides its bits.
    is_finite
        Whether it stays finite where a distance overflows.
    """

    value: str | float
    bound: float
    decided: Decided = "ieee"
    is_finite: bool = True


Maker = Callable[[Scope, Any, Block, Matrix | None], Covariance]


def covariance(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    """Compute a fitted kernel between rows (n, k) and training rows (m, k).

    Without training rows it is the kernel of each row with itself, the diagonal.
    """
    maker = _MAKERS.get(type(kernel))
    if maker is None:
        names = sorted(known.__name__ for known in _MAKERS)
        raise scope.error(
            f"kernel {type(kernel).__name__} of a Gaussian process is not exported; use {names}"
        )
    return maker(scope, kernel, block, rows)


def kernels_in(kernel: Any) -> int:
    """Count the functions of a distance in a kernel; a sine takes as much as two."""
    if isinstance(kernel, Exponentiation):
        return kernels_in(kernel.kernel)
    if isinstance(kernel, Sum | Product):
        return kernels_in(kernel.k1) + kernels_in(kernel.k2)
    if isinstance(kernel, ConstantKernel | WhiteKernel):
        return 0
    return 2 if isinstance(kernel, ExpSineSquared) else 1


def as_matrix(scope: Scope, found: Covariance, block: Block, rows: Matrix) -> str:
    """Give a covariance the shape (n, training rows) where it is one number."""
    if isinstance(found.value, str):
        return found.value
    return scope.op("Add", zeros(scope, block.value), np.full((1, len(rows)), found.value))


def _constant(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:  # noqa: ARG001  # a maker
    value = float(kernel.constant_value)
    return Covariance(value, abs(value))


def _white(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:  # noqa: ARG001  # a maker
    """Noise is of a row itself alone."""
    value = float(kernel.noise_level) if rows is None else 0.0
    return Covariance(value, abs(value))


def _sum(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    one = covariance(scope, kernel.k1, block, rows)
    other = covariance(scope, kernel.k2, block, rows)
    return _joined(scope, "Add", one, other)


def _product(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    one = covariance(scope, kernel.k1, block, rows)
    other = covariance(scope, kernel.k2, block, rows)
    return _joined(scope, "Mul", one, other)


def _joined(scope: Scope, op_type: str, one: Covariance, other: Covariance) -> Covariance:
    is_sum = op_type == "Add"
    bound = one.bound + other.bound if is_sum else one.bound * other.bound
    bound = np.inf if math.isnan(bound) else bound
    decided = least_certain(one.decided, other.decided)
    if isinstance(one.value, float) and isinstance(other.value, float):
        value: str | float = one.value + other.value if is_sum else one.value * other.value
    else:
        value = scope.op(op_type, *(_operand(part) for part in (one, other)))
    return Covariance(value, bound, decided, one.is_finite and other.is_finite)


def _operand(part: Covariance) -> Any:
    return part.value if isinstance(part.value, str) else np.array(part.value)


def _exponentiation(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    inner = covariance(scope, kernel.kernel, block, rows)
    exponent = float(kernel.exponent)
    with np.errstate(all="ignore"):
        bound = float(np.float64(inner.bound) ** exponent) if exponent > 0 else np.inf
    if isinstance(inner.value, float):
        return Covariance(float((np.array([inner.value]) ** kernel.exponent)[0]), bound)
    value = numpy_power(scope, inner.value, exponent)
    is_finite = inner.is_finite and exponent >= 0
    return Covariance(value, bound, least_certain(inner.decided, "libm"), is_finite)


def _radial(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    if rows is None:
        return Covariance(1.0, 1.0)
    squares = _scaled_squares(scope, kernel, block, rows)
    value = exponential_of(scope, scope.op("Mul", squares, np.array(-0.5)))
    return Covariance(value, 1.0, least_certain(block.decided, "libm"))


def _matern(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    if rows is None:
        return Covariance(1.0, 1.0)
    if kernel.nu not in (0.5, 1.5, 2.5, np.inf):
        raise scope.error(
            f"Matern(nu={kernel.nu!r}): a Bessel function that no exact operation repeats; "
            "use nu=0.5, 1.5, 2.5 or inf"
        )
    far = scope.op("Sqrt", _scaled_squares(scope, kernel, block, rows))
    factor: str | None = None
    if kernel.nu == np.inf:
        half = scope.op("Div", scope.op("Mul", far, far), np.array(2.0))
        exponent = scope.op("Neg", half)
    elif kernel.nu == 0.5:  # noqa: PLR2004  # the exponential kernel
        exponent = scope.op("Neg", far)
    else:
        far = scope.op("Mul", far, np.array(math.sqrt(2 * kernel.nu)))
        exponent = scope.op("Neg", far)
        factor = scope.op("Add", far, np.array(1.0))
        if kernel.nu == 2.5:  # noqa: PLR2004  # twice differentiable
            third = scope.op("Div", scope.op("Mul", far, far), np.array(3.0))
            factor = scope.op("Add", factor, third)
    value = exponential_of(scope, exponent)
    value = value if factor is None else scope.op("Mul", factor, value)
    return Covariance(value, 1.0, least_certain(block.decided, "libm"), factor is None)


def _rational_quadratic(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    if rows is None:
        return Covariance(1.0, 1.0)
    squares = ordered_squares(scope, block.value, rows)
    width = float(2 * kernel.alpha * kernel.length_scale**2)
    base = scope.op("Add", scope.op("Div", squares, np.array(width)), np.array(1.0))
    value = numpy_power(scope, base, -float(kernel.alpha))
    return Covariance(value, 1.0, least_certain(block.decided, "libm"))


def _exp_sine_squared(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    if rows is None:
        return Covariance(1.0, 1.0)
    far = scope.op("Sqrt", ordered_squares(scope, block.value, rows))
    angle = scope.op("Mul", far, np.array(float(np.pi / kernel.periodicity)))
    wave = sine(scope.graph, angle, scope=scope.path)
    wave = scope.op("Div", wave, np.array(float(kernel.length_scale)))
    exponent = scope.op("Mul", scope.op("Mul", wave, wave), np.array(-2.0))
    value = exponential_of(scope, exponent)
    return Covariance(value, 1.0, least_certain(block.decided, "libm"), is_finite=False)


def _dot_product(scope: Scope, kernel: Any, block: Block, rows: Matrix | None) -> Covariance:
    if rows is None:
        value = squared_norms(scope, block.value, block.width)
    else:
        value = product(scope, block.value, rows.T)
    value = scope.op("Add", value, np.array(float(kernel.sigma_0**2)))
    return Covariance(value, np.inf, least_certain(block.decided, "blas"), is_finite=False)


_MAKERS: Final[Mapping[type, Maker]] = {
    ConstantKernel: _constant,
    DotProduct: _dot_product,
    ExpSineSquared: _exp_sine_squared,
    Exponentiation: _exponentiation,
    Matern: _matern,
    Product: _product,
    RBF: _radial,
    RationalQuadratic: _rational_quadratic,
    Sum: _sum,
    WhiteKernel: _white,
}


def _scaled_squares(scope: Scope, kernel: Any, block: Block, rows: Matrix) -> str:
    """Divide both sides by the length scale, one or one a feature, before they are subtracted."""
    length = np.squeeze(kernel.length_scale).astype(np.float64)
    scaled = scope.op("Div", block.value, length.reshape(1, -1))
    return ordered_squares(scope, scaled, rows / length)


def numpy_power(scope: Scope, value: str, exponent: float) -> str:
    """Raise to a power as numpy does, which knows some powers without a logarithm."""
    if exponent == 1:
        return value
    if exponent == 2:  # noqa: PLR2004  # the square
        return scope.op("Mul", value, value)
    if exponent == 0.5:  # noqa: PLR2004  # the root
        return scope.op("Sqrt", value)
    if exponent == -1:
        return scope.op("Div", np.array(1.0), value)
    return scope.op("Pow", value, np.array(exponent))
