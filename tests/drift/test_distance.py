"""Distances against scipy's and against closed forms."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp
from scipy.stats import wasserstein_distance as exact_way

from preproc.drift.distance import HALF, deviance, js, kl, ks, psi, wasserstein

WANT, GOT = np.array([40, 30, 20, 10]), np.array([[10, 20, 30, 40], [4, 3, 2, 1]])


def test_the_deviance_is_g_of_two_samples_a_row() -> None:
    for got, found in zip(GOT, deviance(WANT, GOT), strict=True):
        table = np.array([WANT + HALF, got + HALF * got.sum() / WANT.sum()])
        g = chi2_contingency(table, lambda_="log-likelihood", correction=False).statistic
        assert found * got.sum() == pytest.approx(g, rel=1e-12)


def test_equal_shares_are_no_distance() -> None:
    assert deviance(WANT, GOT)[1] == pytest.approx(0, abs=1e-12)
    assert js(WANT, WANT) == ks(WANT, WANT) == psi(WANT, WANT) == 0


def test_a_window_without_rows_has_no_deviance() -> None:
    assert np.isnan(deviance(WANT, np.zeros((1, 4), np.int64))).all()


def test_disjoint_shares_are_the_largest_distance() -> None:
    first, second = np.array([5, 0]), np.array([0, 5])
    assert js(first, second) == pytest.approx(1)
    assert ks(first, second) == 1
    assert psi(first, second) > 1
    assert kl(first, second) > 1


def test_bins_of_single_values_give_the_exact_distances() -> None:
    values = np.arange(4.0)
    samples = np.repeat(values, WANT), np.repeat(values, GOT[0])
    assert ks(WANT, GOT[0]) == pytest.approx(ks_2samp(*samples).statistic)
    assert wasserstein(values, WANT, GOT[0]) == pytest.approx(exact_way(*samples))
