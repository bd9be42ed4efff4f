"""The functions by which it is measured what another C library would move."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import PowerTransformer

from preproc.compare import ulp_distance
from preproc.export.conversion import convert
from preproc.export.dispatch import under_other_dispatch
from preproc.export.oracle import Oracle
from preproc.export.other_library import FUNCTIONS, OtherFunction

DRAW = np.random.default_rng(0)
VALUES = DRAW.uniform(0.1, 0.9, 1000)


def _inputs(name: str) -> list[Any]:
    return [VALUES, VALUES[::-1]][: getattr(np, name).nin]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_off_by_at_most_one_unit_in_both_directions(name: str) -> None:
    want = getattr(np, name)(*_inputs(name))
    got = OtherFunction(getattr(np, name))(*_inputs(name))
    assert ulp_distance(want, got).max() == 1
    assert (got > want).any()
    assert (got < want).any()


def test_what_every_library_gives_exactly_stays() -> None:
    exponential, logarithm = OtherFunction(np.exp), OtherFunction(np.log)
    assert exponential(0.0) == 1.0
    assert np.array_equal(
        logarithm(np.array([1.0, np.inf, np.nan])), [0.0, np.inf, np.nan], equal_nan=True
    )


def test_a_row_is_moved_alike_in_any_batch() -> None:
    function = OtherFunction(np.log1p)
    assert [function(value) for value in VALUES] == function(VALUES).tolist()


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": VALUES}, index=np.arange(1000) + 5),
        pd.Series(VALUES, name="a", index=np.arange(1000) + 5),
    ],
    ids=["frame", "series"],
)
def test_a_frame_stays_what_it_is(data: Any) -> None:
    got = OtherFunction(np.exp)(data)
    assert type(got) is type(data)
    assert got.index.equals(data.index)
    assert not got.equals(np.exp(data))


def test_an_array_that_was_given_for_the_result_holds_it() -> None:
    out = np.zeros(3)
    assert OtherFunction(np.exp)(np.ones(3), out=out) is out
    assert out.tolist() == [np.e] * 3


def test_a_pickled_function_of_numpy_becomes_the_other_one() -> None:
    script = """
import pickle, numpy as np
content = pickle.dumps(np.log1p)
from preproc.export.other_library import put_in_place, OtherFunction
put_in_place(is_vectorized=False)
assert isinstance(pickle.loads(content), OtherFunction), pickle.loads(content)
assert isinstance(np.log1p, OtherFunction)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_the_process_that_is_asked_computes_otherwise_than_this_one(method: str) -> None:
    rows = VALUES.reshape(-1, 2)
    fitted = PowerTransformer(method).fit(rows)
    signature = convert(fitted, rows).signature
    oracle, (output,) = Oracle(fitted, rows, signature), signature.outputs
    columns = {signature.columns[0].name: rows}
    with under_other_dispatch(oracle, [output], {"real": columns}) as wait:
        other = wait().answers[output.name, "real"]
    want = oracle.answer(columns, output.key)
    assert np.allclose(want, other, rtol=1e-12, atol=1e-14)
    assert (want != other).mean() > 0.01
