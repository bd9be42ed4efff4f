"""Columns that others fix: found, followed, and torn by a fault that shares cannot show."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from preproc.drift import Watched, Window, window_from_json, window_of, window_to_json
from preproc.drift.places import freeze
from preproc.drift.ties import FOLLOWED, Knots, find_ties, knots_of
from preproc.errors import DriftError

HOURS, EACH = 30, 20


def reports(draw: np.random.Generator, days: int = 20) -> dict[str, NDArray[Any]]:
    """Rows that share a report of the weather by the hour, whose gust is often null, as it is."""
    hours = days * HOURS
    heat, damp = np.round(draw.normal(20, 8, hours), 1), np.round(draw.normal(60, 9, hours), 1)
    gust = np.where(draw.random(hours) < 0.3, np.nan, np.round(draw.normal(30, 5, hours), 1))
    port = draw.choice(np.array(["Oslo", "Bergen", "Bodø"], object), hours)
    own = np.round(draw.normal(0, 1, hours * EACH), 3)
    return {
        "heat": np.repeat(heat, EACH),
        "damp": np.repeat(damp, EACH),
        "gust": np.repeat(gust, EACH),
        "port": np.repeat(port, EACH),
        "own": own,
    }


def watched_of(rows: dict[str, NDArray[Any]], days: int = 20) -> Watched:
    places = tuple(freeze(name, 0, "input", values) for name, values in rows.items())
    pairs = zip(places, rows.values(), strict=True)
    marks = {at: place.marks(values) for at, (place, values) in enumerate(pairs)}
    blocks = np.repeat(np.arange(days), HOURS * EACH)
    return Watched(places, find_ties(marks, blocks))


@pytest.fixture(scope="module")
def watched() -> Watched:
    return watched_of(reports(np.random.default_rng(0)))


def tied(watched: Watched) -> dict[str, set[str]]:
    names = [place.name for place in watched.places]
    return {names[tie.target]: {names[key] for key in tie.keys} for tie in watched.ties}


def streams(watched: Watched, rows: dict[str, NDArray[Any]], name: str) -> dict[str, float]:
    window = window_of(watched, rows, {})
    for tie, knots in zip(watched.ties, window.ties, strict=True):
        if watched.places[tie.target].name == name:
            assert knots is not None
            return dict(zip(("stray", "torn"), knots.streams.tolist(), strict=True))
    raise AssertionError(name)


def test_a_lookup_is_found_and_what_each_row_has_of_its_own_is_left_out(watched: Watched) -> None:
    lookup = {"heat", "damp", "gust", "port"}
    assert tied(watched) == {name: lookup - {name} for name in lookup}


def test_rows_that_do_not_repeat_are_tied_to_nothing() -> None:
    draw = np.random.default_rng(0)
    rows = {name: draw.normal(size=6000) for name in ("a", "b", "c")}
    assert watched_of(rows, days=10).ties == ()


@pytest.mark.parametrize(
    ("fault", "stray", "torn"),
    [
        (lambda gust, _: gust, 0.0, 0.0),
        (lambda gust, struck: np.where(struck, np.nan, gust), 0.07, 0.07),
        (lambda gust, struck: np.where(struck, 0.0, gust), 0.1, 0.03),
        (lambda gust, _: np.full(len(gust), np.nan), 0.0, 0.0),
    ],
    ids=["untouched", "nulls", "default", "all"],
)
def test_a_fault_that_strikes_row_by_row_tears_groups_apart(
    watched: Watched, fault: Any, stray: float, torn: float
) -> None:
    draw = np.random.default_rng(1)
    rows = reports(draw, 1)
    struck = draw.random(HOURS * EACH) < 0.1
    found = streams(watched, rows | {"gust": fault(rows["gust"], struck)}, "gust")
    assert found["stray"] == pytest.approx(stray, abs=0.03)
    assert found["torn"] == pytest.approx(torn, abs=0.03)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 600), max_size=3))
def test_what_several_counted_is_what_one_would_have(
    watched: Watched, seed: int, cuts: list[int]
) -> None:
    rows = reports(np.random.default_rng(seed), 1)
    order = np.random.default_rng(seed).permutation(HOURS * EACH)
    rows = {name: values[order] for name, values in rows.items()}
    check_merging(watched, rows, sorted(cuts))


def test_more_keys_than_are_followed_add_up_exactly_too() -> None:
    draw = np.random.default_rng(2)
    number = 6 * FOLLOWED
    cells = draw.integers(0, 2**40, number // 3)[draw.integers(0, number // 3, number)]
    whole = knots_of(cells)
    parts = [knots_of(part) for part in np.array_split(draw.permutation(cells), 5)]
    added = parts[0] + parts[1] + parts[2] + parts[3] + parts[4]
    assert len(np.unique(whole.cells >> 6)) == FOLLOWED
    np.testing.assert_array_equal(added.cells, whole.cells)
    np.testing.assert_array_equal(added.counts, whole.counts)


def check_merging(watched: Watched, rows: dict[str, NDArray[Any]], cuts: list[int]) -> None:
    whole = window_of(watched, rows, {})
    ends = zip([0, *cuts], [*cuts, HOURS * EACH], strict=True)
    parts = [window_of(watched, {n: v[a:b] for n, v in rows.items()}, {}) for a, b in ends]
    added = parts[0]
    for part in parts[1:]:
        added = added + window_from_json(window_to_json(part), watched)
    for one, other in zip(whole.ties, added.ties, strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.cells, other.cells)
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_array_equal(one.streams, other.streams)


def test_a_key_that_was_not_logged_leaves_its_ties_unseen(watched: Watched) -> None:
    rows = reports(np.random.default_rng(0), 1)
    del rows["port"]
    assert window_of(watched, rows, {}).ties == (None,) * 4


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([[1, 2], [600]], "window: expected counts of ties that add up to 600 rows"),
        ([[1], [599]], "window: expected counts of ties that add up to 600 rows"),
        ([[2, 1], [1, 599]], "window: expected counts of ties that add up to 600 rows"),
        ([[1]], "window: expected cells and counts of ties: ValueError("),
    ],
    ids=["sizes", "lost row", "order", "truncated"],
)
def test_damaged_knots_are_refused(watched: Watched, knots: Any, message: str) -> None:
    told = window_to_json(window_of(watched, reports(np.random.default_rng(0), 1), {}))
    told["ties"][0] = knots
    with pytest.raises(DriftError) as caught:
        window_from_json(told, watched)
    assert str(caught.value).startswith(message)


def test_knots_of_nothing_are_quiet() -> None:
    nothing = Knots(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert nothing.streams.tolist() == [0.0, 0.0]
    assert (Window(0, (), (nothing,)) + Window(0, (), (nothing,))).ties[0] is not None
