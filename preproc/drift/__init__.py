"""Holds live traffic against training: frozen bins, calibrated thresholds, verdicts."""

from preproc.drift.baseline import Baseline, baseline_from_json, baseline_to_json, worth_of
from preproc.drift.live import LiveMonitor
from preproc.drift.monitor import Alarm, Distance, State, Verdict, judge, verdict_to_json
from preproc.drift.outcomes import (
    Band,
    Change,
    Outcomes,
    compare_outcomes,
    outcomes_from_json,
    outcomes_to_json,
)
from preproc.drift.tally import Tally, merge, tally_from_json, tally_to_json
from preproc.drift.watched import Watched
from preproc.drift.window import (
    Window,
    empty_window,
    window_from_json,
    window_of,
    window_to_json,
)

__all__ = [
    "Alarm",
    "Band",
    "Baseline",
    "Change",
    "Distance",
    "LiveMonitor",
    "Outcomes",
    "State",
    "Tally",
    "Verdict",
    "Watched",
    "Window",
    "baseline_from_json",
    "baseline_to_json",
    "compare_outcomes",
    "empty_window",
    "judge",
    "merge",
    "outcomes_from_json",
    "outcomes_to_json",
    "tally_from_json",
    "tally_to_json",
    "verdict_to_json",
    "window_from_json",
    "window_of",
    "window_to_json",
    "worth_of",
]
