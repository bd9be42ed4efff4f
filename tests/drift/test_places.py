"""Counts of a place: each row once, the same however the rows are divided."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from preproc.drift import Watched, Window, window_from_json, window_of, window_to_json
from preproc.drift.places import freeze, place_from_json, place_to_json
from preproc.drift.streams import kinds_of, statistics
from preproc.errors import DriftError
from preproc.signature import NULL_NAN, NULL_NONE

NUMBERS = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(width=64))
WORDS = st.lists(st.sampled_from(["a", "b", "", "nan", NULL_NONE, NULL_NAN, "ü"]), min_size=1)


@given(reference=NUMBERS, live=NUMBERS, at=st.integers(0, 60))
def test_numbers_of_two_workers_are_added(
    reference: NDArray[np.float64], live: NDArray[np.float64], at: int
) -> None:
    check_merging(reference, live, at)


@given(reference=WORDS, live=WORDS, at=st.integers(0, 60))
def test_texts_of_two_workers_are_added(reference: list[str], live: list[str], at: int) -> None:
    check_merging(np.array(reference, object), np.array(live, object), at)


def check_merging(reference: NDArray[Any], live: NDArray[Any], at: int) -> None:
    place = freeze("x", 0, "input", reference)
    watched = Watched((place_from_json(place_to_json(place)),))
    whole = window_of(watched, {"x": live}, {})
    parts = window_of(watched, {"x": live[:at]}, {}) + window_of(watched, {"x": live[at:]}, {})
    again = window_from_json(window_to_json(parts), watched)
    assert again.rows == whole.rows == len(live)
    np.testing.assert_array_equal(again.counts[0], whole.counts[0])
    assert whole.counts[0] is not None
    for counting in np.split(whole.counts[0], np.cumsum(place.cuts)[:-1]):
        assert counting.sum() == len(live)


def stream(reference: NDArray[Any], live: NDArray[Any], kind: str) -> float:
    place = freeze("x", 0, "input", reference)
    counts = window_of(Watched((place,)), {"x": live}, {}).counts[0]
    assert counts is not None
    return float(statistics(place, counts[None])[0, kinds_of(place).index(kind)])


FINE = np.random.default_rng(0).normal(size=5000)
WHOLE = np.arange(5000) % 40.0


@pytest.mark.parametrize(
    ("reference", "live", "kind", "share"),
    [
        (FINE, np.where(np.arange(5000) % 20 == 0, np.nan, FINE), "null", 0.05),
        (FINE, np.where(np.arange(5000) % 20 == 0, -99.0, FINE), "below", 0.05),
        (FINE, np.where(np.arange(5000) % 20 == 0, np.inf, FINE), "above", 0.05),
        (FINE, np.where(np.arange(5000) % 20 == 0, -99.0, FINE), "far", 0.05),
        (FINE, np.where(np.arange(5000) % 20 == 0, np.inf, FINE), "far", 0.05),
        (FINE, np.where(np.arange(5000) % 20 == 0, 0.125, FINE), "spike", 0.05),
        (WHOLE, WHOLE + (np.arange(5000) % 10 == 0) / 2, "unseen", 0.1),
        (WHOLE, np.where(np.arange(5000) < 1000, 7.0, WHOLE), "spike", 0.2),
        (WHOLE, np.where(WHOLE < 20, WHOLE, WHOLE - 20), "shift", 0.25),
        (WHOLE, np.where(WHOLE < 20, WHOLE, WHOLE - 20), "bins", 0.81),
    ],
    ids=[
        "null",
        "below",
        "above",
        "far below",
        "far above",
        "default",
        "unit",
        "heavy",
        "moved",
        "halved",
    ],
)
def test_each_fault_has_its_stream(
    reference: NDArray[Any], live: NDArray[Any], kind: str, share: float
) -> None:
    assert stream(reference, reference, kind) == pytest.approx(0, abs=1e-12)
    assert stream(reference, live, kind) == pytest.approx(share, abs=0.01)


def test_a_heavy_value_has_a_bin_alone() -> None:
    place = freeze("x", 0, "input", np.concatenate([np.zeros(300), FINE[:700]]))
    counts = window_of(Watched((place,)), {"x": np.array([0.0, np.nextafter(0, 1)])}, {}).counts[0]
    assert counts is not None
    assert sorted(counts[: place.cuts[0]].tolist())[-2:] == [1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"counts": [[1]]},
            "window, 'x': expected counts that add up to 2 rows",
        ),
        ({"counts": []}, "window: expected counts of 1 places and 0 ties, got 0 and 0"),
        ({"rows": None}, "window: expected rows, counts and ties: TypeError("),
    ],
    ids=["other place", "truncated", "no rows"],
)
def test_a_window_of_something_else_is_refused(change: dict[str, Any], message: str) -> None:
    watched = Watched((freeze("x", 0, "input", FINE),))
    told = window_to_json(window_of(watched, {"x": FINE[:2]}, {})) | change
    with pytest.raises(DriftError) as caught:
        window_from_json(told, watched)
    assert str(caught.value).startswith(message)


def test_a_place_with_lost_counts_is_refused() -> None:
    told = place_to_json(freeze("x", 0, "input", WHOLE))
    told["counts"] = told["counts"][:-1]
    with pytest.raises(DriftError) as caught:
        place_from_json(told)
    assert str(caught.value).startswith("baseline of 'x': expected 71 counts, not all 0, got shape")


def test_windows_of_two_artifacts_are_not_added() -> None:
    with pytest.raises(DriftError, match="counts of 1 places and 0 ties, got 0 and 0"):
        Window(1, (None,)) + Window(1, ())
