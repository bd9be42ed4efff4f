"""No estimator that is exported raises a false alarm when its relations are checked."""

import warnings

import pytest
from sklearn.base import clone

from preproc.export.checking import check_pipeline
from tests.matrix.coverage import cases
from tests.matrix.data import make_data
from tests.matrix.harness import Case

ROWS = 24


def _one_a_class() -> dict[str, Case]:
    """Choose the first exported case of each class, pipelines by their last step."""
    found: dict[str, Case] = {}
    for _, case in cases():
        if case.expect != "refused":
            found.setdefault(
                type(getattr(case.estimator, "steps", [("", case.estimator)])[-1][1]).__name__, case
            )
    return found


CHOSEN = _one_a_class()


@pytest.mark.parametrize("case", CHOSEN.values(), ids=CHOSEN.keys())
def test_an_exported_estimator_raises_no_alarm(case: Case) -> None:
    data = make_data(case.data, case.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, at training
        fitted = clone(case.estimator).fit(data.X, data.y)
    report = check_pipeline(fitted, data.X, rows=ROWS)
    assert report.steps
    assert [str(finding) for finding in report.findings] == []


def test_many_classes_are_checked() -> None:
    assert len(CHOSEN) > 120
