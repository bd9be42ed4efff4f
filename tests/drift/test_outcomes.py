"""What came true against what was expected: each way in which a score may change its meaning."""

import numpy as np
import pytest

from preproc.drift.outcomes import Outcomes, compare_outcomes

BANDS, ROWS = 5, 50


def outcomes(draw: np.random.Generator, blocks: int, bend: list[float]) -> Outcomes:
    rows = np.full((blocks, BANDS), ROWS)
    edges = np.linspace(0.2, 0.8, BANDS - 1)
    noise = draw.normal(0, 3, (blocks, BANDS))
    noise = noise - noise.mean(axis=1, keepdims=True) + draw.normal(0, 0.1, (blocks, 1))
    residuals = noise + np.array(bend)
    return Outcomes("class", "1", edges, rows, residuals)


@pytest.mark.parametrize(
    ("bend", "is_seen"),
    [
        ([0, 0, 0, 0, 0], False),
        ([5, -5, 0, -5, 5], True),  # neither their sum nor their slope moves
        ([2, 1, 0, -1, -2], True),
        ([0.3, 0.3, 0.3, 0.3, 0.3], True),  # which no band shows by itself
    ],
    ids=["none", "bands", "slope", "all rows"],
)
def test_each_change_of_meaning_is_seen(bend: list[float], *, is_seen: bool) -> None:
    draw = np.random.default_rng(3)
    base, live = outcomes(draw, 60, [0.0] * BANDS), outcomes(draw, 20, bend)
    assert (compare_outcomes(base, live, draw).p < 0.01) == is_seen
