"""How far two distributions lie apart, from counts over the same bins.

`deviance` is what alarms are made of; the others are what people know. None of them means anything
without the number of rows: PSI of two equal samples is about (bins - 1)(1/n + 1/m).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.special import xlogy
from scipy.stats import entropy, wasserstein_distance

HALF: Final = 0.5
"""Added to each cell, so that an empty one is rare and not impossible."""


def deviance(want: NDArray[np.int64], got: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure G, the two-sample likelihood ratio, for each row of `got`, divided by its rows.

    Divided, since days differ: the same difference of shares gives a G that grows with the traffic.

    Parameters
    ----------
    want
        Counts of the reference, (k,).
    got
        Counts of each window, (b, k).

    Returns
    -------
    numpy.ndarray
        Shape (b,), NaN for a window without rows.
    """
    rows = got.sum(axis=-1, keepdims=True)
    total = want.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = want + HALF, got + HALF * rows / total
        sizes = first.sum(), second.sum(axis=-1, keepdims=True)
        shared = (first + second) / (sizes[0] + sizes[1])
        parts = xlogy(first, first / (sizes[0] * shared))
        parts = parts + xlogy(second, second / (sizes[1] * shared))
        found: NDArray[np.float64] = 2 * parts.sum(axis=-1) / rows[..., 0]
    return found


def psi(want: NDArray[np.int64], got: NDArray[np.int64]) -> float:
    """Measure the population stability index."""
    p, q = _shares(want), _shares(got)
    return float(((p - q) * np.log(p / q)).sum())


def js(want: NDArray[np.int64], got: NDArray[np.int64]) -> float:
    """Measure the Jensen-Shannon distance, base 2: 0 for equal shares, 1 for disjoint ones."""
    return float(jensenshannon(_plain(want), _plain(got), base=2))


def kl(want: NDArray[np.int64], got: NDArray[np.int64]) -> float:
    """Measure the Kullback-Leibler divergence of what came from what was expected, nats."""
    return float(entropy(_shares(got), _shares(want)))


def ks(want: NDArray[np.int64], got: NDArray[np.int64]) -> float:
    """Find the largest distance of the distribution functions, at the edges of ordered bins."""
    return float(np.abs(np.cumsum(_plain(want)) - np.cumsum(_plain(got))).max())


def wasserstein(
    middles: NDArray[np.float64], want: NDArray[np.int64], got: NDArray[np.int64]
) -> float:
    """Measure the mean way from one distribution to the other, in the column's unit.

    Parameters
    ----------
    middles
        What stands for the values of each bin, (k,).
    want, got
        Counts, (k,).
    """
    return float(wasserstein_distance(middles, middles, _plain(want), _plain(got)))


def _plain(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + HALF) / (counts + HALF).sum()
    return shares
