"""What a window is worth: quiet at the stated rate, alarmed by faults, never quiet by default."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preproc.drift import (
    Baseline,
    LiveMonitor,
    Tally,
    Window,
    baseline_from_json,
    baseline_to_json,
    judge,
    window_of,
)
from preproc.drift.baseline import baseline_of, blocks_needed
from preproc.drift.blocks import Blocks, measure
from preproc.drift.cadence import Cadence
from preproc.drift.calibration import calibrate, replayed
from preproc.drift.levels import scored
from preproc.errors import DriftError
from preproc.signature import NULL_NONE

DAYS, ROWS = 120, 200
NAMES = ("age", "debt", "city")


def draw_days(draw: np.random.Generator, days: int) -> dict[str, NDArray[Any]]:
    """Rows of a day hang together."""
    age = draw.normal(40, 3, (days, 1)) + draw.normal(0, 10, (days, ROWS))
    debt = np.exp(draw.normal(0, 0.3, (days, 1)) + draw.normal(0, 1, (days, ROWS)))
    share = draw.beta(20, 20, (days, 1))
    city = np.where(draw.random((days, ROWS)) < share, "Oslo", "Bergen").astype(object)
    return {"age": np.round(age).reshape(-1), "debt": debt.reshape(-1), "city": city.reshape(-1)}


def blocks_of(inputs: dict[str, NDArray[Any]], codes: NDArray[np.int64]) -> Blocks:
    values: Any = {("input", name, 0): inputs[name] for name in NAMES}
    values["output", "scores", 0] = inputs["age"] / 10 - np.log1p(inputs["debt"])
    return Blocks(values, codes, int(codes.max()) + 1)


def train(days: int = DAYS, false_alarms: float = 0.05) -> Baseline:
    blocks = blocks_of(draw_days(np.random.default_rng(0), days), np.repeat(np.arange(days), ROWS))
    return baseline_of(
        blocks,
        blocks,
        false_alarms=false_alarms,
        unit="days",
        cadence=Cadence(86400.0),
        left_out=(),
        seed=0,
    )


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    made = train()
    assert (made.status, made.why) == ("VALID", "")
    return made


def counted(baseline: Baseline, inputs: dict[str, NDArray[Any]], **changes: Any) -> Window:
    inputs = inputs | changes
    return window_of(
        baseline.watched, inputs, {"scores": inputs["age"] / 10 - np.log1p(inputs["debt"])}
    )


@pytest.fixture
def day() -> dict[str, NDArray[Any]]:
    return draw_days(np.random.default_rng(5), 1)


def test_quiet_days_alarm_at_the_stated_rate() -> None:
    """The whole procedure, on days that could as well have been learned from."""
    alarms = days = 0
    for seed in range(12):
        draw = np.random.default_rng(seed)
        blocks = blocks_of(draw_days(draw, 160), np.repeat(np.arange(160), ROWS))
        mixed = draw.permutation(160)
        calibration = calibrate(blocks, mixed[:118], draw, (1.0,))
        (level,) = calibration.levels
        scores = scored(level, measure(calibration.watched, blocks, mixed[118:])).max(axis=1)
        alarms += int((scores > level.threshold(0.05)).sum())
        days += 42
    assert days == 504
    assert 0.03 <= alarms / days <= 0.07


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"age": lambda x: np.where(np.arange(ROWS) % 20 == 0, np.nan, x)}, "input age: null"),
        ({"debt": lambda x: np.where(np.arange(ROWS) % 5 == 0, 0.0, x + 1)}, "input debt: spike"),
        ({"city": lambda x: np.array([w.lower() for w in x], object)}, "input city: unseen"),
        ({"age": lambda x: x * 1.609}, "input age: unseen"),
    ],
    ids=["nulls", "default", "lower case", "miles"],
)
def test_a_fault_is_found_and_named_first(
    baseline: Baseline, day: dict[str, NDArray[Any]], changes: dict[str, Any], first: str
) -> None:
    assert judge(baseline, counted(baseline, day)).state == "QUIET"
    spoiled = {name: change(day[name]) for name, change in changes.items()}
    verdict = judge(baseline, counted(baseline, day, **spoiled))
    assert verdict.state == "ALARM"
    assert verdict.p <= baseline.false_alarms
    (name,) = changes
    assert first in {str(alarm.stream) for alarm in verdict.alarms}
    assert verdict.alarms[0].stream.name in {name, "scores"}
    assert all(alarm.effect != 0 and alarm.measure for alarm in verdict.alarms)


def struck(one_in: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.arange(ROWS) % one_in == 0
    return found


FAULTS: list[tuple[str, str, Any]] = [
    ("debt", "bins", lambda x: np.clip(x, 0.5, 2.0) + np.arange(ROWS) * 1e-6),
    ("age", "null", lambda x: np.where(struck(10), np.nan, x)),
    ("age", "below", lambda x: np.where(struck(2), x - 60, x)),
    ("age", "above", lambda x: np.where(struck(2), x + 60, x)),
    ("age", "far", lambda x: np.where(struck(10), x * 100, x)),
    ("age", "unseen", lambda x: x + 0.5),
    ("debt", "spike", lambda x: np.where(struck(5), 1.0, x)),
    ("age", "grid", lambda x: np.where(struck(50), x + 0.5, x)),
    ("debt", "shift", lambda x: np.quantile(x, 0.99) + np.arange(ROWS) * 1e-6),
    ("city", "bins", lambda x: np.full(len(x), "Oslo", object)),
    ("city", "spike", lambda x: np.full(len(x), "Oslo", object)),
    ("city", "null", lambda x: np.where(struck(10), NULL_NONE, x)),
    ("city", "unseen", lambda x: np.array([word.lower() for word in x], object)),
]


@pytest.mark.parametrize(
    ("name", "kind", "fault"), FAULTS, ids=[f"{name} {kind}" for name, kind, _ in FAULTS]
)
def test_each_stream_alarms_by_a_fault_of_its_own(
    baseline: Baseline, day: dict[str, NDArray[Any]], name: str, kind: str, fault: Any
) -> None:
    """Step by step all streams are named that left their bounds; without one, its fault goes."""
    assert {stream.kind for stream in baseline.watched.streams} == {kind for _, kind, _ in FAULTS}
    assert judge(baseline, counted(baseline, day)).state == "QUIET"
    verdict = judge(baseline, counted(baseline, day, **{name: fault(day[name])}))
    assert verdict.state == "ALARM"
    assert f"input {name}: {kind}" in {str(alarm.stream) for alarm in verdict.alarms}


def test_answers_are_watched_as_inputs_are(
    baseline: Baseline, day: dict[str, NDArray[Any]]
) -> None:
    scores = day["age"] / 10 - np.log1p(day["debt"]) + 3
    verdict = judge(baseline, window_of(baseline.watched, day, {"scores": scores}))
    assert verdict.state == "ALARM"
    assert {alarm.stream.part for alarm in verdict.alarms} == {"output"}


def test_half_a_fault_in_each_worker_is_one_alarm(
    baseline: Baseline, day: dict[str, NDArray[Any]]
) -> None:
    spoiled = day | {"age": np.where(np.arange(ROWS) % 20 == 0, np.nan, day["age"])}
    parts = [
        counted(baseline, {name: values[at::3] for name, values in spoiled.items()})
        for at in range(3)
    ]
    whole, merged = judge(baseline, counted(baseline, spoiled)), parts[0] + parts[1] + parts[2]
    assert judge(baseline, merged) == whole
    assert whole.state == "ALARM"


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_are_insufficient(baseline: Baseline, rows: int) -> None:
    inputs = {n: v[:rows] for n, v in draw_days(np.random.default_rng(1), 1).items()}
    verdict = judge(baseline, counted(baseline, inputs))
    assert verdict.state == "INSUFFICIENT"
    least = baseline.calibration.levels[-1].least
    assert verdict.why == f"expected at least {least} rows, got {rows}"


def test_fewer_rows_are_held_against_blocks_of_as_many(baseline: Baseline) -> None:
    draw = np.random.default_rng(3)
    states = []
    for _ in range(100):
        inputs = {name: values[: ROWS // 3] for name, values in draw_days(draw, 1).items()}
        verdict = judge(baseline, counted(baseline, inputs))
        assert verdict.block_rows == pytest.approx(ROWS / 4, abs=10)
        states.append(verdict.state)
    assert states.count("ALARM") <= 10
    assert states.count("ALARM") + states.count("QUIET") == 100


def test_a_column_that_was_not_seen_is_never_quiet(
    baseline: Baseline, day: dict[str, NDArray[Any]]
) -> None:
    del day["city"]
    verdict = judge(baseline, counted(baseline, day))
    assert (verdict.state, verdict.why) == (
        "INSUFFICIENT",
        "expected all watched columns, got none of ['city']",
    )
    day["age"] = np.full(ROWS, -1.0)
    assert judge(baseline, counted(baseline, day)).state == "ALARM"
    nothing = Window(ROWS, (None,) * len(baseline.places))
    assert judge(baseline, nothing).state == "INSUFFICIENT"


def test_lost_counts_are_an_error(baseline: Baseline, day: dict[str, NDArray[Any]]) -> None:
    window = counted(baseline, day)
    with pytest.raises(DriftError) as caught:
        judge(baseline, replace(window, rows=window.rows + 1))
    assert str(caught.value) == "window, 'age': expected counts that add up to 201 rows"


def test_nan_is_never_compared(baseline: Baseline) -> None:
    level = baseline.calibration.levels[0]
    values = np.full((1, len(level.centre)), np.nan)
    with pytest.raises(DriftError, match="expected a number in each stream, got NaN"):
        scored(level, values)


def test_days_that_change_with_time_make_the_calibration_invalid() -> None:
    inputs = draw_days(np.random.default_rng(0), DAYS)
    inputs["age"] = inputs["age"] + np.repeat(np.arange(DAYS) // 5, ROWS) * 5
    blocks = blocks_of(inputs, np.repeat(np.arange(DAYS), ROWS))
    made = baseline_of(
        blocks, blocks, false_alarms=0.05, unit="days", cadence=None, left_out=(), seed=0
    )
    assert made.status == "INVALID"
    assert made.why.startswith("replay in time: expected 0.05 of the windows to alarm, got ")
    assert "input age: " in made.why
    window = counted(made, {name: values[:ROWS] for name, values in inputs.items()})
    assert judge(made, window).state == "INVALID"


def test_rows_taken_for_independent_are_proved_otherwise() -> None:
    """Blocks of rows drawn by chance: their thresholds alarm on nearly every real day."""
    draw = np.random.default_rng(0)
    in_days = np.repeat(np.arange(DAYS), ROWS)
    inputs = draw_days(draw, DAYS)
    learned = in_days < DAYS - 24
    codes = in_days.copy()
    codes[learned] = draw.permutation(codes[learned])
    blocks = blocks_of(inputs, codes)
    days = np.arange(DAYS)
    replay = replayed(blocks, days[:-24], days[-24:], 0.05, "in time", draw)
    assert replay.alarms > 20
    assert replay.low > 0.05
    assert replay.p < 1e-6


def test_too_few_blocks_calibrate_nothing() -> None:
    assert blocks_needed(0.05) == 49
    made = train(48)
    assert made.status == "INSUFFICIENT"
    assert made.why == (
        "expected at least 49 blocks for a rate of 0.05, got 48; "
        "name shorter blocks or a larger rate"
    )
    inputs = draw_days(np.random.default_rng(1), 1)
    verdict = judge(made, counted(made, inputs))
    assert (verdict.state, verdict.why) == ("INSUFFICIENT", made.why)
    assert train(49).status != "INSUFFICIENT"


def test_a_baseline_comes_back_equal_and_a_damaged_one_is_refused(baseline: Baseline) -> None:
    told = baseline_to_json(baseline)
    assert baseline_to_json(baseline_from_json(told)) == told
    changes: list[dict[str, Any]] = [
        {"levels": []},
        {"places": told["places"][1:]},
        {"status": "FINE"},
    ]
    for change in changes:
        with pytest.raises(DriftError):
            baseline_from_json(told | change)
    with pytest.raises(DriftError):
        baseline_from_json({key: value for key, value in told.items() if key != "replays"})


def test_a_live_window_is_judged_when_it_is_over(baseline: Baseline) -> None:
    said: list[Tally] = []
    live = LiveMonitor(baseline, said.append, began_s=86400.0 + 5)
    draw = np.random.default_rng(4)
    for number in range(1, 5):
        inputs = draw_days(draw, 1)
        if number == 3:
            inputs["age"] = np.where(np.arange(ROWS) % 10 == 0, np.nan, inputs["age"])
        outputs = {"scores": inputs["age"] / 10 - np.log1p(inputs["debt"])}
        for half in (slice(0, ROWS // 2), slice(ROWS // 2, ROWS)):
            live.observe(
                {name: values[half] for name, values in inputs.items()},
                {name: values[half] for name, values in outputs.items()},
                number * 86400.0 + 10,
            )
    live.tick(6 * 86400.0)
    assert [tally.start_s / 86400 for tally in said if not tally.is_whole] == [1.0]
    verdicts = [(t.start_s / 86400, judge(baseline, t.window)) for t in said if t.is_whole]
    assert [(day, verdict.state) for day, verdict in verdicts] == [
        (2.0, "QUIET"),
        (3.0, "ALARM"),
        (4.0, "QUIET"),
        (5.0, "INSUFFICIENT"),
    ]
