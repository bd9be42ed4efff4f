"""Real days: quiet ones alarm as rarely as stated, and faults are seen."""

import numpy as np

from benchmarks.false_alarms import run, within_two_days

EMPTY = ("carrier", "origin", "dest", "distance", "precip", "visib")
"""Columns that have no nulls on most days, so that five points more stand out."""


def test_quiet_days_of_flights_are_quiet_and_faults_are_seen_within_two_days() -> None:
    tally = run(5, 41, 2)
    assert len(tally.quiet) == 205
    assert np.mean(tally.quiet) <= 0.09  # 5 % are stated; 99 of 100 draws of 205 days are below
    for column in EMPTY:
        assert within_two_days(tally.faults["5 points more nulls", column]) >= 0.9
    for column in ("distance", "visib", "wind_dir"):
        assert within_two_days(tally.faults["times 1.609", column]) >= 0.9
    for column in ("carrier", "origin", "dest"):
        assert within_two_days(tally.faults["lower case", column]) >= 0.9
