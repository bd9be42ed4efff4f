"""Functions as another C library computes them, for a process that measures what that moves.

No environment variable makes the C library another one, and a subtraction or a standardization
behind one of its functions multiplies the last bit by any factor. So scikit-learn and code of the
user's own are asked once more with functions whose last bit is another.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import scipy.special
import sklearn.preprocessing
import sklearn.svm
from numpy.typing import NDArray

FUNCTIONS: Final = (
    "arccos", "arcsin", "arctan", "arctan2", "cbrt", "cos", "cosh", "exp", "exp2", "expm1", "hypot",
    "log", "log10", "log1p", "log2", "power", "sin", "sinh", "tan", "tanh",
)  # fmt: skip
"""Of numpy, those that IEEE 754 does not require to be rounded correctly."""


def put_in_place(*, is_vectorized: bool) -> None:
    """Replace what is looked up when it is called, in this process and for good.

    Parameters
    ----------
    is_vectorized
        Whether numpy computes by vector forms of its own in the process that asks, and not in this
        one: then scipy's ``yeojohnson``, which calls numpy, is another one here already.
    """
    data = sklearn.preprocessing._data  # noqa: SLF001  # where they are called
    data.boxcox = box_cox_of_another_library
    if not is_vectorized:
        data.stats.yeojohnson = yeo_johnson_of_another_library
    sklearn.svm._base.libsvm = OtherVectors(sklearn.svm._base.libsvm)  # noqa: SLF001  # likewise
    for name in FUNCTIONS:
        setattr(np, name, OtherFunction(getattr(np, name)))


class OtherFunction:
    """A function of numpy whose results are off by one unit in the last place, up or down.

    Whole numbers stay, as every library gives ``exp(0)`` and ``log(1)`` exactly. The direction
    hangs on a bit of the result itself, so that a row gets the same answer in any batch.
    """

    def __init__(self, own: np.ufunc) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Compute, then move the last bit, in the arrays that were given for it too."""
        given = self._own(*inputs, **named)
        out = inputs[self._own.nin :] or named.get("out")
        if out is not None or named.get("where", True) is not True:
            return given  # what stands elsewhere in the array is not ours to move
        values = np.asarray(given)
        if values.dtype != np.float64:
            return given
        moved = _moved(values)
        if hasattr(given, "columns") and hasattr(given, "index"):
            return type(given)(moved, index=given.index, columns=given.columns)
        if hasattr(given, "index") and hasattr(given, "name"):
            return type(given)(moved, index=given.index, name=given.name)
        is_known = isinstance(given, np.ndarray | np.float64)
        return moved.reshape(values.shape)[()] if is_known else given


def _moved(values: NDArray[np.float64]) -> NDArray[np.float64]:
    upward = (np.ascontiguousarray(values).view(np.int64) >> 3) & 1 == 1
    upward = upward.reshape(values.shape)
    near = np.nextafter(values, np.where(upward, np.inf, -np.inf))
    stays = (values == np.floor(values)) | ~np.isfinite(values) | ~np.isfinite(near)
    return np.where(stays, values, near)


def box_cox_of_another_library(
    x: NDArray[np.float64], power: float | np.float64
) -> NDArray[np.float64]:
    """Compute scipy's ``boxcox`` with functions of the C library that are rounded correctly.

    scipy calls the C library, which no environment variable makes another one, and a
    standardization behind it multiplies its last bit by any factor. In long double each function
    is exact but for its last rounding, as in another good library.
    """
    logarithms = _rounded(np.log, np.asarray(x, np.float64))
    if abs(power) < 1e-19:  # noqa: PLR2004  # where scipy takes it for zero
        return logarithms
    near: NDArray[np.float64] = _rounded(np.expm1, power * logarithms) / power
    beyond = ~(power * logarithms < 709.78)  # noqa: PLR2004  # where scipy's own formula changes
    return np.where(beyond, scipy.special.boxcox(x, power), near)


def yeo_johnson_of_another_library(
    x: NDArray[np.float64], power: float | np.float64
) -> NDArray[np.float64]:
    """Compute scipy's ``yeojohnson`` likewise, where numpy asks the C library."""
    x = np.asarray(x, np.float64)
    upper = x >= 0
    exponent = np.where(upper, power, 2 - power)
    logarithms = _rounded(np.log1p, np.abs(x))
    is_plain = np.abs(exponent) < np.finfo(np.float64).eps
    divisor = np.where(is_plain, 1.0, exponent)
    grown = np.where(is_plain, logarithms, _rounded(np.expm1, exponent * logarithms) / divisor)
    return np.where(upper, grown, -grown)


def _rounded(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = function(values.astype(np.longdouble)).astype(np.float64)
    return result


class OtherVectors:
    """libsvm with the features in the opposite order.

    Its dot product rounds by fused multiply-add on some processors and not on others, for which
    there is no switch; another order of its summands moves the last bits as much.
    """

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._own, name)
        return partial(_turned_round, function) if name in _ASKING else function


_ASKING: Final = ("decision_function", "predict", "predict_proba")


def _turned_round(
    function: Callable[..., Any],
    rows: NDArray[np.float64],
    support: NDArray[np.int32],
    vectors: NDArray[np.float64],
    *others: Any,
    **named: Any,
) -> Any:
    if rows.shape[1:] == vectors.shape[1:]:  # else the kernel is given
        rows, vectors = (np.ascontiguousarray(table[:, ::-1]) for table in (rows, vectors))
    return function(rows, support, vectors, *others, **named)
