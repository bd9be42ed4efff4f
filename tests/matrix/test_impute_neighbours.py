"""The nearest-neighbours imputer."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from preproc import ExportError
from preproc.export.conversion import convert
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.matrix.asking import ask, both_features
from tests.matrix.data import make_data
from tests.matrix.harness import Case, check

Expect = Literal["bitwise", "bounded", "refused"]
DATA: Final = "centred with holes"


def _manhattan(x: NDArray[np.float64], y: NDArray[np.float64], **_: Any) -> float:
    return float(np.nansum(np.abs(x - y)))


def _inverse_square(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / distances**2


CASES: Final = [
    Case("KNNImputer", KNNImputer(), DATA, "bounded"),
    Case("KNNImputer(n_neighbors=1)", KNNImputer(n_neighbors=1), DATA),
    Case("KNNImputer(n_neighbors=2)", KNNImputer(n_neighbors=2), DATA),
    Case("KNNImputer(n_neighbors=300)", KNNImputer(n_neighbors=300), DATA, "bounded"),
    Case("KNNImputer(distance)", KNNImputer(weights="distance"), DATA, "bounded"),
    Case(
        "KNNImputer(distance, n_neighbors=1)",
        KNNImputer(weights="distance", n_neighbors=1),
        DATA,
        "bounded",
    ),
    Case("KNNImputer(add_indicator)", KNNImputer(n_neighbors=1, add_indicator=True), DATA),
    Case("KNNImputer, empty column", KNNImputer(n_neighbors=2), "centred with an empty column"),
    Case(
        "KNNImputer(keep_empty_features)",
        KNNImputer(n_neighbors=2, keep_empty_features=True, add_indicator=True),
        "centred with an empty column",
    ),
    Case("KNNImputer, nothing missed", KNNImputer(n_neighbors=1), "centred"),
    Case(
        "KNNImputer(missing_values=-9)",
        KNNImputer(n_neighbors=2, missing_values=-9),
        "centred with markers",
    ),
    Case("KNNImputer, integers without holes", KNNImputer(), "integers"),
    Case(
        "KNNImputer(weights=function)",
        KNNImputer(weights=_inverse_square),
        DATA,
        "refused",
        "a function cannot be exported; use 'uniform' or 'distance'",
    ),
    Case(
        "KNNImputer(metric=function)",
        KNNImputer(metric=_manhattan),
        DATA,
        "refused",
        "use 'nan_euclidean'",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_neighbour_imputers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_large_training_table_is_refused() -> None:
    values = np.random.default_rng(0).normal(size=(10923, 2))
    fitted = KNNImputer().fit(values)
    with pytest.raises(ExportError, match="of at most 2 MiB for each row that is held"):
        convert(fitted, values)


def test_rows_whose_neighbours_are_tied_are_doubtful() -> None:
    train = np.array([[0.0, 1.0], [2.0, 5.0], [9.0, 7.0], [9.0, 7.0], [20.0, 3.0]])
    fitted = KNNImputer(n_neighbors=1).fit(train)
    rows = np.array([[1.0, np.nan], [0.5, np.nan], [9.0, np.nan], [1.0, 4.0], [np.nan, np.nan]])
    want, got, is_out = both_features(fitted, rows)
    # Two equally near donors disagree in the first row and agree in the third.
    assert is_out.tolist() == [True, False, False, False, False]
    assert np.array_equal(want, got)


def test_a_training_row_at_distance_zero_fills_in_alone() -> None:
    train = np.array([[0.0, 1.0], [2.0, 5.0], [2.0, 8.0], [9.0, 7.0], [20.0, 3.0]])
    fitted = KNNImputer(n_neighbors=3, weights="distance").fit(train)
    rows = np.array([[2.0, np.nan], [9.0, np.nan], [4.0, np.nan]])
    got = ask(fitted, train, rows).answers["features"]
    assert np.array_equal(got[:2], fitted.transform(rows[:2]))
    assert got[:, 1].tolist()[:2] == [6.5, 7.0]
    assert np.allclose(got[2], fitted.transform(rows[2:])[0], rtol=1e-15)


def test_far_offsets_leave_rows_in_doubt_rather_than_find_other_neighbours() -> None:
    data = make_data("holes")
    fitted = KNNImputer(n_neighbors=2).fit(data.X)
    want, got, is_out = both_features(fitted, data.fresh)
    assert np.array_equal(want, got)
    assert 0 < np.count_nonzero(is_out) < np.isnan(data.fresh).any(axis=1).sum()


@pytest.mark.parametrize(
    "imputer",
    [KNNImputer(weights="distance"), IterativeImputer(max_iter=1), SimpleImputer()],
    ids=lambda imputer: type(imputer).__name__,
)
@pytest.mark.filterwarnings("ignore:.IterativeImputer. Early stopping")
def test_a_batch_without_rows_runs(imputer: Any) -> None:
    data = make_data(DATA)
    graph = convert(imputer.fit(data.X), data.X)
    answers = open_executor(graph.model).execute({"X": data.X[:0]})
    assert answers["features"].shape == (0, 6)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 9),
    neighbours=st.integers(1, 2),
    is_discrete=st.booleans(),
    share=st.sampled_from([0.05, 0.3, 0.6]),
)
def test_any_two_neighbours_are_bitwise_equal(
    seed: int, width: int, neighbours: int, share: float, *, is_discrete: bool
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(40, width))
    if is_discrete:
        values = np.round(values)
    values[draw.random(values.shape) < share] = np.nan
    values[0] = np.arange(width)
    want, got, _ = both_features(KNNImputer(n_neighbors=neighbours).fit(values), values)
    assert np.array_equal(want, got)
