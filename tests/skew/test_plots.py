"""Pictures of windows, distributions and pairs hold the numbers that they were given."""

import re
from dataclasses import replace

import pytest

from preproc.drift import Alarm, Band, State, Verdict
from preproc.drift.streams import Stream
from preproc.skew.detection import share_of
from preproc.skew.distributions import Distribution
from preproc.skew.drift_plots import distribution_plot, timeline_plot
from preproc.skew.pair_plots import (
    bands_plot,
    counts_plot,
    deltas_plot,
    differing_plot,
    shares_plot,
)

NULLS = Alarm(Stream("input", "age", 0, "null"), 0.2, 0.1, 2.5, 0.01, 10.0, "points")
NUMBERS = Distribution(
    "input",
    "age",
    0,
    ("below 0", "0", "5e-324 to 10", "10 to 20", "20 and above", "null"),
    (0.0, 5e-324, 10.0, 20.0),
    (0, 10, 40, 40, 0, 10),
    (0, 5, 20, 20, 0, 5),
    (2, 3, 0, 3, 0, 2),
)
WORDS = Distribution(
    "input",
    "city",
    0,
    (*(f"city {at}" for at in range(12)), "other known", "unseen", "null"),
    (),
    (40, 20, 10, 5, 4, 4, 4, 4, 3, 2, 2, 2, 0, 0, 0),
    None,
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 60, 20),
)


def verdict(state: State, score: float = 0.0, threshold: float = 2.0) -> Verdict:
    alarms = (NULLS,) if state == "ALARM" else ()
    why = "" if state in {"QUIET", "ALARM"} else "why"
    return Verdict(state, why, 100, 100, score, threshold, 0.5, alarms)


def extents(svg: str, name: str, axis: int) -> dict[int, float]:
    """Number of a bar → its length in the picture, along x (0) or y (1)."""
    found = {}
    for number, path in re.findall(rf'<g id="{name}-(\d+)">\s*<path d="([^"]+)"', svg):
        ends = [point[axis] for point in points(path)]
        found[int(number)] = max(ends) - min(ends)
    return found


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", path)]


def text_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def shaded(svg: str) -> int:
    """Count what is shaded as not judged."""
    styles = re.findall(r'style="([^"]+)"', svg)
    return sum("opacity: 0.3" in style and "fill: var(--warn)" in style for style in styles)


def test_bars_of_windows_are_as_high_as_their_scores_and_alarm_above_the_line() -> None:
    scores = [1.0, 0.5, 3.0, 1.5]
    states: list[State] = ["QUIET", "QUIET", "ALARM", "QUIET"]
    found = [verdict(state, score) for state, score in zip(states, scores, strict=True)]
    svg = timeline_plot(["a", "b", "c", "d"], found)
    heights = extents(svg, "window", 1)
    for at, score in enumerate(scores):
        assert heights[at] / heights[0] == pytest.approx(score, rel=1e-4)
    (line,) = re.findall(r'<g id="threshold">\s*<path d="([^"]+)"', svg)
    (bottom,) = {
        max(y for _, y in points(path))
        for path in re.findall(r'<g id="window-\d+">\s*<path d="([^"]+)"', svg)
    }
    assert (bottom - points(line)[0][1]) / heights[0] == pytest.approx(2.0, rel=1e-4)
    fills = dict(re.findall(r'<g id="window-(\d)">\s*<path [^>]*fill: var\(--(\w+)\)', svg))
    assert fills == {"0": "now", "1": "now", "2": "breach", "3": "now"}
    assert {"quiet: 3", "alarm: 1", "input age: null"} <= set(text_of(svg))


def test_a_window_that_cannot_be_judged_is_never_drawn_as_quiet() -> None:
    svg = timeline_plot(["a", "b"], [verdict("INSUFFICIENT", 0, 0), verdict("INVALID", 1)])
    said = text_of(svg)
    assert "INSUFFICIENT, not judged: 1" in said
    assert "INVALID calibration: 1" in said
    assert not [text for text in said if "quiet" in text]
    assert "var(--now)" not in svg
    assert shaded(svg) == 1


def test_scores_far_above_the_threshold_leave_the_others_visible() -> None:
    svg = timeline_plot(["a", "b"], [verdict("QUIET", 1.0), verdict("ALARM", 2e4)])
    heights = extents(svg, "window", 1)
    assert 8 < heights[1] / heights[0] < 20
    assert {"0", "10", "100", "1e+04"} <= set(text_of(svg))


def test_bins_are_as_high_as_their_share_of_training() -> None:
    svg = distribution_plot(NUMBERS)
    heights = extents(svg, "train", 1)
    # "20 and above" holds nothing, so it is not drawn; nulls stand apart
    assert [round(heights[at] / heights[1], 3) for at in range(5)] == [0, 1, 4, 4, 1]
    (live,) = re.findall(r'id="live">\s*<path d="([^"]+)"', svg)
    levels = [y for _, y in points(live)][1::2]
    assert max(levels) - min(levels) == pytest.approx(heights[2], rel=1e-3)
    assert {"0", "null"} <= set(text_of(svg))


def test_what_only_traffic_holds_is_drawn_as_well() -> None:
    svg = distribution_plot(WORDS)
    said = text_of(svg)
    assert {"city 0", "city 11", "unseen", "null", "others"} <= set(said)
    assert 'id="alarming"' in svg
    assert 'id="live"' not in svg


@pytest.mark.parametrize("given", [NUMBERS, WORDS], ids=["numbers", "words"])
def test_places_without_traffic_or_without_values_are_drawn(given: Distribution) -> None:
    bare = replace(given, live=None, alarming=None)
    assert 'id="train-0"' in distribution_plot(bare)
    nulls = (*(0,) * (len(given.bins) - 1), 5)
    assert distribution_plot(replace(given, train=nulls, live=nulls, alarming=None))


def test_counts_are_bars_of_that_length_with_their_number() -> None:
    svg = counts_plot([("scale", 2), ("model", 8), ("scale", 0)], "rows")
    lengths = extents(svg, "bar", 0)
    assert lengths[1] / lengths[0] == pytest.approx(4, rel=1e-4)
    assert lengths[2] == 0
    assert text_of(svg)[-3:] == ["2", "8", "0"]


def test_shares_by_window_are_bars_and_uncompared_windows_are_shaded() -> None:
    svg = differing_plot(["a", "b", "c"], [100, 200, 0], [10, 5, 0])
    heights = extents(svg, "window", 1)
    assert heights[0] / heights[1] == pytest.approx(4, rel=1e-4)
    assert shaded(svg) == 1


def test_a_share_that_differs_is_red_and_one_that_does_not_is_not() -> None:
    svg = shares_plot({"good": share_of(0, 100), "bad": share_of(3, 100)})
    assert {"0 of 100", "3 of 100"} <= {text.strip() for text in text_of(svg)}
    assert "var(--breach)" in svg
    assert "var(--breach)" not in shares_plot({"good": share_of(0, 100)})


def test_deltas_of_all_sizes_are_drawn() -> None:
    at = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
    tiny = dict(zip(at, (-1e-16, -1e-16, 0, 0, 0, 0, 0, 0, 1e3), strict=True))
    svg = deltas_plot({"scores": dict.fromkeys(at, 0.0), "label": tiny})
    assert {"scores", "label"} <= set(text_of(svg))


def test_bands_show_then_and_now() -> None:
    bands = [Band(None, 0.5, 1.0, 0.1, 4.0, 0.5), Band(0.5, None, None, 0.0, 2.0, 0.5)]
    svg = bands_plot(["to 0.5", "from 0.5"], bands)
    assert {"training", "now", "to 0.5", "from 0.5"} <= set(text_of(svg))
