"""Distances of floats, and a comparison that refuses to compare nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from preproc import BITWISE, ParityError, Tolerance, compare

FLOATS = arrays.arrays(
    st.sampled_from([np.float32, np.float64]),
    arrays.array_shapes(max_dims=2),
    elements=st.floats(width=32),
)


@given(x=FLOATS)
def test_equal_arrays_are_zero_ulp_apart(x: np.ndarray) -> None:
    found = compare(x, x.copy())
    assert (found.max_ulp, found.max_abs, found.equal) == (0, 0.0, x.size)


@given(x=FLOATS.filter(lambda x: bool(np.isfinite(x).all())))
def test_neighbours_are_one_ulp_apart(x: np.ndarray) -> None:
    with np.errstate(over="ignore", under="ignore"):
        above = np.nextafter(x, np.asarray(np.inf, x.dtype))
    assert compare(x, above).max_ulp == 1


def test_nan_matches_only_nan() -> None:
    found = compare(np.array([np.nan, np.nan, 1.0]), np.array([np.nan, 1.0, np.nan]))
    assert found.equal == 1
    assert found.breaches == 2


def test_zeros_of_both_signs_are_equal_but_counted() -> None:
    found = compare(np.array([0.0]), np.array([-0.0]))
    assert (found.max_ulp, found.zero_signs, found.is_pass) == (0, 1, True)


def test_infinity_is_far_from_the_largest_float_in_absolute_terms() -> None:
    largest = np.finfo(np.float64).max
    loose = Tolerance("loose", 0, 1e300, "a test")
    assert not compare(np.array([largest]), np.array([np.inf]), loose).is_pass


def test_an_element_passes_by_ulp_or_by_absolute_error() -> None:
    tolerance = Tolerance("either", 1, 1e-12, "a test")
    want = np.array([1.0, 1e-13])
    got = np.array([np.nextafter(1.0, 2.0), 2e-13])
    assert compare(want, got, tolerance).is_pass
    assert compare(want, got, BITWISE).breaches == 2


def test_exact_columns_must_be_equal_whatever_the_bound() -> None:
    want = np.ones((3, 2))
    got = np.nextafter(want, 2)
    loose = Tolerance("loose", 2, 0.0, "test", exact_columns=[1])
    assert compare(want, got, Tolerance("loose", 2, 0.0, "test")).is_pass
    assert compare(want, got, loose).breaches == 3


def test_the_worst_element_is_the_worst_breach() -> None:
    tolerance = Tolerance("absolute", 0, 1e-3, "a test")
    found = compare(np.array([1e-300, 1.0]), np.array([1e-200, 1.1]), tolerance)
    assert found.worst == (1,)


def test_text_must_be_equal() -> None:
    found = compare(np.array(["a", "b"], object), np.array(["a", "c"], object))
    assert (found.breaches, found.worst) == (1, (1,))


@pytest.mark.parametrize(
    ("want", "got", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "nothing to compare: shape (0, 2) holds no element"),
        (np.zeros(2), np.zeros(3), "shape: expected (2,), got (3,)"),
        (np.zeros(2), np.zeros(2, np.float32), "dtype: expected float64, got float32"),
    ],
    ids=["nothing", "shape", "dtype"],
)
def test_what_cannot_be_compared_is_an_error(
    want: np.ndarray, got: np.ndarray, message: str
) -> None:
    with pytest.raises(ParityError) as caught:
        compare(want, got)
    assert str(caught.value) == message
