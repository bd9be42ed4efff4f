"""Operators that pandas gives names to, such as ``Series.add``."""

from typing import Any

import numpy as np


def _operator(ufunc: np.ufunc, *, is_reversed: bool = False) -> Any:
    def method(self: Any, other: Any, fill_value: Any = None, **_options: Any) -> Any:
        """Combine with another column or a constant; `fill_value` stands for nulls."""
        left: Any = self
        if fill_value is not None:
            left = self.fillna(fill_value)
            other = other.fillna(fill_value) if hasattr(other, "fillna") else other
        return ufunc(other, left) if is_reversed else ufunc(left, other)

    return method


class Operators:
    """Operators by name, of series and frames."""

    add = _operator(np.add)
    sub = _operator(np.subtract)
    subtract = _operator(np.subtract)
    mul = _operator(np.multiply)
    multiply = _operator(np.multiply)
    div = _operator(np.divide)
    truediv = _operator(np.divide)
    divide = _operator(np.divide)
    floordiv = _operator(np.floor_divide)
    mod = _operator(np.remainder)
    pow = _operator(np.power)
    radd = _operator(np.add, is_reversed=True)
    rsub = _operator(np.subtract, is_reversed=True)
    rmul = _operator(np.multiply, is_reversed=True)
    rdiv = _operator(np.divide, is_reversed=True)
    rtruediv = _operator(np.divide, is_reversed=True)
    rfloordiv = _operator(np.floor_divide, is_reversed=True)
    rmod = _operator(np.remainder, is_reversed=True)
    rpow = _operator(np.power, is_reversed=True)
    eq = _operator(np.equal)
    ne = _operator(np.not_equal)
    lt = _operator(np.less)
    le = _operator(np.less_equal)
    gt = _operator(np.greater)
    ge = _operator(np.greater_equal)
