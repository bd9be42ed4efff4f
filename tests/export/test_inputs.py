"""Every kind of input, and every kind of null, means to a session what it means to scikit-learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from preproc import ExportError, SignatureError
from preproc.errors import ProofError
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session

DRAW = np.random.default_rng(0)


def opened(fitted: Any, data: Any, folder: Path) -> Session:
    artifact = export_pipeline(fitted, data, repository=folder, name="model")
    assert artifact.path is not None
    return open_session(artifact.path)


@pytest.mark.parametrize(
    "make",
    [
        lambda whole: pd.DataFrame({"n": pd.array(whole, dtype="Int64")}),
        lambda whole: pd.DataFrame({"n": pd.array([v and v % 2 for v in whole], dtype="boolean")}),
        lambda whole: pd.DataFrame({"n": pd.array(whole, dtype="Float64")}),
        lambda whole: pl.DataFrame({"n": whole}),
    ],
    ids=["Int64", "boolean", "Float64", "polars"],
)
def test_nullable_numbers_are_imputed_as_scikit_learn_imputes_them(
    make: Callable[[list[int | None]], Any], tmp_path: Path
) -> None:
    whole = [None if i % 7 == 0 else i % 5 for i in range(60)]
    data = make(whole)
    fitted = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()).fit(data)
    with opened(fitted, data, tmp_path) as session:
        assert [(c.dtype, c.null) for c in session.signature.columns] == [("float64", "nan")]
        assert np.array_equal(session.run(data)["features"], fitted.transform(data))
        some = data[1:6]  # a batch without a null
        assert np.array_equal(session.run(some)["features"], fitted.transform(some))


def test_a_whole_number_that_float64_cannot_hold_is_refused(tmp_path: Path) -> None:
    data = pd.DataFrame({"n": pd.array([1, 2, None] * 10, dtype="Int64")})
    fitted = SimpleImputer().fit(data)
    with opened(fitted, data, tmp_path) as session, pytest.raises(SignatureError) as caught:
        session.run(pd.DataFrame({"n": pd.array([2**53 + 1], dtype="Int64")}))
    assert str(caught.value).startswith("field 'n': expected integers of magnitude at most 2^53")


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_a_sparse_matrix_is_taken_dense(kind: str, tmp_path: Path) -> None:
    dense = DRAW.normal(size=(80, 12)) * (DRAW.random((80, 12)) < 0.2)
    data = getattr(scipy.sparse, kind)(dense)
    target = np.arange(80) % 2
    fitted = make_pipeline(
        StandardScaler(with_mean=False), RidgeClassifier(solver="lsqr", fit_intercept=False)
    ).fit(data, target)
    with opened(fitted, data, tmp_path) as session:
        got = session.run(data)
        assert np.array_equal(got["scores"], fitted.decision_function(data))
        assert np.array_equal(session.run(dense)["scores"], got["scores"])


def test_a_sparse_matrix_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    data = scipy.sparse.csr_array((3, 30_000), dtype=np.float64)
    fitted = StandardScaler(with_mean=False).fit(data)
    with pytest.raises(ExportError, match="expected at most 20000 features"):
        export_pipeline(fitted, data, repository=tmp_path, name="model")


def test_nulls_of_text_come_back_as_scikit_learn_gives_them(tmp_path: Path) -> None:
    data = np.array([["a"], [None], ["b"], [""], ["a"]] * 8, object)
    fitted = SimpleImputer(strategy="constant", missing_values="", fill_value="c").fit(data)
    with opened(fitted, data, tmp_path) as session:
        got = session.run(data)["features"]
    assert got.tolist() == fitted.transform(data).tolist()
    assert got[1, 0] is None


def test_int_columns_without_nulls_stay_strict(tmp_path: Path) -> None:
    data = pd.DataFrame({"n": np.arange(30)})
    fitted = StandardScaler().fit(data)
    with opened(fitted, data, tmp_path) as session, pytest.raises(SignatureError) as caught:
        session.run(data.astype(float))
    assert str(caught.value) == "field 'n': expected dtype int64, got float64"


def test_names_that_are_numbers_become_text(tmp_path: Path) -> None:
    data = pd.DataFrame({0: DRAW.normal(size=40), 7: np.arange(40.0), 9: DRAW.normal(size=40)})
    fitted = ColumnTransformer([("scale", StandardScaler(), [0, 1])]).fit(data)
    with opened(fitted, data, tmp_path) as session:
        assert [column.name for column in session.signature.columns] == ["0", "7"]
        want = fitted.transform(data)
        assert np.array_equal(session.run(data[[7, 0]])["features"], want)
        arrays = {"7": data[7].to_numpy(), "0": data[0].to_numpy()}
        assert np.array_equal(session.run(arrays)["features"], want)


@pytest.mark.parametrize("make", [pd.DataFrame, np.asarray], ids=["frame", "array"])
def test_an_export_without_a_row_is_refused(make: Callable[[Any], Any], tmp_path: Path) -> None:
    data = make(np.arange(8.0).reshape(4, 2))
    fitted = StandardScaler().fit(data)
    with pytest.raises(ExportError) as caught:
        export_pipeline(fitted, data[:0], repository=tmp_path, name="model")
    assert str(caught.value) == "step .: X: expected at least one row, got none"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "expected a name, got none"),
        ("/Sub_0", "expected another name, this one is like those of values inside the graph"),
    ],
)
def test_names_that_no_input_of_a_graph_can_have_are_refused(
    name: str, problem: str, tmp_path: Path
) -> None:
    data = pd.DataFrame({name: np.arange(40.0), "/Sub": np.arange(40.0)})
    fitted = StandardScaler().fit(data)
    with pytest.raises(ExportError) as caught:
        export_pipeline(fitted, data, repository=tmp_path, name="model")
    assert str(caught.value) == f"step .: field {name!r}: {problem}; rename the column"
    kept = data[["/Sub"]]
    with opened(StandardScaler().fit(kept), kept, tmp_path) as session:
        assert np.array_equal(session.run(kept)["features"], StandardScaler().fit_transform(kept))


def test_names_that_are_one_as_text_are_refused(tmp_path: Path) -> None:
    data = pd.DataFrame({0: DRAW.normal(size=40), 1: np.arange(40.0)}).set_axis([1, "1"], axis=1)
    fitted = StandardScaler().fit(data.to_numpy())
    with pytest.raises(SignatureError, match=r"expected names that differ as text, got \[1, '1'\]"):
        export_pipeline(fitted, data, repository=tmp_path, name="model")


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_text_of_pandas_with_its_own_null_means_what_it_means_to_scikit_learn(
    storage: str, tmp_path: Path
) -> None:
    dtype: Any = pd.StringDtype(storage, na_value=pd.NA)
    data = pd.DataFrame({"t": pd.Series(["a", "b", None, "a"] * 10, dtype=dtype)})
    known = data.dropna()
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(known)
    filled = make_pipeline(
        SimpleImputer(missing_values=pd.NA, strategy="most_frequent"),
        OneHotEncoder(sparse_output=False),
    ).fit(data)
    many = pd.concat([data] * 50)
    for at, (fitted, training) in enumerate(((codes, known), (filled, data))):
        with opened(fitted, training, tmp_path / str(at)) as session:
            for rows in (data, data[2:3], known, many):
                assert np.array_equal(session.run(rows)["features"], fitted.transform(rows))


def test_the_null_of_pandas_is_tried_where_rows_hold_none_beside_it(tmp_path: Path) -> None:
    texts = pd.Series(["a", "b", "b"] * 10, dtype="string")
    data = pd.DataFrame({"t": texts, "b": [True, False, True] * 10})
    fitted = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ).fit(data)
    with pytest.raises(TypeError, match="boolean value of NA is ambiguous"):
        fitted.transform(data[:1].assign(t=pd.Series([None], dtype="string")))
    with pytest.raises(ProofError, match="refuses what the graph answers: boolean value of NA"):
        export_pipeline(fitted, data, repository=tmp_path, name="model")


def test_a_row_of_whole_numbers_that_are_all_null_is_answered(tmp_path: Path) -> None:
    data = pd.DataFrame({"n": pd.array([1, 2, None] * 10, dtype="Int64")})
    fitted = SimpleImputer().fit(data)
    with opened(fitted, data, tmp_path) as session:
        assert session.run(data[2:3])["features"].tolist() == fitted.transform(data[2:3]).tolist()


@pytest.mark.parametrize("null", [pd.NA, pd.NaT], ids=["NA", "NaT"])
def test_a_null_that_is_neither_none_nor_nan_is_no_text(null: Any, tmp_path: Path) -> None:
    data = pd.DataFrame({"t": pd.Series(["a", np.nan, "b", "a"] * 10, dtype=object)})
    odd = pd.DataFrame({"t": pd.Series(["a", null], dtype=object)})
    fitted = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(data)
    assert fitted.transform(odd)[1].tolist() == [0.0, 0.0, 0.0]  # not what NaN gives
    with opened(fitted, data, tmp_path) as session:
        for rows in (odd, {"t": odd["t"].to_numpy()}):
            with pytest.raises(SignatureError) as caught:
                session.run(rows)
            kind = type(null).__name__
            problem = f"field 't': expected dtype string, got cells of type {kind}"
            assert str(caught.value) == problem
    for training, name in ((odd, "t"), (odd.to_numpy(), "X")):
        with pytest.raises(ExportError) as refused:
            export_pipeline(
                FunctionTransformer().fit(training), training, repository=tmp_path, name="odd"
            )
        assert str(refused.value) == (
            f"step .: field {name!r}: expected text, got cells of type ['{kind}']; cast the column"
        )


def test_whole_numbers_as_categories_are_taken_with_and_without_a_null(tmp_path: Path) -> None:
    data = pd.DataFrame({"n": pd.Categorical([1, 2, None, 5, 2] * 12)})
    target = np.array([0, 1, 1, 0, 1] * 12)
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2)
    codes = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    for name, fitted in (("model", model.fit(data, target)), ("codes", codes.fit(data))):
        artifact = export_pipeline(fitted, data, repository=tmp_path, name=name)
        assert artifact.path is not None
        with open_session(artifact.path) as session:
            for rows in (data, data[:1], data[2:3], data.dropna()):
                (output, want) = (
                    ("label", fitted.predict(rows))
                    if name == "model"
                    else ("features", fitted.transform(rows))
                )
                assert np.array_equal(session.run(rows)[output], want)
            far = pd.DataFrame({"n": pd.Categorical([2**53 + 1])})
            with pytest.raises(SignatureError, match="magnitude at most 2"):
                session.run(far)
            with pytest.raises(SignatureError, match="expected dtype float64, got int64"):
                session.run(data.dropna().astype("int64"))
