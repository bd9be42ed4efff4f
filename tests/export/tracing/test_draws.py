"""Rows that hypothesis draws: what they find, how small it is shown, that they repeat."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from preproc.errors import ProofError
from preproc.export.tracing import draws, trial
from preproc.export.tracing.operators import LOOPS
from tests.export.tracing.running import traced_step

KINDS = (
    draws.Kind("float64", has_nan=True, limit=np.inf, nulls=()),
    draws.Kind("float64", has_nan=True, limit=np.inf, nulls=()),
    draws.Kind("string", has_nan=True, limit=1.0, nulls=("\0nan",)),
    draws.Kind("datetime64[us, Europe/Zurich]", has_nan=True, limit=1.0, nulls=()),
)
PEOPLE = pd.DataFrame(
    {"age": np.arange(20, 90), "plan": ["free", "pro"] * 35, "paid": np.arange(70.0)}
)
"""No number is negative, so that rounding down and towards zero are the same on real rows."""


@pytest.fixture
def no_odd_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave hypothesis alone with the real rows."""
    monkeypatch.setattr(trial, "odd_rows", lambda _blocks, real, *_: real)


def spoiled(monkeypatch: pytest.MonkeyPatch, name: str, op_type: str) -> None:
    def wrong(tracer: Any, _dtypes: Any, *inputs: Any) -> Any:
        return tracer.op(op_type, *inputs)

    monkeypatch.setattr("preproc.export.tracing.apply.LOOPS", {**LOOPS, name: wrong})


def refusal_of(function: Any) -> str:
    with pytest.raises(ProofError) as caught:
        traced_step(function, PEOPLE)
    return str(caught.value)


@pytest.mark.usefixtures("no_odd_rows")
def test_a_wrong_rounding_that_no_real_row_sees_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled(monkeypatch, "floor_divide", "Div")
    assert refusal_of(lambda X: X[["age"]] // 10) == (
        "step step: column 'age': expected -1 of the function, got 0 of the graph; "
        "the row is {'age': -1, 'plan': '', 'paid': 0.0}"
    )
    spoiled(monkeypatch, "trunc", "Floor")
    assert refusal_of(lambda X: np.trunc(X[["paid"]])) == (
        "step step: column 'paid': expected -0.0 of the function, got -1.0 of the graph; "
        "the row is {'age': 0, 'plan': '', 'paid': -0.25}"
    )


@pytest.mark.usefixtures("no_odd_rows")
def test_a_refusal_on_one_side_is_shown_at_its_smallest_row() -> None:
    def guarded(X: pd.DataFrame) -> pd.DataFrame:
        if type(X) is pd.DataFrame and (X["paid"] < 0).any():  # a trace sees no such frame
            raise ValueError("nobody pays less than nothing")
        return X[["age"]]

    assert refusal_of(guarded).startswith(
        "step step: the function refuses what the graph answers: ValueError: nobody pays less "
        "than nothing; the row is {'age': 0, 'plan': '', 'paid': -"
    )


def test_an_answer_that_other_rows_decide_is_told_apart() -> None:
    def crowded(X: pd.DataFrame) -> pd.DataFrame:
        return X[["age"]] * (2 if 10 < len(X) < 10**6 else 1)

    assert refusal_of(crowded).endswith(" among other rows; alone, it is answered alike")


def test_the_same_rows_are_drawn_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    first = draws.drawn_rows(KINDS)
    draws.drawn_rows.cache_clear()
    again = draws.drawn_rows(KINDS)
    for left, right in zip(first, again, strict=True):
        assert list(map(repr, left)) == list(map(repr, right))
    assert list(tmp_path.iterdir()) == []


def test_drawn_rows_differ_tie_and_keep_to_their_kinds() -> None:
    left, right, words, moments = draws.drawn_rows(KINDS)
    assert len(set(left.tolist())) > 60
    both = (left == right) & (left != 0)
    assert both.any()
    assert not both.all()
    assert np.isnan(left).any()
    assert "\0nan" in words
    assert "\0none" not in words
    assert any(
        sign for word in words if not word.startswith("\0") for sign in word if sign > "\x7f"
    )
    years = moments[moments != -(2**63)].view("M8[us]").astype("M8[Y]").astype(int) + 1970
    assert years.min() < 1900
    assert 2100 < years.max() <= 9998
    narrow = draws.Kind("float32", has_nan=False, limit=0.5, nulls=())
    (cells,) = draws.drawn_rows((narrow,))
    assert cells.dtype == np.float32
    assert (np.abs(cells) <= 0.5).all()
