"""Models that give every row the same answer."""

from pathlib import Path
from typing import Final

import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from tests.matrix.harness import Case, check

CASES: Final = [
    Case("DummyClassifier", DummyClassifier(), "holes", target="three words"),
    Case("DummyClassifier(flags)", DummyClassifier(), "numbers", target="flags"),
    Case(
        "DummyClassifier(most_frequent)",
        DummyClassifier(strategy="most_frequent"),
        "frame",
        target="odd integers",
    ),
    Case(
        "DummyClassifier(constant)",
        DummyClassifier(strategy="constant", constant=1),
        "numbers",
        target="three",
    ),
    Case(
        "DummyClassifier(constant, two targets)",
        DummyClassifier(strategy="constant", constant=["yes", "mid"]),
        "numbers",
        target="pairs of words",
    ),
    Case("DummyClassifier(two targets)", DummyClassifier(), "words", target="pairs of words"),
    Case(
        "DummyClassifier(most_frequent, two targets)",
        DummyClassifier(strategy="most_frequent"),
        "numbers",
        target="pairs of classes",
    ),
    *(
        Case(
            f"DummyClassifier({strategy})",
            DummyClassifier(strategy=strategy),
            "numbers",
            "refused",
            f"DummyClassifier(strategy={strategy!r}): the answer is drawn anew at each call",
        )
        for strategy in ("stratified", "uniform")
    ),
    Case("DummyRegressor", DummyRegressor(), "holes", target="amounts"),
    Case("DummyRegressor(median)", DummyRegressor(strategy="median"), "words", target="amounts"),
    Case(
        "DummyRegressor(quantile)",
        DummyRegressor(strategy="quantile", quantile=0.3),
        "numbers",
        target="two amounts",
    ),
    Case(
        "DummyRegressor(constant)",
        DummyRegressor(strategy="constant", constant=2.5),
        "numbers",
        target="amounts",
    ),
    Case(
        "DummyRegressor(integer constant)",
        DummyRegressor(strategy="constant", constant=2),
        "numbers",
        "refused",
        "DummyRegressor(constant=2): expected a float64 prediction, got int64; "
        "give the constant as float",
        target="amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_constants(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
