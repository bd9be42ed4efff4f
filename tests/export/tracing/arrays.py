"""Functions of arrays, as people write them in feature engineering."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log1p_of_clipped(x: Array) -> Array:
    return np.log1p(np.clip(x, 0, None))


def ratios(x: Array) -> Array:
    return np.column_stack([x[:, 0] / (x[:, 1] + 1), x[:, 0] - x[:, 1], x[:, 2] * x[:, 3]])


def safe_ratio(x: Array) -> Array:
    return np.divide(x[:, 0], x[:, 1], out=np.zeros_like(x[:, 0]), where=x[:, 1] != 0)[:, None]


def signed_root(x: Array) -> Array:
    return np.sign(x) * np.sqrt(np.abs(x))


def squares_and_cubes(x: Array) -> Array:
    return np.hstack([x, x**2, x**3])


def zeroed_nan(x: Array) -> Array:
    return np.nan_to_num(x, nan=-1.0, posinf=1e6, neginf=-1e6)


def missing_flags(x: Array) -> Array:
    return np.c_[x, np.isnan(x).astype(float)]


def masked_assignment(x: Array) -> Array:
    x = x.copy()
    x[x < 0] = 0
    x[np.isnan(x)] = -1
    return x


def column_assignment(x: Array) -> Array:
    out = np.zeros((x.shape[0], 3))
    out[:, 0] = x[:, 0]
    out[:, 1] = np.maximum(x[:, 1], x[:, 2])
    out[:, 2] = 7
    return out


def masked_logarithm(x: Array) -> Array:
    out = np.full(len(x), -1.0)
    positive = x[:, 0] > 0
    out[positive] = np.log(x[:, 0][positive])
    return out.reshape(-1, 1)


def digitized(x: Array) -> Array:
    return np.digitize(x[:, 0], [-1.0, 0.0, 0.5, 2.0]).reshape(-1, 1)


def searched(x: Array) -> Array:
    return np.searchsorted(np.array([-1.0, 0.0, 1.0]), x[:, 1], side="right")[:, None]


def selected(x: Array) -> Array:
    bands = np.select([x[:, 0] < -1, x[:, 0] < 0, x[:, 0] < 1], [0, 1, 2], default=3)
    return bands[:, np.newaxis]


def cyclic(x: Array) -> Array:
    angle = 2 * np.pi * (x[:, 0] % 24) / 24
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def row_statistics(x: Array) -> Array:
    return np.column_stack([x.sum(axis=1), x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(1)])


def row_normalised(x: Array) -> Array:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


def share_of_row(x: Array) -> Array:
    total = np.abs(x).sum(axis=1, keepdims=True)
    return np.abs(x) / (total + 1e-9)


def differences(x: Array) -> Array:
    return np.diff(x, axis=1)


def running_sum(x: Array) -> Array:
    return np.cumsum(x, axis=1)


def largest_column(x: Array) -> Array:
    return np.argmax(x, axis=1).reshape(-1, 1)


def rounded(x: Array) -> Array:
    return np.round(x, 2)


def floored(x: Array) -> Array:
    return np.column_stack([np.floor(x[:, 0]), x[:, 1] // 0.5, x[:, 2] % 3, np.trunc(x[:, 3])])


def logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def hyperbolic(x: Array) -> Array:
    return np.tanh(x / 3)


def decades(x: Array) -> Array:
    return np.floor(np.log10(np.abs(x) + 1))


def powers(x: Array) -> Array:
    return np.power(np.abs(x), 0.3)


def interpolated(x: Array) -> Array:
    return np.interp(x[:, 0], [-2.0, 0.0, 1.0, 3.0], [0.0, 10.0, 11.0, 20.0]).reshape(-1, 1)


def membership(x: Array) -> Array:
    return np.isin(np.round(x[:, 0]), [0, 1, 2]).astype(int)[:, None]


def polar(x: Array) -> Array:
    return np.c_[np.hypot(x[:, 0], x[:, 1]), np.arctan2(x[:, 1], x[:, 0])]


def in_place(x: Array) -> Array:
    x = x.copy()
    x[:, 0] *= 2
    x[:, 1:] += 1
    x -= 0.5
    return x


def projected(x: Array) -> Array:
    weights = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 2.0], [0.25, 0.125]])
    return x @ weights


def indicator_columns(x: Array) -> Array:
    edges = np.array([-1.0, 0.0, 1.0])
    return (x[:, :1] > edges[None, :]).astype(np.float64)


def pairwise_products(x: Array) -> Array:
    n = x.shape[1]
    return np.column_stack([x[:, i] * x[:, j] for i in range(n) for j in range(i + 1, n)])


def winsorised(x: Array) -> Array:
    low, high = np.array([-2.0, -1.0, -2.0, -3.0]), np.array([2.0, 1.0, 2.0, 3.0])
    return np.minimum(np.maximum(x, low), high)


def box_cox(x: Array) -> Array:
    lmbda = 0.25
    return ((np.abs(x) + 1) ** lmbda - 1) / lmbda


def both_conditions(x: Array) -> Array:
    both = (x[:, 0] > 0) & ~(x[:, 1] > 1) | np.isnan(x[:, 2])
    return both.astype(np.int64).reshape(-1, 1)


def written_through_a_view(x: Array) -> Array:
    out = np.zeros((len(x), 3))
    middle = out[:, 1]
    middle[:] = x[:, 0]
    middle *= 2
    out[:, 1:] += 1
    return np.c_[out, middle]


def mended(x: Array) -> Array:
    wild = np.abs(x) > 2
    if wild.any():
        x = np.where(wild, 0, x)
    return x * 2


FUNCTIONS = [
    log1p_of_clipped, ratios, safe_ratio, signed_root, squares_and_cubes, zeroed_nan, missing_flags,
    masked_assignment, column_assignment, masked_logarithm, digitized, searched, selected, cyclic,
    row_statistics, row_normalised, share_of_row, differences, running_sum, largest_column, rounded,
    floored, logistic, hyperbolic, decades, powers, interpolated, membership, polar, in_place,
    projected, indicator_columns, pairwise_products, winsorised, box_cox, both_conditions,
    written_through_a_view, mended,
]  # fmt: skip
