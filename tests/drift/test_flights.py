"""Real days: quiet ones alarm as rarely as stated, and faults are seen."""

import numpy as np

from benchmarks.false_alarms import run, within_two_days

SUBTLE = {("times 1.609, rounded", name) for name in ("humid", "precip")}
"""With no more decimals than before, a day in another unit is a day like others."""


def test_quiet_days_of_flights_are_quiet_and_faults_are_seen_within_two_days() -> None:
    found = run(2, 41, 0)
    assert sum(map(len, found.quiet)) == 82
    assert np.mean(np.concatenate(found.quiet)) <= 0.12  # 98 of 100 draws of 82 days are below
    altered = {key: within_two_days(days) for key, days in found.touched.items()}
    rain = np.mean(altered["times 1.609", "precip"])
    assert 0.4 < rain < 0.75  # most days are dry, and 0 in another unit is 0
    for key, days in found.faults.items():
        if key not in SUBTLE:
            assert np.mean(within_two_days(days)[altered[key]]) >= 0.9, key
