"""Exact intervals and what a number of rows can find, held against the binomial law itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from preproc.skew.detection import findable_rate, reach_of, rows_for, share_of


@given(of=st.integers(1, 5000), data=st.data())
def test_an_interval_ends_where_its_tails_have_their_probability(
    of: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, of))
    share = share_of(count, of)
    assert 0.0 <= share.low <= share.rate <= share.high <= 1.0
    if count:
        assert binom.sf(count - 1, of, share.low) == pytest.approx(0.025, rel=1e-6)
    if count < of:
        assert binom.cdf(count, of, share.high) == pytest.approx(0.025, rel=1e-6)


def test_no_rows_say_nothing() -> None:
    share = share_of(0, 0)
    assert (share.low, share.high) == (0.0, 1.0)
    assert math.isnan(share.rate)
    assert findable_rate(0) == 1.0


@given(rate=st.floats(1e-6, 0.5))
def test_as_many_rows_as_are_wanted_find_a_fault_and_one_less_does_not(rate: float) -> None:
    rows = rows_for(rate)
    assert 1 - (1 - rate) ** rows >= 0.95 - 1e-12
    assert rows == 1 or 1 - (1 - rate) ** (rows - 1) < 0.95
    assert findable_rate(rows) <= rate * (1 + 1e-9)


def test_the_time_is_unknown_where_the_traffic_is() -> None:
    assert reach_of(100, 0.001, 0.0).wanted_s == math.inf
    assert reach_of(100, 0.001, 10.0).wanted_s == rows_for(0.001) / 10.0
