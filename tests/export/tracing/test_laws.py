"""Rows drawn by hypothesis, on which a traced function must answer as itself."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer

from preproc.compare import ulp_distance
from preproc.export.pipeline import contract_of, convert
from preproc.runtime import Session
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR
from tests.export.tracing import everyday, frames
from tests.export.tracing.running import frame

COLUMNS: Final = ["age", "income", "debt", "children", "member"]
FUNCTIONS: Final[list[Callable[[Any], Any]]] = [
    everyday.net_worth,
    everyday.winsorized,
    everyday.scored,
    everyday.capped_flag,
    everyday.tax_bracket,
    frames.integer_division,
    frames.masked,
    frames.coalesced,
]
"""Those that IEEE arithmetic and whole numbers decide, so that bits must be equal. Powers are not
among them, nor sums of a row: pandas adds in the order in which a frame's blocks lie in memory."""

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.integers(-(2**53), 2**53),
            "income": NUMBERS,
            "debt": NUMBERS | st.just(np.nan),
            "children": st.integers(-(2**31), 2**31),
            "member": st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module", params=FUNCTIONS, ids=lambda function: function.__name__)
def traced(request: pytest.FixtureRequest) -> Iterator[tuple[Callable[[Any], Any], Session]]:
    data = frame()[COLUMNS]
    graph = convert(FunctionTransformer(request.param).fit(data), data)
    with session_of(contract_of(graph, "law"), graph.model) as session:
        yield request.param, session


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_a_traced_function_answers_drawn_rows_as_itself(
    traced: tuple[Callable[[Any], Any], Session], rows: list[dict[str, Any]]
) -> None:
    function, session = traced
    data = pd.DataFrame(rows).astype(frame()[COLUMNS].dtypes)
    read = [column.name for column in session.signature.columns]
    answers = session.run(data[read], refused="report")
    answered = answers.pop(ROW_ERROR) == 0
    with np.errstate(all="ignore"):
        want = np.asarray(function(data), np.float64)[answered]
    got = answers["features"].astype(np.float64)[answered]
    assert want.shape == got.shape
    assert not ulp_distance(np.ascontiguousarray(want), np.ascontiguousarray(got)).any()
