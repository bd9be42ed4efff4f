"""Any encoder, on any categories, answers and refuses as scikit-learn does."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from preproc import compare
from preproc.contract import Contract
from preproc.export.conversion import convert
from preproc.export.oracle import Oracle
from preproc.runtime.building import session_of
from preproc.runtime.feeding import columns_of
from preproc.signature import ROW_ERROR
from tests.matrix.harness import doubts_of

ROWS: Final = 30
KINDS: Final[Mapping[str, tuple[list[Any], list[Any], Any]]] = {
    "text": (["a", "b", "", "nan", "None", "東京"], ["c", "a ", "A"], object),
    "text with nulls": (["a", "b", None, np.nan], ["c"], object),
    "int64": ([0, 1, -5, 2**53 + 1, 2**53, 2**63 - 1, -(2**63)], [2, 2**53 + 2], np.int64),
    "int8": ([0, 1, -128, 127], [2], np.int8),
    "uint64": ([0, 1, 2**64 - 1, 2**63], [2, 2**63 - 1], np.uint64),
    "float64": ([0.0, -0.0, 0.1, 1e300, 5e-324], [0.1 + 2e-17, 1e-323], np.float64),
    "float64 with NaN": ([0.0, 1.5, np.nan], [2.5, -0.0], np.float64),
    "float64 later NaN": ([0.0, 1.5, 2.0], [np.nan, np.inf, -np.inf], np.float64),
    "float32": ([0.1, 1.5, -3e38, np.nan], [0.25, np.inf], np.float32),
    "bool": ([False, True], [False], np.bool_),
}
"""Kind → what training holds, what only later rows hold, dtype."""

GROUPED: Final = st.sampled_from(
    [{}, {"min_frequency": 4}, {"min_frequency": 0.3}, {"max_categories": 2}, {"max_categories": 1}]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Any, Any]:
    """Training rows and later ones: arrays of one kind or frames of several."""
    holder = draw(st.sampled_from(["array", "pandas", "polars"]))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    if holder == "array":
        kinds = [kinds[0]] * len(kinds)
    train, later = {}, {}
    for at, kind in enumerate(kinds):
        known, new, dtype = KINDS[kind]
        held = draw(st.lists(st.sampled_from(known), min_size=ROWS, max_size=ROWS))
        train[f"c{at}"] = _array(held, dtype)
        seen = st.one_of(st.sampled_from(held), st.sampled_from(known + new))
        later[f"c{at}"] = _array(draw(st.lists(seen, min_size=12, max_size=12)), dtype)
    if holder == "polars":
        return _polars(train), _polars(later)
    if holder == "pandas":
        return pd.DataFrame(train), pd.DataFrame(later)
    return np.column_stack(list(train.values())), np.column_stack(list(later.values()))


def _array(cells: list[Any], dtype: Any) -> NDArray[Any]:
    array = np.empty(len(cells), dtype)
    array[:] = cells
    return array


def _polars(columns: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
    """Hold columns as polars does: text has one null, and one dtype rules numbers side by side."""
    series = []
    for name, values in columns.items():
        is_text = values.dtype == object
        cells = [None if cell != cell else cell for cell in values.tolist()] if is_text else values  # noqa: PLR0124  # NaN alone
        series.append(pl.Series(name, cells, dtype=pl.String if is_text else None))
    return pl.DataFrame(series)


def hold_against_oracle(fitted: Any, train: Any, later: Any, *, exported: Any = None) -> None:
    """Ask both sides row by row for refusals and together for answers."""
    graph = convert(exported or fitted, train)
    contract = Contract("model", graph.signature, "exact", "", {}, {}, {})
    oracle = Oracle(fitted, train, graph.signature)
    columns = columns_of(later, graph.signature)
    rows = len(later)
    columns = {name: values.reshape(rows, -1) for name, values in columns.items()}
    with session_of(contract, graph.model) as session:
        got = session.run_prepared(session.pack(columns))
    row_error = got[ROW_ERROR]
    for row in range(rows):
        one = {name: values[row : row + 1] for name, values in columns.items()}
        refusal = oracle.refusal(oracle.native(one), "features")
        number = int(row_error[row])
        is_ours = bool(number) and graph.signature.rule(number).origin == "contract"
        assert is_ours or bool(number) == (refusal is not None), (refusal, one)
    answered = row_error == 0
    if graph.doubts:
        answered &= ~doubts_of(exported or fitted, train, contract)(columns)
    if answered.any():
        part = {name: values[answered] for name, values in columns.items()}
        want = oracle.answer(part, "features")
        assert want.dtype == got["features"].dtype
        found = compare(want, got["features"][answered])
        assert found.is_pass, found


def fit(encoder: Any, table: Any, target: NDArray[Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, at training
        return encoder.fit(table, target)


@settings(max_examples=25)
@given(
    tables=tables(),
    drop=st.sampled_from([None, "first", "if_binary"]),
    unknown=st.sampled_from(["error", "ignore", "infrequent_if_exist", "warn"]),
    grouped=GROUPED,
    dtype=st.sampled_from([np.float64, np.float32, np.int64]),
    is_sparse=st.booleans(),
)
def test_any_one_hot_encoder_sets_what_scikit_learn_sets(
    tables: tuple[Any, Any],
    drop: str | None,
    unknown: str,
    grouped: dict[str, Any],
    dtype: type,
    is_sparse: bool,  # noqa: FBT001  # drawn by name
) -> None:
    train, later = tables
    encoder = OneHotEncoder(
        drop=drop, handle_unknown=unknown, dtype=dtype, sparse_output=is_sparse, **grouped
    )
    fitted = fit(encoder, train, np.zeros(ROWS))
    if not len(fitted.get_feature_names_out()):
        return
    hold_against_oracle(fitted, train, later)


@settings(max_examples=25)
@given(
    tables=tables(),
    unknown=st.sampled_from([None, np.nan, -1, 99]),
    missing=st.sampled_from([np.nan, -2, 98]),
    grouped=GROUPED,
    dtype=st.sampled_from([np.float64, np.float32, np.int64, np.int32]),
)
def test_any_ordinal_encoder_gives_the_codes_of_scikit_learn(
    tables: tuple[Any, Any],
    unknown: float | None,
    missing: float,
    grouped: dict[str, Any],
    dtype: type,
) -> None:
    train, later = tables
    if not np.issubdtype(dtype, np.floating):
        unknown = -3 if unknown is not None and np.isnan(unknown) else unknown
        missing = -4 if np.isnan(missing) else missing
    encoder = OrdinalEncoder(
        handle_unknown="error" if unknown is None else "use_encoded_value",
        unknown_value=unknown,
        encoded_missing_value=missing,
        dtype=dtype,
        **grouped,
    )
    hold_against_oracle(fit(encoder, train, np.zeros(ROWS)), train, later)


@settings(max_examples=20)
@given(
    tables=tables(),
    smooth=st.sampled_from(["auto", 0, 1.5]),
    kind=st.sampled_from(["binary", "multiclass", "text classes", "continuous"]),
    seed=st.integers(0, 9),
)
def test_any_target_encoder_gives_the_statistics_of_scikit_learn(
    tables: tuple[Any, Any], smooth: Any, kind: str, seed: int
) -> None:
    train, later = tables
    draw = np.random.default_rng(seed)
    target: NDArray[Any] = {
        "binary": np.arange(ROWS) % 2,
        "multiclass": draw.permutation(np.arange(ROWS) % 4),
        "text classes": draw.permutation(np.array(["no", "yes", "maybe"] * (ROWS // 3))),
        "continuous": draw.lognormal(size=ROWS) - 0.5,
    }[kind]
    hold_against_oracle(fit(TargetEncoder(smooth=smooth), train, target), train, later)


@pytest.mark.parametrize("other", [[1, 2, 4], [3, 2, 1, 0]], ids=["refusal", "codes"])
def test_the_law_objects_to_other_categories(other: list[int]) -> None:
    rows = np.array([[1], [2], [3]])
    spoiled = OrdinalEncoder().fit(np.array(other).reshape(-1, 1))
    with pytest.raises(AssertionError):
        hold_against_oracle(OrdinalEncoder().fit(rows), rows, rows, exported=spoiled)
