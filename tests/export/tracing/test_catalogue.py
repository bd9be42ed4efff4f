"""Feature engineering as people write it: traced and proved, or refused with what to write."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from preproc.errors import ExportError
from tests.export.tracing import arrays, everyday, frames, refused, times, words
from tests.export.tracing.running import frame, traced_step

TRACED = [
    *arrays.FUNCTIONS,
    *everyday.FUNCTIONS,
    *frames.FUNCTIONS,
    *times.FUNCTIONS,
    *words.FUNCTIONS,
]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


@pytest.fixture(scope="module")
def array() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(60, 4)) * 2


def taken(function: Callable[..., Any], data: pd.DataFrame, array: np.ndarray) -> Any:
    return array if "x" in inspect.signature(function).parameters else data


@pytest.mark.parametrize("function", TRACED, ids=lambda function: function.__name__)
def test_a_function_is_traced_and_proved(
    function: Callable[..., Any], data: pd.DataFrame, array: np.ndarray
) -> None:
    assert traced_step(function, taken(function, data, array)).blocks


@pytest.mark.parametrize(
    ("function", "expression", "problem"),
    [*refused.FUNCTIONS, *refused.TRAPS],
    ids=[function.__name__ for function, _, _ in [*refused.FUNCTIONS, *refused.TRAPS]],
)
def test_what_no_graph_can_hold_is_refused_at_its_place(
    function: Callable[..., Any],
    expression: str,
    problem: str,
    data: pd.DataFrame,
    array: np.ndarray,
) -> None:
    with pytest.raises(ExportError) as caught:
        traced_step(function, taken(function, data, array))
    lines, first = inspect.getsourcelines(function)
    key = expression.splitlines()[0][:14]
    line = next(first + at for at, text in enumerate(lines) if key in text)
    file = inspect.getsourcefile(function)
    assert str(caught.value) == f"step step: {file}, line {line}, `{expression}`: {problem}"


def test_the_catalogue_is_large_enough() -> None:
    assert len(TRACED) + len(refused.FUNCTIONS) >= 80
    assert len(TRACED) / (len(TRACED) + len(refused.FUNCTIONS)) >= 0.85
