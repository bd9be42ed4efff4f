"""What a proof by chance lets through: rare cells, single rows, kept state, the process."""

import gc
import inspect
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from preproc.errors import ExportError, ProofError
from preproc.export.table import Block, Feature
from preproc.export.tracing.odd_rows import odd_rows
from preproc.signature import TEXT
from tests.export.tracing.running import frame, traced_step

NOW = "now"


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return frame()


def environment(X):
    return X[["age"]] * float(os.environ.get("FACTOR", "3"))


def salted(X):
    return X[["age"]] * (hash("word") % 7)


def process(X):
    return X[["age"]] + os.getpid()


def file_there(X):
    return X[["age"]] * (2 if Path("/nowhere").exists() else 1)


@pytest.mark.parametrize(
    ("function", "expression"),
    [
        (environment, 'os.environ.get("FACTOR", "3")'),
        (salted, 'hash("word")'),
        (process, "os.getpid()"),
        (file_there, 'Path("/nowhere").exists()'),
    ],
)
def test_what_belongs_to_one_process_is_refused(
    function: Callable[[Any], Any], expression: str, data: pd.DataFrame
) -> None:
    with pytest.raises(ExportError) as caught:
        traced_step(function, data)
    file, (lines, first) = inspect.getsourcefile(function), inspect.getsourcelines(function)
    line = next(first + at for at, text in enumerate(lines) if expression in text)
    assert str(caught.value) == (
        f"step step: {file}, line {line}, `{expression}`: expected data and fitted attributes, "
        "got what belongs to one process: its environment, files or hash(), which is "
        "salted; read it in fit() and keep it as an attribute"
    )


def test_a_word_for_a_clock_is_seen_behind_a_name(data: pd.DataFrame) -> None:
    with pytest.raises(ExportError, match=r"`NOW`: a clock is no input"):
        traced_step(lambda X: (pd.Timestamp(NOW) - X["begin"]).dt.days.to_frame(), data)


def test_a_branch_on_the_number_of_rows_is_found(data: pd.DataFrame) -> None:
    with pytest.raises(ProofError, match=r"of the function, got .* of the graph"):
        traced_step(lambda X: X[["age"]] * (2 if len(X) > 10 else 1), data)


class Counting(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    def fit(self, X: Any, y: Any = None) -> "Counting":
        self.calls_ = 0
        return self

    def transform(self, X: Any) -> Any:
        self.calls_ += 1
        self.last_ = X
        return X[["age"]] * 2


class Caching(Counting):
    def transform(self, X: Any) -> Any:
        if not hasattr(self, "kept_"):
            self.kept_ = X[["age"]] * 2
        return self.kept_


def test_a_step_keeps_no_symbols(data: pd.DataFrame) -> None:
    step = Counting().fit(data)
    assert traced_step(step, data).blocks
    assert vars(step) == {"calls_": 0}


def test_an_answer_kept_from_an_earlier_call_is_found(data: pd.DataFrame) -> None:
    with pytest.raises(ProofError, match=r"expected 1 row of the function, got \[\d+\]"):
        traced_step(Caching().fit(data), data)


def test_every_odd_number_and_word_is_asked_about() -> None:
    blocks = [
        Block("x", "float64", (Feature("x", ("x",), has_nan=True, limit=np.inf),)),
        Block("w", TEXT, (Feature("w", ("w",)),)),
    ]
    real = [np.arange(128.0)[:, None], np.array([["word"]] * 128, object)]
    numbers, words = odd_rows(blocks, real, [0.75], 0, [(), ()])
    wanted = {-np.inf, np.inf, 5e-324, np.nextafter(0.75, 1), np.nextafter(0.75, 0), 0.75}
    assert wanted <= set(numbers.ravel().tolist())
    assert np.isnan(numbers).any()
    assert {"ΣΑΣ", "", "İ", "1e3", "nan"} <= set(words.ravel().tolist())


def test_a_power_of_a_half_is_the_root_and_a_float_power_is_none() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    x[:2] = np.inf, -np.inf
    assert traced_step(lambda x: np.c_[x**0.5, np.float_power(x, 0.5)], x).blocks


def test_the_first_day_of_nanoseconds_has_its_year() -> None:
    begin = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(60), unit="D")
    first = pd.Series(begin.astype("datetime64[ns]"))
    first[0] = pd.Timestamp.min
    assert traced_step(lambda X: X["t"].dt.year.to_frame(), pd.DataFrame({"t": first})).blocks


def test_numbers_and_dates_in_odd_text_are_refused_and_stop_nothing() -> None:
    words = ["1", "2.5", "x", "inf", "1e400", "1e-400", "12345678901234567890", "", "0x1"] * 7
    data = pd.DataFrame({"n": words})
    assert traced_step(lambda X: pd.to_numeric(X["n"], errors="coerce").to_frame(), data).blocks
    dates = ["2024-02-29", "2024-02-30", "-2024-02-29", "2024-01- 1", "0000-01-01", "x"] * 10
    for date_format, mark in (("%Y-%m-%d", "-"), ("%Y/%m/%d", "/"), ("%Y%m%d", "")):
        data = pd.DataFrame({"d": [text.replace("-", mark) for text in dates]})
        assert traced_step(
            lambda X, f=date_format: pd.to_datetime(
                X["d"], format=f, errors="coerce"
            ).dt.year.to_frame(),
            data,
        ).blocks


def test_what_runs_when_garbage_is_collected_is_not_the_users(data: pd.DataFrame) -> None:
    def looks_at_a_clock(_phase: str, _info: dict[str, Any]) -> None:
        time.perf_counter()

    def litters(X: pd.DataFrame) -> Any:
        for _ in range(3000):
            held: list[Any] = []
            held.append(held)
        return X[["age"]] * 2

    gc.callbacks.append(looks_at_a_clock)
    try:
        assert traced_step(litters, data).blocks
    finally:
        gc.callbacks.remove(looks_at_a_clock)


def test_a_series_of_words_is_taken_as_an_array() -> None:
    words = pd.Series(["a b", None, "C"] * 20)
    assert traced_step(lambda s: np.where(s == "C", 1.0, 0.0).reshape(-1, 1), words).blocks
