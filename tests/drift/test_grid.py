"""The decimals that a column was recorded with, and numbers that have more of them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc.drift import Watched, window_of
from preproc.drift.grid import Grid, grid_from_json
from preproc.drift.places import Numbers, freeze, place_from_json, place_to_json
from preproc.drift.streams import kinds_of, statistics

DRAW = np.random.default_rng(0)
FINE = DRAW.normal(size=2000)
CENTS = np.round(DRAW.exponential(20, 2000), 2)
RAIN = np.where(np.arange(2000) % 10 == 0, CENTS / 100, 0.0).round(2)
YEARS = np.round(DRAW.normal(40, 10, 2000))


def grid_of(reference: NDArray[Any]) -> str | None:
    place = freeze("x", 0, "input", reference)
    assert isinstance(place, Numbers)
    assert ("grid" in kinds_of(place)) == (place.grid is not None)
    return None if place.grid is None else str(place.grid)


def off(reference: NDArray[Any], live: NDArray[Any]) -> float:
    place = place_from_json(place_to_json(freeze("x", 0, "input", reference)))
    counts = window_of(Watched((place,)), {"x": live}, {}).counts[0]
    assert counts is not None
    return float(statistics(place, counts[None])[0, kinds_of(place).index("grid")])


@pytest.mark.parametrize(
    ("reference", "step"),
    [
        (CENTS, "0.01"),
        (RAIN, "0.01"),
        (CENTS.astype(np.float32), "0.01"),
        (CENTS * 3 / 3 + 0.1 - 0.1, "0.01"),
        (YEARS.astype(np.int64), "1"),
        (np.append(CENTS, 1 / 3), "0.01"),
        (np.append(CENTS, [np.nan, np.inf]), "0.01"),
        (np.round(DRAW.choice(np.arange(30) * 1.15078, 2000), 5), "1e-05"),
        (FINE, None),
        (FINE.astype(np.float32), None),
        (FINE * 1e15, None),
        (np.where(np.arange(2000) % 10 == 0, FINE, 0.0), None),
        (np.concatenate([CENTS, FINE]), None),
        (FINE > 0, None),
        (np.zeros(9), None),
        (np.full(9, np.nan), None),
    ],
    ids=[
        "cents",
        "mostly 0",
        "float32",
        "noise of rounding",
        "integers",
        "one odd one",
        "nulls",
        "knots as miles",
        "all digits",
        "all digits of float32",
        "huge",
        "all digits, mostly 0",
        "mixed",
        "booleans",
        "nothing but 0",
        "nothing but nulls",
    ],
)
def test_a_column_has_a_grid_where_it_was_recorded_with_few_decimals(
    reference: NDArray[Any], step: str | None
) -> None:
    assert grid_of(reference) == step


@pytest.mark.parametrize(
    ("reference", "live", "share"),
    [
        (CENTS, CENTS[::-1] + 5, 0.0),
        (CENTS, CENTS + 0.1 + 0.2 - 0.3, 0.0),
        (CENTS, np.where(np.arange(2000) % 2 == 0, CENTS, np.nan), 0.0),
        (CENTS, np.full(2000, np.inf), 0.0),
        (CENTS, np.append(CENTS, 1e300), 0.0),
        (CENTS, CENTS * 1.609, 0.98),
        (CENTS, CENTS.astype(np.float32), 0.96),
        (CENTS.astype(np.float32), CENTS, 0.0),
        (CENTS.astype(np.float32), (CENTS * 1.609).astype(np.float32), 0.98),
        (RAIN, RAIN * 1.609, 0.095),
        (YEARS.astype(np.int64), YEARS * 1.609, 1.0),
        (YEARS, np.where(np.arange(2000) % 100 == 0, YEARS + 0.5, YEARS), 0.01),
    ],
    ids=[
        "as many decimals",
        "noise of rounding",
        "nulls",
        "infinities",
        "huge",
        "another unit",
        "cut to float32",
        "float64 for float32",
        "another unit in float32",
        "rain in another unit",
        "integers",
        "a sensor with more decimals",
    ],
)
def test_what_has_more_decimals_is_off_the_grid(
    reference: NDArray[Any], live: NDArray[Any], share: float
) -> None:
    assert off(reference, live) == pytest.approx(share, abs=0.03 if share > 0.5 else 0.005)


def test_an_older_baseline_has_no_grid_and_a_damaged_one_is_refused() -> None:
    told = place_to_json(freeze("x", 0, "input", CENTS))
    older = {name: value for name, value in told.items() if name != "grid"}
    older["counts"] = told["counts"][:-3]
    place = place_from_json(older)
    assert isinstance(place, Numbers)
    assert place.grid is None
    assert "grid" not in kinds_of(place)
    assert grid_from_json({"decimals": 2, "slack": 0.0}) == Grid(2, 0.0)
    with pytest.raises(ValueError, match="expected 0 to 15 decimals, got 99"):
        grid_from_json({"decimals": 99, "slack": 0.0})
